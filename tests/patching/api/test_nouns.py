"""Accounts, instances, groups, baselines, windows and pushes: seen by those who may, found by filter, cheap to list."""

import pytest

from patching.models import (
    AccountRegion,
    MaintenanceWindow,
    ManagedInstance,
    Operation,
    PatchBaseline,
    ResourceState,
)
from portal.governance import clock
from portal.governance.models import AuditEntry
from tests import factories
from tests.patching.api import fleet

NOUNS = ("accounts", "instances", "patch-groups", "baselines", "windows", "push-runs")
READERS = ("ines", "clara", "dora", "axel", "opal")


@pytest.fixture
def two_teams(cast):
    fleet.run()
    return fleet.of_two_teams()


def rows(client, noun, query="page_size=200"):
    answer = client.get(f"/api/v1/{noun}/?{query}")
    assert answer.status_code == 200, answer.json()
    return answer.json()["results"]


def test_everybody_sees_their_own_and_a_stranger_nothing_of_it(call_api, cast, two_teams):
    clients = {name: call_api(cast[name]) for name in (*READERS, "rita", "noor", "adam")}
    for noun in NOUNS:
        everything = {row["id"] for row in rows(clients["axel"], noun)}
        seen = {name: {row["id"] for row in rows(client, noun)} for name, client in clients.items()}
        assert everything
        assert all(seen[name] == everything for name in READERS)
        assert seen["adam"] == set()
        for name in ("rita", "noor"):
            opened = {
                pk for pk in everything if clients[name].get(f"/api/v1/{noun}/{pk}/").status_code == 200
            }
            assert opened == seen[name], (noun, name)
        if noun in ("patch-groups", "windows", "baselines"):
            assert (seen["rita"], seen["noor"]) == (everything, set())
        if noun == "instances":
            assert (len(seen["rita"]), len(seen["noor"])) == (6, 3)


def test_nothing_is_written_by_way_of_a_noun(call_api, cast, two_teams):
    client = call_api(cast["ines"])
    for noun in NOUNS:
        pk = rows(client, noun)[0]["id"]
        for method in ("post", "put", "patch", "delete"):
            assert getattr(client, method)(f"/api/v1/{noun}/").status_code == 405
            assert getattr(client, method)(f"/api/v1/{noun}/{pk}/").status_code == 405


def test_a_list_costs_the_same_however_long(call_api, cast, two_teams, django_assert_max_num_queries):
    client = call_api(cast["axel"])
    for noun in NOUNS:
        with django_assert_max_num_queries(9):
            assert rows(client, noun)


FOUND = {
    "application=payments": 6,
    "application=none": 0,
    "application=payments&environment=prod": 2,
    "account=211125483017": 9,
    "region=us-east-1": 0,
    "availability_zone=eu-central-1a&application=payments": 3,
    "running=true": 9,
    "running=false": 0,
    "gone=true": 0,
    "status=unknown": 9,
    "status=compliant": 0,
    "gap=never_scanned&application=payments": 6,
    "covered=yes": 0,
    "trust=never": 9,
    "patch=KB5039227": 0,
}


def test_instances_are_found_by_filter(call_api, cast, two_teams):
    client = call_api(cast["axel"])
    assert {query: len(rows(client, "instances", query)) for query in FOUND} == FOUND


def test_a_slip_in_a_filter_lists_nothing_and_says_so(call_api, cast):
    client = call_api(cast["axel"])
    for query in ("status=fine", "gap=unknown", "severity=high", "covered=1", "trust=all"):
        answer = client.get(f"/api/v1/instances/?{query}")
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, query.split("=")[0])


def test_an_instance_says_how_it_stands(call_api, cast, two_teams):
    good, bad, stopped = two_teams["payments"][:3]
    fleet.scanned(good)
    fleet.scanned(bad, "Critical")
    ManagedInstance.objects.filter(pk=stopped.pk).update(run_state="stopped")
    client = call_api(cast["rita"])
    told = {row["id"]: row["status"] for row in rows(client, "instances")}
    assert [told[one.pk] for one in (good, bad, stopped)] == ["compliant", "non_compliant", None]
    assert client.get(f"/api/v1/instances/{bad.pk}/").json()["status"] == "non_compliant"
    assert [row["id"] for row in rows(client, "instances", "severity=critical")] == [bad.pk]


def test_why_an_instance_is_unpatched_is_told_link_by_link(call_api, cast, two_teams):
    url = f"/api/v1/instances/{two_teams['payments'][0].pk}/why/"
    chain = call_api(cast["rita"]).get(url).json()
    assert [link["key"] for link in chain][:4] == ["managed", "online", "auto_scaling", "group"]
    assert call_api(cast["noor"]).get(url).status_code == 404


def test_a_terminated_instance_is_listed_only_when_asked_for(call_api, cast, two_teams):
    gone = two_teams["payments"][0]
    ManagedInstance.objects.filter(pk=gone.pk).update(gone_at=clock.now())
    client = call_api(cast["rita"])
    assert gone.pk not in {row["id"] for row in rows(client, "instances")}
    assert [row["id"] for row in rows(client, "instances", "gone=true")] == [gone.pk]


def test_a_window_says_when_it_opens(call_api, cast, two_teams):
    window = MaintenanceWindow.objects.get(name="payments-dev-a")
    client = call_api(cast["rita"])
    row = client.get(f"/api/v1/windows/{window.pk}/").json()
    assert row["schedule_in_words"].startswith("Wednesday after the second Tuesday of each month")
    assert len(row["next_runs"]) == 3
    more = client.get(f"/api/v1/windows/{window.pk}/next-runs/?count=5").json()
    assert more["timezone"] == "Europe/Berlin"
    assert (more["runs"][:3], len(more["runs"])) == (row["next_runs"], 5)
    assert client.get(f"/api/v1/windows/{window.pk}/next-runs/?count=0").status_code == 400


def test_what_was_retired_is_listed_only_when_asked_for(call_api, cast, two_teams):
    window = MaintenanceWindow.objects.get(name="payments-dev-a")
    MaintenanceWindow.objects.filter(pk=window.pk).update(retired_at=clock.now())
    client = call_api(cast["rita"])
    assert len(rows(client, "windows")) == 5
    assert [row["id"] for row in rows(client, "windows", "live=false")] == [window.pk]
    assert client.get(f"/api/v1/windows/{window.pk}/").json()["next_runs"] == []


def test_what_was_approved_names_its_request(call_api, cast, two_teams):
    row = rows(call_api(cast["rita"]), "patch-groups")[0]
    request = call_api(cast["rita"]).get(f"/api/v1/change-requests/{row['change_request']}/").json()
    assert request["state"] == "approved"


def test_a_shared_baseline_is_everybodys_to_see(call_api, cast, two_teams):
    PatchBaseline.objects.filter(name="payments-dev-win").update(application=None)
    for name in ("rita", "noor"):
        assert len(rows(call_api(cast[name]), "baselines", "application=none")) == 1


def test_an_account_tells_its_health_and_not_its_secret(call_api, cast, two_teams):
    client = call_api(cast["rita"])
    row = rows(client, "accounts")[0]
    assert (row["health"], row["push_waits"]) == ("waiting", True)
    secret = AccountRegion.objects.get().account.external_id
    assert secret not in client.get(f"/api/v1/accounts/{row['id']}/").content.decode()
    AccountRegion.objects.update(last_error_code="AccessDenied", last_error="The role says no.", failures=2)
    assert rows(client, "accounts")[0]["health"] == "failing"
    AccountRegion.objects.update(is_active=False)
    assert rows(client, "accounts")[0]["health"] == "off"


def test_operators_push_and_pull_by_hand(call_api, cast, two_teams):
    place = factories.account_region()
    wanted = AccountRegion.objects.get(pk=place.pk).push_wanted
    opal = call_api(cast["opal"])
    answer = opal.post(f"/api/v1/accounts/{place.pk}/push/")
    assert (answer.status_code, answer.json()["push_waits"]) == (202, True)
    assert AccountRegion.objects.get(pk=place.pk).push_wanted == wanted + 1
    assert opal.post(f"/api/v1/accounts/{place.pk}/pull/").status_code == 202
    assert AccountRegion.objects.get(pk=place.pk).next_pull_at <= clock.real_now()
    told = AuditEntry.objects.order_by("-seq").values_list("action", flat=True)[:2]
    assert list(told) == ["patching.accountregion.pull_asked", "patching.accountregion.push_asked"]


@pytest.mark.parametrize("verb", ["push", "pull"])
def test_nobody_else_does_and_nobody_where_it_is_switched_off(call_api, cast, two_teams, verb):
    place = factories.account_region()
    url = f"/api/v1/accounts/{place.pk}/{verb}/"
    for name in ("rita", "omar", "ines", "clara", "axel", "noor"):
        assert call_api(cast[name]).post(url).status_code == 403, name
    assert call_api(cast["adam"]).post(url).status_code == 404
    assert call_api(cast["opal"], "read", "request", "decide").post(url).status_code == 403
    AccountRegion.objects.update(is_active=False)
    assert call_api(cast["opal"]).post(url).status_code == 409


def test_of_a_push_a_team_reads_what_its_requests_brought_about(call_api, cast, two_teams):
    window = MaintenanceWindow.objects.get(name="payments-dev-a")
    made = fleet.run(
        plan=[step("window", str(window.uid), "payments-dev-a"), step("window", "x", "lake-dev")]
    )
    for key, label, source in (
        (
            str(window.uid),
            "payments-dev-a",
            {"kind": "revision", "id": str(window.revision_id), "digest": ""},
        ),
        ("x", "lake-dev", {"kind": "revision", "id": "0", "digest": ""}),
    ):
        wrote(made, key, label, source)
    seen = {}
    for name in ("axel", "rita", "noor"):
        detail = call_api(cast[name]).get(f"/api/v1/push-runs/{made.pk}/").json()
        seen[name] = (
            [one["label"] for one in detail["plan"]],
            [one["label"] for one in detail["operations"]],
        )
    assert seen == {
        "axel": (["payments-dev-a", "lake-dev"], ["payments-dev-a", "lake-dev"]),
        "rita": (["payments-dev-a"], ["payments-dev-a"]),
        "noor": ([], []),
    }


def step(kind, key, label):
    change = {"field": "Duration", "live": None, "desired": 4}
    return {"action": "create", "kind": kind, "key": key, "label": label, "changes": [change]}


def wrote(run, key, label, source):
    state = ResourceState.objects.create(
        account_region=run.account_region,
        kind="window",
        key=key,
        label=label,
        uid=key,
        sources=[source],
        changed_at=clock.now(),
    )
    Operation.objects.create(
        resource=state,
        run=run,
        action="create",
        call="ssm:CreateMaintenanceWindow",
        request={"Name": label},
        incarnation=1,
        intent_at=clock.real_now(),
        at=clock.now(),
        state="done",
    )
