from patching import task_times
from patching.items import with_defaults
from patching.sizing import Paces
from patching.task_times import in_hours
from tests import asks

TASKS = [
    {"name": "Install", "kind": "install", "max_concurrency": "25%"},
    {"name": "Check", "kind": "post", "document": "payments-check"},
]


def begins(instances, **hours):
    tasks = with_defaults(asks.window_item([], tasks=TASKS))["spec"]["tasks"]
    return task_times.begins(tasks, ["WINDOWS"] * instances, paces=Paces(), **hours)


def test_a_task_after_patching_begins_when_the_last_instance_is_patched():
    """Four rounds of a quarter, 30 minutes each."""
    install, check = begins(40, duration=4, cutoff=1)
    assert (install.after, install.left) == (0, 180)
    assert (check.after, check.left) == (120, 60)
    assert check.in_words == "begins 2 h after the opening, 1 h before the cutoff"


def test_a_task_whose_turn_comes_after_the_cutoff_never_starts():
    _, check = begins(40, duration=2, cutoff=1)
    assert check.left <= 0
    assert "never starts" in check.in_words


def test_minutes_read_as_hours():
    assert [in_hours(minutes) for minutes in (0, 45, 60, 100)] == ["0 min", "45 min", "1 h", "1 h 40 min"]
