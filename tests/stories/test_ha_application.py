"""The story of the product: a team asks, the right people decide, AWS does it, and compliance comes back."""

from datetime import UTC, datetime

import pytest

from patching import posture, workflow
from patching.models import (
    AccountRegion,
    ChangeRequest,
    ManagedInstance,
    PatchBaseline,
    PatchGroup,
    PushRun,
    Scan,
)
from portal.governance import audit, outbox
from portal.governance.models import OutboxMessage
from tests import asks

pytestmark = pytest.mark.django_db(transaction=True)

# June 2026: Patch Tuesday is the 9th; dev is patched on the 10th, test on the 13th, prod on the 20th, Berlin time
BEFORE = datetime(2026, 6, 10, 12, tzinfo=UTC)
AFTER_DEV = datetime(2026, 6, 11, 6, tzinfo=UTC)
AFTER_TEST = datetime(2026, 6, 14, 6, tzinfo=UTC)
AFTER_PROD = datetime(2026, 6, 21, 6, tzinfo=UTC)


def test_the_ha_windows_application_from_wish_to_compliance(company_at_work):
    company, people = company_at_work, company_at_work.people

    request = asks.submitted(people["rita"], company.wish())
    request = workflow.request_changes(
        request,
        by=people["ines"],
        reason="Start an hour later, the shops close at nine.",
        **asks.reading(request),
    )
    later = [
        {
            **item,
            "spec": {**item["spec"], "schedule": item["spec"]["schedule"].replace("cron(0 20", "cron(0 21")},
        }
        if item["kind"] == "window"
        else item
        for item in company.wish()
    ]
    request = workflow.revise(
        request, by=people["rita"], title=asks.TITLE, reason=asks.REASON, items=later, note="An hour later."
    )
    request = workflow.submit(request, by=people["rita"])
    request = asks.approve(request, people["omar"], people["ivan"], people["clara"])
    assert request.state == ChangeRequest.State.APPROVED

    run = company.push()
    assert (run.state, run.error) == (PushRun.State.SUCCEEDED, "")
    request.refresh_from_db()
    assert request.state == ChangeRequest.State.APPLIED
    aws_holds_what_was_asked(company, later)
    a_second_push_writes_nothing(company)

    company.go_to(BEFORE)
    before = compliant(company)
    company.go_to(AFTER_DEV)
    after_dev = compliant(company)
    company.go_to(AFTER_TEST)
    after_test = compliant(company)
    company.go_to(AFTER_PROD)
    after_prod = compliant(company)

    assert after_dev["dev"] > before["dev"]
    assert after_dev["prod"] <= before["prod"]
    assert after_test["test"] > after_dev["test"]
    assert after_test["prod"] <= before["prod"]
    assert after_prod["prod"] > after_test["prod"]
    the_baseline_that_judged_is_known()

    assert posture.fleet(people["axel"]).total == ManagedInstance.objects.present().count()
    noor_sees_nothing(people["noor"])
    rita_was_told(people["rita"])
    assert audit.verify().holds


def aws_holds_what_was_asked(company, items):
    """Read back with plain boto3, against what was asked."""
    ssm = company.ssm()
    windows = {one["Name"]: one for one in ssm.describe_maintenance_windows()["WindowIdentities"]}
    asked = {item["spec"]["name"]: item["spec"] for item in items if item["kind"] == "window"}
    assert set(windows) == {"patchwarden-daily-scan", *asked}
    assert len(asked) == 6
    for name, spec in asked.items():
        found = ssm.get_maintenance_window(WindowId=windows[name]["WindowId"])
        assert found["Enabled"] is True
        assert found["Schedule"] == spec["schedule"]
        assert (found["ScheduleTimezone"], found["ScheduleOffset"]) == (spec["timezone"], spec["offset"])
        assert (found["Duration"], found["Cutoff"]) == (spec["duration"], spec["cutoff"])
        targets = ssm.describe_maintenance_window_targets(WindowId=found["WindowId"])["Targets"]
        assert [one["Targets"] for one in targets] == [[{"Key": "tag:MaintenanceWindow", "Values": [name]}]]
        tasks = ssm.describe_maintenance_window_tasks(WindowId=found["WindowId"])["Tasks"]
        assert sorted(one["TaskArn"] for one in tasks) == ["AWS-RunPatchBaseline"] * 2

    mine = ssm.describe_patch_baselines(Filters=[{"Key": "OWNER", "Values": ["Self"]}])["BaselineIdentities"]
    assert sorted(one["BaselineName"] for one in mine) == [
        f"payments-{env}-win" for env in ("dev", "prod", "test")
    ]
    for env in ("dev", "test", "prod"):
        judge = ssm.get_patch_baseline_for_patch_group(
            PatchGroup=f"payments-{env}", OperatingSystem="WINDOWS"
        )
        assert judge["BaselineId"] in {
            one["BaselineId"] for one in mine if one["BaselineName"] == f"payments-{env}-win"
        }

    ec2 = company.aws.client("ec2")
    for spec in asked.values():
        found = ec2.describe_instances(Filters=[{"Name": "tag:MaintenanceWindow", "Values": [spec["name"]]}])
        ids = [one["InstanceId"] for reservation in found["Reservations"] for one in reservation["Instances"]]
        assert sorted(ids) == spec["instances"]


def a_second_push_writes_nothing(company):
    written = len(company.aws.log())
    run = company.push()
    assert (run.state, run.writes) == (PushRun.State.SUCCEEDED, 0)
    assert len(company.aws.log()) == written


def compliant(company):
    """Compliant instances of payments by environment, as the portal says."""
    latest = Scan.objects.newest().filter(instance__application__slug="payments", is_compliant=True)
    found = dict.fromkeys(("dev", "test", "prod"), 0)
    for scan in latest.select_related("instance__environment"):
        found[scan.instance.environment.slug] += 1
    return found


def the_baseline_that_judged_is_known():
    scans = Scan.objects.newest().filter(
        instance__application__slug="payments", patch_group__startswith="payments-"
    )
    assert scans
    for scan in scans.select_related("instance__environment", "baseline"):
        assert scan.baseline.name == f"payments-{scan.instance.environment.slug}-win"
        assert scan.judged_by_expected


def noor_sees_nothing(noor):
    assert not ChangeRequest.objects.visible_to(noor).exists()
    assert not PatchGroup.objects.visible_to(noor).exists()
    assert not PatchBaseline.objects.visible_to(noor).exists()
    assert not ManagedInstance.objects.visible_to(noor).filter(application__slug="payments").exists()
    assert not audit.visible_to(noor).filter(object_type="patching.changerequest").exists()


def rita_was_told(rita):
    outbox.deliver()
    events = set(
        OutboxMessage.objects.filter(recipient=rita, sent_at__isnull=False).values_list("event", flat=True)
    )
    assert {"request.sent_back", "request.approved", "request.applied"} <= events


def test_a_place_without_groups_needs_nothing(company_at_work):
    company_at_work.push()
    assert company_at_work.aws.log() == []
    assert AccountRegion.objects.get(pk=company_at_work.retail.pk).last_pushed_at is not None
