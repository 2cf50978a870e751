"""The wizard: a few answers become one request, and the request becomes the answers again."""

from copy import deepcopy
from datetime import UTC, datetime

import pytest
from django.urls import reverse

from patching.items import with_defaults
from patching.models import ChangeRequest
from patching.web import wizard
from portal.governance import clock
from tests import asks, factories
from tests.patching.web.conftest import text_of, words_of

ADDRESS = reverse("patching:ha-windows")


@pytest.fixture
def fleet(cast):
    """Six Windows servers of payments, two an environment."""
    return asks.fleet()


def answers(**changes):
    given = {
        "application": "payments",
        "place": str(factories.account_region().pk),
        "timezone": "Europe/Berlin",
        "start_hour": "20",
        "way": "nth",
        "nth": "2",
        "weekday": "TUE",
        "snapshot_document": "",
        "days_dev": "1",
        "delay_dev": "0",
        "days_test": "4",
        "delay_test": "7",
        "days_prod": "11",
        "delay_prod": "14",
        "title": "HA Windows application: payments",
        "reason": "Patch payments by zone, as the patching guide asks.",
        "do": "draft",
    }
    return given | changes


def test_the_wizard_shows_what_its_first_answers_would_make(fleet, cast, browse):
    page = text_of(browse(cast["rita"]).get(ADDRESS))
    assert "6 windows, 3 baselines and 3 patch groups" in page
    assert "Needs Team lead, Security operations and CISO" in page
    assert "payments-prod-b" in page
    assert "An important patch is late on payments-prod-a and payments-prod-b in 12 of 12 months" in page
    assert not ChangeRequest.objects.exists()


def test_the_wizard_makes_one_draft(fleet, cast, browse):
    response = browse(cast["rita"]).post(ADDRESS, answers())
    request = ChangeRequest.objects.get()
    assert response["Location"] == reverse("patching:request-detail", args=[request.pk])
    assert request.state == "draft"
    page = text_of(browse(cast["rita"]).get(response["Location"]))
    assert "6 windows, 3 baselines and 3 patch groups" in page


def test_the_wizard_submits_at_once_when_asked(fleet, cast, browse):
    browse(cast["rita"]).post(ADDRESS, answers(do="submit"))
    request = ChangeRequest.objects.get()
    assert (request.state, request.needs) == ("submitted", ["team_lead", "security_operations", "ciso"])


def test_a_preview_saves_nothing(fleet, cast, browse):
    response = browse(cast["rita"]).post(
        ADDRESS, answers(do="preview", start_hour="22"), headers={"HX-Request": "true"}
    )
    assert response.status_code == 200
    assert "22:00 Europe/Berlin" in text_of(response)
    assert not ChangeRequest.objects.exists()


def test_a_preview_does_not_wait_for_title_and_reason(fleet, cast, browse):
    response = browse(cast["rita"]).post(
        ADDRESS, answers(do="preview", title="", reason=""), headers={"HX-Request": "true"}
    )
    assert response.status_code == 200
    assert "6 windows" in text_of(response)


def test_the_next_round_is_one_round_and_says_who_is_too_early_in_it(fleet, cast, browse):
    clock.set_to(datetime(2026, 6, 15, 12, tzinfo=UTC))  # six days after Patch Tuesday
    client = browse(cast["rita"])
    page = words_of(client.get(ADDRESS))
    assert "Next round counted from the next Patch Tuesday" in page
    assert "Opens before" not in page
    assert "Production after 6 days of soakSat 25 Jul, 20:00 to Sun 26 Jul, 04:00" in page
    early = {"do": "preview", "days_dev": "8"}
    page = words_of(client.post(ADDRESS, answers(**early), headers={"HX-Request": "true"}))
    assert "Opens before the end of Development" in page


def test_bad_answers_are_kept_and_said_under_their_field(fleet, cast, browse, subtests):
    for changes, field in [
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"timezone": ""}, "timezone"),
        ({"days_prod": "20"}, "days_prod"),
        ({"days_prod": "-1"}, "days_prod"),
        ({"nth": "3", "days_prod": "13"}, "days_prod"),
        ({"nth": "4"}, "nth"),
        ({"way": "every"}, "way"),
        ({"way": "weekly"}, "days_prod"),  # more than a week later
        ({"way": "once"}, "on"),
        ({"way": "once", "on": "2020-01-01"}, "on"),
        ({"delay_test": "x"}, "delay_test"),
        ({"application": "data-lake"}, "application"),
        ({"place": "999999"}, "place"),
        ({"start_hour": "24"}, "start_hour"),
        ({"title": ""}, "title"),
        ({"reason": "short"}, "reason"),
    ]:
        with subtests.test(changes=changes, field=field):
            response = browse(cast["rita"]).post(ADDRESS, answers(**changes))
            page = text_of(response)
            assert response.status_code == 400
            assert field in response.context["form"].errors
            assert f'href="#id_{field}"' in page
            assert f'id="id_{field}_error"' in page
            assert not ChangeRequest.objects.exists()


def test_what_rules_say_is_said_above_the_form(fleet, cast, browse):
    request = asks.submitted(cast["rita"], asks.ha_items(fleet))
    asks.approve(request, cast["omar"], cast["ines"], cast["clara"])
    response = browse(cast["rita"]).post(ADDRESS, answers())
    assert response.status_code == 400
    assert "There is a baseline called “payments-dev-win” already" in text_of(response)
    assert ChangeRequest.objects.count() == 1


def test_an_environment_without_windows_servers_is_left_out(cast, browse):
    payments = factories.payments()
    for env in ("dev", "prod"):
        factories.instance(payments, env, availability_zone="eu-central-1a")
    factories.instance(payments, "test", operating_system="UBUNTU")
    browse(cast["rita"]).post(ADDRESS, answers())
    names = ChangeRequest.objects.get().current.content
    assert "payments-prod-a" in names
    assert "payments-test" not in names


def test_nobody_asks_for_the_application_of_another_team(fleet, cast, browse, subtests):
    for name in ["noor", "clara", "axel", "opal", "adam"]:
        with subtests.test(name=name):
            client = browse(cast[name])
            assert "payments" not in text_of(client.get(ADDRESS)).replace("ha-windows", "")
            assert client.post(ADDRESS, answers()).status_code == 400
            assert not ChangeRequest.objects.exists()


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"start_hour": "23"},
        {"snapshot_document": "AWSEC2-CreateVssSnapshot"},
        {"snapshot_document": "AWS-CreateImage"},
        {"nth": "1", "weekday": "SAT", "days_prod": "26"},
        {"days_dev": "0", "days_prod": "19"},
        {"way": "weekly", "weekday": "THU", "days_dev": "0", "days_test": "2", "days_prod": "4"},
        {"way": "once", "on": "2030-06-28", "days_dev": "0"},
    ],
)
def test_a_request_of_the_wizard_is_edited_in_the_wizard(changes, fleet, cast, browse):
    client = browse(cast["rita"])
    client.post(ADDRESS, answers(**changes))
    request = ChangeRequest.objects.get()
    edit = reverse("patching:request-edit", args=[request.pk])
    form = client.get(edit).context["form"]
    assert isinstance(form, wizard.HaWindowsForm)
    for name, value in answers(**changes).items():
        assert name == "do" or str(form[name].initial) == value, name
    client.post(
        edit, answers(**changes, start_hour="1") if "start_hour" not in changes else answers(start_hour="1")
    )
    request.refresh_from_db()
    assert request.current.number == 2


def test_a_request_changed_by_hand_is_not_the_wizards_any_more(fleet):
    items = [with_defaults(one) for one in asks.ha_items(fleet)]
    assert wizard.answers_in(items)
    for change in (
        lambda changed: changed[4]["spec"].update(duration=9),
        lambda changed: changed[4]["spec"].update(schedule="rate(7 days)"),
        lambda changed: changed.pop(),
        lambda changed: changed.reverse(),
        lambda changed: changed[0]["spec"]["definition"].update(ApprovalRules={"PatchRules": []}),
    ):
        changed = deepcopy(items)
        change(changed)
        assert wizard.answers_in(changed) is None
