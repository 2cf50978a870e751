"""Pages of the catalogue: patches, one patch, CVEs, one CVE, and the files it was read from."""

from collections.abc import Sequence
from typing import Any

import django_filters
from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from patching import cataloguing, words
from patching.catalogue import FORMATS, MOST_BYTES
from patching.catalogue.merging import origin
from patching.landing import Landing, landings_of
from patching.models import Advisory, CatalogueSource, Cve, Patch, PatchFinding
from patching.standings import (
    findings_of_cve,
    findings_of_patches,
    got_it,
    judged_by_baselines,
    lacking_by_cve,
    superseded_by,
)
from patching.web.filters import search
from patching.words import SYSTEM_NAMES
from portal.governance import clock, lists, roles
from portal.governance.errors import InvalidInput, NotAllowed

SHOWN = 200  # instances on one page; the list of findings has all
SEVERITIES = ("Critical", "Important", "Moderate", "Medium", "Low")
FACTS = (
    ("severity", "Severity"),
    ("classification", "Classification"),
    ("released_at", "Released"),
    ("products", "Products"),
    ("advisories", "Advisories"),
    ("cves", "CVEs"),
    ("supersedes", "Supersedes"),
    ("repository", "Repository"),
)
YES = [("yes", "Known exploited")]


class PatchFilter(django_filters.FilterSet):
    """What the list of patches is narrowed by."""

    q = search("Patch, advisory or CVE", method="by_text")
    system = django_filters.ChoiceFilter(
        field_name="operating_system",
        choices=list(SYSTEM_NAMES.items()),
        label="Operating system",
        empty_label="All systems",
    )
    severity = django_filters.ChoiceFilter(
        lookup_expr="iexact",
        choices=[(one, one) for one in SEVERITIES],
        label="Severity",
        empty_label="Any severity",
    )
    classification = django_filters.CharFilter(lookup_expr="iexact", label="Classification")
    exploited = django_filters.ChoiceFilter(
        method="by_exploited", choices=YES, label="Exploited", empty_label="Any"
    )
    lacking = django_filters.ChoiceFilter(
        method="by_lacking", choices=[("yes", "Missing somewhere")], label="Instances", empty_label="Any"
    )
    since = django_filters.DateFilter(
        field_name="released_at",
        lookup_expr="gte",
        label="Released since",
        widget=forms.DateInput(attrs={"type": "date"}),
    )

    def by_text(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        linked = Advisory.objects.filter(patches=OuterRef("pk")).filter(
            Q(ref__icontains=value) | Q(cves__cve__iexact=value)
        )
        return rows.filter(Q(ref__icontains=value) | Q(title__icontains=value) | Exists(linked))

    def by_exploited(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return rows.filter(is_exploited=True)

    def by_lacking(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        lacking = PatchFinding.objects.visible_to(self.request.user).open()
        return rows.filter(name__in=lacking.order_by().values("patch_id"))


class CveFilter(django_filters.FilterSet):
    """What the list of CVEs is narrowed by."""

    q = search("CVE or title", method="by_text")
    exploited = django_filters.ChoiceFilter(
        method="by_exploited", choices=YES, label="Exploited", empty_label="Any"
    )
    patched = django_filters.ChoiceFilter(
        method="by_patched", choices=[("yes", "With a patch here")], label="Patch", empty_label="Any"
    )

    def by_text(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return rows.filter(Q(cve__icontains=value) | Q(title__icontains=value))

    def by_exploited(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return rows.exclude(exploited_on=None)

    def by_patched(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return rows.filter(Exists(Patch.objects.filter(advisories__cves=OuterRef("pk"))))


PATCH_COLUMNS = (
    lists.Column("Patch", lambda one: one.ref, "ref"),
    lists.Column("Title", lambda one: one.title, shown=False),
    lists.Column("Operating system", lambda one: words.system_name(one.operating_system), "operating_system"),
    lists.Column("Severity", lambda one: one.severity, "severity"),
    lists.Column("Classification", lambda one: one.classification, "classification"),
    lists.Column("Released", lambda one: one.released_at, "released_at"),
    lists.Column("Known exploited", lambda one: "yes" if one.is_exploited else "", shown=False),
    lists.Column("Lack it", lambda one: one.lacking, css="r"),
)
CVE_COLUMNS = (
    lists.Column("CVE", lambda one: one.cve, "cve"),
    lists.Column("Known exploited since", lambda one: one.exploited_on, "exploited_on"),
    lists.Column("Mend by", lambda one: one.due_on, "due_on"),
    lists.Column("EPSS", lambda one: one.epss, "epss", css="r"),
    lists.Column("Patches", lambda one: one.number_of_patches, css="r"),
    lists.Column("Lack one", lambda one: one.lacking, css="r"),
)


@login_required
@require_GET
def patch_list(request: HttpRequest) -> HttpResponse:
    """Patches known to the installation, the newest first."""
    rows = Patch.objects.visible_to(request.user).with_exploited()

    def decorate(page: list[Any]) -> None:
        found = findings_of_patches(request.user, page)
        for row in page:
            row.lacking = len({one.instance_id for one in found[row.pk]})
            row.system = words.system_name(row.operating_system)

    return lists.show(
        request,
        "patching/patch_list.html",
        rows=rows,
        columns=PATCH_COLUMNS,
        name="patches",
        filters=PatchFilter,
        decorate=decorate,
        context={"may_import": cataloguing.may_import(request.user)},
    )


@login_required
@require_GET
def patch_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """One patch: its facts with their sources, who lacks it, who is exempt, and when it lands."""
    patch = get_object_or_404(Patch.objects.visible_to(request.user).with_exploited(), pk=pk)
    at = clock.now()
    found = findings_of_patches(request.user, [patch])[patch.pk]
    said = {one.kind: one for one in patch.facts.select_related("source")}
    cves = list(Cve.objects.filter(advisories__patches=patch).distinct())
    exploited = [one for one in cves if one.known_exploited]
    context = {
        "patch": patch,
        "system": words.system_name(patch.operating_system),
        "facts": _facts(patch, said),
        "sources": list(said.values()),
        "cves": cves,
        "exploited": exploited,
        "followed_by": superseded_by(patch),
        "older": Patch.objects.filter(operating_system=patch.operating_system, name__in=patch.supersedes),
        "got_it": got_it(request.user, [patch]),
        "baselines": judged_by_baselines(request.user, patch, at),
        **_who(request, found),
    }
    return render(request, "patching/patch_detail.html", context)


@login_required
@require_GET
def cve_list(request: HttpRequest) -> HttpResponse:
    """CVEs that a patch fixes, an instance names or CISA lists."""
    rows = Cve.objects.visible_to(request.user).annotate(
        number_of_patches=Count("advisories__patches", distinct=True)
    )

    def decorate(page: list[Any]) -> None:
        lacking = lacking_by_cve(request.user, page)
        for row in page:
            row.lacking = len(lacking[row.pk])

    return lists.show(
        request,
        "patching/cve_list.html",
        rows=rows,
        columns=CVE_COLUMNS,
        name="cves",
        filters=CveFilter,
        decorate=decorate,
    )


@login_required
@require_GET
def cve_detail(request: HttpRequest, cve: str) -> HttpResponse:
    """One CVE: whether it is exploited, what fixes it, who lacks that and until when."""
    row = get_object_or_404(
        Cve.objects.visible_to(request.user).select_related("exploited_told_by", "epss_told_by"),
        cve=cve.upper(),
    )
    found = findings_of_cve(request.user, row)
    patches = list(Patch.objects.filter(advisories__cves=row).distinct()[:SHOWN])
    context = {
        "cve": row,
        "patches": patches,
        "got_it": got_it(request.user, patches),
        "my_teams": roles.teams_of(request.user).exists(),
        **_who(request, found),
    }
    return render(request, "patching/cve_detail.html", context)


def _who(request: HttpRequest, found: Sequence[PatchFinding]) -> dict[str, Any]:
    landings = landings_of(found[:SHOWN], clock.now())
    return {
        "landings": [one for one in landings if one.exempt_by is None],
        "exempt": [one for one in landings if one.exempt_by is not None],
        "lacking": len({one.instance_id for one in found}),
        "more": max(0, len(found) - SHOWN),
        "first": _first(landings),
    }


def _first(landings: Sequence[Landing]) -> Landing | None:
    return min((one for one in landings if one.lands_at), key=lambda one: one.lands_at, default=None)  # type: ignore[return-value]


def _facts(patch: Patch, said: dict[str, Any]) -> list[dict[str, Any]]:
    """Each fact with its value and the sources that tell it."""
    words_of = {kind: one.facts for kind, one in said.items()}
    rows = []
    for field, label in FACTS:
        value = getattr(patch, field, None)
        if field == "advisories":
            value = [one.ref for one in patch.advisories.all() if one.ref != patch.ref]
        if field == "cves":
            continue  # a table of their own
        if value:
            sources = [said[kind] for kind in origin(words_of, field)]
            rows.append(
                {"label": label, "value": value, "is_list": isinstance(value, list), "sources": sources}
            )
    return rows


class ImportForm(forms.Form):
    """One file and what it is."""

    format = forms.ChoiceField(label="Format", choices=[(name, one.label) for name, one in FORMATS.items()])
    file = forms.FileField(label="File", help_text=f"At most {MOST_BYTES // 2**20} MiB.")


@login_required
@require_http_methods(["GET", "POST"])
def catalogue_import(request: HttpRequest) -> HttpResponse:
    """What the catalogue was read from; security operations read another file into it."""
    if not cataloguing.may_import(request.user):
        raise PermissionDenied
    form = ImportForm(request.POST or None, request.FILES or None)
    status = 200
    if request.method == "POST":
        status = 400
        if form.is_valid():
            file = form.cleaned_data["file"]
            try:
                source = cataloguing.import_file(
                    file.read(MOST_BYTES + 1),
                    name=file.name,
                    format_name=form.cleaned_data["format"],
                    by=request.user,
                )
            except InvalidInput as problem:
                for one in problem.problems:
                    form.add_error(one.field, one.message)
            except NotAllowed as problem:
                raise PermissionDenied from problem
            else:
                messages.success(
                    request,
                    f"{source.name}: {words.counted(source.patches, 'patch', 'patches')} and "
                    f"{words.counted(source.cves, 'CVE')} read; {source.added} new, {source.changed} changed.",
                )
                return redirect("patching:catalogue-import")
    context = {"form": form, "sources": CatalogueSource.objects.select_related("read_by")[:50]}
    return render(request, "patching/catalogue_import.html", context, status=status)
