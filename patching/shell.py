"""What waits for a person among change requests, for the inbox and the number in the frame. Reads only."""

from django.db.models import QuerySet

from patching import permissions
from patching.models import ChangeRequest
from portal.governance.models import User

State = ChangeRequest.State


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
