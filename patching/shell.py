"""What the page frame shows of patching: how much waits for a person, and whether the tick is silent. Reads only."""

from datetime import timedelta

from django.conf import settings
from django.db.models import QuerySet

from patching import permissions
from patching.models import ChangeRequest
from portal.governance import clock
from portal.governance.models import Heartbeat, User

State = ChangeRequest.State
SILENT_AFTER_TICKS = 12


def counts(user: User) -> dict[str, int]:
    """How many requests wait for this person."""
    return {
        "requests": to_decide(user).count() + to_answer(user).count() + to_retry(user).count(),
    }


def to_decide(user: User) -> QuerySet[ChangeRequest]:
    """Submitted requests that wait for this person's word."""
    return permissions.waiting_for(user)


def to_answer(user: User) -> QuerySet[ChangeRequest]:
    """Their own requests that were sent back."""
    return ChangeRequest.objects.visible_to(user).filter(requested_by=user, state=State.CHANGES_REQUESTED)


def to_retry(user: User) -> QuerySet[ChangeRequest]:
    """Requests whose push failed, for those who look after pushes."""
    if not permissions.may_operate(user):
        return ChangeRequest.objects.none()
    failed = (State.FAILED, State.PARTIALLY_APPLIED)
    return ChangeRequest.objects.visible_to(user).filter(state__in=failed)


def drafts(user: User) -> QuerySet[ChangeRequest]:
    """Their own drafts."""
    return ChangeRequest.objects.visible_to(user).filter(requested_by=user, state=State.DRAFT)


def silence() -> str:
    """A sentence when the tick has not been seen for a dozen of its periods, a minute by default; else nothing."""
    beat = Heartbeat.objects.filter(name="tick").first()
    if beat is None:
        return "No worker has been seen yet. What is approved waits in the database until one starts."
    silent_for = clock.real_now() - beat.at
    if silent_for <= timedelta(seconds=settings.TICK_SECONDS * SILENT_AFTER_TICKS):
        return ""
    return f"No worker has been seen since {beat.at:%d %b %Y %H:%M} UTC. Nothing is lost; pushes and readings wait."
