"""The counter-offer on the page: the form of who decides, and the team's answer."""

from typing import Any

from django import forms
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_POST

from exemptions import offers, permissions
from exemptions.models import Exemption
from exemptions.web.offer_form import OfferForm
from exemptions.web.views import page, refused, visible
from patching.words import listed
from portal.governance.buttons import press
from portal.governance.errors import InvalidInput
from portal.governance.signing_in import signed_in_at


@login_required
@require_POST
def exemption_offer(request: HttpRequest, pk: int) -> HttpResponse:
    """Offer less than was asked, on the revision that was read."""
    exemption = visible(request, pk)
    form = OfferForm(request.POST, exemption=exemption)
    if not form.is_valid():
        return page(request, exemption, offer_form=form, status=400)
    read = form.cleaned_data["revision"]

    def invalid(problem: InvalidInput) -> HttpResponse:
        _tell(form, problem)
        return page(request, visible(request, pk), offer_form=form, status=400)

    return press(
        request,
        exemption,
        offers.counter_offer,
        told="{0.team} has your offer. Nothing changes in AWS before they accept it.".format,
        refused=refused,
        invalid=invalid,
        stale=lambda problem: refused(request, exemption, problem, stale=(read, str(problem))),
        signed_in_at=signed_in_at(request),
        **form.offered(),
    )


@login_required
@require_POST
def offer_accept(request: HttpRequest, pk: int) -> HttpResponse:
    """Take the offer as it stands."""

    def told(exemption: Exemption) -> str:
        sentence = f"You accepted the offer on {exemption.number}."
        if exemption.state == Exemption.State.SUBMITTED:
            left = listed(permissions.SLOT_NAMES[slot] for slot in permissions.open_slots(exemption))
            sentence += f" It now waits for {left}."
        return sentence

    return press(request, visible(request, pk), offers.accept, told=told, refused=refused)


@login_required
@require_POST
def offer_decline(request: HttpRequest, pk: int) -> HttpResponse:
    """Say no to the offer, with a reason."""
    return press(
        request,
        visible(request, pk),
        offers.decline,
        told="You declined the offer on {0.number}. Edit it to ask again.".format,
        refused=refused,
        reason=request.POST.get("reason", ""),
    )


def _tell(form: forms.Form, problem: InvalidInput) -> None:
    names: dict[str, Any] = {"instances": "instances_kept", "patches": "patches_kept", "ends_at": "until"}
    for one in problem.problems:
        name = names.get(one.field, one.field)
        form.add_error(name if name in form.fields else None, one.message)
