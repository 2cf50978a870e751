"""The numbers, and that each is the length of the list that it names; reports as JSON and CSV."""

import csv
import io
from datetime import timedelta

import pytest

from patching.models import DailyPosture, PatchFinding, Waiver
from portal.governance import clock
from tests import factories
from tests.patching.api import fleet

SUMMARY, SCANS, FINDINGS = "/api/v1/compliance/", "/api/v1/compliance/scans/", "/api/v1/compliance/findings/"
REPORT = "/api/v1/reports/compliance/"
STATUS_OF = {
    "ssm_compliant": "ssm_compliant",
    "compliant": "compliant",
    "hidden": "hidden",
    "noncompliant": "non_compliant",
    "excused": "excused",
    "net_compliant": "net_compliant",
    "stale": "stale_scan",
    "unknown": "unknown",
}


@pytest.fixture
def two_teams(cast):
    teams = fleet.of_two_teams()
    compliant, one, two, stale = teams["payments"][:4]
    fleet.scanned(compliant)
    fleet.scanned(one, "Critical", "Important")
    fleet.scanned(two, "Low")
    fleet.scanned(stale, hours_ago=30)
    fleet.scanned(teams["data-lake"][0], "Critical")
    return teams


def length(client, address, **more):
    """How many rows a list has over all its pages."""
    count, page = 0, client.get(address, more).json()
    count += len(page["results"])
    while page["next"]:
        page = client.get(page["next"]).json()
        count += len(page["results"])
    return count


def test_every_number_is_the_length_of_its_list(call_api, cast, two_teams):
    client = call_api(cast["rita"])
    summary = client.get(SUMMARY).json()
    for part in (summary["fleet"], *summary["by_application"], *summary["by_environment"]):
        assert part["total"] == length(client, f"{part['instances']}&page_size=5")
    for figure, status in STATUS_OF.items():
        part = summary["by_environment"][0]
        assert part[figure] == length(client, f"{part['instances']}&status={status}"), figure
    for row in summary["by_severity"]:
        assert row["findings"] == length(client, row["list"])
    for row in summary["gaps"]:
        assert row["total"] == length(client, row["instances"]), row["gap"]


def test_a_team_sees_its_own_numbers(call_api, cast, two_teams):
    totals = {
        name: call_api(cast[name]).get(SUMMARY).json()["fleet"]["total"] for name in ("axel", "rita", "noor")
    }
    assert totals == {"axel": 9, "rita": 6, "noor": 3}
    assert call_api(cast["adam"]).get(SUMMARY).json()["fleet"]["total"] == 0


def test_severities_are_worst_first(call_api, cast, two_teams):
    rows = call_api(cast["axel"]).get(SUMMARY).json()["by_severity"]
    assert [(row["severity"], row["findings"], row["instances"]) for row in rows] == [
        ("critical", 2, 2),
        ("important", 1, 1),
        ("moderate", 0, 0),
        ("low", 1, 1),
        ("other", 0, 0),
    ]


FOUND = {
    f"{FINDINGS}?": 4,
    f"{FINDINGS}?severity=critical": 2,
    f"{FINDINGS}?application=payments": 3,
    f"{FINDINGS}?cve=CVE-2026-10": 3,
    f"{FINDINGS}?cve=CVE-2026-1": 0,
    f"{FINDINGS}?patch=KB5039201": 1,
    f"{FINDINGS}?resolved=true": 0,
    f"{FINDINGS}?state=missing": 4,
    f"{FINDINGS}?state=failed": 0,
    f"{SCANS}?": 5,
    f"{SCANS}?latest=true": 5,
    f"{SCANS}?compliant=false": 3,
    f"{SCANS}?application=data-lake": 1,
    f"{SCANS}?environment=dev": 3,
    f"{SCANS}?operation=Install": 0,
    f"{SCANS}?ended_after=2100-01-01T00:00:00Z": 0,
}


def test_findings_and_scans_are_found_by_filter(call_api, cast, two_teams):
    client = call_api(cast["axel"])
    assert {address: length(client, address) for address in FOUND} == FOUND


def test_somebody_elses_rows_are_not_there(call_api, cast, two_teams):
    axel, noor = call_api(cast["axel"]), call_api(cast["noor"])
    for address in (SCANS, FINDINGS):
        for row in axel.get(address).json()["results"]:
            expected = 200 if row["application"] == "data-lake" else 404
            assert noor.get(f"{address}{row['id']}/").status_code == expected


MOST_QUERIES = {SCANS: 8, FINDINGS: 10, SUMMARY: 30, REPORT: 11}


def test_reading_costs_the_same_however_large_the_fleet(
    call_api, cast, two_teams, django_assert_max_num_queries
):
    client = call_api(cast["axel"])
    for address, most in MOST_QUERIES.items():
        with django_assert_max_num_queries(most):
            assert client.get(address).status_code == 200


@pytest.fixture
def without_a_patch(two_teams):
    """SSM calls it compliant, because an exclusion of EX-7 makes its baseline reject what is missing."""
    one = two_teams["payments"][0]
    at = clock.now()
    row = {"state": "missing", "severity": "Critical", "first_seen_at": at, "last_seen_at": at}
    PatchFinding.objects.create(instance=one, patch_id="KB5039227", hidden=True, **row)
    Waiver.objects.create(
        kind="patch_exclusion",
        instance=one,
        patches=["KB5039227"],
        source="exemption:7",
        source_digest="0" * 64,
        restores_to="payments-dev",
        starts_at=at - timedelta(days=1),
        ends_at=at + timedelta(days=9),
    )
    return one


def test_the_three_words_stand_side_by_side(call_api, cast, without_a_patch):
    client = call_api(cast["rita"])
    fleet_now = client.get(SUMMARY).json()["fleet"]
    assert [fleet_now[name] for name in ("ssm_compliant", "compliant", "net_compliant", "hidden")] == [
        1,
        0,
        1,
        1,
    ]

    one = client.get(f"/api/v1/instances/{without_a_patch.pk}/").json()
    three = [one[name] for name in ("ssm_status", "status", "net_status")]
    assert (three, one["excused"]) == (["compliant", "non_compliant", "compliant"], True)
    assert length(client, "/api/v1/instances/?exemption=patch_exclusion") == 1
    [row] = [row for row in client.get(REPORT).json()["results"] if row["instance_id"] == one["instance_id"]]
    assert [row[name] for name in ("ssm_status", "status", "net_status")] == three


def test_a_hidden_finding_names_the_exclusion_that_hides_it(call_api, cast, without_a_patch):
    [row] = call_api(cast["rita"]).get(f"{FINDINGS}?hidden=true").json()["results"]
    assert (row["patch_id"], row["hidden"], row["exclusion"]) == ("KB5039227", True, "EX-7")


def test_the_last_days_are_told(call_api, cast, two_teams):
    DailyPosture.objects.create(
        day=clock.now().date(),
        application=factories.application(),
        environment=factories.environment("dev"),
        instances=6,
        ssm_compliant=2,
        compliant=1,
        noncompliant=2,
        unknown=3,
        excused=1,
        missing_patches=3,
    )
    rita, noor = call_api(cast["rita"]), call_api(cast["noor"])
    [day] = rita.get(f"{SUMMARY}trend/?days=7").json()
    assert [day[name] for name in ("instances", "ssm_compliant", "compliant", "net_compliant")] == [
        6,
        2,
        1,
        2,
    ]
    assert noor.get(f"{SUMMARY}trend/").json() == []
    assert rita.get(f"{SUMMARY}trend/?days=0").status_code == 400


def test_reports_are_listed(call_api, cast):
    row = call_api(cast["rita"]).get("/api/v1/reports/").json()["results"][0]
    assert (row["name"], row["formats"]) == ("compliance", ["json", "csv"])
    assert call_api(cast["rita"]).get(row["url"]).status_code == 200
    assert call_api(cast["rita"]).get("/api/v1/reports/salaries/").status_code == 404


def test_the_report_has_a_row_for_every_instance_that_somebody_may_see(call_api, cast, two_teams):
    for name, count in {"axel": 9, "rita": 6, "noor": 3, "adam": 0}.items():
        client = call_api(cast[name])
        as_json = client.get(REPORT).json()["results"]
        answer = client.get(f"{REPORT}?format=csv")
        as_csv = list(csv.DictReader(io.StringIO(answer.content.decode())))
        assert answer["Content-Type"] == "text/csv; charset=utf-8"
        assert f'filename="compliance-{clock.now():%Y-%m-%d}.csv"' in answer["Content-Disposition"]
        assert len(as_json) == len(as_csv) == count
        assert [row["instance_id"] for row in as_json] == [row["instance_id"] for row in as_csv]


def test_the_report_is_filtered(call_api, cast, two_teams):
    rows = call_api(cast["axel"]).get(f"{REPORT}?application=payments&environment=prod").json()["results"]
    assert {(row["application"], row["environment"]) for row in rows} == {("payments", "prod")}


def test_no_cell_of_the_report_is_a_formula(call_api, cast, two_teams):
    instance = two_teams["payments"][0]
    type(instance).objects.filter(pk=instance.pk).update(name="=HYPERLINK(1)")
    assert ",'=HYPERLINK(1)," in call_api(cast["rita"]).get(f"{REPORT}?format=csv").content.decode()


def test_an_unknown_format_is_refused(call_api, cast):
    assert call_api(cast["rita"]).get(f"{REPORT}?format=pdf").status_code == 404


def test_a_refusal_asked_for_as_csv_is_readable(client):
    answer = client.get(f"{REPORT}?format=csv")
    assert answer.status_code == 401
    assert "not_authenticated" in answer.content.decode()
