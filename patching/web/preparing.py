"""The owner's page before an opening: the checklist, who ticked what and when, and what is expected of the run."""

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from patching import openings, run_reviews
from patching.models import MaintenanceWindow, RunReview
from portal.governance import clock
from portal.governance.errors import DomainError, NotAllowed
from portal.governance.signing_in import SignedInRequest


@login_required
@require_http_methods(["GET", "POST"])
def window_prepare(request: SignedInRequest, pk: int) -> HttpResponse:
    """Tick what is done before an opening; ``run_at`` in the query names which, else it is the next."""
    rows = MaintenanceWindow.objects.visible_to(request.user).live().select_related("application__team")
    window = get_object_or_404(rows, pk=pk)
    if not run_reviews.may_speak(request.user, window):
        raise Http404
    ahead = openings.next_starts(
        window.spec, start=clock.now(), count=run_reviews.RUNS_AHEAD, since=window.created_at
    )
    planned_at = _chosen(request, ahead)
    if request.method == "POST" and planned_at is not None:
        return _save(request, window, planned_at)
    lines = run_reviews.checklist_of(window, planned_at) if planned_at else []
    review = RunReview.objects.filter(window=window, planned_at=planned_at).first() if planned_at else None
    context: dict[str, Any] = {
        "window": window,
        "planned_at": planned_at,
        "ahead": [(one, _key(one)) for one in ahead],
        "lines": lines,
        "text": "\n".join(line["text"] for line in lines),
        "review": review,
        "members": len(window.spec["instances"]),
    }
    return render(request, "patching/window_prepare.html", context)


def _chosen(request: HttpRequest, ahead: list[datetime]) -> datetime | None:
    asked = request.GET.get("run_at", "")
    found = next((one for one in ahead if _key(one) == asked), None)
    if asked and found is None:
        raise Http404
    return found or (ahead[0] if ahead else None)


def _save(request: SignedInRequest, window: MaintenanceWindow, planned_at: datetime) -> HttpResponse:
    given = request.POST
    lines = given.get("lines", "").splitlines()
    kept = {line.strip() for line in lines}
    done = [line for line in given.getlist("done") if line in kept]
    try:
        run_reviews.prepare(window, planned_at=planned_at, lines=lines, done=done, by=request.user)
    except NotAllowed as problem:
        raise PermissionDenied(str(problem)) from problem
    except DomainError as problem:
        messages.error(request, str(problem))
    else:
        messages.success(request, f"The checklist is kept: {len(done)} of {len(kept - {''})} done.")
    address = reverse("patching:window-prepare", args=[window.pk])
    return redirect(f"{address}?run_at={_key(planned_at)}")


def _key(moment: datetime) -> str:
    """How an address names an opening."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
