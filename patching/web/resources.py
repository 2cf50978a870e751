"""What operators do about single resources that a push could not do: retry them, or park them."""

from collections.abc import Callable, Iterable
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from patching import left_over, operating, permissions, run_contents
from patching.models import AccountRegion, ResourceState
from patching.web import standing
from portal.governance.errors import DomainError, NotAllowed
from portal.governance.models import User
from portal.governance.signing_in import SignedInRequest

SHOWN = 60


def context(user: User, place: AccountRegion) -> dict[str, Any]:
    """The tab: what needs a look, what lies about, and what is still to go."""
    return {
        "troubled": with_buttons(troubled(user, place)[:SHOWN], f"{address(place)}?tab=resources"),
        "noted": left_over.noted(user, place),
        "removals": left_over.removals(user, place),
        "may_operate": permissions.may_operate(user),
    }


def with_buttons(states: Iterable[ResourceState], back: str) -> list[Any]:
    """Resources with what their buttons need: where to come back to, and an id of their own."""
    found: list[Any] = list(states)
    for one in found:
        one.back, one.park_key = {"next": back}, f"park-{one.pk}"
        one.drift_url = f"{reverse('patching:account-detail', args=[one.account_region_id])}?tab=drift"
    return found


def address(place: AccountRegion) -> str:
    return reverse("patching:account-detail", args=[place.pk])


def troubled(user: User, place: AccountRegion) -> QuerySet[ResourceState]:
    """Resources that are not as approved and will not become so by waiting."""
    rows = ResourceState.objects.filter(account_region=place, condition__in=standing.TROUBLED)
    return run_contents.narrowed(user, rows)


@login_required
@require_POST
def retry(request: SignedInRequest, pk: int) -> HttpResponse:
    """Try it again at once."""
    return _do(request, pk, operating.retry_resource, "{} is tried again by the next push, in seconds.")


@login_required
@require_POST
def park(request: SignedInRequest, pk: int) -> HttpResponse:
    """Leave it alone until somebody retries it."""
    reason = request.POST.get("reason", "")
    return _do(request, pk, operating.park_resource, "{} is left alone until it is retried.", reason=reason)


def _do(request: SignedInRequest, pk: int, verb: Callable[..., Any], told: str, **given: str) -> HttpResponse:
    state = get_object_or_404(_visible(request.user), pk=pk)
    try:
        verb(state, by=request.user, **given)
    except NotAllowed as problem:
        raise PermissionDenied(str(problem)) from problem
    except DomainError as problem:
        messages.error(request, str(problem))
    else:
        messages.success(request, told.format(state.label))
    back = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(back, {request.get_host()}):
        back = f"{address(state.account_region)}?tab=resources"
    return redirect(back)


def _visible(user: User) -> QuerySet[ResourceState]:
    places = AccountRegion.objects.visible_to(user)
    rows = ResourceState.objects.filter(account_region__in=places).select_related("account_region__account")
    return run_contents.narrowed(user, rows)
