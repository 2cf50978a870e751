"""The story of a patch exclusion through the REST API alone; AWS is read with plain boto3."""

from datetime import UTC, datetime, timedelta

import pytest

from exemptions import ending
from patching import clones
from patching.models import ManagedInstance, PushRun
from portal.governance import clock
from tests.exemptions import asks as exempt
from tests.simulated_aws import RETAIL
from tests.stories.test_patch_exclusion import (
    AFTER_NEXT_PROD,
    AFTER_PROD,
    REMOVAL_TOOL,
    UPDATE,
    baselines_in_aws,
    groups_in_aws,
    installed_on,
    judge_of,
    tag_of,
)
from tests.stories.test_rest import listed, ok, word

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

API = "/api/v1"
EXEMPTIONS = f"{API}/exemptions/"
# June's updates came out on the 9th and dev has them; prod is patched on the 20th of June and the 25th of July
ASKED_AT = datetime(2026, 6, 11, 6, tzinfo=UTC)
ASKED_UNTIL = ASKED_AT + timedelta(days=20)
END = datetime(2026, 6, 25, 12, tzinfo=UTC)
# the renewal lasts at most half as long as the fourteen days before it
RENEWED_UNTIL = END + timedelta(days=6)
CONDITION = "The print spooler stays disabled on it."
WHY_LESS = "One node is enough to see the vendor's fix, and it comes within two weeks."
STATEMENT = "vendor-statement.pdf"


@pytest.fixture
def by_api(at_work, call_api):
    """Each of the cast by a token with the scopes of their work, on the morning when rita asks."""
    at_work.go_to(ASKED_AT)
    scopes = {"rita": "request", "omar": "request", "dora": "decide", "ivan": "decide", "clara": "request"}
    people = at_work.people
    writers = {name: call_api(people[name], "read", scope) for name, scope in scopes.items()}
    return {**writers, "axel": call_api(people["axel"], "read"), "noor": call_api(people["noor"])}


def test_one_patch_is_left_off_one_node_by_api_alone(at_work, by_api):
    company, rita, axel = at_work, by_api["rita"], by_api["axel"]
    node, other = two_instances(rita)

    mine = rita_asks_with_a_document(rita, node, other)
    dora_offers_one_node_until_the_25th(by_api, mine, node, other)
    rita_accepts_and_ivan_agrees(by_api, mine)
    side, clone = a_push_leaves_it_off_exactly_one_node(company, rita, mine, node, other)

    company.go_to(AFTER_PROD)
    everything_else_is_installed(company, node, other)
    the_three_figures_tell_it_apart(axel, node, other)

    nobody_works_when_it_ends(company, rita, mine, node)
    the_portal_comes_back_and_agrees(company, rita, mine, node, side, clone)
    company.go_to(AFTER_NEXT_PROD)
    assert UPDATE in installed_on(company, row_of(node))
    noor_sees_nothing(by_api["noor"], mine)


def test_a_renewal_goes_on_where_the_first_one_ends_and_the_way_back_moves_with_it(at_work, by_api):
    company, rita = at_work, by_api["rita"]
    node, other = two_instances(rita)
    mine = in_force(by_api, wish([node], ends_at=END))
    side = clones.side_group(node["patch_group"], [UPDATE])
    company.push()

    for body, field in (
        ({"ends_at": END + timedelta(days=8)}, "ends_at"),
        ({"ends_at": END}, "ends_at"),
        ({"ends_at": RENEWED_UNTIL, "instances": [other["id"]]}, "instances"),
        ({"ends_at": RENEWED_UNTIL, "patches": [REMOVAL_TOOL]}, "patches"),
    ):
        assert refused(rita, mine, "renew", {"reason": exempt.REASON, **body}) == (400, {field})
    first = ok(rita.get(mine))
    draft = ok(post(rita, mine, "renew", {"reason": exempt.REASON, "ends_at": RENEWED_UNTIL}), 201)
    assert (draft["renews"], draft["renewal"], draft["overlaps"]) == (first["id"], 1, [])
    assert [one["name"] for one in draft["documents"]] == [STATEMENT]
    assert refused(rita, mine, "renew", {"reason": exempt.REASON, "ends_at": RENEWED_UNTIL})[0] == 409
    renewal = decided(by_api, address(draft))
    assert ok(rita.get(mine))["renewed_by"] == draft["id"]
    assert company.push().state == PushRun.State.SUCCEEDED
    assert ends_in_aws(company) == [RENEWED_UNTIL]

    pass_without_a_worker(company, END)
    assert tag_of(company, row_of(node)) == side
    assert (state_of(rita, mine), state_of(rita, renewal)) == ("expired", "expiring")
    assert ending.settle() == 0
    company.push()
    assert ending.settle() == 1
    (proof,) = ok(rita.get(mine))["restored_proof"]
    assert proof["because"] == "Another exemption holds it."

    pass_without_a_worker(company, RENEWED_UNTIL)
    assert tag_of(company, row_of(node)) == node["patch_group"]
    assert ending.settle() == 0
    company.push()
    assert ending.settle() == 1
    assert state_of(rita, renewal) == "restored"
    assert side not in groups_in_aws(company)


def test_what_overlaps_is_told_what_repeats_is_refused_and_what_is_revoked_leaves_the_rest(at_work, by_api):
    company, rita, omar = at_work, by_api["rita"], by_api["omar"]
    node, _ = two_instances(rita)
    mine = in_force(by_api, wish([node], ends_at=END))
    deferral = {**wish([node], ends_at=END - timedelta(days=1)), "kind": "node_deferral"}
    del deferral["patches"]
    wider = drafted(omar, deferral)

    (overlap,) = ok(omar.get(wider))["overlaps"]
    assert (overlap["exemption"], overlap["instances"]) == (ok(rita.get(mine))["number"], [node["id"]])
    assert (overlap["changes_nothing"], UPDATE in overlap["text"]) == (False, True)
    again = drafted(omar, wish([node], ends_at=END - timedelta(days=1)))
    assert [one["changes_nothing"] for one in ok(omar.get(again))["overlaps"]] == [True, True]
    assert refused(omar, again, "submit") == (400, {"instances"})

    decided(by_api, wider, submit_as="omar")
    company.push()
    assert tags_of(company, node) == (clones.side_group(node["patch_group"], [UPDATE]), "pw-deferred")
    revoked = ok(post(by_api["clara"], mine, "revoke", {"reason": "The vendor's fix is out."}))
    assert revoked["state"] == "revoked"
    assert company.push().state == PushRun.State.SUCCEEDED
    assert tags_of(company, node) == (node["patch_group"], "pw-deferred")
    assert ending.settle() == 1
    assert state_of(rita, mine) == "restored"
    assert [one["state"] for one in ok(omar.get(wider))["enforcement"]] == ["enforced"]
    assert refused(rita, mine, "renew", {"reason": exempt.REASON, "ends_at": RENEWED_UNTIL})[0] == 409


# The steps


def rita_asks_with_a_document(rita, node, other):
    mine = f"{EXEMPTIONS}{ok(rita.post(EXEMPTIONS, wish([node, other]), format='json'), 201)['id']}/"
    assert refused(rita, mine, "submit") == (400, {"documents"})
    attached = rita.post(f"{mine}documents/", {"document": exempt.document(STATEMENT)}, format="multipart")
    assert ok(attached, 201)["name"] == STATEMENT
    asked = ok(post(rita, mine, "submit"))
    assert (asked["state"], asked["needs"]) == ("submitted", ["ciso", "security_operations"])
    assert asked["risk"]["level"] == "high"
    return mine


def dora_offers_one_node_until_the_25th(by_api, mine, node, other):
    dora, rita = by_api["dora"], by_api["rita"]
    read = ok(dora.get(mine))
    assert read["your_slot"] == "ciso"
    less = {"ends_at": END, "instances": [node["id"]], "condition": CONDITION}
    more = {"ends_at": ASKED_UNTIL + timedelta(days=1)}
    assert refused(dora, mine, "counter-offer", {**word(read, WHY_LESS), **more}) == (400, {"ends_at"})
    assert refused(rita, mine, "counter-offer", {**word(read, WHY_LESS), **less})[0] == 403
    ok(post(dora, mine, "counter-offer", {**word(read, WHY_LESS), **less}))

    told = ok(rita.get(mine))
    offer = told["offer"]
    assert told["state"] == "changes_requested"
    assert (offer["offered_by"]["username"], offer["on_behalf_of"]["username"]) == ("dora", "clara")
    assert (offer["condition"], offer["reason"]) == (CONDITION, WHY_LESS)
    assert offer["content"]["instances"] == [node["instance_id"]]
    assert refused(dora, mine, "accept")[0] == 403
    assert told["instances"] == sorted([node["id"], other["id"]])


def rita_accepts_and_ivan_agrees(by_api, mine):
    rita, ivan = by_api["rita"], by_api["ivan"]
    offered = ok(rita.get(mine))["offer"]["digest"]
    accepted = ok(post(rita, mine, "accept"))
    assert (accepted["digest"], accepted["conditions"]) == (offered, [CONDITION])
    assert (accepted["state"], accepted["open_slots"]) == ("submitted", ["security_operations"])
    agreed = ok(post(ivan, mine, "approve", word(accepted)))
    assert (agreed["state"], datetime.fromisoformat(agreed["ends_at"])) == ("active", END)
    said = [(one["slot"], one["outcome"], one["decided_by"]["username"]) for one in agreed["decisions"]]
    assert said == [
        ("ciso", "request_changes", "dora"),
        ("ciso", "approve", "dora"),
        ("security_operations", "approve", "ivan"),
    ]


def a_push_leaves_it_off_exactly_one_node(company, rita, mine, node, other):
    assert enforcement(rita, mine) == [(node["instance_id"], "not_enforced")]
    assert company.push().state == PushRun.State.SUCCEEDED
    assert enforcement(rita, mine) == [(node["instance_id"], "enforced")]
    group = node["patch_group"]
    side = clones.side_group(group, [UPDATE])
    assert [tag_of(company, row_of(one)) for one in (node, other)] == [side, group]
    judge, parent = (judge_of(company, name, row_of(node)) for name in (side, group))
    assert (judge["RejectedPatches"], judge["RejectedPatchesAction"]) == ([UPDATE], "BLOCK")
    assert judge["ApprovalRules"] == parent["ApprovalRules"]
    assert UPDATE not in parent.get("RejectedPatches", [])
    assert ends_in_aws(company) == [END]
    assert company.push().writes == 0
    return side, judge["BaselineId"]


def everything_else_is_installed(company, node, other):
    installed, everything = (installed_on(company, row_of(one)) for one in (node, other))
    assert everything - installed == {UPDATE}


def the_three_figures_tell_it_apart(axel, node, other):
    told, beside = (ok(axel.get(f"{API}/instances/{one['id']}/")) for one in (node, other))
    words = ("ssm_status", "status", "net_status", "excused")
    assert [told[one] for one in words] == ["compliant", "non_compliant", "compliant", True]
    assert [beside[one] for one in words] == ["compliant", "compliant", "compliant", False]
    payments = next(
        one for one in ok(axel.get(f"{API}/compliance/"))["by_application"] if one["key"] == "payments"
    )
    assert (payments["hidden"], payments["excused"]) == (1, 1)
    assert payments["ssm_compliant"] == payments["compliant"] + 1 == payments["net_compliant"]
    for status in ("hidden", "excused"):
        found = ok(axel.get(f"{payments['instances']}&status={status}&page_size=200"))["results"]
        assert [one["instance_id"] for one in found] == [node["instance_id"]]
    (missing,) = listed(axel, "compliance/findings", f"instance={node['id']}")
    assert (missing["patch_id"], missing["hidden"]) == (UPDATE, True)
    assert missing["exclusion"].startswith("EX-")


def nobody_works_when_it_ends(company, rita, mine, node):
    pass_without_a_worker(company, END)
    assert tag_of(company, row_of(node)) == node["patch_group"]
    assert ends_in_aws(company) == []
    assert state_of(rita, mine) == "expired"
    assert enforcement(rita, mine) == [(node["instance_id"], "not_restored")]


def the_portal_comes_back_and_agrees(company, rita, mine, node, side, clone):
    assert ending.settle() == 0
    run = company.push()
    assert run.state == PushRun.State.SUCCEEDED
    assert ending.settle() == 1
    told = ok(rita.get(mine))
    (proof,) = told["restored_proof"]
    assert (proof["instance"], proof["tag"], proof["push"]) == (
        node["instance_id"],
        node["patch_group"],
        run.pk,
    )
    assert datetime.fromisoformat(proof["read_back_at"]) > END
    assert (told["state"], told["enforcement"][0]["state"]) == ("restored", "restored")
    assert side not in groups_in_aws(company)
    assert clone not in baselines_in_aws(company)
    assert company.push().writes == 0


def noor_sees_nothing(noor, mine):
    assert noor.get(mine).status_code == 404
    assert noor.post(f"{mine}accept/").status_code == 404
    assert listed(noor, "exemptions") == []


# What the steps are made of


def two_instances(client):
    """Two production servers of payments in one zone, so in one patch group."""
    query = "application=payments&environment=prod&running=true&page_size=200"
    rows = [one for one in listed(client, "instances", query) if not one["auto_scaling_group"]]
    rows = sorted((one for one in rows if one["ping_status"] == "Online"), key=lambda one: one["id"])
    return [one for one in rows if one["patch_group"] == rows[0]["patch_group"]][:2]


def wish(instances, ends_at=ASKED_UNTIL):
    """An ask that can be renewed: its evidence is in force until the autumn."""
    control = {
        "kind": "access",
        "what": exempt.CONTROLS,
        "evidence": STATEMENT,
        "valid_until": "2026-10-01",
    }
    return {
        "kind": "patch_exclusion",
        "application": "payments",
        "title": "Leave June's update off the payment switch",
        "reason": exempt.REASON,
        "tried": "The vendor's hotfix 4.2, on a clone; messages were lost all the same.",
        "fix_plan": "Version 5 of the switch is certified in two weeks and then rolled out.",
        "exposure": "internal",
        "data_class": "confidential",
        "compensating_controls": [control],
        "instances": [one["id"] for one in instances],
        "patches": [UPDATE],
        "ends_at": ends_at,
    }


def drafted(client, body):
    """The address of a draft with its document."""
    mine = address(ok(client.post(EXEMPTIONS, body, format="json"), 201))
    ok(
        client.post(f"{mine}documents/", {"document": exempt.document(STATEMENT)}, format="multipart"),
        201,
    )
    return mine


def in_force(by_api, body):
    return decided(by_api, drafted(by_api["rita"], body))


def decided(by_api, mine, submit_as="rita"):
    """Submitted, and approved by dora for clara and by ivan."""
    read = ok(post(by_api[submit_as], mine, "submit"))
    assert read["needs"] == ["ciso", "security_operations"]
    for name in ("dora", "ivan"):
        read = ok(post(by_api[name], mine, "approve", word(read)))
    assert read["open_slots"] == []
    return mine


def post(client, mine, verb, body=None):
    return client.post(f"{mine}{verb}/", body, format="json")


def refused(client, mine, verb, body=None):
    """The status of a refusal and the fields that it names."""
    answer = post(client, mine, verb, body)
    return answer.status_code, {one["field"].split("[")[0] for one in answer.json()["errors"]}


def address(row):
    return f"{EXEMPTIONS}{row['id']}/"


def state_of(client, mine):
    return ok(client.get(mine))["state"]


def enforcement(client, mine):
    return [(one["instance_id"], one["state"]) for one in ok(client.get(mine))["enforcement"]]


def row_of(node):
    return ManagedInstance.objects.get(pk=node["id"])


def tags_of(company, node):
    """Group tag and window tag, read with plain boto3."""
    row = row_of(node)
    found = company.aws.client("ec2", RETAIL).describe_tags(
        Filters=[{"Name": "resource-id", "Values": [row.instance_id]}]
    )["Tags"]
    tags = {one["Key"]: one["Value"] for one in found}
    account = row.account_region.account
    return tags[account.patch_group_tag], tags[account.window_tag]


def ends_in_aws(company):
    """When the schedules that lie in AWS fire."""
    client = company.aws.client("scheduler")
    found = [
        client.get_schedule(Name=one["Name"], GroupName=one["GroupName"])["ScheduleExpression"]
        for one in client.list_schedules()["Schedules"]
    ]
    return sorted(datetime.strptime(one, "at(%Y-%m-%dT%H:%M:%S)").replace(tzinfo=UTC) for one in found)


def pass_without_a_worker(company, moment):
    """Only AWS's clock and the portal's: no push, no pull, nothing settled."""
    later = moment + timedelta(minutes=5)
    company.aws.advance(to=later)
    clock.set_to(later)
