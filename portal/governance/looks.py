"""Who had which revision before them, and when: for "what changed since you last looked"."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from portal.governance import clock
from portal.governance.models import LastLook, User

ONE_LOOK = timedelta(minutes=1)  # within it, opening a page again is not written down
NEWS_FOR = timedelta(hours=1)  # so long a revision is news to whoever opened it


@dataclass(frozen=True)
class Look:
    """A revision by its number, and when somebody last had it before them."""

    revision: int
    at: datetime


@dataclass(frozen=True)
class Moved:
    """One field that differs: what somebody read and what it says now."""

    field: str
    read: Any
    now: Any


def look(thing: Any, user: User) -> Look | None:
    """Write down that this person has the current revision before them: at most one upsert, none within a minute.

    Returns the latest earlier revision that they looked at or wrote, as long as the current one is news to them.
    """
    about = {"user": user, "object_type": thing._meta.label_lower, "object_id": str(thing.pk)}
    seen = {one.revision: one for one in LastLook.objects.filter(**about)}
    number, now = thing.current.number, clock.now()
    known = seen.get(number)
    if known is None or known.last_at <= now - ONE_LOOK:
        LastLook.objects.bulk_create(
            [LastLook(**about, revision=number, first_at=now, last_at=now)],
            update_conflicts=True,
            unique_fields=["user", "object_type", "object_id", "revision"],
            update_fields=["last_at"],
        )
    news = known is None or known.first_at > now - NEWS_FOR
    if number == 1 or not news or thing.current.author_id == user.pk:
        return None
    earlier = [Look(one.revision, one.last_at) for one in seen.values() if one.revision < number]
    written = thing.revisions.filter(author=user, number__lt=number)
    earlier += [Look(*one) for one in written.values_list("number", "created_at")]
    return max(earlier, key=lambda one: (one.revision, one.at), default=None)
