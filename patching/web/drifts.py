"""What people do about changes made outside, on the page of an account-region."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from patching import drift as drifts
from patching.models import AccountRegion, Drift, ResourceState
from portal.governance.errors import DomainError, NotAllowed
from portal.governance.models import User
from portal.governance.signing_in import SignedInRequest

HISTORY = 12
OPEN_SHOWN = 20


class PolicyForm(forms.Form):
    """What a push does about changes made outside."""

    policy = forms.ChoiceField(
        choices=AccountRegion.DriftPolicy.choices, label="From now on", widget=forms.RadioSelect
    )
    reason = forms.CharField(
        label="Why", widget=forms.Textarea(attrs={"rows": 2}), help_text="10 characters or more, for the log."
    )


def context(user: User, place: AccountRegion, form: forms.Form | None = None) -> dict[str, Any]:
    """The tab: the policy, what is open field by field, and what became of the last."""
    mine = drifts.visible_to(user).filter(resource__account_region=place)
    open_ones = mine.filter(state=Drift.Outcome.OPEN)
    found = list(open_ones[:OPEN_SHOWN])
    asked, labels = drifts.asked_for(found), _labels(place) if found else {}
    asking, wishes = drifts.asking(user, found), drifts.wished(found)
    decides = drifts.may_decide(user)
    return {
        "drifts": [
            {
                "drift": one,
                "rows": drifts.rows_of(one, labels),
                "request": asked.get(one.pk),
                "may_adopt": asking[one.pk].may,
                "why_not": asking[one.pk].why_not,
                "hidden": {"digest": one.live_digest},
                "key": f"restore-{one.pk}",
                "restoring": one.is_being_restored,
                "wish": wishes.get(one.pk),
            }
            for one in found
        ],
        "further": open_ones.count() - len(found),
        "history": mine.exclude(state=Drift.Outcome.OPEN)[:HISTORY],
        "may_decide": decides,
        "policy_form": (form or PolicyForm(initial={"policy": place.drift_policy})) if decides else None,
    }


def _labels(place: AccountRegion) -> dict[str, str]:
    """Names behind keys, where one resource names another."""
    rows = ResourceState.objects.filter(account_region=place, kind__in=("baseline", "window", "target"))
    return dict(rows.values_list("key", "label"))


@login_required
@require_POST
def restore(request: SignedInRequest, pk: int) -> HttpResponse:
    """Overwrite one change at the next push."""
    drift = _visible(request, pk)
    try:
        drifts.restore(
            drift,
            reason=request.POST.get("reason", ""),
            digest=request.POST.get("digest", ""),
            by=request.user,
        )
    except NotAllowed as problem:
        raise PermissionDenied(str(problem)) from problem
    except DomainError as problem:
        messages.error(request, str(problem))
    else:
        messages.success(request, f"{drift.resource.label} is restored by the next push, in seconds.")
    return _back(drift)


@login_required
@require_POST
def ask_to_restore(request: SignedInRequest, pk: int) -> HttpResponse:
    """Tell those who decide that its owners want it restored."""
    drift = _visible(request, pk)
    said = {name: request.POST.get(name, "") for name in ("reason", "digest")}
    try:
        drifts.ask_to_restore(drift, by=request.user, **said)
    except NotAllowed as problem:
        raise PermissionDenied(str(problem)) from problem
    except DomainError as problem:
        messages.error(request, str(problem))
    else:
        messages.success(request, "Operators and security operations are told.")
    return _back(drift)


@login_required
@require_POST
def adopt(request: SignedInRequest, pk: int) -> HttpResponse:
    """Draft the request that would keep what is live, and go on there."""
    drift = _visible(request, pk)
    try:
        made = drifts.adopt(drift, by=request.user)
    except NotAllowed as problem:
        raise PermissionDenied(str(problem)) from problem
    except DomainError as problem:
        messages.error(request, str(problem))
        return _back(drift)
    messages.success(request, f"{made.number} is drafted from what is live. Read it, then submit it.")
    return redirect("patching:request-detail", made.pk)


def _visible(request: SignedInRequest, pk: int) -> Drift:
    return get_object_or_404(drifts.visible_to(request.user), pk=pk)


def _back(drift: Drift) -> HttpResponse:
    return redirect(
        reverse("patching:account-detail", args=[drift.resource.account_region_id]) + "?tab=drift"
    )
