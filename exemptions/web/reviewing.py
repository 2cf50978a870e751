"""Closing a review on the page of its exemption."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_POST

from exemptions import reviewing
from exemptions.models import Review
from exemptions.web.views import refused, visible
from portal.governance.buttons import press
from portal.governance.signing_in import signed_in_at


@login_required
@require_POST
def review_close(request: HttpRequest, pk: int, review: int) -> HttpResponse:
    """Say that the exemption may go on, or end it."""
    exemption = visible(request, pk)
    found = get_object_or_404(exemption.reviews, pk=review)

    def told(closed: Review) -> str:
        done = "may go on" if closed.outcome == Review.Outcome.KEPT else "was ended"
        return f"You reviewed {exemption.number}: it {done}."

    return press(
        request,
        found,
        reviewing.close,
        told=told,
        refused=lambda request, _, problem: refused(request, exemption, problem),
        outcome=request.POST.get("outcome", ""),
        reason=request.POST.get("reason", ""),
        signed_in_at=signed_in_at(request),
    )
