"""What baselines do with the catalogue, for ``/baselines/{id}/effect/`` and ``/change-requests/{id}/effect/``."""

from datetime import UTC, datetime, time
from typing import Any

from rest_framework import serializers

from patching.baseline_effect import Outcome
from patching.baseline_outlook import Difference, Outlook
from patching.baseline_replay import Moved, Replay
from portal.governance import clock
from portal.governance.api_parts import In

MOST = 500  # patches of one list


class DayIn(In):
    """The day to look at."""

    on = serializers.DateField(required=False, help_text="Such as 2026-06-30; now unless said otherwise.")

    def moment(self) -> datetime:
        """The end of the day in UTC, or now."""
        day = self.validated_data.get("on")
        return datetime.combine(day, time.max, UTC) if day else clock.now()


class OutcomeOut(serializers.Serializer[Outcome]):
    """A patch that only a delay keeps back."""

    patch = serializers.CharField(source="patch.id")
    product = serializers.CharField(source="patch.product")
    severity = serializers.CharField(source="patch.severity")
    rule = serializers.IntegerField(help_text="From 0.")
    approves_at = serializers.DateTimeField()


class LostOut(serializers.Serializer[Any]):
    """A Windows update that is superseded before its delay is over, and therefore never installed."""

    patch = serializers.CharField(source="patch.id")
    approved_at = serializers.DateTimeField()
    successor = serializers.CharField()
    superseded_at = serializers.DateTimeField()


class OutlookOut(serializers.Serializer[Outlook]):
    """What a baseline approves on a day of all known patches, at what level, and when the rest will be."""

    at = serializers.DateTimeField()
    patches = serializers.IntegerField(help_text="Known ones, one for each product in use.")
    approved = serializers.IntegerField()
    levels = serializers.SerializerMethodField()
    waiting = serializers.SerializerMethodField()
    never = serializers.IntegerField(help_text="Approved by no rule.")
    lost = LostOut(many=True)

    def get_levels(self, outlook: Outlook) -> dict[str, int]:
        """How many are approved at each compliance level."""
        return dict(outlook.levels)

    def get_waiting(self, outlook: Outlook) -> list[dict[str, Any]]:
        """Approved later by themselves, the soonest first, 500 at most."""
        return list(OutcomeOut(outlook.waiting[:MOST], many=True).data)


class TurnOut(serializers.Serializer[Any]):
    """A patch whose approval moves; before and after are null where it is never approved."""

    patch = serializers.CharField(source="patch.id")
    product = serializers.CharField(source="patch.product")
    before = serializers.DateTimeField(allow_null=True)
    after = serializers.DateTimeField(allow_null=True)
    lands_at = serializers.DateTimeField(
        allow_null=True, help_text="First run of a window that could bring it."
    )
    lacking = serializers.IntegerField(help_text="Instances touched that lack it now.")


class MovedOut(serializers.Serializer[Moved]):
    """One patch of the past, and when it would have been approved."""

    patch = serializers.CharField(source="patch.id")
    product = serializers.CharField(source="patch.product")
    before = serializers.DateTimeField(allow_null=True)
    after = serializers.DateTimeField(allow_null=True)
    days = serializers.FloatField(allow_null=True, help_text="How many days later; negative is sooner.")


class ReplayOut(serializers.Serializer[Replay]):
    """Had it applied for the last six months, over the patches that the instances touched lacked."""

    patches = serializers.IntegerField()
    same = serializers.IntegerField()
    sooner = MovedOut(many=True)
    later = MovedOut(many=True)
    newly = MovedOut(many=True, help_text="Never approved before.")
    no_more = MovedOut(many=True, help_text="Never approved after.")


class DifferenceOut(serializers.Serializer[Difference]):
    """What a request does to one baseline."""

    name = serializers.CharField()
    operating_system = serializers.CharField(source="system")
    patches = serializers.IntegerField()
    instances = serializers.IntegerField()
    newly_approved = TurnOut(many=True)
    newly_blocked = TurnOut(many=True)
    moved = TurnOut(many=True, help_text="They wait, and would be approved on another day.")
    past = ReplayOut()
    lost = LostOut(many=True)
