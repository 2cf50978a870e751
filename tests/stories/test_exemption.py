"""The story of an exemption: one node is left alone for a while, provably, and comes back by itself."""

from datetime import UTC, datetime, timedelta

import pytest

from exemptions import ending, workflow
from exemptions.models import Exemption
from patching.models import ManagedInstance, PushRun, Scan
from patching.specs import DEFERRED
from portal.governance import audit, clock
from portal.governance.models import OutboxMessage
from tests import asks
from tests.exemptions import asks as exempt
from tests.simulated_aws import REGION, RETAIL

pytestmark = pytest.mark.django_db(transaction=True)

# June 2026: prod is patched in the evening of the 20th, Berlin time, and scanned at 3 h UTC each day;
# the exemption holds until the 25th, the next prod evening is the 25th of July
AFTER_PROD = datetime(2026, 6, 21, 2, tzinfo=UTC)
AFTER_SCAN = datetime(2026, 6, 21, 6, tzinfo=UTC)
END = datetime(2026, 6, 25, 12, tzinfo=UTC)
AFTER_NEXT_PROD = datetime(2026, 7, 26, 2, tzinfo=UTC)


def test_a_node_is_left_alone_while_others_are_patched_and_comes_back_by_itself(company_at_work):
    company, people = company_at_work, company_at_work.people
    request = asks.submitted(people["rita"], company.wish())
    asks.approve(request, people["omar"], people["ivan"], people["clara"])
    company.push()
    node, other = two_nodes_of_one_window()
    window = tag_of(company, node)
    assert window == tag_of(company, other) != DEFERRED

    exemption = rita_asks_and_clara_decides(people, node)
    run = company.push()
    assert run.state == PushRun.State.SUCCEEDED
    the_way_back_was_laid_down_first(company, node, window)
    assert states_of(exemption) == ["enforced"]
    assert company.push().writes == 0

    company.go_to(AFTER_PROD)
    assert (was_patched(node), was_patched(other)) == (False, True)
    company.go_to(AFTER_SCAN)
    the_daily_scan_still_judges_it(node)
    assert tag_of(company, node) == DEFERRED

    aws_restores_it_with_no_worker_running(company, exemption, node, window)
    the_portal_proves_it(company, exemption, node, window, people)

    company.go_to(AFTER_NEXT_PROD)
    assert was_patched(node)
    assert audit.verify().holds


@pytest.mark.slow
def test_revoked_it_goes_back_at_the_next_push_and_its_way_back_leaves_aws(company_at_work):
    company, people = company_at_work, company_at_work.people
    request = asks.submitted(people["rita"], company.wish())
    asks.approve(request, people["omar"], people["ivan"], people["clara"])
    company.push()
    node, _ = two_nodes_of_one_window()
    window = tag_of(company, node)
    exemption = rita_asks_and_clara_decides(people, node)
    company.push()
    assert len(schedules(company)) == 1

    exemption = workflow.revoke(exemption, by=people["clara"], reason="The vendor's fix is out.")
    assert ending.settle() == 0
    run = company.push()

    assert run.state == PushRun.State.SUCCEEDED
    assert tag_of(company, node) == window
    assert schedules(company) == []
    assert ending.settle() == 1
    exemption.refresh_from_db()
    assert exemption.state == Exemption.State.RESTORED
    assert company.push().writes == 0


def two_nodes_of_one_window():
    """Two production servers of payments in the same zone, so in the same window."""
    mine = ManagedInstance.objects.present().filter(
        application__slug="payments", environment__slug="prod", ping_status="Online", auto_scaling_group=""
    )
    zone = mine.first().availability_zone
    return mine.filter(availability_zone=zone).order_by("pk")[:2]


def rita_asks_and_clara_decides(people, node):
    exemption = workflow.draft(
        by=people["rita"], application=node.application, **exempt.wish([node], ends_at=END)
    )
    workflow.attach(exemption, exempt.document(), by=people["rita"])
    exemption = workflow.submit(exemption, by=people["rita"])
    if "security_operations" in exemption.needs:
        exemption = workflow.approve(exemption, by=people["ines"], **exempt.reading(exemption))
    exemption = workflow.approve(exemption, by=people["clara"], **exempt.reading(exemption))
    assert exemption.state == Exemption.State.APPROVED
    return exemption


def the_way_back_was_laid_down_first(company, node, window):
    """By the order of AWS's own log, and by what the schedule says."""
    calls = company.aws.log("CreateSchedule", "CreateTags")
    schedule = [at for at, call in enumerate(calls) if call["operation"] == "CreateSchedule"]
    deferral = [
        at for at, call in enumerate(calls) if DEFERRED in str(call["request"]) and at not in schedule
    ]
    assert len(schedule) == len(deferral) == 1
    assert schedule < deferral
    (found,) = schedules(company)
    assert found["ScheduleExpression"] == f"at({END:%Y-%m-%dT%H:%M:%S})"
    assert node.instance_id in found["Target"]["Input"]
    assert window in found["Target"]["Input"]
    assert found["Target"]["RoleArn"] == f"arn:aws:iam::{RETAIL}:role/PatchwardenRestore"
    assert tag_of(company, node) == DEFERRED


def the_daily_scan_still_judges_it(node):
    scan = Scan.objects.newest().get(instance=node)
    assert (scan.operation, scan.is_compliant) == ("Scan", False)
    assert scan.ended_at > AFTER_PROD


def aws_restores_it_with_no_worker_running(company, exemption, node, window):
    """Only AWS's clock and the portal's: no push, no pull, nothing settled."""
    company.aws.advance(to=END + timedelta(minutes=5))
    clock.set_to(END + timedelta(minutes=5))
    assert tag_of(company, node) == window
    assert schedules(company) == []
    exemption.refresh_from_db()
    assert (exemption.state, workflow.effective_state(exemption)) == ("approved", "expired")
    assert states_of(exemption) == ["not_restored"]


def the_portal_proves_it(company, exemption, node, window, people):
    assert ending.settle() == 0
    run = company.push()
    assert run.state == PushRun.State.SUCCEEDED
    assert tag_of(company, node) == window
    assert ending.settle() == 1
    exemption.refresh_from_db()
    assert exemption.state == Exemption.State.RESTORED
    (proof,) = exemption.restored_proof
    assert (proof["instance"], proof["tag"], proof["push"]) == (node.instance_id, window, run.pk)
    told = OutboxMessage.objects.filter(recipient=people["rita"], event__startswith="exemption.")
    assert set(told.values_list("event", flat=True)) == {"exemption.approved", "exemption.restored"}
    assert company.push().writes == 0


def states_of(exemption):
    return [one["state"] for one in ending.enforcement_of(exemption)]


def tag_of(company, node):
    """The live window tag, read with plain boto3."""
    filters = [
        {"Name": "resource-id", "Values": [node.instance_id]},
        {"Name": "key", "Values": ["MaintenanceWindow"]},
    ]
    (tag,) = company.aws.client("ec2", RETAIL, REGION).describe_tags(Filters=filters)["Tags"]
    return tag["Value"]


def schedules(company):
    client = company.aws.client("scheduler")
    return [
        client.get_schedule(Name=one["Name"], GroupName=one["GroupName"])
        for one in client.list_schedules()["Schedules"]
    ]


def was_patched(node):
    """In the night that has just passed, by the scan that follows each installation."""
    last = Scan.objects.newest().get(instance=node)
    return last.is_compliant and clock.now() - last.ended_at < timedelta(days=1)
