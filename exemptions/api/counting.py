"""``/exemptions/debt/`` and ``/exemptions/quality/``: what exemptions add up to, and how well they are decided."""

from collections.abc import Mapping
from typing import Any

from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from exemptions import debt, quality
from exemptions.models import Exemption
from portal.governance import clock, roles
from portal.governance.api_parts import In
from portal.governance.errors import NotAllowed


class DebtGroupOut(serializers.Serializer[Any]):
    """The debt of some exemptions in force."""

    key = serializers.CharField(help_text="The group's value, such as a team's slug; empty for everything.")
    name = serializers.CharField(source="label", help_text="The same in words.")
    exemptions = serializers.IntegerField(help_text="Exemptions in force; register lists as many.")
    instances = serializers.IntegerField(help_text="Instances that they hold, each counted once.")
    points = serializers.DictField(
        child=serializers.IntegerField(), help_text="Severity → weight × findings × days."
    )
    total = serializers.IntegerField(help_text="All points.")
    register = serializers.SerializerMethodField()

    def get_register(self, group: debt.Group) -> str:
        """The page that lists them."""
        return f"{reverse('exemptions:exemption-list')}?{group.query}"


class DebtOut(serializers.Serializer[Any]):
    """Exemption debt at one moment, cut in several ways that each add up to everything."""

    as_of = serializers.DateTimeField()
    formula = serializers.CharField(help_text="How a point is reckoned, in words.")
    weights = serializers.DictField(
        child=serializers.IntegerField(), help_text="Severity → what one finding counts a day."
    )
    everything = DebtGroupOut()
    by_age = DebtGroupOut(many=True, help_text="By full days since the approval.")
    by_renewal = DebtGroupOut(many=True)
    by_team = DebtGroupOut(many=True)
    by_application = DebtGroupOut(many=True)
    by_root_cause = DebtGroupOut(many=True, help_text="By why they cannot be patched.")
    by_kind = DebtGroupOut(many=True)
    by_exposure = DebtGroupOut(many=True)
    by_data_class = DebtGroupOut(many=True)


class QualityIn(In):
    """Which period."""

    days = serializers.ChoiceField(
        choices=quality.PERIODS, default=quality.PERIODS[1], help_text="The last so many days."
    )


class DecidedOut(serializers.Serializer[Any]):
    """The decisions in one role, or all of them. Times are in seconds, null where nothing was decided."""

    key = serializers.CharField(help_text="The slot; empty for all of them.")
    name = serializers.CharField(help_text="The same in words.")
    words = serializers.IntegerField(help_text="Decisions; an exemption that two roles decide has two.")
    approvals = serializers.IntegerField()
    rejections = serializers.IntegerField()
    sent_back = serializers.IntegerField(help_text="Decisions that asked for changes.")
    median_seconds = serializers.FloatField(allow_null=True, help_text="From submission to decision.")
    p90_seconds = serializers.FloatField(allow_null=True, help_text="Nine in ten were decided within it.")
    unread = serializers.IntegerField(help_text="Approvals without having opened a document before.")
    hasty = serializers.IntegerField(help_text="Approvals within 60 seconds of the first look.")
    look_unknown = serializers.IntegerField(help_text="Approvals whose first look is not known.")


class MeasureOut(serializers.Serializer[Any]):
    """How many exemptions something was true of."""

    key = serializers.CharField()
    name = serializers.CharField(help_text="The same in words.")
    exemptions = serializers.IntegerField(help_text="register lists as many.")
    register = serializers.CharField(help_text="The page that lists them.")


class QualityOut(serializers.Serializer[Any]):
    """Decision quality over a period, by role and never by person."""

    as_of = serializers.DateTimeField()
    days = serializers.IntegerField()
    everybody = DecidedOut()
    by_slot = DecidedOut(many=True)
    measures = MeasureOut(many=True)


class Debts(viewsets.ViewSet):
    """Exemption debt of what you may see."""

    @extend_schema(operation_id="exemptions_debt", responses=DebtOut)
    def list(self, request: Request) -> Response:
        """Severity × instances × days of every exemption in force, by age, team, reason and renewal."""
        report = debt.report(Exemption.objects.visible_to(request.user), clock.now())
        cuts = {f"by_{cut.key}": cut.groups for cut in report.groupings}
        told = {
            "as_of": report.at,
            "formula": debt.FORMULA,
            "weights": {str(step): weight for step, weight in debt.WEIGHTS.items()},
            "everything": report.everything,
            "by_age": report.ages,
            "by_renewal": report.renewals,
            **cuts,
        }
        return Response(DebtOut(told).data)


class Quality(viewsets.ViewSet):
    """Decision quality, for those who read all."""

    @extend_schema(operation_id="exemptions_quality", parameters=[QualityIn], responses=QualityOut)
    def list(self, request: Request) -> Response:
        """Time to decide, decided unread and later breached, over 30, 90 or 365 days."""
        if not roles.reads_all(request.user):
            raise NotAllowed("Decision quality is for those who read everything.")
        asked = QualityIn(data=request.query_params.dict())
        asked.is_valid(raise_exception=True)
        days = int(asked.validated_data["days"])
        report = quality.report(Exemption.objects.visible_to(request.user), clock.now(), days)
        register = reverse("exemptions:exemption-list")
        told = {
            "as_of": report.at,
            "days": days,
            "everybody": _slice(report.everybody),
            "by_slot": [_slice(one) for one in report.slots],
            "measures": [
                {
                    "key": measure,
                    "name": quality.MEASURES[measure],
                    "exemptions": number,
                    "register": f"{register}?quality={measure}-{days}",
                }
                for measure, number in report.counts.items()
            ],
        }
        return Response(QualityOut(told).data)


def _slice(one: quality.Slice) -> Mapping[str, Any]:
    times = one.times
    return {
        "key": one.key,
        "name": one.label,
        "words": len(one.words),
        "approvals": one.approvals,
        "rejections": one.rejections,
        "sent_back": one.sent_back,
        "median_seconds": times.median.total_seconds() if times.median is not None else None,
        "p90_seconds": times.p90.total_seconds() if times.p90 is not None else None,
        "unread": one.unread,
        "hasty": one.hasty,
        "look_unknown": one.unknown,
    }
