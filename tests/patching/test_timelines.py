"""What the waivers of one instance ask for over time."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from patching import timelines
from patching.models import ManagedInstance, Waiver

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
NODE = ManagedInstance(pk=1, instance_id="i-1")


def exclusion(pk, hours, *patches):
    return Waiver(
        pk=pk,
        kind=Waiver.Kind.PATCH_EXCLUSION,
        instance=NODE,
        patches=list(patches),
        starts_at=NOON,
        ends_at=NOON + timedelta(hours=hours),
    )


def deferral(pk, hours):
    return Waiver(
        pk=pk,
        kind=Waiver.Kind.NODE_DEFERRAL,
        instance=NODE,
        starts_at=NOON,
        ends_at=NOON + timedelta(hours=hours),
    )


def test_without_waivers_there_is_no_line():
    assert timelines.of_exclusions([]) == timelines.of_deferrals([]) == []


def test_one_waiver_holds_from_now_and_ends():
    line = timelines.of_exclusions([exclusion(1, 24, "KB1")])
    assert [(step.starts_at, step.patches) for step in line] == [
        (None, {"KB1"}),
        (NOON + timedelta(hours=24), frozenset()),
    ]


def test_of_two_that_overlap_the_later_goes_on_alone():
    line = timelines.of_exclusions([exclusion(1, 24, "KB1"), exclusion(2, 48, "KB2")])
    assert [step.patches for step in line] == [{"KB1", "KB2"}, {"KB2"}, frozenset()]


def test_two_that_end_together_end_in_one_step():
    assert len(timelines.of_exclusions([exclusion(1, 24, "KB1"), exclusion(2, 24, "KB2")])) == 2


def test_each_kind_has_its_own_line():
    both = [exclusion(1, 24, "KB1"), deferral(2, 48)]
    assert [len(step.waivers) for step in timelines.of_exclusions(both)] == [1, 0]
    assert timelines.of_deferrals(both)[-1].starts_at == NOON + timedelta(hours=48)


def test_waivers_are_found_by_their_instance():
    other = exclusion(2, 24, "KB1")
    other.instance = ManagedInstance(pk=2, instance_id="i-2")
    found = timelines.by_instance([deferral(1, 24), other, exclusion(3, 24, "KB2")])
    assert {name: [one.pk for one in held] for name, held in found.items()} == {"i-1": [1, 3], "i-2": [2]}


@given(
    st.lists(st.tuples(st.integers(1, 99), st.sampled_from(["KB1", "KB2", "KB3"])), min_size=1, max_size=8)
)
def test_at_every_moment_the_line_says_what_holds_then_and_it_always_ends(held):
    waivers = [exclusion(pk, hours, patch) for pk, (hours, patch) in enumerate(held, start=1)]
    line = timelines.of_exclusions(waivers)
    for hour in range(101):
        moment = NOON + timedelta(hours=hour)
        step = [one for one in line if one.starts_at is None or one.starts_at <= moment][-1]
        assert step.patches == {one.patches[0] for one in waivers if one.ends_at > moment}
    assert line[-1].waivers == ()
