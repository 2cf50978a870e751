"""Closing a review on the page of its exemption."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from exemptions import reviewing
from exemptions.models import Review
from exemptions.web.views import refused, visible
from portal.governance.errors import DomainError, SignInAgain
from portal.governance.signing_in import sign_in_again, signed_in_at


@login_required
@require_POST
def review_close(request: HttpRequest, pk: int, review: int) -> HttpResponse:
    """Say that the exemption may go on, or end it."""
    exemption = visible(request, pk)
    found = get_object_or_404(exemption.reviews, pk=review)
    page = reverse("exemptions:exemption-detail", args=[pk])
    try:
        closed = reviewing.close(
            found,
            by=request.user,
            outcome=request.POST.get("outcome", ""),
            reason=request.POST.get("reason", ""),
            signed_in_at=signed_in_at(request),
        )
    except SignInAgain as problem:
        return sign_in_again(request, problem, page)
    except DomainError as problem:
        return refused(request, exemption, problem)
    done = "may go on" if closed.outcome == Review.Outcome.KEPT else "was ended"
    messages.success(request, f"You reviewed {exemption.number}: it {done}.")
    return redirect(page)
