"""What is found on windows as rows and items have them."""

from datetime import timedelta

import pytest

from patching import findings
from patching.around import Around
from patching.findings import NOTE, WARNING
from patching.items import with_defaults
from patching.models import Freeze, MaintenanceWindow, ManagedInstance, PatchBaseline
from portal.governance import clock
from tests import asks, factories

# the guide's own example: what waits for 7 or 14 days misses the one opening of its month
GUIDE = {
    "An important patch is late on payments-test-a and payments-test-b in 12 of 12 months",
    "An important patch is late on payments-prod-a and payments-prod-b in 12 of 12 months",
}


def freeze(name, begins, ends, application="", environment=""):
    """The spec of a freeze."""
    return {
        "name": name,
        "application": application,
        "environment": environment,
        "account": "",
        "region": "",
        "starts_at": f"{begins:%Y-%m-%dT%H:%M}",
        "ends_at": f"{ends:%Y-%m-%dT%H:%M}",
        "timezone": "UTC",
        "reason": "Everything changes.",
    }


def told(items):
    return {(one.level, one.claim) for one in findings.of(Around([with_defaults(one) for one in items]))}


@pytest.fixture
def approved(cast):
    """The guide's example for payments, in effect."""
    return asks.in_effect(
        cast["rita"], asks.ha_items(asks.fleet()), cast["omar"], cast["ines"], cast["clara"]
    )


def test_instances_that_no_group_judges_are_named(cast):
    fleet = asks.fleet()
    claim = "2 of 2 instances of payments-dev are in no patch group"
    assert (WARNING, claim) in told([asks.window_item(fleet[:2])])


def test_a_group_in_the_same_request_judges_them(cast):
    assert {claim for _, claim in told(asks.ha_items(asks.fleet()))} == GUIDE


def test_silent_agents_are_a_note(cast):
    fleet = asks.fleet()
    ManagedInstance.objects.filter(pk=fleet[0].pk).update(ping_status="ConnectionLost")
    assert told(asks.ha_items(fleet)) - {(WARNING, claim) for claim in GUIDE} == {
        (NOTE, "1 of 1 instance of payments-dev-a cannot be reached now")
    }


def test_a_window_that_is_there_is_judged_among_its_company(approved):
    window = MaintenanceWindow.objects.get(name="payments-prod-a")
    assert [one.claim for one in findings.of_window(window)] == [
        "An important patch is late on payments-prod-a in 12 of 12 months"
    ]


def test_a_baseline_tells_of_every_window_that_it_judges(approved, cast):
    late, fine = (PatchBaseline.objects.get(name=f"payments-{env}-win") for env in ("prod", "dev"))
    assert {one.claim for one in findings.of_baseline(late, by=cast["rita"])} < GUIDE
    assert findings.of_baseline(fine, by=cast["rita"]) == []
    assert findings.of_baseline(late, by=cast["noor"]) == []


def test_a_change_to_a_baseline_alone_is_reckoned_with_its_windows(approved):
    baseline = PatchBaseline.objects.get(name="payments-prod-win")
    (one,) = [found for found in findings.of_baseline(baseline, by=approved.requested_by) if found.edits]
    change = {"action": "change", "kind": "baseline", "target": baseline.pk, "spec": baseline.spec}
    items = findings.items_with(one.key, [one], [], Around([change]))
    assert findings.of(Around([change])) != []
    assert findings.of(Around(items)) == []


def test_a_freeze_counts_for_the_windows_that_it_shuts(approved):
    begins = clock.now() + timedelta(days=3)
    ends = begins + timedelta(days=200)
    spec = freeze("Half a year of change", begins, ends, environment="dev")
    given = {"spec": spec, "revision": approved.current, "created_at": begins, "changed_at": begins}
    Freeze.objects.create(
        name=spec["name"],
        starts_at=begins,
        ends_at=ends,
        environment=factories.environment("dev"),
        **given,
    )
    dev, test = (MaintenanceWindow.objects.get(name=f"payments-{env}-a") for env in ("dev", "test"))
    (one,) = [found for found in findings.of_window(dev) if found.code == "late"]
    assert "Half a year of change keeps it shut in between." in one.evidence
    assert all("Half a year" not in found.evidence for found in findings.of_window(test))


@pytest.mark.parametrize(
    ("days", "application", "names"),
    [
        (85, "payments", ["payments-dev-a and payments-dev-b"]),
        (2, "payments", []),  # short enough for the deadline
        (85, "", []),  # it binds several teams, and who reads this need not see their windows
    ],
)
def test_a_freeze_that_is_asked_for_is_held_against_deadlines(approved, days, application, names):
    begins = clock.now() + timedelta(days=3)
    spec = freeze("Rebuild", begins, begins + timedelta(days=days), application, "dev")
    found = findings.of(Around([{"action": "create", "kind": "freeze", "target": None, "spec": spec}]))
    assert [one.claim.partition(" is late on ")[2].partition(" in ")[0] for one in found] == names
    assert all("Rebuild keeps it shut in between." in one.evidence for one in found)


def test_the_sizes_of_windows_that_are_asked_for_are_reckoned(cast):
    around = Around([with_defaults(one) for one in asks.ha_items(asks.fleet(3))])
    sizes = findings.sizes_of(findings.planned_after(around))
    assert len(sizes) == 6
    assert {(one.guide.hours, one.table.hours, one.opening.left) for one in sizes} == {(4, 1, ())}
    assert {one.window.nodes[0].system for one in sizes} == {"WINDOWS"}
