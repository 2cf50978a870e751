"""``/patches/`` and ``/cves/``: the catalogue, who lacks what, who is exempt, and when it lands."""

from typing import Any

import django_filters
from django.db.models import Count, Exists, OuterRef, Q
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from patching.landing import Landing, landings_of
from patching.models import Advisory, CatalogueSource, Cve, Patch
from patching.standings import findings_of_cve, findings_of_patches, judged_by_baselines
from portal.governance import clock
from portal.governance.api_parts import Visible


class SourceOut(serializers.ModelSerializer[CatalogueSource]):
    """Where a fact comes from, and when it was read."""

    class Meta:
        model = CatalogueSource
        fields = ("kind", "name", "as_of", "read_at")
        read_only_fields = fields


class PatchOut(serializers.ModelSerializer[Patch]):
    """A Windows KB, or on Linux one version of one package."""

    known_exploited = serializers.BooleanField(source="is_exploited")

    class Meta:
        model = Patch
        fields: tuple[str, ...] = (
            "id",
            "ref",
            "name",
            "build",
            "operating_system",
            "title",
            "classification",
            "severity",
            "released_at",
            "products",
            "known_exploited",
        )
        read_only_fields = fields


class FactOut(serializers.Serializer[Any]):
    """What one source says, in its own words."""

    source = SourceOut()  # type: ignore[assignment]
    facts = serializers.DictField()


class JudgedOut(serializers.Serializer[Any]):
    """What one baseline says of it, for one product in use."""

    baseline = serializers.IntegerField(source="baseline.pk")
    name = serializers.CharField(source="baseline.name")
    product = serializers.CharField()
    approved = serializers.BooleanField(source="verdict.approved")
    compliance_level = serializers.CharField(source="verdict.compliance_level")
    rule = serializers.IntegerField(source="verdict.rule", allow_null=True, help_text="From 0.")
    approves_at = serializers.DateTimeField(source="verdict.approves_at", allow_null=True)
    reason = serializers.CharField(source="verdict.reason")


class PatchDetailOut(PatchOut):
    """A patch with its facts and what baselines say of it."""

    advisories = serializers.SlugRelatedField[Advisory](slug_field="ref", many=True, read_only=True)
    cves = serializers.SerializerMethodField()
    facts = FactOut(many=True)
    baselines = serializers.SerializerMethodField()

    class Meta(PatchOut.Meta):
        fields = (*PatchOut.Meta.fields, "supersedes", "advisories", "cves", "facts", "baselines")
        read_only_fields = fields

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_cves(self, patch: Patch) -> list[str]:
        return sorted(Cve.objects.filter(advisories__patches=patch).distinct().values_list("cve", flat=True))

    @extend_schema_field(JudgedOut(many=True))
    def get_baselines(self, patch: Patch) -> Any:
        judged = judged_by_baselines(self.context["request"].user, patch, clock.now())
        return JudgedOut(judged, many=True).data


class LandingOut(serializers.Serializer[Landing]):
    """An instance that lacks a patch, what excuses it, and when it lands as things stand."""

    instance = serializers.IntegerField(source="instance.pk")  # type: ignore[assignment]
    instance_id = serializers.CharField(source="instance.instance_id")
    name = serializers.CharField(source="instance.name")
    patch = serializers.CharField(source="finding.patch_id")
    state = serializers.CharField(source="finding.state")
    exempt_by = serializers.SerializerMethodField()
    exempt_until = serializers.DateTimeField(source="exempt_by.until", allow_null=True, default=None)
    approved = serializers.BooleanField(allow_null=True, help_text="null: no baseline of ours judges it.")
    approves_at = serializers.DateTimeField(allow_null=True)
    lands_at = serializers.DateTimeField(allow_null=True)
    window = serializers.CharField(source="window.name", allow_null=True, default=None)
    why = serializers.CharField()

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_exempt_by(self, one: Landing) -> str | None:
        """Such as EX-7."""
        return one.exempt_by.allowed_by if one.exempt_by else None


class CveOut(serializers.ModelSerializer[Cve]):
    """One CVE, with what CISA and EPSS say of it."""

    patches = serializers.IntegerField(source="number_of_patches")

    class Meta:
        model = Cve
        fields: tuple[str, ...] = (
            "cve",
            "title",
            "known_exploited",
            "exploited_on",
            "due_on",
            "ransomware",
            "epss",
            "percentile",
            "patches",
        )
        read_only_fields = fields


class CveDetailOut(CveOut):
    """A CVE with its sources and what fixes it."""

    exploited_told_by = SourceOut(allow_null=True)
    epss_told_by = SourceOut(allow_null=True)
    fixed_by = serializers.SerializerMethodField()

    class Meta(CveOut.Meta):
        fields = (*CveOut.Meta.fields, "action", "exploited_told_by", "epss_told_by", "fixed_by")
        read_only_fields = fields

    @extend_schema_field(PatchOut(many=True))
    def get_fixed_by(self, cve: Cve) -> Any:
        rows = Patch.objects.with_exploited().filter(advisories__cves=cve).distinct()
        return PatchOut(rows, many=True).data


class PatchFilter(django_filters.FilterSet):
    ref = django_filters.CharFilter(help_text="KB5039217, openssl.x86_64:1:3.5.5-3.el9_8.")
    name = django_filters.CharFilter(help_text="As SSM reports it: KB5039217, openssl.x86_64.")
    severity = django_filters.CharFilter(lookup_expr="iexact")
    classification = django_filters.CharFilter(lookup_expr="iexact")
    cve = django_filters.CharFilter(method="by_cve", help_text="Fixes this CVE.")
    known_exploited = django_filters.BooleanFilter("is_exploited")
    released_since = django_filters.DateFilter("released_at", lookup_expr="gte")

    class Meta:
        model = Patch
        fields: tuple[str, ...] = ("operating_system",)

    def by_cve(self, rows: Any, name: str, value: str) -> Any:
        return rows.filter(Exists(Advisory.objects.filter(patches=OuterRef("pk"), cves__cve__iexact=value)))


class CveFilter(django_filters.FilterSet):
    known_exploited = django_filters.BooleanFilter(
        "exploited_on", lookup_expr="isnull", exclude=True, help_text="Listed by CISA."
    )

    class Meta:
        model = Cve
        fields: tuple[str, ...] = ("cve",)


class Patches(Visible):
    """Patches known to the installation, for everybody; instances inside are those that you may see."""

    queryset = Patch.objects.with_exploited()
    serializer_class = PatchOut
    detail_class = PatchDetailOut
    filterset_class = PatchFilter

    @extend_schema(responses=LandingOut(many=True))
    @action(detail=True, methods=["get"], pagination_class=None, filterset_class=None)
    def instances(self, request: Request, pk: int) -> Response:
        """Who lacks it, who is exempt, and when it lands on each."""
        patch = self.get_object()
        found = findings_of_patches(request.user, [patch])[patch.pk]
        return Response(LandingOut(landings_of(found, clock.now()), many=True).data)


class Cves(Visible):
    """CVEs that a patch fixes, an instance names or CISA lists; found by their id, such as CVE-2026-12345."""

    queryset = Cve.objects.annotate(
        number_of_patches=Count("advisories__patches", distinct=True, filter=~Q(advisories=None))
    ).select_related("exploited_told_by", "epss_told_by")
    serializer_class = CveOut
    detail_class = CveDetailOut
    filterset_class = CveFilter
    lookup_field = "cve"
    lookup_value_converter = "str"

    @extend_schema(responses=LandingOut(many=True))
    @action(detail=True, methods=["get"], pagination_class=None, filterset_class=None)
    def instances(self, request: Request, cve: str) -> Response:
        """Who lacks a fix for it, who is exempt, and when one lands on each."""
        found = findings_of_cve(request.user, self.get_object())
        return Response(LandingOut(landings_of(found, clock.now()), many=True).data)
