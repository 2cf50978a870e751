"""``/freezes/`` and ``/occurrences/``: when windows stay shut, and which openings are skipped or moved."""

from typing import Any

import django_filters
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from patching import freezing
from patching.api.filters import LiveFilter, OwnerFilter
from patching.api.governed import COMMON, TIMES, Governed, GovernedOut
from patching.api.item_schema import reference
from patching.models import Freeze, Occurrence, WindowHold
from portal.governance import clock


@extend_schema_field(reference("FreezeSpec"))
class FreezeSpec(serializers.JSONField):
    """What was approved."""


@extend_schema_field(reference("OccurrenceSpec"))
class OccurrenceSpec(serializers.JSONField):
    """What was approved."""


class FreezeOut(GovernedOut):
    """A time in which windows stay shut; without application, environment or account those of every one."""

    account = serializers.CharField(source="account_region.account.account_id", allow_null=True, default=None)
    region = serializers.CharField(source="account_region.region", allow_null=True, default=None)
    spec = FreezeSpec()
    windows = serializers.SerializerMethodField()

    class Meta:
        model = Freeze
        fields = (*COMMON, "account", "region", "starts_at", "ends_at", "windows", *TIMES)
        read_only_fields = fields

    def get_windows(self, freeze: Freeze) -> int:
        """How many windows it holds, now or once it begins."""
        return WindowHold.objects.ahead(clock.now()).filter(source=freezing.source_of(freeze)).count()


class OccurrenceOut(GovernedOut):
    """One opening of a window that is skipped, or moved to another time."""

    account = serializers.CharField(source="account_region.account.account_id")
    region = serializers.CharField(source="account_region.region")
    window = serializers.IntegerField(source="window_id", help_text="The id of its window.")
    spec = OccurrenceSpec()

    class Meta:
        model = Occurrence
        fields = (*COMMON, "account", "region", "window", "run_at", "moved_to", *TIMES)
        read_only_fields = fields


class FreezeFilter(OwnerFilter, LiveFilter):
    ends_after = django_filters.IsoDateTimeFilter("ends_at", lookup_expr="gt", help_text="Not over by then.")

    class Meta:
        model = Freeze
        fields = ("name",)


class OccurrenceFilter(OwnerFilter, LiveFilter):
    run_after = django_filters.IsoDateTimeFilter("run_at", lookup_expr="gt", help_text="Opens after then.")

    class Meta:
        model = Occurrence
        fields = ("window",)


class Freezes(Governed):
    """Freezes of your applications, and those that bind several."""

    queryset = Freeze.objects.select_related(
        "application", "environment", "revision", "account_region__account"
    )
    serializer_class: Any = FreezeOut
    filterset_class = FreezeFilter


class Occurrences(Governed):
    """Skipped and moved openings of your applications' windows."""

    queryset = Occurrence.objects.select_related(
        "application", "environment", "revision", "account_region__account"
    )
    serializer_class: Any = OccurrenceOut
    filterset_class = OccurrenceFilter
