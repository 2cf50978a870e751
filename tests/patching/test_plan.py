"""Comparing what should be with what is: which steps, in which order, and when not at all."""

import dataclasses
import random

from patching import plan as planning
from patching.aws.marks import Observed
from patching.plan import Known, Plan
from patching.specs import (
    DEFERRED,
    BaselineSpec,
    Desired,
    Key,
    RegistrationSpec,
    ScheduleSpec,
    Source,
    Spec,
    TagSpec,
    TargetSpec,
    TaskSpec,
    WindowSpec,
)

SOURCE = (Source("revision", "1", "d"),)
WINDOW = Key("window", "w")
BASELINE = BaselineSpec("strict", '{"OperatingSystem":"WINDOWS"}')


def window(enabled: bool = True, **changes) -> WindowSpec:
    spec = WindowSpec("sundays", "", "cron(0 2 ? * SUN *)", "UTC", 0, 4, 1, "", "", enabled)
    return dataclasses.replace(spec, **changes)


def target(*values: str) -> TargetSpec:
    return TargetSpec("w", "tag:MaintenanceWindow", frozenset(values or ("sundays",)))


def task(**changes) -> TaskSpec:
    spec = TaskSpec(
        "w",
        frozenset({"w:t"}),
        "Install",
        "RUN_COMMAND",
        "AWS-RunPatchBaseline",
        1,
        "10",
        "1",
        "CONTINUE_TASK",
        (),
    )
    return dataclasses.replace(spec, **changes)


WHOLE: dict[str, Spec] = {
    "baseline:b": BASELINE,
    "registration:g:WINDOWS": RegistrationSpec("g", "WINDOWS", "b"),
    "window:w": window(),
    "target:w:t": target(),
    "task:w:Install": task(),
    "tag:i-1:PatchGroup": TagSpec("i-1", "PatchGroup", "g"),
    "tag:i-1:MaintenanceWindow": TagSpec("i-1", "MaintenanceWindow", "sundays"),
}


def key(name: str) -> Key:
    kind, _, rest = name.partition(":")
    return Key(kind, rest)


def wanted(specs: dict[str, Spec], **expects: str) -> dict[Key, Desired]:
    return {
        key(name): Desired(key(name), f"uid-{name}", spec, SOURCE, name.upper(), expects.get(name))
        for name, spec in specs.items()
    }


def seen(specs: dict[str, Spec], **fields) -> list[Observed]:
    return [
        Observed(key(name), f"aws-{name}", spec, f"uid-{name}", 1, **fields) for name, spec in specs.items()
    ]


def known(specs: dict[str, Spec], **fields) -> dict[Key, Known]:
    return {key(name): Known(f"aws-{name}", spec, **fields) for name, spec in specs.items()}


def made(desired=None, live=None, remembered=None, stones=(), share=0.3, groups=None) -> Plan:
    return planning.plan(
        wanted(WHOLE) if desired is None else desired,
        seen(WHOLE) if live is None else live,
        known(WHOLE) if remembered is None else remembered,
        {key(name) for name in stones},
        max_delete_share=share,
        group_tag="PatchGroup",
        windows_of_group={"g": frozenset({WINDOW})} if groups is None else groups,
    )


def told(plan: Plan) -> list[str]:
    return [f"{step.action} {step.key}" for step in plan.steps]


def without(*names: str) -> dict[str, Spec]:
    return {name: spec for name, spec in WHOLE.items() if name not in names}


# Order


def test_nothing_to_do_where_all_is_as_wanted():
    plan = made()
    assert (plan.steps, plan.blocked, plan.orphans, plan.refusal) == ((), (), (), None)


def test_everything_is_built_parents_first_and_the_window_opened_last():
    assert told(made(live=[], remembered={})) == [
        "create baseline:b",
        "create registration:g:WINDOWS",
        "create window:w",
        "disable window:w",
        "create target:w:t",
        "create task:w:Install",
        "create tag:i-1:PatchGroup",
        "create tag:i-1:MaintenanceWindow",
        "enable window:w",
    ]


def test_a_window_opens_only_when_its_parts_and_its_judges_are_right():
    enable = made(live=[], remembered={}).steps[-1]
    assert enable.needs == {
        WINDOW,
        Key("target", "w:t"),
        Key("task", "w:Install"),
        Key("registration", "g:WINDOWS"),
    }


def test_a_window_opens_only_when_parts_whose_removal_was_decided_are_gone():
    plan = made(desired=wanted(without("task:w:Install")), stones=("task:w:Install",))
    assert told(plan) == ["disable window:w", "delete task:w:Install", "enable window:w"]
    assert Key("task", "w:Install") in plan.steps[-1].needs


def test_a_window_is_shut_while_a_part_that_should_be_gone_is_parked():
    parked = {**known(WHOLE), **known({"task:w:Install": WHOLE["task:w:Install"]}, fails="Parked.")}
    plan = made(desired=wanted(without("task:w:Install")), remembered=parked, stones=("task:w:Install",))
    assert told(plan) == ["disable window:w", "enable window:w"]
    assert Key("task", "w:Install") in plan.steps[-1].needs


def test_an_instance_enters_a_window_with_its_group_and_leaves_one_without_asking():
    window, group = "tag:i-1:MaintenanceWindow", Key("tag", "i-1:PatchGroup")
    entering = made(live=seen(without(window)))
    assert [step.needs for step in entering.steps] == [{group}]
    leaving = made(desired=wanted({**WHOLE, window: TagSpec("i-1", "MaintenanceWindow", DEFERRED)}))
    assert [step.needs for step in leaving.steps] == [frozenset()]


def test_a_missing_part_closes_the_window_until_it_is_there():
    plan = made(live=seen(without("task:w:Install")))
    assert told(plan) == ["disable window:w", "create task:w:Install", "enable window:w"]


def test_a_changed_part_is_replaced_in_an_open_window():
    plan = made(live=seen({**WHOLE, "task:w:Install": task(max_errors="5")}))
    assert told(plan) == ["update task:w:Install"]
    assert [dataclasses.astuple(one) for one in plan.steps[0].changes] == [("max_errors", "5", "1")]


def test_a_group_is_rebound_only_while_its_window_is_closed():
    live = seen({**WHOLE, "registration:g:WINDOWS": RegistrationSpec("g", "WINDOWS", "old")})
    assert told(made(live=live)) == [
        "disable window:w",
        "update registration:g:WINDOWS",
        "enable window:w",
    ]


def test_a_window_that_should_rest_is_disabled_and_stays_so():
    assert told(made(desired=wanted({**WHOLE, "window:w": window(enabled=False)}))) == ["disable window:w"]


def test_the_way_back_comes_before_the_tag():
    tag = "tag:i-1:MaintenanceWindow"
    deferral = {
        **WHOLE,
        tag: TagSpec("i-1", "MaintenanceWindow", DEFERRED),
        "schedule:i-1": ScheduleSpec("2026-07-01T00:00:00", "i-1", "MaintenanceWindow", "sundays"),
    }
    plan = made(desired=wanted(deferral))
    assert told(plan) == ["create schedule:i-1", f"update {tag}"]
    assert plan.steps[1].needs == {Key("schedule", "i-1")}


def test_of_two_ways_back_the_earlier_is_laid_down_first_and_both_before_the_tag():
    tag = "tag:i-1:PatchGroup"
    excluded = {
        **WHOLE,
        "baseline:c": dataclasses.replace(BASELINE, name="b-without-2"),
        "registration:g-without-2:WINDOWS": RegistrationSpec("g-without-2", "WINDOWS", "c"),
        tag: TagSpec("i-1", "PatchGroup", "g-without-2"),
        "schedule:i-1": ScheduleSpec("2026-07-02T00:00:00", "i-1", "PatchGroup", "g"),
        "schedule:i-1:first": ScheduleSpec("2026-07-01T00:00:00", "i-1", "PatchGroup", "g-without-2"),
    }
    plan = made(desired=wanted(excluded))
    assert told(plan) == [
        "create baseline:c",
        "create registration:g-without-2:WINDOWS",
        "create schedule:i-1:first",
        "create schedule:i-1",
        f"update {tag}",
    ]
    judge = Key("registration", "g-without-2:WINDOWS")
    assert plan.steps[2].needs == {judge}
    assert plan.steps[4].needs == {judge, Key("schedule", "i-1"), Key("schedule", "i-1:first")}


def test_a_group_leaves_only_when_nobody_is_in_it_any_more():
    side = {
        **WHOLE,
        "registration:old:WINDOWS": RegistrationSpec("old", "WINDOWS", "b"),
        "tag:i-1:PatchGroup": TagSpec("i-1", "PatchGroup", "old"),
    }
    stones = ("registration:old:WINDOWS",)
    plan = made(live=seen(side), remembered=known(side), stones=stones)
    assert told(plan) == ["update tag:i-1:PatchGroup", "delete registration:old:WINDOWS"]
    assert plan.steps[1].needs == {Key("tag", "i-1:PatchGroup")}


def test_what_leaves_because_a_waiver_ended_is_no_loss():
    stones = ("window:w", "target:w:t", "task:w:Install")
    waived = known(WHOLE, waived=True)
    assert made(desired=wanted(without(*stones)), remembered=waived, stones=stones, groups={}).refusal is None


def test_what_aws_may_still_show_keeps_its_leave_to_go():
    waits = {key("task:w:Install"): Known("aws-1", task(), waits="AWS may still show it.")}
    live = seen(without("task:w:Install"))
    plan = made(
        desired=wanted(without("task:w:Install")), live=live, remembered=waits, stones=("task:w:Install",)
    )
    assert plan.let_go == ()


def test_the_same_input_gives_the_same_plan_in_any_order():
    desired, live = list(wanted(WHOLE).items()), seen(without("window:w", "tag:i-1:PatchGroup"))
    first = made(desired=dict(desired), live=live)
    random.Random(7).shuffle(desired)
    random.Random(7).shuffle(live)
    again = made(desired=dict(desired), live=live)
    assert (again.steps, again.digest) == (first.steps, first.digest)


def test_another_step_is_another_digest():
    assert made().digest != made(live=[], remembered={}).digest


# Leaving


def test_children_leave_before_their_window_which_is_closed_first():
    stones = ("window:w", "target:w:t", "task:w:Install")
    plan = made(desired=wanted(without(*stones)), stones=stones, share=1.0, groups={})
    assert told(plan) == [
        "disable window:w",
        "delete task:w:Install",
        "delete target:w:t",
        "delete window:w",
    ]


def test_parts_go_with_their_window():
    gone = ("window:w", "target:w:t", "task:w:Install")
    plan = made(desired=wanted(without(*gone)), stones=["window:w"], share=1.0, groups={})
    assert told(plan)[-1] == "delete window:w"
    assert len(plan.steps) == 4


def test_nothing_is_deleted_because_it_is_absent():
    plan = made(desired=wanted(without("window:w", "target:w:t", "task:w:Install")))
    assert plan.steps == ()
    assert [note.key.kind for note in plan.orphans] == ["target", "task", "window"]


def test_what_is_wanted_again_is_not_deleted():
    assert made(stones=["window:w"]).steps == ()


def test_what_is_gone_already_needs_no_deleting():
    rest = without("tag:i-1:PatchGroup")
    plan = made(desired=wanted(rest), live=seen(rest), stones=["tag:i-1:PatchGroup"])
    assert (plan.steps, [note.key.name for note in plan.let_go]) == ((), ["i-1:PatchGroup"])


def test_a_tag_that_reads_as_before_us_is_let_go():
    rest, name = without("tag:i-1:PatchGroup"), "tag:i-1:PatchGroup"
    plan = made(desired=wanted(rest), remembered=known(WHOLE, earlier="g"), stones=[name])
    assert plan.steps == ()
    assert "as it was before us" in plan.let_go[0].reason


def test_a_tag_that_was_changed_outside_is_not_taken_back():
    rest, name = without("tag:i-1:PatchGroup"), "tag:i-1:PatchGroup"
    live = seen({**WHOLE, name: TagSpec("i-1", "PatchGroup", "theirs")})
    plan = made(desired=wanted(rest), live=live, stones=[name])
    assert plan.steps == ()
    assert "changed outside to “theirs”" in plan.let_go[0].reason


def test_an_instance_leaves_its_window_before_its_group():
    stones = ("tag:i-1:PatchGroup", "tag:i-1:MaintenanceWindow")
    plan = made(desired=wanted(without(*stones)), stones=stones)
    assert told(plan) == ["delete tag:i-1:MaintenanceWindow", "delete tag:i-1:PatchGroup"]


def test_too_many_deletions_refuse_the_plan_with_the_numbers():
    stones = ("window:w", "target:w:t", "task:w:Install")
    plan = made(desired=wanted(without(*stones)), stones=stones, groups={})
    assert plan.refusal == (
        "This would delete or disable 3 of 7 resources of ours, more than 30%. Nothing was done."
    )


def test_two_deletions_are_never_too_many():
    stones = ("tag:i-1:PatchGroup", "tag:i-1:MaintenanceWindow")
    assert made(desired=wanted(without(*stones)), stones=stones, share=0.0).refusal is None


def test_a_window_that_is_opened_again_is_not_lost():
    live = seen(without("task:w:Install"))
    assert made(live=live, share=0.0).refusal is None


# What is not ours, or not to be done


def test_a_group_bound_to_a_foreign_baseline_is_left_alone():
    name = "registration:g:WINDOWS"
    foreign = Observed(key(name), "pb-theirs", RegistrationSpec("g", "WINDOWS", "pb-theirs"), foreign=True)
    plan = made(live=[*seen(without(name)), foreign], remembered=known(without(name)))
    assert told(plan) == []
    assert "not ours (pb-theirs)" in plan.blocked[0].reason


def test_what_lost_its_mark_is_left_alone_even_where_it_reads_as_wanted():
    lost = dataclasses.replace(seen({"window:w": window()})[0], uid="", foreign=True)
    plan = made(live=[*seen(without("window:w")), lost])
    assert plan.steps == ()
    assert "no longer carries our mark" in plan.blocked[0].reason


def test_a_stranger_inside_our_window_is_reported():
    theirs = Observed(Key("task", "unknown aws-1"), "w/aws-1", task(label="mine bitcoin"), foreign=True)
    plan = made(live=[*seen(WHOLE), theirs])
    assert (plan.steps, plan.orphans[0].label) == ((), "mine bitcoin")


def test_a_second_one_is_put_to_rest_and_the_known_one_kept():
    twin = Observed(WINDOW, "aws-0", window(), "uid-window:w", 1)
    plan = made(live=[twin, *seen(WHOLE)])
    assert [(step.action, step.aws_id) for step in plan.steps] == [("disable", "aws-0")]
    assert "Remove aws-0 by hand" in plan.twins[0].reason


def test_a_tag_is_written_over_what_was_seen_at_approval_or_written_by_us_only():
    name = "tag:i-1:PatchGroup"
    live = seen({**WHOLE, name: TagSpec("i-1", "PatchGroup", "live")})
    assert made(desired=wanted(WHOLE, **{name: "live"}), live=live).blocked == ()
    ours = known({**WHOLE, name: TagSpec("i-1", "PatchGroup", "live")})
    assert made(desired=wanted(WHOLE, **{name: "other"}), live=live, remembered=ours).blocked == ()
    refused = made(desired=wanted(WHOLE, **{name: "other"}), live=live)
    assert (refused.steps, refused.blocked[0].key) == ((), key(name))


def test_a_missing_tag_is_written_whatever_was_expected():
    name = "tag:i-1:PatchGroup"
    plan = made(desired=wanted(WHOLE, **{name: "other"}), live=seen(without(name)))
    assert told(plan) == [f"create {name}"]


def test_the_operating_system_of_a_baseline_cannot_change():
    linux = {**WHOLE, "baseline:b": BaselineSpec("strict", '{"OperatingSystem":"UBUNTU"}')}
    plan = made(live=seen(linux))
    assert "operating system of a baseline cannot be changed" in plan.blocked[0].reason


def test_the_type_of_a_task_cannot_change():
    plan = made(live=seen({**WHOLE, "task:w:Install": task(task_type="AUTOMATION")}))
    assert "type of a task cannot be changed" in plan.blocked[0].reason


def test_what_waits_is_not_touched_and_neither_is_what_failed_a_moment_ago():
    name = "task:w:Install"
    remembered = known(WHOLE) | {key(name): Known(waits="AWS does not show it yet.")}
    plan = made(live=seen(without(name)), remembered=remembered)
    assert (plan.steps, plan.waiting[0].reason) == ((), "AWS does not show it yet.")
    remembered = known(WHOLE) | {key(name): Known(fails="A quota is reached.")}
    plan = made(live=seen(without(name)), remembered=remembered)
    assert (plan.steps, plan.blocked[0].reason) == ((), "A quota is reached.")


# Words


def test_what_changed_outside_is_told_apart_from_what_is_wanted_anew():
    live = seen({**WHOLE, "window:w": window(duration=9)})
    assert made(live=live).steps[0].reason == planning.OUTSIDE
    remembered = known({**WHOLE, "window:w": window(duration=9)})
    assert made(live=live, remembered=remembered).steps[0].reason == "What is wanted has changed"


def test_a_window_that_was_disabled_outside_is_told():
    plan = made(live=seen({**WHOLE, "window:w": window(enabled=False)}))
    assert [(step.action, step.reason) for step in plan.steps] == [("enable", planning.OUTSIDE)]


def test_other_resources_are_called_by_their_labels():
    live = seen({**WHOLE, "registration:g:WINDOWS": RegistrationSpec("g", "WINDOWS", "pb-old")})
    change = made(live=live).steps[1].changes[0]
    assert (change.field, change.live, change.desired) == ("baseline", "pb-old", "BASELINE:B")


def test_a_group_that_leaves_waits_for_the_schedule_and_the_tag_that_still_name_it_and_leave_too():
    leaving = {
        "registration:side:WINDOWS": RegistrationSpec("side", "WINDOWS", "clone"),
        "schedule:i-1:soon": ScheduleSpec("2026-07-01T00:00:00", "i-1", "PatchGroup", "side"),
        "tag:i-2:PatchGroup": TagSpec("i-2", "PatchGroup", "side"),
    }
    plan = made(live=seen(WHOLE | leaving), remembered=known(WHOLE | leaving), stones=leaving, share=1.0)
    step = next(one for one in plan.steps if one.key.kind == "registration")
    assert (step.action, step.needs) == (
        "delete",
        {Key("schedule", "i-1:soon"), Key("tag", "i-2:PatchGroup")},
    )
