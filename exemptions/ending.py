"""How exemptions end: by date or revocation, with patching restored in AWS and that proved by reading back."""

from typing import Any

from django.db import transaction

from exemptions.models import Exemption
from exemptions.workflow import effective_state, end_waivers, waivers_of
from patching.models import ResourceState, Waiver
from patching.specs import DEFERRED
from portal.governance import clock, outbox
from portal.governance.states import locked, move

State = Exemption.State


def settle() -> int:
    """Close the waivers of what has ended and mark as restored what AWS was read back to have restored."""
    restored = 0
    for exemption in Exemption.objects.filter(state__in=(State.APPROVED, State.REVOKED)):
        if effective_state(exemption) in ("expired", State.REVOKED):
            restored += _settle_one(exemption)
    return restored


@transaction.atomic
def _settle_one(exemption: Exemption) -> int:
    exemption = locked(exemption)
    if exemption.state not in (State.APPROVED, State.REVOKED):
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
        body=f"Read back from AWS at {now:%d %b %Y %H:%M} UTC: {len(proof)} instances are in their window again.",
        url=f"/exemptions/{exemption.pk}/",
    )
    return 1


def proof_of(exemption: Exemption) -> list[dict[str, Any]]:
    """Per instance: what its window tag was read back to be, when, and whether that is out of deferral."""
    return [
        _read_back(waiver)
        for waiver in waivers_of(exemption).select_related("instance__account_region__account")
    ]


def _read_back(waiver: Waiver) -> dict[str, Any]:
    state = _tag_state(waiver)
    value = (state.applied or {}).get("value", "") if state else ""
    in_sync = state is not None and state.condition == ResourceState.Condition.IN_SYNC
    still_waived = Waiver.objects.in_force(clock.now()).filter(instance=waiver.instance).exists()
    return {
        "instance": waiver.instance.instance_id,
        "tag": value,
        "read_back_at": state.changed_at.isoformat() if state else None,
        # another exemption may go on holding it; this one's end is then proved by that one's waiver
        "restored": still_waived or (in_sync and value != DEFERRED),
    }


def enforcement_of(exemption: Exemption) -> list[dict[str, Any]]:
    """Per instance: ``enforced`` as read back from AWS, ``waits`` for a push, or ``drifted``."""
    found = []
    for waiver in waivers_of(exemption).select_related("instance__account_region__account"):
        state = _tag_state(waiver)
        word = "waits"
        if state is not None and state.condition == ResourceState.Condition.DRIFTED:
            word = "drifted"
        elif (
            state is not None
            and state.condition == ResourceState.Condition.IN_SYNC
            and (state.applied or {}).get("value") == DEFERRED
        ):
            word = "enforced"
        found.append({"instance": waiver.instance, "state": word, "waiver": waiver})
    return found


def _tag_state(waiver: Waiver) -> ResourceState | None:
    place = waiver.instance.account_region
    key = f"{waiver.instance.instance_id}:{place.account.window_tag}"
    return ResourceState.objects.filter(account_region=place, kind="tag", key=key).first()
