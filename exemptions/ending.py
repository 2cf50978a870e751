"""How exemptions stand in AWS and how they end: by date or revocation, with patching restored and that proved."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypedDict

from django.db import transaction
from django.db.models import OuterRef, Q, Subquery
from django.db.models.functions import Coalesce, Least

from exemptions.asked import groups_of, windows_of
from exemptions.models import Exemption
from exemptions.waiving import end_waivers, let_go, waivers_of
from exemptions.workflow import effective_state
from patching import clones
from patching.models import ManagedInstance, PatchFinding, PushRun, ResourceState, Scan, Waiver
from patching.specs import DEFERRED
from patching.words import listed
from portal.governance import clock, outbox
from portal.governance.states import locked, move

State = Exemption.State
logger = logging.getLogger(__name__)
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
    first_patched_at: datetime | None  # when it was first seen patched after its end


def settle() -> int:
    """Close the waivers of what has ended and mark as restored what AWS was read back to have restored."""
    ended = Q(state=State.REVOKED) | Q(state=State.APPROVED, ends_at__lte=clock.now())
    settled = 0
    for exemption in Exemption.objects.filter(ended):
        try:
            settled += _settle_one(exemption)
        except Exception:  # one that cannot be settled keeps no other from its end
            logger.exception("%s could not be settled.", exemption.number)
    return settled


@transaction.atomic
def _settle_one(exemption: Exemption) -> int:
    exemption = locked(exemption)
    if effective_state(exemption) not in ("expired", State.REVOKED):
        return 0
    if waivers_of(exemption).filter(ended_at=None).exists():
        end_waivers(exemption)
        return 0
    let_go(exemption)
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
        body=f"Read back from AWS at {now:%d %b %Y %H:%M} UTC; {exemption.number} {_no_longer(exemption, len(proof))}",
        url=exemption.address,
    )
    return 1


def _no_longer(exemption: Exemption, instances: int) -> str:
    if exemption.kind == Exemption.Kind.PATCH_EXCLUSION:
        return f"leaves {listed(exemption.patches)} off none of its {instances} instances any more."
    return f"keeps none of its {instances} instances out of its window any more."


def proof_of(exemption: Exemption) -> list[dict[str, Any]]:
    """Per instance: what its window tag was read back to be, when, by which push, and whether that proves the end."""
    around = _around(exemption)
    return [_proof(waiver, around) for waiver in around.waivers]


def enforcement_of(exemption: Exemption) -> list[Enforcement]:
    """Per instance of an approved exemption, how it stands in AWS as last read back."""
    around, now = _around(exemption), clock.now()
    patched = first_patched([one for one in around.waivers if one.until <= now])
    return [_standing(waiver, around, now, patched.get(waiver.pk)) for waiver in around.waivers]


def first_patched(waivers: Sequence[Waiver]) -> dict[int, datetime]:
    """When each was first seen patched after its end, by the waiver's primary key; one query for all of them.

    SSM keeps an instance's last operation only, so a scan right after an installation hides it: then the first
    reading that no longer missed a patch tells.
    """
    if not waivers:
        return {}
    end = Least(OuterRef("ends_at"), Coalesce(OuterRef("ended_at"), OuterRef("ends_at")))
    installs = Scan.objects.filter(instance=OuterRef("instance"), operation="Install", started_at__gte=end)
    gone = PatchFinding.objects.filter(instance=OuterRef("instance"), resolved_at__gt=end)
    rows = Waiver.objects.filter(pk__in=[one.pk for one in waivers]).annotate(
        installed=Subquery(installs.order_by("started_at").values("started_at")[:1]),
        resolved=Subquery(gone.order_by("resolved_at").values("resolved_at")[:1]),
    )
    seen = {
        pk: [one for one in moments if one]
        for pk, *moments in rows.values_list("pk", "installed", "resolved")
    }
    return {pk: min(moments) for pk, moments in seen.items() if moments}


class _Around(NamedTuple):
    """The waivers of one exemption with all that is known of their instances, fetched once for all of them."""

    waivers: Sequence[Waiver]
    resources: Mapping[tuple[int, str, str], ResourceState]
    last_push: Mapping[int, PushRun]
    held_by_others: set[int]
    homes: Mapping[int, str]  # the tag's value without any exemption, by instance
    away: Mapping[int, str]  # the value that takes an instance out of there now

    def resource(self, waiver: Waiver, kind: str, key: str = "") -> ResourceState | None:
        place = waiver.instance.account_region
        return self.resources.get((place.pk, kind, key or _key(waiver)))

    def judge(self, waiver: Waiver) -> list[ResourceState | None]:
        """Of an exclusion, the registration of the side group and the baseline that it uses."""
        if waiver.kind != Waiver.Kind.PATCH_EXCLUSION:
            return []
        side = self.away.get(waiver.instance_id, "")
        used = self.resource(waiver, "registration", f"{side}:{waiver.instance.operating_system}")
        clone = str((used.applied or {}).get("baseline", "")) if used else ""
        return [used, self.resource(waiver, "baseline", clone) if clone else None]


def _around(exemption: Exemption) -> _Around:
    joined = "instance__account_region__account", "instance__environment", "instance__application"
    rows = waivers_of(exemption).select_related(*joined).order_by("instance__name", "pk")
    waivers = list({waiver.instance_id: waiver for waiver in rows}.values())  # narrowed, the later one counts
    instances = [waiver.instance for waiver in waivers]
    places = {instance.account_region_id for instance in instances}
    of_instances = Q(kind__in=("tag", "schedule"), key__in={_key(one) for one in waivers})
    states = ResourceState.objects.filter(
        of_instances | Q(kind__in=("registration", "baseline")), account_region__in=places
    )
    of_the_kind = Waiver.objects.in_force(clock.now()).filter(instance__in=instances, kind=exemption.kind)
    in_force = list(of_the_kind)
    homes = _homes(exemption, instances)
    mine = {one.source for one in waivers}
    return _Around(
        waivers,
        {(state.account_region_id, state.kind, state.key): state for state in states},
        _last_pushes(places),
        {other.instance_id for other in in_force if other.source not in mine},
        homes,
        {pk: _away(home, [one for one in in_force if one.instance_id == pk]) for pk, home in homes.items()},
    )


def _homes(exemption: Exemption, instances: Sequence[ManagedInstance]) -> dict[int, str]:
    excludes = exemption.kind == Exemption.Kind.PATCH_EXCLUSION
    rows = groups_of(instances) if excludes else windows_of(instances)
    return {pk: row.name for pk, row in rows.items()}


def _away(home: str, waivers: Sequence[Waiver]) -> str:
    patches = {patch for waiver in waivers for patch in waiver.patches}
    return clones.side_group(home, patches) if patches else DEFERRED


def _key(waiver: Waiver) -> str:
    account = waiver.instance.account_region.account
    excludes = waiver.kind == Waiver.Kind.PATCH_EXCLUSION
    return f"{waiver.instance.instance_id}:{account.patch_group_tag if excludes else account.window_tag}"


def _last_pushes(places: Iterable[int]) -> dict[int, PushRun]:
    """The last pass over each account-region that looked at AWS."""
    ended = PushRun.objects.filter(state__in=(PushRun.State.SUCCEEDED, PushRun.State.PARTIAL))
    last = {place: ended.filter(account_region=place).order_by("-pk").first() for place in places}
    return {place: run for place, run in last.items() if run is not None}


def _proof(waiver: Waiver, around: _Around) -> dict[str, Any]:
    instance, tag = waiver.instance, around.resource(waiver, "tag")
    run = around.last_push.get(instance.account_region_id)
    looked = run is not None and run.started_at >= waiver.until
    value = (tag.applied or {}).get("value", "") if tag else ""
    if instance.gone_at:
        restored, because = True, "The instance is gone."
    elif instance.pk in around.held_by_others and waiver.kind == Waiver.Kind.NODE_DEFERRAL:
        # another exemption goes on holding it; that one's end will prove it
        restored, because = True, "Another exemption holds it."
    elif not looked:
        restored, because = False, "Not read back since the end."
    elif instance.pk not in around.homes:
        restored = tag is None or tag.condition == Condition.REMOVED
        where = "patch group" if waiver.kind == Waiver.Kind.PATCH_EXCLUSION else "window"
        because = f"It is in no {where} of ours any more." if restored else "Its tag is still ours."
    elif instance.pk in around.held_by_others:
        # the others leave off patches of their own: the tag has to name the side group without only those
        restored = (
            tag is not None and tag.condition == Condition.IN_SYNC and value == around.away[instance.pk]
        )
        because = (
            "Another exemption holds it." if restored else "Its tag does not read back without this one."
        )
    else:
        home = around.homes[instance.pk]
        restored = tag is not None and tag.condition == Condition.IN_SYNC and value == home
        because = "Read back." if restored else "Its tag does not read back as restored."
    return {
        "instance": instance.instance_id,
        "tag": value,
        "read_back_at": run.started_at.isoformat() if run is not None and looked else None,
        "push": run.pk if run is not None and looked else None,
        "restored": restored,
        "because": because,
    }


def _standing(waiver: Waiver, around: _Around, now: datetime, patched: datetime | None) -> Enforcement:
    tag, back = around.resource(waiver, "tag"), around.resource(waiver, "schedule")
    if waiver.until <= now:
        proof = _proof(waiver, around)
        word, text = ("restored" if proof["restored"] else "not_restored"), proof["because"]
    else:
        word, text = _held(tag, back, around.judge(waiver), around.away.get(waiver.instance_id, ""))
    return Enforcement(
        instance=waiver.instance,
        waiver=waiver,
        state=word,
        text=text,
        tag=tag,
        way_back=back,
        first_patched_at=patched,
    )


def _held(
    tag: ResourceState | None, back: ResourceState | None, judge: Sequence[ResourceState | None], away: str
) -> tuple[str, str]:
    """Enforced only when tag, way back and, of an exclusion, the baseline read back as wanted."""
    for one in filter(None, (tag, back, *judge)):
        if one.condition in (Condition.DRIFTED, Condition.FAILED, Condition.PARKED, Condition.MISSING):
            word = "drifted" if one.condition == Condition.DRIFTED else "failed"
            return word, one.condition_text
    stands = (
        tag is not None and tag.condition == Condition.IN_SYNC and (tag.applied or {}).get("value") == away
    )
    if stands and all(lies_ready(one) for one in (back, *judge)):
        return "enforced", ""
    return "not_enforced", "Approved; the next push does it."


def lies_ready(back: ResourceState | None) -> bool:
    """Whether it was read back from AWS as it should be."""
    return back is not None and back.condition == Condition.IN_SYNC
