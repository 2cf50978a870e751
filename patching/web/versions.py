"""The versions of a baseline, group or window: all of them, any two compared, and the way back to one by request."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_GET

from patching import effect_words, versions, words
from patching.models import ChangeRequest, MaintenanceWindow, PatchBaseline, PatchGroup
from patching.models.governed import Governed
from patching.versions import Version
from patching.web.common import may_ask_for


@login_required
@require_GET
def of_baseline(request: HttpRequest, pk: int) -> HttpResponse:
    """The versions of a baseline."""
    return _page(request, PatchBaseline, pk, "baseline", "baseline")


@login_required
@require_GET
def of_group(request: HttpRequest, pk: int) -> HttpResponse:
    """The versions of a patch group."""
    return _page(request, PatchGroup, pk, "patch-group", "group")


@login_required
@require_GET
def of_window(request: HttpRequest, pk: int) -> HttpResponse:
    """The versions of a window."""
    return _page(request, MaintenanceWindow, pk, "window", "window")


def _page(request: HttpRequest, model: type[Governed], pk: int, kind: str, noun: str) -> HttpResponse:
    rows = model.objects.visible_to(request.user).select_related("application__team", "environment")
    row = get_object_or_404(rows, pk=pk)
    found = versions.of(row)
    earlier, later = _chosen(request, found)
    ids = [one.revision.request_id for one in found]
    context: dict[str, Any] = {
        "row": row,
        "kind": words.KINDS[kind],
        "versions": [(one, words.in_a_line(kind, one.spec) if one.spec else "Removed") for one in found],
        "readable": set(
            ChangeRequest.objects.visible_to(request.user).filter(pk__in=ids).values_list("pk", flat=True)
        ),
        "comparable": [one for one in found if one.spec],
        "earlier": earlier,
        "later": later,
        "rows": effect_words.compared(kind, earlier.spec, later.spec) if earlier and later else [],
        "may_ask": may_ask_for(request.user, row),
        "list_url": reverse(f"patching:{noun}-list"),
        "row_url": reverse(f"patching:{noun}-detail", args=[pk]),
        "change_url": reverse(f"patching:{noun}-change", args=[pk]),
    }
    return render(request, "patching/version_list.html", context)


def _chosen(request: HttpRequest, found: list[Version]) -> tuple[Version | None, Version | None]:
    """The two that the address names, else the newest two; the earlier first, whichever way they were named."""
    there = {str(one.number): one for one in found if one.spec}
    named = [
        there[given]
        for given in (request.GET.get("earlier", ""), request.GET.get("later", ""))
        if given in there
    ]
    if len(named) < 2:
        named = list(there.values())[:2]
    if len(named) < 2:
        return None, None
    earlier, later = sorted(named, key=lambda one: one.number)
    return earlier, later
