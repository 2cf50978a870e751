"""The owner's page before an opening: what is expected of it, who hears of it, and the checklist."""

from datetime import datetime, timedelta
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from patching import notices, run_reviews
from patching.calendar import reading
from patching.models import MaintenanceWindow, RunReview
from patching.notices.expecting import expected
from patching.shutting_items import key_of
from portal.governance import clock
from portal.governance.errors import DomainError, NotAllowed
from portal.governance.models import User
from portal.governance.signing_in import SignedInRequest


@login_required
@require_http_methods(["GET", "POST"])
def window_prepare(request: SignedInRequest, pk: int) -> HttpResponse:
    """Tick what is done before an opening; ``run_at`` in the query names which, else it is the next."""
    rows = MaintenanceWindow.objects.visible_to(request.user).live()
    window = get_object_or_404(
        rows.select_related("application__team", "environment", "account_region__account"), pk=pk
    )
    if not run_reviews.may_speak(request.user, window):
        raise Http404
    ahead = run_reviews.preparations(window)
    review = _chosen(request, ahead)
    if request.method == "POST" and review is not None:
        return _save(request, window, review.planned_at)
    context: dict[str, Any] = {"window": window, "review": review}
    if review is not None:
        context |= _shown(window, review, ahead)
    return render(request, "patching/window_prepare.html", context)


def _shown(window: MaintenanceWindow, review: RunReview, ahead: list[RunReview]) -> dict[str, Any]:
    now, last = clock.now(), ahead[-1].planned_at + timedelta(minutes=1)
    entries = reading.of_window(window, now, last, at=now)
    entry = entries.get(review.planned_at)
    names = {line["done_by"] for line in review.checklist} - {""}
    people = {one.username: str(one) for one in User.objects.filter(username__in=names)}
    lines = [
        {
            **line,
            "who": people.get(line["done_by"], line["done_by"]),
            "at": datetime.fromisoformat(line["done_at"]) if line["done_at"] else None,
        }
        for line in review.checklist
    ]
    return {
        "entry": entry,
        "key": key_of(review.planned_at),
        "lines": lines,
        "text": "\n".join(line["text"] for line in lines),
        "expected": expected(window, entry.start).lines if entry and entry.opens else [],
        "told": notices.concerned(window.application) if window.application else [],
        "ahead": [(one, key_of(one.planned_at), entries.get(one.planned_at)) for one in ahead],
    }


def _chosen(request: HttpRequest, ahead: list[RunReview]) -> RunReview | None:
    asked = request.GET.get("run_at", "")
    found = next((one for one in ahead if key_of(one.planned_at) == asked), None)
    if asked and found is None:
        raise Http404
    return found or (ahead[0] if ahead else None)


def _save(request: SignedInRequest, window: MaintenanceWindow, planned_at: datetime) -> HttpResponse:
    given = request.POST
    lines = given.get("lines", "").splitlines()
    kept = {line.strip() for line in lines}
    done = [line for line in given.getlist("done") if line in kept]
    try:
        review = run_reviews.prepare(window, planned_at=planned_at, lines=lines, done=done, by=request.user)
    except NotAllowed as problem:
        raise PermissionDenied(str(problem)) from problem
    except DomainError as problem:
        messages.error(request, str(problem))
    else:
        messages.success(request, f"The checklist is saved: {review.ticked} done.")
    address = reverse("patching:window-prepare", args=[window.pk])
    return redirect(f"{address}?run_at={key_of(planned_at)}")
