"""What must not stay as it is without a person hearing of it. Asked of the database at every tick, told once."""

from datetime import timedelta

from django.db import transaction

from patching.models import Operation, ResourceState
from portal.governance import audit, clock, outbox, roles
from portal.governance.models import Role

CLOSED_AT_MOST = timedelta(minutes=15)  # a window that we disabled for a change (design.md §6.6)
Condition = ResourceState.Condition


def raise_due() -> None:
    """Tell operators of each window that a push closed for a moment and that is still closed."""
    unsettled = ResourceState.objects.filter(kind="window").exclude(
        condition__in=(Condition.IN_SYNC, Condition.REMOVED)
    )
    for window in unsettled.select_related("account_region__account"):
        closed = _closed_by_us(window)
        if closed is None or closed.alarmed_at is not None:
            continue
        if clock.real_now() - closed.intent_at > CLOSED_AT_MOST:
            _tell(window, closed)


def _closed_by_us(window: ResourceState) -> Operation | None:
    """Our last word on whether it is open, if that was to close it."""
    words = window.operations.filter(action__in=("create", "enable", "disable", "delete"))
    for word in words.exclude(state=Operation.State.FAILED).order_by("-pk"):
        if word.state == Operation.State.ABANDONED and not _came_to_pass(word, window):
            continue
        return word if word.action in ("create", "disable") else None
    return None


def _came_to_pass(word: Operation, window: ResourceState) -> bool:
    """Whether a call whose answer was lost has left the window as it meant to, by what AWS showed afterwards."""
    meant = {"enable": True, "disable": False}.get(word.action)
    return meant is not None and (window.applied or {}).get("enabled") is meant


@transaction.atomic
def _tell(window: ResourceState, closed: Operation) -> None:
    audit.take_turn()
    if Operation.objects.filter(pk=closed.pk, alarmed_at=None).update(alarmed_at=clock.real_now()) != 1:
        return
    text = (
        f"{window.label} in {window.account_region} was disabled at {closed.at:%H:%M} UTC to be changed and is "
        f"still disabled. Nothing in it is patched until it is opened again."
    )
    audit.record("patching.resourcestate.kept_closed", window, by=None, reason=text)
    outbox.tell_all(
        roles.holders(Role.OPERATOR),
        event="window.kept_closed",
        key=f"{window.pk}/{closed.pk}",
        subject=f"{window.label} is still closed after a change",
        body=f"{text} {window.condition_text}",
        url=f"/aws-accounts/{window.account_region_id}/",
    )
