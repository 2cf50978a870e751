"""A set of windows in good order, proposed where they are in each other's way."""

from dataclasses import replace

from patching import findings
from patching.findings.edits import asked_with
from tests.patching.findings.test_together import spread
from tests.planned import NOW, TEST, window

PLACE = ("211125483017", "eu-central-1")


def proposed(*windows):
    return next((one for one in findings.check(windows, NOW) if one.code == "staggered"), None)


def after(finding, *windows):
    """The windows as they would be with the fix, all of them asked for."""
    live = {("window", one.name, one.place): (number, one.spec) for number, one in enumerate(windows, 1)}
    items = asked_with(finding.edits, [], live)
    changed = {item["target"]: item["spec"] for item in items if item["action"] == "change"}
    kept = [replace(one, spec=changed.get(number, one.spec)) for number, one in enumerate(windows, 1)]
    new = [replace(windows[-1], spec=item["spec"]) for item in items if item["action"] == "create"]
    return [*kept, *new]


def test_one_window_over_two_zones_becomes_two_that_follow_each_other():
    both = spread(window("payments-prod", az="", instances=6))
    one = proposed(TEST, both)
    assert [(edit.action, edit.name) for edit in one.edits] == [
        ("change", "payments-prod"),
        ("create", "payments-prod-b"),
    ]
    settled = [spread(each) if each.spec["az"] else each for each in after(one, TEST, both)]
    assert findings.check(settled, NOW) == []


def test_environments_and_zones_that_are_all_open_together_are_put_in_order_at_once():
    at = {"schedule": "cron(0 20 ? * TUE#2 *)", "offset": 1}
    windows = [
        window("payments-test-a", "test", **at),
        window("payments-prod-a", **at),
        window("payments-prod-b", **at),
    ]
    one = proposed(*windows)
    assert one.claim == "3 windows in good order would settle this for payments"
    assert findings.check(after(one, *windows), NOW) == []


def test_nothing_is_proposed_where_all_is_in_order():
    assert proposed(TEST, window(), window("payments-prod-b", schedule="cron(0 0 ? * WED#2 *)")) is None


def test_nothing_is_proposed_where_the_dialect_cannot_say_it():
    hourly = {"schedule": "rate(7 days)", "offset": 0}
    windows = [
        window("payments-test-a", "test", **hourly),
        window(**hourly),
        window("payments-prod-b", **hourly),
    ]
    assert proposed(*windows) is None
