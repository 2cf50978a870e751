"""What the page frame shows of patching: how much waits for a person, and whether the tick is silent. Reads only."""

from datetime import datetime, timedelta

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
    """A sentence when no tick was done for a dozen of its periods, a minute by default; else nothing.

    A tick is sent by beat and done by a worker; beat writes down that it sends, so the sentence says who is silent.
    """
    seen = dict(Heartbeat.objects.filter(name__in=("tick", "beat")).values_list("name", "at"))
    done, sent = seen.get("tick"), seen.get("beat")
    if _is_fresh(done):
        return ""
    if _is_fresh(sent):
        since = f"since {_moment(done)}" if done else "yet"
        return (
            f"Beat sends its ticks, but no worker has done one {since}: look at the workers and the broker. "
            "Nothing is lost; pushes and readings wait."
        )
    if done is None:
        return "No worker has been seen yet. What is approved waits in the database until one starts."
    beat = f"Beat has sent nothing since {_moment(sent)}" if sent else "Beat has not been seen"
    return (
        f"No worker has been seen since {_moment(done)}. {beat}; workers wait for it. "
        "Nothing is lost; pushes and readings wait."
    )


def _is_fresh(at: datetime | None) -> bool:
    patience = timedelta(seconds=settings.TICK_SECONDS * SILENT_AFTER_TICKS)
    return at is not None and clock.real_now() - at <= patience


def _moment(at: datetime) -> str:
    return f"{at:%d %b %Y %H:%M} UTC"
