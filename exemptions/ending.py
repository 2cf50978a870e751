"""How exemptions stand in AWS and how they end: by date or revocation, with patching restored and that proved."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypedDict

from django.db import transaction
from django.db.models import Q

from exemptions.models import Exemption
from exemptions.workflow import effective_state, end_waivers, waivers_of, windows_of
from patching.models import ManagedInstance, PushRun, ResourceState, Waiver
from patching.specs import DEFERRED
from portal.governance import clock, outbox
from portal.governance.states import locked, move

State = Exemption.State
Condition = ResourceState.Condition


class Enforcement(TypedDict):
    """How one instance of an approved exemption stands in AWS."""

    instance: ManagedInstance
    waiver: Waiver
    # not_enforced, enforced, drifted, failed; once it has ended: not_restored, restored
    state: str
    text: str
    tag: ResourceState | None
    way_back: ResourceState | None


def settle() -> int:
    """Close the waivers of what has ended and mark as restored what AWS was read back to have restored."""
    ended = Q(state=State.REVOKED) | Q(state=State.APPROVED, ends_at__lte=clock.now())
    return sum(_settle_one(exemption) for exemption in Exemption.objects.filter(ended))


@transaction.atomic
def _settle_one(exemption: Exemption) -> int:
    exemption = locked(exemption)
    if effective_state(exemption) not in ("expired", State.REVOKED):
        return 0
    if waivers_of(exemption).filter(ended_at=None).exists():
        end_waivers(exemption)
        return 0
    proof = proof_of(exemption)
    if any(not one["restored"] for one in proof):
        return 0
    now = clock.now()
    move(exemption, State.RESTORED, by=None, detail={"proof": proof}, restored_at=now, restored_proof=proof)
    outbox.tell(
        exemption.requested_by,
        event="exemption.restored",
        key=str(exemption.pk),
        subject=f"{exemption.number} has ended and patching is restored: {exemption.title}",
        body=f"Read back from AWS at {now:%d %b %Y %H:%M} UTC; {exemption.number} keeps none of its "
        f"{len(proof)} instances out of its window any more.",
        url=f"/exemptions/{exemption.pk}/",
    )
    return 1


def proof_of(exemption: Exemption) -> list[dict[str, Any]]:
    """Per instance: what its window tag was read back to be, when, by which push, and whether that proves the end."""
    around = _around(exemption)
    return [_proof(waiver, around) for waiver in around.waivers]


def enforcement_of(exemption: Exemption) -> list[Enforcement]:
    """Per instance of an approved exemption, how it stands in AWS as last read back."""
    around, now = _around(exemption), clock.now()
    return [_standing(waiver, around, now) for waiver in around.waivers]


class _Around(NamedTuple):
    """The waivers of one exemption with all that is known of their instances, fetched once for all of them."""

    waivers: Sequence[Waiver]
    resources: Mapping[tuple[int, str, str], ResourceState]
    last_push: Mapping[int, PushRun]
    held_by_others: set[int]
    in_a_window: set[int]

    def resource(self, waiver: Waiver, kind: str) -> ResourceState | None:
        place = waiver.instance.account_region
        return self.resources.get((place.pk, kind, _key(waiver)))


def _around(exemption: Exemption) -> _Around:
    joined = "instance__account_region__account", "instance__environment", "instance__application"
    waivers = list(waivers_of(exemption).select_related(*joined).order_by("instance__name", "pk"))
    instances = [waiver.instance for waiver in waivers]
    places = {instance.account_region_id for instance in instances}
    states = ResourceState.objects.filter(
        kind__in=("tag", "schedule"), account_region__in=places, key__in={_key(one) for one in waivers}
    )
    others = Waiver.objects.in_force(clock.now()).filter(instance__in=instances)
    others = others.exclude(source__in={one.source for one in waivers})
    return _Around(
        waivers,
        {(state.account_region_id, state.kind, state.key): state for state in states},
        _last_pushes(places),
        {other.instance_id for other in others},
        set(windows_of(instances)),
    )


def _key(waiver: Waiver) -> str:
    return f"{waiver.instance.instance_id}:{waiver.instance.account_region.account.window_tag}"


def _last_pushes(places: Iterable[int]) -> dict[int, PushRun]:
    """The last pass over each account-region that looked at AWS."""
    ended = PushRun.objects.filter(state__in=(PushRun.State.SUCCEEDED, PushRun.State.PARTIAL))
    last = {place: ended.filter(account_region=place).order_by("-pk").first() for place in places}
    return {place: run for place, run in last.items() if run is not None}


def _end_of(waiver: Waiver) -> datetime:
    return min(waiver.ends_at, waiver.ended_at or waiver.ends_at)


def _proof(waiver: Waiver, around: _Around) -> dict[str, Any]:
    instance, tag = waiver.instance, around.resource(waiver, "tag")
    run = around.last_push.get(instance.account_region_id)
    looked = run is not None and run.started_at >= _end_of(waiver)
    value = (tag.applied or {}).get("value", "") if tag else ""
    if instance.gone_at:
        restored, because = True, "The instance is gone."
    elif instance.pk in around.held_by_others:
        # another exemption goes on holding it; that one's end will prove it
        restored, because = True, "Another exemption holds it."
    elif not looked:
        restored, because = False, "Not read back since the end."
    elif instance.pk not in around.in_a_window:
        restored = tag is None or tag.condition == Condition.REMOVED
        because = "It is in no window of ours any more." if restored else "Its tag is still ours."
    else:
        restored = tag is not None and tag.condition == Condition.IN_SYNC and value not in ("", DEFERRED)
        because = "Read back." if restored else "Its tag does not read back as restored."
    return {
        "instance": instance.instance_id,
        "tag": value,
        "read_back_at": run.started_at.isoformat() if run is not None and looked else None,
        "push": run.pk if run is not None and looked else None,
        "restored": restored,
        "because": because,
    }


def _standing(waiver: Waiver, around: _Around, now: datetime) -> Enforcement:
    tag, back = around.resource(waiver, "tag"), around.resource(waiver, "schedule")
    if _end_of(waiver) <= now:
        proof = _proof(waiver, around)
        word, text = ("restored" if proof["restored"] else "not_restored"), proof["because"]
    else:
        word, text = _held(tag, back)
    return Enforcement(instance=waiver.instance, waiver=waiver, state=word, text=text, tag=tag, way_back=back)


def _held(tag: ResourceState | None, back: ResourceState | None) -> tuple[str, str]:
    """Enforced only when tag and way back both read back as wanted."""
    for one in filter(None, (tag, back)):
        if one.condition in (Condition.DRIFTED, Condition.FAILED):
            return str(one.condition), one.condition_text
    deferred = tag is not None and (tag.applied or {}).get("value") == DEFERRED
    if tag is not None and deferred and tag.condition == Condition.IN_SYNC and lies_ready(back):
        return "enforced", ""
    return "not_enforced", "Approved; the next push does it."


def lies_ready(back: ResourceState | None) -> bool:
    """Whether the way back was read back from AWS as it should be."""
    return back is not None and back.condition == Condition.IN_SYNC
