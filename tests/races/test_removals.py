"""A removal that is approved while a push is under way is carried out by the next."""

import pytest

from patching.models import MaintenanceWindow
from tests import asks, pushing
from tests.pushing import approved, pushed, removal

pytestmark = [pytest.mark.slow, pytest.mark.django_db]


def names(aws):
    return {row["Name"] for row in aws.client("ssm").describe_maintenance_windows()["WindowIdentities"]}


def remove(rita):
    return approved(rita, [removal(MaintenanceWindow.objects.live().get(), "window")])


def test_a_removal_approved_twice_with_a_new_wish_between_is_not_buried_by_the_push_under_way(
    asked, retail, simulated_aws, meanwhile, rita, settings
):
    settings.PUSH_MAX_DELETE_SHARE = 0.9
    pushed(retail)
    remove(rita)
    approved(rita, [asks.window_item(pushing.servers())])
    meanwhile("plan-written", 1, lambda: remove(rita))
    pushed(retail)
    meanwhile("plan-written", 0, lambda: None)
    for _ in range(3):
        pushed(retail)
    assert names(simulated_aws) == {"patchwarden-daily-scan"}
    assert pushing.is_all_in_sync()
