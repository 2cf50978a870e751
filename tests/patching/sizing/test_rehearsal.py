"""One opening of a window, instance by instance."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patching.items import with_defaults
from patching.sizing import Node, Pace, Paces, answers, at_once, hours_needed, rehearse

PACES = Paces({"pre": 10, "install": 30, "scan": 5, "post": 10, "hook": 5})


def nodes(number, zone="eu-central-1a"):
    return [Node(f"i-{one:04}", "WINDOWS", zone) for one in range(number)]


def tasks(*given):
    item = {"action": "create", "kind": "window", "spec": {"instances": [], "tasks": list(given)}}
    return with_defaults(item)["spec"]["tasks"]


def install(**fields):
    return {"name": "Install", "kind": "install", "max_concurrency": "10%", **fields}


def opened(number, *given, duration=4, cutoff=1, paces=PACES):
    return rehearse(nodes(number), tasks(*given), duration=duration, cutoff=cutoff, paces=paces)


def test_the_last_forty_of_three_hundred_never_start():
    found = opened(300, install(max_concurrency="52"), duration=3.5)  # 5 rounds of 52 begin within 2.5 h
    assert [turn.started for turn in found.turns] == [260]
    assert [node.instance_id for node in found.left] == [f"i-{one:04}" for one in range(260, 300)]


def test_all_start_where_the_cutoff_leaves_the_time():
    found = opened(300, install(max_concurrency="50"), duration=4)
    assert (found.left, found.cut) == ((), ())
    assert found.turns[0].ends == 180


def test_an_instance_whose_turn_comes_at_the_cutoff_does_not_start():
    assert len(opened(7, install(max_concurrency="1")).left) == 1
    assert len(opened(6, install(max_concurrency="1")).left) == 0


def test_tasks_run_by_priority_and_the_next_waits_for_the_slowest():
    found = opened(
        10, {"name": "After", "kind": "post", "type": "AUTOMATION", "document": "Check"}, install()
    )
    assert [(turn.name, turn.begins) for turn in found.turns] == [("Install", 0), ("After", 180)]
    assert found.turns[1].started == 0
    assert found.spare(found.turns[1]) == 0


def test_tasks_of_one_priority_run_together():
    found = opened(4, install(max_concurrency="100%"), {"name": "Scan", "kind": "scan", "priority": 10})
    assert [turn.begins for turn in found.turns] == [0, 0]


def test_a_slow_instance_holds_its_place_while_others_go_on():
    paces = Paces(PACES.assumed, {("AWS-RunPatchBaseline", "install", "UBUNTU"): Pace(100, 20)})
    mixed = [Node("i-0", "UBUNTU"), *(Node(f"i-{one}", "WINDOWS") for one in range(1, 5))]
    found = rehearse(mixed, tasks(install(max_concurrency="2")), duration=4, cutoff=1, paces=paces)
    # beside the slow one, which ends after 100 min, three begin at 0, 30 and 60; the last at 90
    assert found.turns[0].ends == 120


def test_cancel_task_stops_at_the_cutoff_what_else_would_go_on():
    kept = opened(
        7, install(max_concurrency="2"), duration=3, cutoff=1, paces=Paces({**PACES.assumed, "install": 50})
    )
    stopped = opened(
        7,
        install(max_concurrency="2", cutoff_behavior="CANCEL_TASK"),
        duration=3,
        cutoff=1,
        paces=Paces({**PACES.assumed, "install": 50}),
    )
    assert (len(kept.cut), kept.turns[0].ends) == (0, 150)
    assert (len(stopped.cut), stopped.turns[0].ends) == (2, 120)


def test_what_goes_on_when_the_window_closes_is_told():
    found = opened(1, install(), duration=1, cutoff=0, paces=Paces({**PACES.assumed, "install": 90}))
    assert [node.instance_id for node in found.cut] == ["i-0000"]


def test_hooks_of_the_document_add_to_what_is_assumed():
    hooked = install(
        document="AWS-RunPatchBaselineWithHooks",
        parameters={"PreInstallHookDocName": ["Stop"], "OnExitHookDocName": ["AWS-Noop"]},
    )
    assert opened(1, hooked).turns[0].ends == 35


def test_what_was_measured_has_its_hooks_in_it():
    about = ("AWS-RunPatchBaselineWithHooks", "install", "")
    hooked = install(document=about[0], parameters={"PreInstallHookDocName": ["Stop"]})
    assert opened(1, hooked, paces=Paces(PACES.assumed, {about: Pace(12, 40)})).turns[0].ends == 12


@pytest.mark.parametrize(
    ("rate", "type_", "instances", "slots"),
    [
        ("25%", "RUN_COMMAND", 10, 2),
        ("1%", "RUN_COMMAND", 10, 1),
        ("50", "RUN_COMMAND", 10, 10),
        ("100%", "AUTOMATION", 300, 20),
    ],
)
def test_percentages_are_rounded_down_and_automations_held_to_twenty(rate, type_, instances, slots):
    assert at_once({"max_concurrency": rate, "type": type_}, instances) == slots


def test_the_hours_needed_are_the_fewest_in_which_everything_ends():
    assert hours_needed(nodes(300), tasks(install(max_concurrency="50")), cutoff=1, paces=PACES) == 4
    assert hours_needed(nodes(300), tasks(install(max_concurrency="1")), cutoff=1, paces=PACES) is None


@given(st.integers(1, 120), st.integers(1, 100), st.integers(0, 3))
def test_the_hours_needed_are_enough_and_one_less_is_not(number, percent, cutoff):
    work = tasks(install(max_concurrency=f"{percent}%"), {"name": "Scan", "kind": "scan"})
    hours = hours_needed(nodes(number), work, cutoff=cutoff, paces=PACES)
    if hours is None:
        return
    enough = rehearse(nodes(number), work, duration=hours, cutoff=cutoff, paces=PACES)
    assert not enough.left
    assert not enough.cut
    if hours > cutoff + 1:
        less = rehearse(nodes(number), work, duration=hours - 1, cutoff=cutoff, paces=PACES)
        assert less.left or less.cut


def test_the_three_answers_stand_side_by_side():
    guide, table, simulation = answers(
        nodes(300), tasks(install(max_concurrency="50")), cutoff=1, paces=PACES
    )
    assert (guide.hours, table.hours, table.windows, simulation.hours) == (10, 2, 1, 4)
    assert simulation.based_on == "Install 30 min (assumed) an instance, 50 at once."
