"""What ``/windows/calendar/`` takes and answers: openings between two moments, with what is wrong with them."""

from datetime import datetime, timedelta
from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

from patching.calendar import Calendar, Entry
from portal.governance import clock
from portal.governance.api_parts import Errors, In

USUAL = timedelta(days=31)
LONGEST = timedelta(days=100)


class CalendarIn(In):
    """The two moments, and what narrows the openings; windows are narrowed by the filters of ``/windows/``."""

    conflicts = serializers.BooleanField(default=False)

    def get_fields(self) -> dict[str, Any]:
        """``from`` is no name that a class body can have."""
        moments = {name: serializers.DateTimeField(required=False) for name in ("from", "to")}
        return {**moments, **super().get_fields()}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        start: datetime = attrs.get("from") or clock.now()
        end: datetime = attrs.get("to") or start + USUAL
        if not start < end <= start + LONGEST:
            message = f"It comes after from, by {LONGEST.days} days at most, such as {start + USUAL:%Y-%m-%dT%H:%MZ}."
            problems: Errors = {"to": [ErrorDetail(message, "range")]}
            raise serializers.ValidationError(problems)
        return {**attrs, "from": start, "to": end}


class ConflictOut(serializers.Serializer[Any]):
    """One thing that is wrong with an opening."""

    kind = serializers.CharField(
        help_text="zones (down together), itself (opens while open), crowd (more than AWS runs at once), "
        "freeze, order (production first)."
    )
    claim = serializers.CharField()
    evidence = serializers.CharField()


class OpeningOut(serializers.Serializer[Any]):
    """One opening of one window."""

    window = serializers.IntegerField(source="window.pk")
    name = serializers.CharField(source="window.name")
    application = serializers.CharField(source="window.application")
    environment = serializers.CharField(source="window.environment")
    account = serializers.CharField(source="window.spec.account")
    region = serializers.CharField(source="window.spec.region")
    planned_at = serializers.DateTimeField(
        help_text="When its own schedule opens it; names the opening, also a moved one."
    )
    starts_at = serializers.DateTimeField(source="start")
    ends_at = serializers.DateTimeField(source="end")
    state = serializers.CharField(
        help_text="planned, open, held, skipped, moved, moved_away, not_seen (over, no run was read), or "
        "AWS's word for its run, such as SUCCESS."
    )
    note = serializers.CharField(help_text="Why it is held, skipped or moved.")
    run = serializers.IntegerField(source="run.pk", default=None, allow_null=True)
    conflicts = ConflictOut(many=True)


class BandOut(serializers.Serializer[Any]):
    """A freeze; null where it is for every application or environment."""

    name = serializers.CharField()
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    application = serializers.CharField(allow_null=True)
    environment = serializers.CharField(allow_null=True)


class CalendarOut(serializers.Serializer[Any]):
    """What lies between two moments, in order of time."""

    openings = OpeningOut(many=True)
    freezes = BandOut(many=True)

    def get_fields(self) -> dict[str, Any]:
        moments = {name: serializers.DateTimeField() for name in ("from", "to")}
        return {**moments, **super().get_fields()}


def shown(found: Calendar, *, only_conflicts: bool) -> dict[str, Any]:
    """The answer, with all openings or only those that have a conflict."""
    kept: list[Entry] = [one for one in found.entries if one.conflicts or not only_conflicts]
    told = {"from": found.start, "to": found.end, "openings": kept, "freezes": found.bands}
    return dict(CalendarOut(told).data)
