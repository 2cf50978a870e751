"""The homes and the compliance pages: who sees what, and that every number on them opens as many rows."""

import csv
import io
import re
from datetime import timedelta
from html import unescape

import pytest
from django.db import connection
from django.http import QueryDict
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from patching import posture
from patching.models import ManagedInstance, PatchFinding, PushRun, Scan, Waiver
from portal.dashboards.filters import FindingFilter, InstanceFilter
from portal.governance import clock
from portal.governance.models import User
from tests import factories, people

COUNTED = re.compile(r'<a[^>]* href="(/compliance/(?:instances|findings)/[^"]*)"[^>]*>\s*([\d,]+)')
ROWS = re.compile(r'<span class="b"[^>]*>([\d,]+) (?:instances?|findings?)</span>')
PAGES = (
    reverse("home"),
    *(f"/compliance/?tab={tab}" for tab in ("fleet", "applications", "environments", "severities")),
    "/compliance/instances/",
)


def scan(of: ManagedInstance, compliant: bool, hours_ago: float = 2, **fields) -> Scan:
    at = clock.now() - timedelta(hours=hours_ago)
    return Scan.objects.create(
        instance=of,
        operation="Scan",
        started_at=at,
        ended_at=at,
        pulled_at=at,
        aws_baseline_id="pb-0000000000000000a",
        is_compliant=compliant,
        **fields,
    )


def finding(of: ManagedInstance, patch: str, severity: str, days: int = 0) -> PatchFinding:
    at = clock.now() - timedelta(days=days)
    return PatchFinding.objects.create(
        instance=of, patch_id=patch, severity=severity, state="missing", first_seen_at=at, last_seen_at=at
    )


@pytest.fixture
def fleet(db: None) -> list[ManagedInstance]:
    """Six instances of payments in every standing there is, one of somebody else, one of nobody."""
    payments = factories.payments()
    well, ill, excused, stale, lost = (
        factories.instance(payments, env) for env in ("prod", "prod", "test", "dev", "dev")
    )
    unmanaged = factories.instance(payments, is_managed=False, ping_status="")
    others = factories.instance(factories.application("data-lake", "analytics"), operating_system="UBUNTU")
    nobodys = factories.instance(application_id=None, environment_id=None)
    ManagedInstance.objects.filter(pk=nobodys.pk).update(application=None, environment=None)
    scan(well, True, judged_by_expected=True)
    scan(ill, False, judged_by_expected=False)
    scan(excused, False)
    scan(stale, True, hours_ago=60)
    scan(others, False)
    for one, patch, severity, days in (
        (ill, "KB5000001", "Critical", 0),
        (ill, "KB5000002", "Important", 20),
        (excused, "KB5000001", "Critical", 9),
        (others, "kernel.x86_64", "Medium", 40),
    ):
        finding(one, patch, severity, days)
    Waiver.objects.create(
        instance=excused,
        source="exemption:1",
        source_digest="0" * 64,
        starts_at=clock.now() - timedelta(days=1),
        ends_at=clock.now() + timedelta(days=10),
    )
    posture.roll_up(clock.now())
    return [well, ill, excused, stale, lost, unmanaged, others, nobodys]


def rows_of(client: Client, url: str) -> int:
    page = client.get(url)
    assert page.status_code == 200
    [shown] = ROWS.findall(page.content.decode())
    return int(shown.replace(",", ""))


# Every number


def list_behind(url: str, user: User) -> int:
    """How many rows the list at this address has, by the page's own filters."""
    path, _, query = url.partition("?")
    filters, rows = {
        "/compliance/instances/": (InstanceFilter, posture.instances_matching),
        "/compliance/findings/": (FindingFilter, posture.findings_matching),
    }[path]
    request = RequestFactory().get(url)
    request.user = user
    return filters(QueryDict(query), queryset=rows(user), request=request).qs.count()


@pytest.mark.parametrize("who", ["rita", "clara"])
def test_every_number_opens_as_many_rows(fleet, browse, who: str):
    user, numbers = people.person(who), set()
    client = browse(user)
    for page in PAGES:
        for url, shown in COUNTED.findall(client.get(page).content.decode()):
            numbers.add((unescape(url), int(shown.replace(",", ""))))

    assert len(numbers) >= 5
    assert {url: list_behind(url, user) for url, _ in numbers} == dict(numbers)


def test_a_list_shows_as_many_rows_as_it_says(fleet, browse, axel: User):
    page = browse(axel).get("/compliance/instances/?severity=critical").content.decode()

    assert ROWS.findall(page) == ["2"]
    assert page.count('<th scope="row">') == 2


def test_a_mistyped_filter_shows_nothing_and_says_so(fleet, browse, axel: User):
    for url in (
        "/compliance/instances/?status=fine",
        "/compliance/instances/?covered=perhaps",
        "/compliance/instances/?application=paymints",
        "/compliance/findings/?age=ancient",
    ):
        page = browse(axel).get(url).content.decode()
        assert ROWS.findall(page) == ["0"], url
        assert "matches" in page


def test_a_filter_without_a_field_is_said_in_words(fleet, browse, axel: User):
    page = browse(axel).get("/compliance/instances/?trust=stale&patch=KB1").content.decode()

    assert "Last scan: Older scan" in page
    assert "Patch: KB1" in page


# The three words


@pytest.fixture
def without_a_patch(fleet) -> ManagedInstance:
    """The compliant one, but only because EX-7's exclusion hides what it lacks."""
    one = fleet[0]
    missing = finding(one, "KB5039227", "Critical", 20)
    PatchFinding.objects.filter(pk=missing.pk).update(hidden=True)
    Waiver.objects.create(
        kind="patch_exclusion",
        instance=one,
        patches=["KB5039227"],
        source="exemption:7",
        source_digest="0" * 64,
        restores_to="payments-prod",
        starts_at=clock.now() - timedelta(days=1),
        ends_at=clock.now() + timedelta(days=10),
    )
    return one


@pytest.mark.parametrize("who", ["rita", "clara"])
def test_every_number_opens_as_many_rows_where_something_is_hidden(without_a_patch, browse, who: str):
    user, numbers = people.person(who), set()
    for page in PAGES:
        for url, shown in COUNTED.findall(browse(user).get(page).content.decode()):
            numbers.add((unescape(url), int(shown.replace(",", ""))))

    assert {url: list_behind(url, user) for url, _ in numbers} == dict(numbers)
    assert ("/compliance/instances/?status=hidden", 1) in numbers
    assert ("/compliance/instances/?exemption=any", 2) in numbers


def test_a_home_says_the_three_words_and_their_formula(without_a_patch, browse, clara: User):
    page = " ".join(browse(clara).get("/").content.decode().split())

    assert '<div class="big">12.5 %</div><div class="xs m">SSM says' in page
    assert '<div class="big">0 %</div><div class="xs m">raw' in page
    assert '<div class="big">25.0 %</div><div class="xs m">net' in page
    assert "with what our exclusions hide" in page


def test_a_hidden_finding_is_marked_with_its_exemption_until_when(without_a_patch, browse, rita: User):
    page = " ".join(browse(rita).get("/compliance/findings/?hidden=yes").content.decode().split())

    assert ROWS.findall(page) == ["1"]
    assert re.search(r"Hidden by the exclusion of <a[^>]*>EX-7</a>", page)
    assert "still missing" in page
    Waiver.objects.update(ends_at=clock.now())
    page = " ".join(browse(rita).get("/compliance/findings/?hidden=yes").content.decode().split())
    assert "which has ended: the next scan tells" in page


# Who sees what


def test_a_stranger_sees_nothing_of_payments_on_any_page(fleet, browse, noor: User):
    client = browse(noor)
    for page in (*PAGES, "/compliance/findings/"):
        shown = client.get(page).content.decode()
        assert not re.search(r"payments-(prod|test|dev)|KB500000|application=payments", shown), page
    assert rows_of(client, "/compliance/instances/") == 1


def test_an_administrator_sees_no_figures(fleet, browse, adam: User):
    page = browse(adam).get("/").content.decode()

    assert "You grant roles and decide nothing" in page
    assert COUNTED.findall(page) == []
    assert rows_of(browse(adam), "/compliance/instances/") == 0


def test_somebody_without_team_or_role_is_told_what_to_do(db: None, browse):
    page = browse(User.objects.create_user("new", first_name="Nia")).get("/").content.decode()

    assert "You belong to no team yet" in page


@pytest.mark.parametrize("url", [*PAGES, "/compliance/findings/"])
def test_a_visitor_is_asked_to_sign_in(db: None, client: Client, url: str):
    assert client.get(url).url.startswith("/accounts/login/")


@pytest.mark.parametrize("url", [*PAGES, "/compliance/findings/"])
def test_pages_only_answer_get(fleet, browse, axel: User, url: str):
    assert browse(axel).post(url).status_code == 405


# Each role's home


@pytest.mark.parametrize(
    ("who", "cards"),
    [
        ("clara", ["h-heat", "h-ages", "h-trend", "h-gaps", "h-trust"]),
        ("dora", ["h-heat", "h-ages", "h-trend", "h-gaps", "h-trust"]),
        ("ivan", ["h-heat", "h-wanted", "h-gaps", "h-trust"]),
        ("axel", ["h-trend", "h-decisions", "h-trust", "h-gaps"]),
        ("opal", ["h-accounts", "h-pushes", "h-gaps"]),
        ("rita", ["h-requests", "h-windows", "h-wanted", "h-gaps"]),
        ("omar", ["h-requests", "h-windows", "h-gaps"]),
    ],
)
def test_a_home_has_what_its_role_looks_at_and_first_of_all_what_waits(fleet, browse, who, cards):
    page = browse(people.person(who)).get("/").content.decode()

    for card in ("h-waiting", *cards):
        assert f'id="{card}"' in page
    assert page.index("h-waiting") < page.index(cards[0])


def test_the_four_figures_say_what_posture_says(fleet, browse, clara: User):
    page = " ".join(browse(clara).get("/").content.decode().split())

    assert '<div class="big">12.5 %</div><div class="xs m">SSM says' in page
    assert '<div class="big">25.0 %</div><div class="xs m">net' in page
    assert re.search(r'Critical patches missing.*?<div class="big">2</div>', page)
    # its waiver has no exemption behind it here, so nothing is owed
    assert re.search(r'Exemption debt.*?<div class="big">0 <span', page)


def test_a_home_without_any_instance_still_opens(browse, clara: User, rita: User):
    for user in (clara, rita):
        page = browse(user).get("/").content.decode()
        assert "0 running instances" in page


def test_an_operator_sees_what_went_wrong_with_accounts_and_pushes(fleet, browse, opal: User):
    here = factories.account_region()
    here.last_error = "Reading failed: Assuming PatchwardenRole was not allowed."
    here.save()
    run = {"account_region": here, "generation": 1, "fence": 1, "trigger": "tick"}
    PushRun.objects.create(state="failed", started_at=clock.now(), error="50 windows are there.", **run)
    page = browse(opal).get("/").content.decode()
    assert "Assuming PatchwardenRole was not allowed." in page
    assert "50 windows are there." in page

    PushRun.objects.create(state="succeeded", started_at=clock.now(), **run)

    assert "50 windows are there." not in browse(opal).get("/").content.decode()


def test_what_waits_is_on_the_home_of_who_decides_and_of_nobody_else(fleet, browse, cast):
    request = factories.change_request(cast["rita"], state="submitted")
    items = [
        {
            "action": "create",
            "kind": "baseline",
            "target": None,
            "spec": {"environment": "", "application": ""},
        }
    ]
    made = factories.revision(request, items)
    type(request).objects.filter(pk=request.pk).update(current=made)
    if hasattr(request, "needs"):
        type(request).objects.filter(pk=request.pk).update(needs=["security_operations"])

    assert "Waits for your decision" in browse(cast["ines"]).get("/").content.decode()
    assert "Waits for your decision" not in browse(cast["rita"]).get("/").content.decode()
    assert request.title in browse(cast["rita"]).get("/").content.decode()


def test_a_larger_fleet_costs_a_home_no_further_query(fleet, browse, clara: User):
    client = browse(clara)
    with CaptureQueriesContext(connection) as few:
        client.get("/")
    for _ in range(20):
        one = factories.instance()
        scan(one, False)
        finding(one, "KB5000003", "Critical")

    with CaptureQueriesContext(connection) as many:
        client.get("/")

    assert len(_asked(many)) <= len(_asked(few))


def _asked(questions: CaptureQueriesContext) -> list[str]:
    """Without the clock's own, which it asks again after half a second."""
    return [one["sql"] for one in questions if "clockshift" not in one["sql"]]


# Files


def lines_of(client: Client, url: str) -> list[dict[str, str]]:
    answer = client.get(url)
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))


def test_an_export_holds_what_the_filters_left(fleet, browse, axel: User):
    client = browse(axel)

    instances = lines_of(client, "/compliance/instances/?application=payments&format=csv")
    findings = lines_of(client, "/compliance/findings/?severity=critical&format=csv")

    assert {line["Application"] for line in instances} == {"payments"}
    assert len(instances) == 6
    assert [line["Patch"] for line in findings] == ["KB5000001", "KB5000001"]


@pytest.mark.parametrize(
    ("tab", "first"),
    [("applications", "Name"), ("environments", "Name"), ("severities", "Severity"), ("fleet", "Day")],
)
def test_every_part_of_the_compliance_page_can_be_taken_along(
    fleet, browse, axel: User, tab: str, first: str
):
    lines = lines_of(browse(axel), f"/compliance/?tab={tab}&format=csv")

    assert lines
    assert next(iter(lines[0])) == first


def test_a_name_that_a_spreadsheet_would_run_is_disarmed(fleet, browse, axel: User):
    ManagedInstance.objects.filter(pk=fleet[0].pk).update(name='=HYPERLINK("http://x","y")')

    lines = lines_of(browse(axel), "/compliance/instances/?format=csv")

    assert '\'=HYPERLINK("http://x","y")' in [line["Instance"] for line in lines]


def test_names_from_aws_are_escaped_on_the_page(fleet, browse, axel: User):
    ManagedInstance.objects.filter(pk=fleet[0].pk).update(name="<script>alert(1)</script>")

    assert "<script>alert" not in browse(axel).get("/compliance/instances/").content.decode()
