"""The story of the HA application through the REST API alone: tokens, JSON, and nothing else of the portal's."""

from datetime import UTC, datetime

import pytest

from patching.blueprints import Member, ha_windows_application
from tests import asks
from tests.simulated_aws import REGION, RETAIL
from tests.stories.test_ha_application import (
    AFTER_DEV,
    AFTER_PROD,
    AFTER_TEST,
    BEFORE,
    a_second_push_writes_nothing,
    aws_holds_what_was_asked,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

API = "/api/v1"
REQUESTS = f"{API}/change-requests/"


def test_the_ha_windows_application_by_api_alone(company_at_work, call_api):
    company = company_at_work
    rita, omar, ines, ivan, clara, axel, opal, noor = (
        call_api(company.people[name], *scopes)
        for name, scopes in {
            "rita": ("read", "request"),
            "omar": ("read", "decide"),
            "ines": ("read", "decide"),
            "ivan": ("read", "decide"),
            "clara": ("read", "decide"),
            "axel": ("read",),
            "opal": ("read", "operate"),
            "noor": ("read", "request", "decide"),
        }.items()
    )

    items = wish(rita)
    draft = ok(rita.post(REQUESTS, ask(items), format="json"), 201)
    mine = f"{REQUESTS}{draft['id']}/"
    ok(rita.post(f"{mine}submit/"))

    read = ok(ines.get(mine))
    assert read["your_slot"] == "security_operations"
    back = ok(ines.post(f"{mine}request-changes/", word(read, "Start an hour later."), format="json"))
    assert back["state"] == "changes_requested"
    version = rita.get(mine)["ETag"]

    later = an_hour_later(items)
    answer = rita.put(mine, ask(later, note="An hour later."), format="json", HTTP_IF_MATCH=version)
    assert ok(answer)["revision"] == 2
    assert ok(rita.post(f"{mine}submit/"))["needs"] == ["team_lead", "security_operations", "ciso"]
    for decider in (omar, ivan, clara):
        decided = ok(decider.post(f"{mine}approve/", word(ok(decider.get(mine))), format="json"))
    assert decided["state"] == "approved"

    place = next(
        row for row in listed(opal, "accounts") if (row["account_id"], row["region"]) == (RETAIL, REGION)
    )
    assert place["push_waits"] is True
    ok(opal.post(f"{API}/accounts/{place['id']}/push/"), 202)
    company.push()
    the_push_is_told(axel, rita, mine)
    aws_holds_what_was_asked(company, ok(rita.get(mine))["items"])
    a_second_push_writes_nothing(company)

    compliance_rises_in_order(company, axel)
    assert ok(axel.get(f"{API}/audit/?object_type=patching.changerequest"))["results"]
    noor_sees_nothing(noor, mine)


def wish(rita):
    """The blueprint, filled with what the API says of the instances of payments."""
    members = [
        Member(row["instance_id"], row["environment"], row["availability_zone"])
        for row in listed(rita, "instances", "application=payments&page_size=200")
        if not row["auto_scaling_group"]
    ]
    return ha_windows_application(
        application="payments", account=RETAIL, region=REGION, timezone="Europe/Berlin", members=members
    )


def an_hour_later(items):
    moved = []
    for item in items:
        spec = dict(item["spec"])
        if item["kind"] == "window":
            spec["schedule"] = spec["schedule"].replace("cron(0 20", "cron(0 21")
        moved.append({**item, "spec": spec})
    return moved


def the_push_is_told(axel, rita, mine):
    run = listed(axel, "push-runs")[0]
    assert run["state"] == "succeeded"
    seen = {
        name: ok(client.get(f"{API}/push-runs/{run['id']}/"))
        for name, client in (("axel", axel), ("rita", rita))
    }
    calls = [one["call"] for one in seen["axel"]["operations"]]
    assert calls.count("ssm:CreateMaintenanceWindow") == 7  # six, and the daily scan
    # the daily scan is nobody's request, so a team does not read it
    assert [one["call"] for one in seen["rita"]["operations"]].count("ssm:CreateMaintenanceWindow") == 6
    assert ok(rita.get(mine))["state"] == "applied"
    assert len(listed(rita, "windows")) == 6
    assert len(listed(rita, "patch-groups")) == 3
    assert len(listed(rita, "baselines")) == 3


def compliance_rises_in_order(company, axel):
    told = []
    for moment in (BEFORE, AFTER_DEV, AFTER_TEST, AFTER_PROD):
        company.go_to(moment)
        told.append(compliant(axel))
    before, after_dev, after_test, after_prod = told
    assert after_dev["dev"] > before["dev"]
    assert after_dev["prod"] <= before["prod"]
    assert after_test["test"] > after_dev["test"]
    assert after_test["prod"] <= before["prod"]
    assert after_prod["prod"] > after_test["prod"]
    the_numbers_are_their_lists(axel)


def compliant(client):
    """Compliant instances of payments by environment."""
    query = "application=payments&running=true&status=compliant&page_size=200"
    return {
        env: len(listed(client, "instances", f"{query}&environment={env}")) for env in ("dev", "test", "prod")
    }


def the_numbers_are_their_lists(client):
    summary = ok(client.get(f"{API}/compliance/"))
    assert datetime.fromisoformat(summary["as_of"]) >= AFTER_PROD.astimezone(UTC)
    payments = next(row for row in summary["by_application"] if row["key"] == "payments")
    for figure, status in (
        ("compliant", "compliant"),
        ("noncompliant", "non_compliant"),
        ("stale", "stale_scan"),
    ):
        rows = ok(client.get(f"{payments['instances']}&status={status}&page_size=200"))["results"]
        assert payments[figure] == len(rows), figure
    for row in summary["by_severity"]:
        found = ok(client.get(f"{row['list']}&page_size=200"))
        assert row["findings"] == len(found["results"]) or found["next"], row["severity"]


def noor_sees_nothing(noor, mine):
    assert noor.get(mine).status_code == 404
    assert noor.post(f"{mine}withdraw/").status_code == 404
    for noun in ("change-requests", "windows", "patch-groups", "baselines"):
        assert listed(noor, noun) == [], noun
    assert listed(noor, "instances", "application=payments") == []
    assert listed(noor, "audit", "object_type=patching.changerequest") == []
    for run in listed(noor, "push-runs"):
        detail = ok(noor.get(f"{API}/push-runs/{run['id']}/"))
        assert (detail["plan"], detail["operations"]) == ([], [])


def ask(items, **more):
    return {"title": asks.TITLE, "reason": asks.REASON, "items": items, **more}


def word(read, reason=""):
    return {"revision": read["revision"], "digest": read["digest"], "reason": reason}


def listed(client, noun, query=""):
    return ok(client.get(f"{API}/{noun}/?{query}"))["results"]


def ok(answer, status=200):
    assert answer.status_code == status, answer.content
    return answer.json()
