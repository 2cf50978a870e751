"""What every page says the same way: each tag by its words, each component by its looks."""

import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django import forms
from django.apps import apps
from django.conf import settings
from django.core.paginator import Paginator
from django.db import models
from django.template import Context, RequestContext, Template, TemplateSyntaxError
from django.template.loader import render_to_string
from django.test import RequestFactory
from django.utils.html import strip_tags

from portal.governance import clock, state_looks
from portal.governance.templatetags import governance

NOW = datetime(2026, 6, 9, 9, 14, tzinfo=UTC)
COMPONENTS = Path(settings.BASE_DIR, "templates", "components")


@pytest.fixture(autouse=True)
def patch_tuesday(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)


def render(source: str, **context: Any) -> str:
    return Template("{% load governance %}" + source).render(Context(context))


def words(source: str, **context: Any) -> str:
    return " ".join(strip_tags(render(source, **context)).replace("\xa0", " ").split())


def component(name: str, **context: Any) -> str:
    return render_to_string(f"components/{name}.html", context)


def said(name: str, **context: Any) -> str:
    lines = re.sub(r"<(br|/li|/div|/p|/h2)", r" <\1", component(name, **context))
    return " ".join(strip_tags(lines).replace("\xa0", " ").split())


# States


@pytest.mark.parametrize(
    ("state", "kind", "role", "word"),
    [
        ("submitted", "", "wait", "Waits for decisions"),
        ("partially_applied", "", "warn", "Partly applied"),
        ("NON_COMPLIANT", "", "bad", "Not compliant"),
        ("ConnectionLost", "", "bad", "Agent offline"),
        ("request-changes", "decision", "warn", "Asked for changes"),
        ("INSTALLED_PENDING_REBOOT", "patch", "warn", "Needs a restart"),
        ("missing", "patch", "bad", "Missing"),
        ("missing", "", "bad", "Gone from AWS"),
        ("approved", "exemption", "ok", "Approved"),
    ],
)
def test_a_state_has_one_look_however_it_is_spelled(state: str, kind: str, role: str, word: str) -> None:
    look = governance.state_look(state, kind)
    assert (look.role, look.word) == (role, word)


@pytest.mark.parametrize("state", ["no_such_thing", "", None])
def test_an_unknown_state_is_neutral_and_never_green(state: str | None) -> None:
    assert governance.state_look(state).role == "off"


def test_every_state_has_a_role_and_an_icon_that_exist() -> None:
    for key, (role, word) in state_looks.STATES.items():
        look = governance.state_look(*reversed(key.split(".")))
        assert look == state_looks.Look(role, word, look.icon)
        assert governance.icon(look.icon)


def test_every_state_that_a_model_can_have_is_in_the_table() -> None:
    ours = [
        model
        for model in apps.get_models()
        if model.__module__.split(".")[0] in {"portal", "patching", "exemptions"}
    ]
    choices = {
        value
        for model in ours
        for name in ("State", "Condition", "Outcome")
        if isinstance(kind := getattr(model, name, None), type) and issubclass(kind, models.TextChoices)
        for value in kind.values
    }
    assert choices
    known = {key.rpartition(".")[2] for key in state_looks.STATES}
    assert choices - known == set()


def test_a_state_may_be_said_in_other_words() -> None:
    html = component("state", state="submitted", label="Submitted, waits for you")
    assert 'class="st wait"' in html
    assert "Submitted, waits for you" in html


def test_production_is_a_field_of_the_environment_and_not_its_name() -> None:
    vault = SimpleNamespace(name="Vault", slug="vault", is_production=True)
    fake = SimpleNamespace(name="Prod copy", slug="prod", is_production=False)
    assert governance.environment_look(vault).css == "prod"
    assert governance.environment_look(fake).css == "other"
    assert 'class="env prod"' in component("env", env="prod")
    assert 'class="env dev"' in component("env", env="dev")


@pytest.mark.parametrize(
    ("severity", "role", "word"),
    [("CRITICAL", "crit", "Critical"), ("Important", "imp", "Important"), (None, "none", "Unspecified")],
)
def test_a_severity_has_a_shape_and_a_word(severity: str | None, role: str, word: str) -> None:
    html = component("severity", severity=severity)
    assert f'class="sev {role}"' in html
    assert word in html


def test_an_unknown_icon_is_an_error_and_not_a_gap() -> None:
    with pytest.raises(TemplateSyntaxError, match='no icon "unicorn"'):
        governance.icon("unicorn")


# Time


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("{% when t %}", "Tue 9 Jun 2026, 11:14 CEST"),
        ('{% when t "Europe/London" utc=True %}', "Tue 9 Jun 2026, 10:14 BST (09:14 UTC)"),
        ('{% when t "America/Sao_Paulo" %}', "Tue 9 Jun 2026, 06:14 UTC-03:00"),
        ('{% when t "UTC" utc=True %}', "Tue 9 Jun 2026, 09:14 UTC"),
        ("{% when t short=True %}", "Tue 9 Jun, 11:14"),
        ("{% when t day=True %}", "Tue 9 Jun 2026"),
        ('{% when none missing="never" %}', "never"),
    ],
)
def test_a_time_is_absolute_and_names_its_zone(tag: str, expected: str) -> None:
    assert words(tag, t=NOW, none=None) == expected


def test_utc_names_its_day_where_that_is_another_one() -> None:
    assert words("{% when t utc=True %}", t=datetime(2026, 7, 25, 23, tzinfo=UTC)) == (
        "Sun 26 Jul 2026, 01:00 CEST (Sat 23:00 UTC)"
    )


def test_a_short_time_of_another_year_keeps_its_year() -> None:
    assert words("{% when t short=True %}", t=datetime(2027, 1, 2, 9, tzinfo=UTC)) == "Sat 2 Jan 2027, 10:00"


def test_a_time_is_machine_readable_in_utc() -> None:
    assert 'datetime="2026-06-09T09:14:00+00:00"' in render("{% when t %}", t=NOW)


def test_a_date_has_no_clock() -> None:
    assert words("{% when d %}", d=date(2026, 6, 9)) == "Tue 9 Jun 2026"


@pytest.mark.parametrize(
    ("gap", "expected"),
    [
        (timedelta(days=-3), "(3 days ago)"),
        (timedelta(hours=-1), "(1 h ago)"),
        (timedelta(seconds=5), "(just now)"),
        (timedelta(days=1, hours=3), "(in 1 day)"),
        (timedelta(minutes=40), "(in 40 min)"),
    ],
)
def test_relative_time_stands_only_beside_its_date(gap: timedelta, expected: str) -> None:
    text = words("{% ago t %}", t=NOW + gap)
    assert text.endswith(expected)
    assert " Jun, " in text


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        (timedelta(hours=3, minutes=6), "3 h 06 min"),
        (1440, "24 min"),
        (40, "40 s"),
        (timedelta(days=2, hours=4), "2 days 4 h"),
        (0, "0 s"),
        (None, "–"),
    ],
)
def test_a_duration_is_said_in_its_two_largest_units(length: Any, expected: str) -> None:
    assert governance.duration(length).replace("\xa0", " ") == expected


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        (timedelta(days=60) - timedelta(seconds=40), "60 days"),
        (timedelta(days=3), "3 days"),
        (timedelta(days=9, hours=13), "10 days"),
        (timedelta(days=2, hours=23), "2 days 23 h"),
        (timedelta(hours=5), "5 h"),
        (None, governance.NO_VALUE),
    ],
)
def test_from_three_days_on_a_stay_is_said_in_days(length: timedelta | None, expected: str) -> None:
    assert governance.days(length).replace("\xa0", " ") == expected


# Figures


@pytest.mark.parametrize(
    ("part", "whole", "expected"),
    [
        (1098, 1284, "85.5 %"),
        (1999, 2000, "99.9 %"),
        (19_999, 20_000, "99.9 %"),
        (1, 20_000, "0.1 %"),
        (0, 12, "0 %"),
        (12, 12, "100 %"),
        (0, 0, "–"),
        (None, 5, "–"),
    ],
)
def test_a_percentage_never_rounds_to_all_or_none(part: int | None, whole: int, expected: str) -> None:
    assert governance.percent(part, whole).replace("\xa0", " ") == expected


def test_a_figure_carries_its_denominator() -> None:
    assert governance.share(3, 1611) == "3 of 1,611"
    assert governance.share(3, 1, "instance") == "3 of 1 instance"
    assert governance.plural(1284, "entry", "entries") == "1,284 entries"
    assert governance.number(None) == "–"


def test_a_key_figure_links_to_the_list_it_counts() -> None:
    html = component(
        "kpi",
        title="Fleet covered",
        value="93.1 %",
        count=1196,
        url="/i/",
        total=1284,
        noun="instance",
        trend=[1, 2],
    )
    assert '<a href="/i/">1,196' in html
    assert "of 1,284 instances" in html
    assert "<polyline" in html


def test_one_share_in_three_readings_divides_by_the_same_total() -> None:
    figures = [{"label": "raw", "count": 1, "url": "/r/"}, {"label": "net", "count": 3}]
    assert said("kpi_three", title="Compliant", figures=figures, total=4) == (
        "Compliant 25.0 % raw 1 by raw 75.0 % net 3 of 4"
    )


def test_a_trend_keeps_its_gaps() -> None:
    assert governance.sparkline([1, 2, None, 3, 4]).count("<polyline") == 2
    assert governance.sparkline([1]) == ""


def test_the_segments_of_a_bar_lie_end_to_end() -> None:
    html = component("bar", segments=[{"role": "low", "value": 41}, {"role": "wait", "value": 5}], total=50)
    assert 'class="f-wait" x="41.0" width="5.0"' in html


# Changes, decisions, history


ROW = {"field": "Delay", "live": "7 days", "approved": "7 days", "proposed": "14 days"}


def test_a_diff_marks_what_moves_and_only_that() -> None:
    html = component("diff", rows=[ROW, {**ROW, "proposed": "7 days"}])
    assert html.count("<ins>14 days</ins>") == 1
    assert html.count('class="same"') == 1
    assert "differs from what was approved" not in html


def test_a_diff_marks_what_somebody_changed_in_aws() -> None:
    assert "differs from what was approved" in component("diff", rows=[{**ROW, "live": "21 days"}])
    assert "Live in AWS" not in component("diff", rows=[{**ROW, "live": None}], without_live=True)


def test_a_new_object_drifts_from_nothing() -> None:
    new = {"field": "Delay", "live": None, "approved": None, "proposed": "0 days"}
    assert governance.row_marks(new) == governance.RowMarks(moves=True, drifts=False)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "None"),
        ([], "None"),
        (False, "No"),
        (0, "0"),
        (["a", True], "a, Yes"),
        ({"App": "payments"}, "App: payments"),
        (frozenset({"b", "a"}), "a, b"),
        (timedelta(hours=4), "4 h"),
    ],
)
def test_a_value_is_shown_in_words(value: Any, expected: str) -> None:
    assert words("{{ v|shown }}", v=value) == expected


def test_what_people_wrote_is_escaped_everywhere() -> None:
    evil = "<script>alert(1)</script>"
    event = {"at": NOW, "who": evil, "what": evil, "reason": evil}
    slot = {"person": evil, "role": evil, "state": "approve", "reason": evil}
    pages = [
        component("timeline", events=[event]),
        component("who_decides", slots=[slot]),
        component("diff", rows=[{"field": evil, "live": [evil], "approved": {evil: evil}, "proposed": evil}]),
        component("state", state=evil),
        component("env", env=evil),
        component("severity", severity=evil),
        component("confirm", label=evil, action="/", sentence=evil),
        render("{% crumbs v v %}{{ v|digest }}{{ v|shown }}", v=evil),
    ]
    assert [page for page in pages if "<script" in page] == []


def test_an_open_slot_says_that_it_waits_and_a_filled_one_what_was_decided() -> None:
    slots = [
        {"person": "Omar", "role": "team lead", "state": "approve", "about": "revision 3", "when": NOW},
        {"role": "CISO", "state": "open"},
        {"role": "security operations", "state": "vacant"},
    ]
    text = said("who_decides", slots=slots)
    assert "Omar, team lead Approved revision 3, Tue 9 Jun 2026" in text
    assert "Nobody yet, CISO Waits" in text
    assert "security operations Nobody may decide" in text


def test_an_event_without_a_person_is_patchwardens_own() -> None:
    assert said("timeline", events=[{"at": NOW, "what": "opened a push"}]).startswith(
        "Patchwarden opened a push"
    )


def test_a_chain_stops_at_the_first_link_that_does_not_hold() -> None:
    links = [{"holds": True, "title": "A"}, {"holds": False, "title": "B"}, {"holds": None, "title": "C"}]
    assert said("chain", links=links) == "Holds: A Stops here: B Not reached: C"


# Forms and lists


class Wish(forms.Form):
    name = forms.CharField(help_text="Lower case.", widget=forms.TextInput(attrs={"class": "mono"}))
    answer = forms.ChoiceField(choices=[("a", "Grant"), ("b", "Deny")], widget=forms.RadioSelect)
    zone = forms.ChoiceField(choices=[("a", "a")], required=False)
    read = forms.BooleanField(label="I have read it")


def test_a_field_is_tied_to_its_hint_and_its_errors() -> None:
    html = component("field", field=Wish({"name": ""})["name"])
    assert 'aria-describedby="id_name_hint id_name_error"' in html
    assert 'aria-invalid="true"' in html
    assert 'class="form-control mono"' in html
    assert '<p class="hint" id="id_name_hint">Lower case.</p>' in html
    assert 'id="id_name_error"' in html


def test_radio_buttons_are_a_fieldset_with_a_label_each() -> None:
    html = component("field", field=Wish({"answer": "b"})["answer"])
    assert "<legend" in html
    assert 'for="id_answer_1">Deny' in html
    assert html.count('class="form-check-input"') == 2
    assert html.count("checked") == 1


def test_a_check_box_stands_before_its_label_and_an_optional_field_says_so() -> None:
    box = component("field", field=Wish()["read"])
    assert box.index("<input") < box.index("<label")
    assert "(optional)" in component("field", field=Wish()["zone"])
    assert "form-select" in component("field", field=Wish()["zone"])


def test_a_form_that_comes_back_says_how_many_fields_and_leads_to_each() -> None:
    html = component("form_errors", form=Wish({}))
    assert "3 fields need another look." in html
    assert '<a href="#id_name">Name</a>' in html
    assert '<a href="#id_answer">Answer</a>' in html
    assert component("form_errors", form=Wish()).count("<div") == 0


def test_pages_keep_the_filter_and_say_where_one_is() -> None:
    request = RequestFactory().get("/", {"state": "approved", "page": "2"})
    page = Paginator(range(120), 50).get_page(2)
    html = Template('{% include "components/pagination.html" with page=page noun="window" only %}').render(
        RequestContext(request, {"page": page})
    )
    assert "51 to 100 of 120 windows" in html
    assert 'href="?state=approved&amp;page=3"' in html
    assert 'aria-current="page"' in html


def test_a_changed_parameter_starts_at_the_first_page_again() -> None:
    request = RequestFactory().get("/", {"state": "approved", "page": "4", "cursor": "x"})
    page = Template('{% load governance %}{% page_url "tab" "documents" %}').render(RequestContext(request))
    assert page == "?state=approved&amp;tab=documents"


@pytest.mark.parametrize(
    ("path", "url", "expected"),
    [
        ("/requests/", "/requests/", 'aria-current="page"'),
        ("/requests/7/", "/requests/", 'aria-current="true"'),
        ("/requests/", "/", ""),
        ("/windows/", "/requests/", ""),
    ],
)
def test_the_navigation_marks_the_section_one_is_in(path: str, url: str, expected: str) -> None:
    context = RequestContext(RequestFactory().get(path), {"url": url})
    assert Template("{% load governance %}{% nav_current url %}").render(context) == expected


def test_a_confirmation_says_what_happens_before_it_is_done() -> None:
    html = component(
        "confirm",
        label="Withdraw request",
        action="/w/",
        sentence="It ends here.",
        reason="Reason",
        csrf_token="t0",
    )
    assert html.index("It ends here.") < html.index('type="submit"')
    assert 'name="csrfmiddlewaretoken" value="t0"' in html
    assert 'name="reason"' in html


def test_every_component_is_documented() -> None:
    documented = Path(settings.BASE_DIR, "docs", "components.md").read_text()
    parts_of_others = {"field_notes.html", "person_menu.html"}
    names = {path.name for path in COMPONENTS.glob("*.html")} - parts_of_others
    assert {name for name in names if f"`{name}`" not in documented} == set()
