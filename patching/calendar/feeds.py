"""Addresses under which a calendar program reads windows: made, shown once, revoked; read by whoever knows one.

A feed shows what its maker may see now, and of a team's feed only that team's windows: who leaves sees nothing more.
"""

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet

from patching.calendar import ical, reading
from patching.models import CalendarFeed, MaintenanceWindow
from portal.governance import audit, clock, roles
from portal.governance.errors import FieldProblem, InvalidInput, NotAllowed, WrongState
from portal.governance.models import Team, User

DAYS_BACK, DAYS_AHEAD = timedelta(days=30), timedelta(days=180)
LONGEST_LABEL = 80
MOST = 20  # addresses of one person that work
NOTED_EVERY = timedelta(minutes=1)


@transaction.atomic
def make(*, label: str, by: User, team: Team | None = None) -> tuple[CalendarFeed, str]:
    """A new feed, and the secret part of its address, which is never seen again. Raises NotAllowed, InvalidInput."""
    audit.take_turn()
    if team is not None and not roles.is_member(by, team):
        raise NotAllowed("Members of a team make its calendar addresses.")
    problems = []
    if not 1 <= len(label.strip()) <= LONGEST_LABEL:
        message = f"Say in 1 to {LONGEST_LABEL} characters who reads it, such as “Phone” or “Wall screen”."
        problems.append(FieldProblem("label", "length", message))
    if CalendarFeed.objects.filter(made_by=by, revoked_at=None).count() >= MOST:
        problems.append(FieldProblem("label", "too_many", f"Revoke one of your {MOST} addresses first."))
    if problems:
        raise InvalidInput(problems)
    secret = secrets.token_urlsafe(32)
    feed = CalendarFeed.objects.create(
        owner=None if team else by,
        team=team,
        label=label.strip(),
        key_hash=_hash(secret),
        made_by=by,
        made_at=clock.now(),
    )
    audit.record("patching.calendarfeed.made", feed, by=by, team=team)
    return feed, secret


@transaction.atomic
def revoke(feed: CalendarFeed, *, by: User) -> CalendarFeed:
    """End an address at once. Raises NotAllowed, WrongState."""
    audit.take_turn()
    if not visible_to(by).filter(pk=feed.pk).exists():
        raise NotAllowed("Its owner, or a member of its team, revokes an address.")
    if CalendarFeed.objects.filter(pk=feed.pk, revoked_at=None).update(revoked_at=clock.now()) != 1:
        raise WrongState("This address is revoked already.")
    audit.record("patching.calendarfeed.revoked", feed, by=by, team=feed.team)
    feed.refresh_from_db()
    return feed


def visible_to(user: User) -> QuerySet[CalendarFeed]:
    """A person's own feeds, and those of their teams, whoever made them."""
    mine = CalendarFeed.objects.filter(Q(owner=user) | Q(team__in=roles.teams_of(user)))
    return mine.select_related("team", "made_by")


def by_secret(secret: str) -> CalendarFeed | None:
    """The feed that this secret opens: neither revoked nor of somebody who was shut out."""
    wanted = _hash(secret)
    feed = CalendarFeed.objects.select_related("made_by", "team").filter(key_hash=wanted).first()
    if feed is None or not hmac.compare_digest(feed.key_hash, wanted):
        return None
    return feed if feed.revoked_at is None and feed.made_by.is_active else None


def note_reading(feed: CalendarFeed, at: datetime) -> None:
    """Write down that it was read, a minute apart at least."""
    CalendarFeed.objects.filter(
        Q(last_read_at=None) | Q(last_read_at__lt=at - NOTED_EVERY), pk=feed.pk
    ).update(last_read_at=at)


def text_of(feed: CalendarFeed, at: datetime) -> bytes:
    """What a calendar program gets: counted in whole days, so that it stays the same while nothing changes."""
    today = at.replace(hour=0, minute=0, second=0, microsecond=0)
    shown = MaintenanceWindow.objects.filter(application__team=feed.team) if feed.team else None
    found = reading.between(feed.made_by, today - DAYS_BACK, today + DAYS_AHEAD, at=at, shown=shown)
    name = f"Patching: {feed.team}" if feed.team else "Patching"
    host = urlsplit(settings.BASE_URL).hostname or "patchwarden"
    return ical.written(found.entries, name=name, host=host, base_url=settings.BASE_URL)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
