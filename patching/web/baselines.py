"""Pages of patch baselines: all of them, and one with its rules in words and the groups that use it."""

import json
from datetime import UTC, datetime, time
from typing import Any

from django import forms
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from patching import findings, known_patches, promoting, system_facts, words
from patching.baseline_outlook import outlook
from patching.models import ManagedInstance, PatchBaseline
from patching.web import standing
from patching.web.common import history_of, may_ask_for
from patching.web.filters import BaselineFilter
from portal.governance import clock, lists, roles

COLUMNS = (
    lists.Column("Baseline", lambda one: one.name, "name"),
    lists.Column("Operating system", lambda one: one.system, "operating_system"),
    lists.Column("Application", lambda one: one.application, "application__slug", shown=False),
    lists.Column("Environment", lambda one: one.environment, "environment__rank"),
    lists.Column("What it approves", lambda one: one.line),
    lists.Column("Used by", lambda one: len(one.groups), css="r"),
    lists.Column("In AWS", lambda one: one.standing.condition if one.groups else "not used"),
)


@login_required
@require_GET
def baseline_list(request: HttpRequest) -> HttpResponse:
    """Baselines that are approved: the reader's own and the shared ones."""

    def decorate(rows: list[Any]) -> None:
        _decorate(request, rows)

    rows = PatchBaseline.objects.visible_to(request.user).live().select_related("application", "environment")
    return lists.show(
        request,
        "patching/baseline_list.html",
        rows=rows,
        columns=COLUMNS,
        name="baselines",
        filters=BaselineFilter,
        decorate=decorate,
        context={
            "may_ask": roles.teams_of(request.user).exists(),
            "unasked": _unasked(request),
        },
    )


def _unasked(request: HttpRequest) -> list[system_facts.Unasked]:
    """Defaults that judge instances which the reader sees."""
    rows = ManagedInstance.objects.visible_to(request.user).present().exclude(operating_system="")
    return system_facts.unasked_everywhere(rows.select_related("account_region__account"))


def _decorate(request: HttpRequest, rows: list[Any]) -> None:
    standing.of_baselines(rows, request.user)
    for row in rows:
        row.system = words.system_name(row.operating_system)
        row.line = words.baseline_in_a_line(row.spec["definition"])


@login_required
@require_GET
def baseline_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """One baseline."""
    rows = PatchBaseline.objects.visible_to(request.user).select_related(
        "application__team", "environment", "revision__request"
    )
    baseline = get_object_or_404(rows, pk=pk)
    _decorate(request, [baseline])
    definition = baseline.spec["definition"]
    context = {
        "baseline": baseline,
        "rules": words.rules_in_words(definition),
        "approved": definition.get("ApprovedPatches") or [],
        "rejected": definition.get("RejectedPatches") or [],
        "blocks": definition.get("RejectedPatchesAction") == "BLOCK",
        "only": words.baseline_in_words(baseline.spec).get("Only", ""),
        "definition": json.dumps(definition, indent=2, ensure_ascii=False),
        "history": history_of(baseline, "baseline"),
        "unasked": _instead(baseline),
        "may_ask": may_ask_for(request.user, baseline),
        "tested": [] if baseline.retired_at else promoting.tested_for([baseline], by=request.user),
        "findings": [] if baseline.retired_at else findings.of_baseline(baseline, by=request.user),
    }
    return render(request, "patching/baseline_detail.html", context)


def _instead(baseline: Any) -> list[system_facts.Unasked]:
    """What judges its operating system beside it, in the places where it is used: the account's default."""
    places = {group.account_region_id: group.account_region for group in baseline.groups}
    found = [system_facts.unasked(place, baseline.operating_system) for place in places.values()]
    return [one for one in found if one is not None]


class DayForm(forms.Form):
    """The day to look at; today unless said otherwise."""

    on = forms.DateField(
        label="Day (UTC)",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        error_messages={"invalid": "Use a date such as 2026-06-30."},
    )


@login_required
@require_GET
def baseline_effect(request: HttpRequest, pk: int) -> HttpResponse:
    """What it approves of the catalogue on a day, at what level, and when the rest will be."""
    baseline = get_object_or_404(PatchBaseline.objects.visible_to(request.user), pk=pk)
    form = DayForm(request.GET)
    day = form.cleaned_data["on"] if form.is_valid() else None
    at = datetime.combine(day, time.max, UTC) if day else clock.now()
    context = {
        "baseline": baseline,
        "system": words.system_name(baseline.operating_system),
        "products": known_patches.products_in_use(baseline.operating_system),
        "form": form,
        "outlook": outlook(baseline.spec["definition"], at),
    }
    return render(request, "patching/baseline_effect.html", context, status=400 if form.errors else 200)
