"""``/instances/``: what inventory says of each instance, and how it stands."""

from collections.abc import Iterable
from typing import Any

import django_filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from patching import posture
from patching.api.filters import OwnerFilter, PlaceFilter
from patching.models import ManagedInstance
from patching.posture.standing import RUNNING, Step
from portal.governance import clock
from portal.governance.api_parts import Visible

# filters that posture alone can answer, and only for instances that run
STANDING = ("status", "severity", "patch", "gap", "covered", "trust", "exemption")
EXEMPTIONS = [(name, name) for name in ("any", "node_deferral", "patch_exclusion")]
YES_NO = [("yes", "yes"), ("no", "no")]
TRUST = [(name, name) for name in ("fresh", "stale", "other_baseline", "never")]


class InstanceOut(serializers.ModelSerializer[ManagedInstance]):
    """One EC2 instance as it was last seen."""

    account = serializers.CharField(source="account_region.account.account_id")
    region = serializers.CharField(source="account_region.region")
    application = serializers.CharField(source="application.slug", allow_null=True, default=None)
    environment = serializers.CharField(source="environment.slug", allow_null=True, default=None)
    patch_group = serializers.CharField(help_text="The value of its patch group tag.")
    window = serializers.CharField(source="window_name", help_text="The value of its window tag.")
    ssm_status = serializers.SerializerMethodField()
    status = serializers.SerializerMethodField()
    net_status = serializers.SerializerMethodField()
    excused = serializers.SerializerMethodField()

    class Meta:
        model = ManagedInstance
        fields = (
            "id",
            "instance_id",
            "name",
            "account",
            "region",
            "application",
            "environment",
            "availability_zone",
            "instance_type",
            "run_state",
            "operating_system",
            "platform_name",
            "platform_version",
            "auto_scaling_group",
            "tags",
            "patch_group",
            "window",
            "is_managed",
            "ping_status",
            "agent_version",
            "last_ping_at",
            "ssm_status",
            "status",
            "net_status",
            "excused",
            "first_seen_at",
            "last_seen_at",
            "gone_at",
        )
        read_only_fields = fields

    def get_ssm_status(self, instance: ManagedInstance) -> str | None:
        """SSM's word: compliant, non_compliant, stale_scan or unknown; null when it does not run."""
        return words.ssm if (words := self._words(instance)) else None

    def get_status(self, instance: ManagedInstance) -> str | None:
        """Raw, in the same words: SSM's word, but non_compliant where an exclusion hides what is missing."""
        return words.raw if (words := self._words(instance)) else None

    def get_net_status(self, instance: ManagedInstance) -> str | None:
        """Net, in the same words: compliant where an exemption in force excuses it."""
        return words.net if (words := self._words(instance)) else None

    def get_excused(self, instance: ManagedInstance) -> bool:
        """Non-compliant in raw words, with an exemption in force that excuses all of it."""
        return words.excused if (words := self._words(instance)) else False

    def _words(self, instance: ManagedInstance) -> posture.Words | None:
        known: dict[int, posture.Words] = self.context["standings"]
        return known.get(instance.pk)


class LinkOut(serializers.Serializer[posture.Link]):
    """One condition of being patched: it holds, the chain breaks here (false), or it was not reached (null)."""

    key = serializers.CharField()
    holds = serializers.BooleanField(allow_null=True)
    title = serializers.CharField()
    evidence = serializers.CharField()


class InstanceFilter(OwnerFilter, PlaceFilter):
    """With ``running=true`` each figure of ``/compliance/`` is the length of this list with the same filters."""

    running = django_filters.BooleanFilter(
        method="only_running", help_text="Those that can be patched and scanned."
    )
    gone = django_filters.BooleanFilter(
        method="also_gone", help_text="true lists what was terminated instead."
    )
    status = django_filters.ChoiceFilter(
        choices=[(name, name) for name in posture.STATUSES], method="standing"
    )
    severity = django_filters.ChoiceFilter(
        choices=[(step.value, step.value) for step in Step],
        method="standing",
        help_text="Lacks a patch of this severity.",
    )
    patch = django_filters.CharFilter(method="standing", help_text="Lacks this patch, such as KB5039227.")
    gap = django_filters.ChoiceFilter(
        choices=[(gap.name, gap.label) for gap in posture.GAPS],
        method="standing",
        help_text="Patching does not reach it, for this reason.",
    )
    covered = django_filters.ChoiceFilter(
        choices=YES_NO, method="standing", help_text="Whether patching reaches it."
    )
    trust = django_filters.ChoiceFilter(
        choices=TRUST, method="standing", help_text="How good its last scan is."
    )
    exemption = django_filters.ChoiceFilter(
        choices=EXEMPTIONS, method="standing", help_text="Has an exemption in force, any or of this kind."
    )

    class Meta:
        model = ManagedInstance
        fields = ("instance_id", "operating_system", "availability_zone", "auto_scaling_group", "ping_status")

    def filter_queryset(self, queryset: Any) -> Any:
        found = super().filter_queryset(queryset)
        if not self.form.cleaned_data["gone"]:
            found = found.present()
        wanted = {name: value for name in STANDING if (value := self.form.cleaned_data[name])}
        if wanted:
            matching = posture.instances_matching(self.request.user, **wanted)
            found = found.filter(pk__in=matching.values("pk"))
        return found

    def standing(self, queryset: Any, name: str, value: str) -> Any:
        return queryset  # all of them are asked together, in filter_queryset

    def only_running(self, queryset: Any, name: str, value: bool) -> Any:
        return (
            queryset.present().filter(run_state__in=RUNNING)
            if value
            else queryset.exclude(run_state__in=RUNNING)
        )

    def also_gone(self, queryset: Any, name: str, value: bool) -> Any:
        return queryset.exclude(gone_at=None) if value else queryset


class Instances(Visible):
    """Instances of your applications, or all if your work needs them."""

    queryset = ManagedInstance.objects.select_related("account_region__account", "application", "environment")
    serializer_class = InstanceOut
    filterset_class = InstanceFilter

    def get_serializer(self, *args: Any, **kwargs: Any) -> Any:
        rows = args[0] if kwargs.get("many") else args
        kwargs["context"] = {**self.get_serializer_context(), "standings": standings_of(rows)}
        return super().get_serializer(*args, **kwargs)

    @extend_schema(responses=LinkOut(many=True))
    @action(detail=True, methods=["get"], pagination_class=None, filterset_class=None)
    def why(self, request: Request, pk: int) -> Response:
        """Why it is unpatched: the chain from agent to scan, up to where it breaks."""
        return Response(LinkOut(posture.why_unpatched(self.get_object()), many=True).data)


def standings_of(instances: Iterable[ManagedInstance]) -> dict[int, posture.Words]:
    """The three words of those that run, by id."""
    running = [one for one in instances if one.gone_at is None and one.run_state in RUNNING]
    return posture.words_of(running, clock.now()) if running else {}
