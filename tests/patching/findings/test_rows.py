"""What is found on windows as rows and items have them."""

from patching import findings
from patching.around import Around
from patching.findings import NOTE
from patching.items import with_defaults
from patching.models import MaintenanceWindow, ManagedInstance
from tests import asks


def test_instances_that_no_group_judges_are_named(cast):
    fleet = asks.fleet()
    found = findings.of(Around([with_defaults(asks.window_item(fleet[:2]))]))
    assert any(one.claim == "2 of 2 instances of payments-dev are in no patch group" for one in found)


def test_a_group_in_the_same_request_judges_them(cast):
    items = [with_defaults(one) for one in asks.ha_items(asks.fleet())]
    assert [one.claim for one in findings.of(Around(items))] == []


def test_silent_agents_are_a_note(cast):
    fleet = asks.fleet()
    ManagedInstance.objects.filter(pk=fleet[0].pk).update(ping_status="ConnectionLost")
    items = [with_defaults(one) for one in asks.ha_items(fleet)]
    assert [(one.level, one.claim) for one in findings.of(Around(items))] == [
        (NOTE, "1 of 1 instance of payments-dev-a cannot be reached now")
    ]


def test_a_window_that_is_there_is_judged_among_its_company(cast):
    request = asks.submitted(cast["rita"], asks.ha_items(asks.fleet()))
    asks.approve(request, cast["omar"], cast["ines"], cast["clara"])
    window = MaintenanceWindow.objects.get(name="payments-prod-a")
    assert findings.of_window(window) == []
