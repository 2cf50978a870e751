"""Pages of accounts: each account-region with its health, its quotas and what was last done; push and pull by hand."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import django_filters
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from patching import impact, operating, permissions
from patching.around import Around
from patching.models import (
    AccountRegion,
    MaintenanceWindow,
    ManagedInstance,
    PullRun,
    PushRun,
    ResourceState,
)
from patching.web import standing
from patching.web.filters import search
from patching.web.pushes import add_why
from portal.governance import clock, lists
from portal.governance.errors import DomainError
from portal.governance.models import User

RUNS_SHOWN = 8


class AccountFilter(django_filters.FilterSet):
    """Account-regions by name or id, and by Region."""

    q = search("Account name or id", method="by_account")
    region = django_filters.AllValuesFilter(label="Region", empty_label="All Regions")

    def by_account(self, rows: Any, name: str, value: str) -> Any:
        return rows.filter(Q(account__name__icontains=value) | Q(account__account_id__startswith=value))


COLUMNS = (
    lists.Column("Account", lambda one: one.account.name, "account__name"),
    lists.Column("Id", lambda one: one.account.account_id, shown=False),
    lists.Column("Region", lambda one: one.region, "region"),
    lists.Column("Health", lambda one: one.health),
    lists.Column("Instances", lambda one: one.present, css="r"),
    lists.Column("Windows", lambda one: one.windows_used, css="r"),
    lists.Column("Last push", lambda one: one.last_pushed_at, "last_pushed_at"),
    lists.Column("Last pull", lambda one: one.last_pulled_at, "last_pulled_at"),
    lists.Column("Error", lambda one: one.last_error, shown=False),
)


@login_required
@require_GET
def account_list(request: HttpRequest) -> HttpResponse:
    """Account-regions that this person may see."""

    def decorate(rows: list[Any]) -> None:
        _decorate(rows, request.user)

    rows = AccountRegion.objects.visible_to(request.user).select_related("account")
    return lists.show(
        request,
        "patching/account_list.html",
        rows=rows,
        columns=COLUMNS,
        name="accounts",
        filters=AccountFilter,
        decorate=decorate,
        context={"may_operate": permissions.may_operate(request.user)},
    )


def _decorate(rows: list[Any], user: User) -> None:
    instances = _counted(ManagedInstance.objects.visible_to(user).present(), rows)
    windows = _counted(MaintenanceWindow.objects.live(), rows)
    for row in rows:
        row.present = instances.get(row.pk, 0)
        row.windows_used = windows.get(row.pk, 0)
        row.health = health_of(row)
        # backoff is reckoned in real time, whatever a demo's clock says
        left = row.backoff_until - clock.real_now() if row.backoff_until else timedelta()
        row.waits = max(left, timedelta())


def _counted(found: Any, rows: list[Any]) -> dict[int, int]:
    places = found.filter(account_region__in=rows).order_by().values_list("account_region")
    return dict(places.annotate(Count("pk", distinct=True)))


def health_of(place: AccountRegion) -> str:
    """How an account-region does, in one word that the state component knows."""
    if not place.is_active:
        return "disabled"
    if place.backoff_until and place.backoff_until > clock.real_now():
        return "backing_off"
    if place.last_error:
        return "failed"
    return "healthy" if place.last_pulled_at else "never_pulled"


@login_required
@require_GET
def account_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """One account-region: health, quotas, what is ours there, and the last runs."""
    return _page(request, _visible(request, pk))


def _page(request: HttpRequest, place: Any, status: int = 200) -> HttpResponse:
    _decorate([place], request.user)
    pushes = list(PushRun.objects.filter(account_region=place)[:RUNS_SHOWN])
    add_why(pushes)
    conditions = dict(
        ResourceState.objects.filter(account_region=place)
        .order_by()
        .values_list("condition")
        .annotate(Count("pk"))
    )
    context = {
        "place": place,
        "account": place.account,
        "quotas": impact.quotas(Around([], [place]), place),
        "conditions": [
            (condition, conditions[condition])
            for condition in ResourceState.Condition
            if condition in conditions
        ],
        "troubled": ResourceState.objects.filter(account_region=place, condition__in=standing.TROUBLED)[:20],
        "pushes": pushes,
        "pulls": PullRun.objects.filter(account_region=place)[:RUNS_SHOWN],
        "may_operate": permissions.may_operate(request.user),
        "push_waits": place.push_wanted > place.push_done,
    }
    return render(request, "patching/account_detail.html", context, status=status)


@login_required
@require_POST
def push_now(request: HttpRequest, pk: int) -> HttpResponse:
    """Want a push of one account-region."""
    return _operate(
        request, pk, operating.push_now, "A push of {} is wanted; a worker takes it up in seconds."
    )


@login_required
@require_POST
def pull_now(request: HttpRequest, pk: int) -> HttpResponse:
    """Have one account-region read."""
    return _operate(request, pk, operating.pull_now, "{} is read again in seconds.")


def _operate(request: HttpRequest, pk: int, verb: Callable[..., Any], told: str) -> HttpResponse:
    place = _visible(request, pk)
    try:
        verb(place, by=request.user)
    except DomainError as problem:
        messages.error(request, str(problem))
        return _page(request, place, status=problem.http_status)
    messages.success(request, told.format(place))
    return redirect("patching:account-detail", pk)


def _visible(request: HttpRequest, pk: int) -> Any:
    rows = AccountRegion.objects.visible_to(request.user).select_related("account")
    return get_object_or_404(rows, pk=pk)
