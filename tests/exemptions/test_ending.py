"""How exemptions stand in AWS and end: what counts as enforced, what as proof, and what settles them."""

from datetime import timedelta

import pytest

from exemptions import ending, waiving, workflow
from exemptions.models import Exemption
from patching import clones, desired, sources
from patching.gate import ClosedError, Gate
from patching.models import MaintenanceWindow, PatchFinding, PushRun, ResourceState, Scan, Tombstone, Waiver
from patching.specs import DEFERRED, Key, ScheduleSpec, TagSpec
from patching.work import sources_as_plain
from portal.governance import audit, clock
from portal.governance.models import OutboxMessage
from tests import asks as wishes
from tests import factories
from tests.exemptions import asks

State = Exemption.State
Condition = ResourceState.Condition


@pytest.fixture
def exemption(cast):
    """Two servers for ten days, approved."""
    return asks.approved(cast["rita"])


def states_of(exemption):
    return [one["state"] for one in ending.enforcement_of(exemption)]


def state_of(exemption):
    exemption.refresh_from_db()
    return exemption.state


def settle_twice():
    """The first time closes the waivers, the second looks for proof."""
    return ending.settle() + ending.settle()


def window_tags(at):
    world = desired.desired_for(factories.account_region(), at)
    return {
        one.spec.instance_id: one.spec.value
        for one in world.values()
        if isinstance(one.spec, TagSpec) and one.spec.tag_key == "MaintenanceWindow"
    }


def ways_back(at):
    world = desired.desired_for(factories.account_region(), at)
    return {one.spec.instance_id: one.spec for one in world.values() if isinstance(one.spec, ScheduleSpec)}


# what should be in AWS


def test_while_it_holds_the_tag_defers_and_a_schedule_brings_it_back(cast):
    one, other = asks.servers(2)
    exemption = asks.approved(cast["rita"], [one])
    now = clock.now()

    assert window_tags(now) == {one.instance_id: DEFERRED, other.instance_id: "payments-prod"}
    back = ways_back(now)[one.instance_id]
    assert (back.tag_key, back.tag_value) == ("MaintenanceWindow", "payments-prod")
    assert back.at == f"{exemption.ends_at:%Y-%m-%dT%H:%M:%S}"
    tag = desired.desired_for(factories.account_region(), now)[
        Key("tag", f"{one.instance_id}:MaintenanceWindow")
    ]
    assert sources.hold(tag.sources, now)


@pytest.mark.parametrize("end", ["by date", "by hand"])
def test_after_the_end_neither_is_wanted(cast, exemption, end):
    at = exemption.ends_at
    if end == "by hand":
        workflow.revoke(exemption, by=cast["clara"], reason="The fix is out.")
        at = clock.now()
    assert set(window_tags(at).values()) == {"payments-prod"}
    assert ways_back(at) == {}


def test_of_overlapping_ones_the_later_end_counts_and_the_earlier_undoes_nothing(cast):
    (server,) = asks.servers(1)
    short = asks.approved(cast["rita"], [server], ends_at=clock.now() + timedelta(days=5))
    long = asks.approved(cast["rita"], [server], ends_at=clock.now() + timedelta(days=20))

    for moment in (clock.now(), short.ends_at):
        assert window_tags(moment) == {server.instance_id: DEFERRED}
        assert ways_back(moment)[server.instance_id].at == f"{long.ends_at:%Y-%m-%dT%H:%M:%S}"
    assert window_tags(long.ends_at) == {server.instance_id: "payments-prod"}

    workflow.revoke(long, by=cast["clara"], reason="Only the short one.")
    assert ways_back(clock.now())[server.instance_id].at == f"{short.ends_at:%Y-%m-%dT%H:%M:%S}"
    assert not Tombstone.objects.filter(kind="schedule").exists()


def test_waivers_hold_from_their_start_to_just_before_their_end(exemption):
    waiver = Waiver.objects.first()
    moments = [
        waiver.starts_at - timedelta(microseconds=1),
        waiver.starts_at,
        waiver.ends_at - timedelta(microseconds=1),
        waiver.ends_at,
    ]
    assert [waiver in Waiver.objects.in_force(one) for one in moments] == [False, True, True, False]


# how it stands


def test_enforced_means_tag_and_way_back_were_read_back(exemption):
    assert states_of(exemption) == ["not_enforced", "not_enforced"]
    waiver = Waiver.objects.first()
    asks.resource(waiver, "tag", applied={"value": DEFERRED})
    assert sorted(states_of(exemption)) == ["not_enforced", "not_enforced"]
    asks.resource(waiver, "schedule")
    assert sorted(states_of(exemption)) == ["enforced", "not_enforced"]


@pytest.mark.parametrize("kind", ["tag", "schedule"])
@pytest.mark.parametrize("condition", [Condition.DRIFTED, Condition.FAILED])
def test_what_somebody_else_changed_or_aws_refused_shows_with_its_words(exemption, kind, condition):
    asks.pushed()
    asks.resource(Waiver.objects.first(), kind, condition=condition, condition_text="Changed to “sunday”.")
    found = {one["state"]: one["text"] for one in ending.enforcement_of(exemption)}
    assert found == {"enforced": "", str(condition): "Changed to “sunday”."}


def test_written_and_not_read_back_is_not_enforced(exemption):
    for waiver in Waiver.objects.all():
        asks.resource(waiver, "tag", applied={"value": DEFERRED}, condition=Condition.OUT_OF_SYNC)
        asks.resource(waiver, "schedule")
    assert states_of(exemption) == ["not_enforced", "not_enforced"]


def test_standing_is_reckoned_for_all_instances_at_once(cast, django_assert_max_num_queries):
    exemption = asks.approved(cast["rita"], asks.servers(6))
    asks.pushed()
    with django_assert_max_num_queries(6):
        assert states_of(exemption) == ["enforced"] * 6


# how it ends


def test_nothing_settles_while_it_holds(exemption):
    asks.pushed()
    assert settle_twice() == 0
    assert state_of(exemption) == State.APPROVED


def test_expired_it_is_restored_only_on_proof_read_back_after_the_end(cast, exemption, monkeypatch):
    asks.pushed()
    place = factories.account_region()
    place.refresh_from_db()
    before = place.push_wanted
    asks.later(monkeypatch, exemption.ends_at + timedelta(minutes=1))

    assert workflow.effective_state(exemption) == "expired"
    assert settle_twice() == 0  # the last reading is from before the end
    place.refresh_from_db()
    assert place.push_wanted == before + 1
    assert states_of(exemption) == ["not_restored", "not_restored"]

    run = asks.pushed()
    assert states_of(exemption) == ["restored", "restored"]
    assert ending.settle() == 1
    assert state_of(exemption) == State.RESTORED
    assert {(one["tag"], one["restored"], one["push"]) for one in exemption.restored_proof} == {
        ("payments-prod", True, run.pk)
    }
    assert exemption.restored_at == clock.now()
    assert ending.settle() == 0
    assert OutboxMessage.objects.filter(recipient=cast["rita"], event="exemption.restored").count() == 1
    entry = audit.timeline(exemption).last()
    assert (entry.action, entry.actor) == ("exemptions.exemption.restored", None)


def test_revoked_before_any_push_it_still_waits_for_a_reading(cast, exemption):
    for waiver in Waiver.objects.all():
        asks.resource(waiver, "tag", applied={"value": "payments-prod"})
    exemption = workflow.revoke(exemption, by=cast["clara"], reason="The fix is out.")
    assert settle_twice() == 0
    asks.pushed()
    assert ending.settle() == 1


@pytest.mark.parametrize("state", [PushRun.State.FAILED, PushRun.State.REFUSED, PushRun.State.ABANDONED])
def test_a_push_that_failed_proves_nothing(exemption, monkeypatch, state):
    asks.later(monkeypatch, exemption.ends_at)
    run = asks.pushed()
    PushRun.objects.filter(pk=run.pk).update(state=state)
    assert settle_twice() == 0


@pytest.mark.parametrize("shown", [DEFERRED, ""])
def test_one_instance_that_is_still_deferred_holds_it_open(exemption, monkeypatch, shown):
    asks.later(monkeypatch, exemption.ends_at)
    late = Waiver.objects.first().instance.instance_id
    asks.pushed(**{late.replace("-", "_"): shown})
    assert settle_twice() == 0
    assert state_of(exemption) == State.APPROVED
    assert sorted(states_of(exemption)) == ["not_restored", "restored"]


@pytest.mark.parametrize("condition", [Condition.DRIFTED, Condition.FAILED, Condition.OUT_OF_SYNC])
def test_a_tag_that_was_not_read_back_as_wanted_is_no_proof(exemption, monkeypatch, condition):
    asks.later(monkeypatch, exemption.ends_at)
    asks.pushed()
    ResourceState.objects.filter(kind="tag").update(condition=condition)
    assert settle_twice() == 0


def test_an_overlapping_one_that_goes_on_lets_the_earlier_end(cast, monkeypatch):
    (server,) = asks.servers(1)
    short = asks.approved(cast["rita"], [server], ends_at=clock.now() + timedelta(days=5))
    long = asks.approved(cast["rita"], [server], ends_at=clock.now() + timedelta(days=20))
    asks.pushed()
    asks.later(monkeypatch, short.ends_at)

    assert settle_twice() == 1
    assert (state_of(short), state_of(long)) == (State.RESTORED, State.APPROVED)
    assert short.restored_proof[0]["because"] == "Another exemption holds it."
    assert not Tombstone.objects.filter(kind="schedule").exists()


def excluding(by, server, patch, days):
    """A patch exclusion in force: the same waiver as by approval, beside the server's deferral."""
    made = asks.drafted(by, [server], ends_at=clock.now() + timedelta(days=days))
    Exemption.objects.filter(pk=made.pk).update(
        kind="patch_exclusion", patches=[patch], state=State.APPROVED, approved_at=clock.now()
    )
    made.refresh_from_db()
    waiving.waive(made)
    return made


@pytest.fixture
def in_a_group(cast):
    server = wishes.fleet()[0]
    request = wishes.submitted(cast["rita"], wishes.ha_items([server]))
    wishes.approve(request, *(cast[one] for one in ("omar", "ivan", "clara")))
    return server


def test_an_exclusion_beside_another_is_restored_only_when_the_tag_names_the_other_alone(
    cast, in_a_group, monkeypatch
):
    short = excluding(cast["rita"], in_a_group, "KB1", 5)
    excluding(cast["rita"], in_a_group, "KB2", 20)
    home = ending.groups_of([in_a_group])[in_a_group.pk].name
    tag = ResourceState.objects.create(
        account_region=in_a_group.account_region,
        kind="tag",
        key=f"{in_a_group.instance_id}:{in_a_group.account_region.account.patch_group_tag}",
        uid="tag",
        condition=Condition.IN_SYNC,
        applied={"value": clones.side_group(home, ["KB1", "KB2"])},
        changed_at=clock.now(),
    )
    asks.later(monkeypatch, short.ends_at)
    asks.pushed()

    assert settle_twice() == 0
    assert ending.proof_of(short)[0]["because"] == "Its tag does not read back without this one."
    ResourceState.objects.filter(pk=tag.pk).update(applied={"value": clones.side_group(home, ["KB2"])})
    assert settle_twice() == 1
    assert state_of(short) == State.RESTORED


def test_a_step_that_a_later_exemption_makes_needless_may_leave_while_the_others_go_on(cast, in_a_group):
    long, short = (excluding(cast["rita"], in_a_group, *one) for one in (("KB1", 20), ("KB2", 5)))
    place, key = in_a_group.account_region, in_a_group.account_region.account.patch_group_tag
    for one in desired.now_for(place).values():
        if isinstance(one.spec, ScheduleSpec):
            ResourceState.objects.create(
                account_region=place,
                kind="schedule",
                key=one.key.name,
                uid=one.uid,
                sources=sources_as_plain(one),
                changed_at=clock.now(),
            )
    assert not Tombstone.objects.filter(kind="schedule").exists()
    excluding(cast["rita"], in_a_group, "KB2", 10)

    stones = Tombstone.objects.filter(kind="schedule", buried_at=None)
    stale = f"{in_a_group.instance_id}:{key}:{short.ends_at:%Y-%m-%dT%H:%M:%S}"
    assert [one.key for one in stones] == [stale]
    assert Gate(place).check_removal(Key("schedule", stale)).key == stale
    with pytest.raises(ClosedError):
        Gate(place).check_removal(Key("schedule", f"{in_a_group.instance_id}:{key}"))
    assert Waiver.objects.in_force(clock.now()).filter(source=f"exemption:{long.pk}").exists()


def test_an_instance_that_is_gone_needs_no_restoring(exemption, monkeypatch):
    asks.later(monkeypatch, exemption.ends_at)
    gone, _ = Waiver.objects.order_by("pk")
    type(gone.instance).objects.filter(pk=gone.instance_id).update(gone_at=clock.now())
    asks.pushed(**{gone.instance.instance_id.replace("-", "_"): DEFERRED})
    assert settle_twice() == 1
    assert {one["because"] for one in state_and_proof(exemption)} == {"The instance is gone.", "Read back."}


def test_an_instance_whose_window_was_removed_is_restored_once_its_tag_was_given_back(exemption, monkeypatch):
    MaintenanceWindow.objects.update(retired_at=clock.now())
    asks.later(monkeypatch, exemption.ends_at)
    asks.pushed()
    assert settle_twice() == 0
    ResourceState.objects.filter(kind="tag").update(condition=Condition.REMOVED, applied=None)
    assert ending.settle() == 1


def state_and_proof(exemption):
    assert state_of(exemption) == State.RESTORED
    return exemption.restored_proof


def test_ending_twice_wants_nothing_more_than_ending_once(cast, exemption):
    exemption = workflow.revoke(exemption, by=cast["clara"], reason="The fix is out.")
    Tombstone.objects.update(buried_at=clock.now())
    workflow.end_waivers(exemption)
    assert not Tombstone.objects.filter(buried_at=None).exists()
    assert len(set(Waiver.objects.values_list("ended_at", flat=True))) == 1


# the first patch after it


def scan(instance, at, operation="Install"):
    return Scan.objects.create(
        instance=instance,
        operation=operation,
        started_at=at,
        ended_at=at + timedelta(minutes=20),
        pulled_at=at + timedelta(hours=1),
        aws_baseline_id="pb-0000000000000000a",
        is_compliant=True,
        is_latest=False,
    )


def test_the_first_installation_after_the_end_is_shown_with_the_proof(exemption, monkeypatch):
    end, (one, other) = exemption.ends_at, exemption.instances.order_by("name")
    scan(one, end - timedelta(days=1))
    scan(one, end + timedelta(minutes=30), "Scan")
    scan(one, end + timedelta(hours=1))
    scan(one, end + timedelta(days=7))
    scan(other, end - timedelta(minutes=1))
    asks.later(monkeypatch, end + timedelta(days=8))
    found = {each["instance"]: each["first_patched_at"] for each in ending.enforcement_of(exemption)}
    assert found == {one: end + timedelta(hours=1), other: None}


def test_where_a_scan_hid_the_installation_the_first_patch_that_is_no_longer_missing_tells(
    exemption, monkeypatch
):
    end, (one, other) = exemption.ends_at, exemption.instances.order_by("name")
    for instance, resolved_at in ((one, end + timedelta(hours=3)), (other, end - timedelta(hours=3))):
        PatchFinding.objects.create(
            instance=instance,
            patch_id="KB5039227",
            state="missing",
            first_seen_at=end - timedelta(days=9),
            last_seen_at=end - timedelta(days=1),
            resolved_at=resolved_at,
        )
    asks.later(monkeypatch, end + timedelta(days=1))
    found = {each["instance"]: each["first_patched_at"] for each in ending.enforcement_of(exemption)}
    assert found == {one: end + timedelta(hours=3), other: None}


def test_after_a_revocation_the_installation_counts_from_then(cast, exemption):
    one = exemption.instances.first()
    workflow.revoke(exemption, by=cast["clara"], reason="The fix is out.")
    at = clock.now() + timedelta(hours=1)
    scan(one, at)
    found = {each["instance"]: each["first_patched_at"] for each in ending.enforcement_of(exemption)}
    assert found[one] == at


def test_first_patches_are_one_query_for_all(cast, django_assert_num_queries):
    exemption = asks.approved(cast["rita"], asks.servers(6))
    waivers = list(Waiver.objects.filter(source=f"exemption:{exemption.pk}"))
    with django_assert_num_queries(1):
        ending.first_patched(waivers)
