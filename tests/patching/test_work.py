"""A push for one new wish reads lists, and the details of nothing that stands as we left it."""

from patching import turns
from patching.models import MaintenanceWindow
from tests.pushing import approved, change, pushed, resource


def test_what_is_in_sync_is_believed_when_something_else_is_wanted(asked, retail, simulated_aws, rita):
    pushed(retail)
    approved(rita, [change(MaintenanceWindow.objects.get(), "window", duration=6, description="Longer")])
    simulated_aws.calls(reset=True)

    run = pushed(retail)

    assert (run.state, run.writes) == ("succeeded", 1)
    calls = simulated_aws.calls()
    assert calls.get("ssm:GetPatchBaseline", 0) == 0
    assert calls["ssm:ListTagsForResource"] == 2  # the changed window alone, before and after
    assert calls["ssm:DescribeMaintenanceWindowTargets"] == 2
    assert run.reads == sum(
        number for name, number in calls.items() if not name.startswith(("sts:", "ssm:Update"))
    )


def test_the_regular_comparison_believes_nothing(asked, retail, simulated_aws):
    pushed(retail)
    simulated_aws.calls(reset=True)

    pushed(retail)

    calls = simulated_aws.calls()
    assert calls["ssm:ListTagsForResource"] == 3  # two windows and a baseline
    assert calls["ssm:GetPatchBaseline"] == 1


def test_a_changed_window_is_read_anew_even_where_it_is_not_what_is_wanted(
    asked, retail, simulated_aws, rita
):
    pushed(retail)
    scan = resource("window", label="patchwarden-daily-scan").aws_id
    simulated_aws.client("ssm").update_maintenance_window(WindowId=scan, Duration=9)
    turns.want(retail)

    run = pushed(retail)

    assert (run.state, run.writes) == ("succeeded", 1)
    assert simulated_aws.client("ssm").get_maintenance_window(WindowId=scan)["Duration"] == 2


def test_the_next_comparison_keeps_its_time_whatever_is_pushed_meanwhile(asked, retail, simulated_aws, rita):
    pushed(retail)
    retail.refresh_from_db()
    due = retail.next_push_at
    approved(rita, [change(MaintenanceWindow.objects.get(), "window", description="Longer")])

    pushed(retail)

    retail.refresh_from_db()
    assert retail.next_push_at == due
