"""The operators' page: every account-region with what is wrong there, the worst first."""

from typing import Any, cast

import django_filters
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from patching import permissions, watch
from patching.models import AccountRegion
from patching.web.filters import search
from portal.governance import clock, lists
from portal.governance.signing_in import SignedInRequest

PER_PAGE = 50
FIRST = 3


class OperationsFilter(django_filters.FilterSet):
    """Account-regions by name, Region, and what is wrong there."""

    q = search("Account name or id", method="by_account")
    region = django_filters.AllValuesFilter(label="Region", empty_label="All Regions")
    concern = django_filters.ChoiceFilter(
        method="later", choices=list(watch.WORDS.items()), label="Concern", empty_label="Any, or none"
    )
    need = django_filters.ChoiceFilter(
        method="later", choices=[("yes", "Need a look")], label="Shown", empty_label="All"
    )

    def by_account(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return rows.filter(Q(account__name__icontains=value) | Q(account__account_id__startswith=value))

    def later(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return rows  # what is wrong is reckoned from several tables, after these


COLUMNS = (
    lists.Column("Account", lambda one: one.place.account.name),
    lists.Column("Id", lambda one: one.place.account.account_id),
    lists.Column("Region", lambda one: one.place.region),
    lists.Column("Concerns", lambda one: " ".join(each.code for each in one.concerns)),
    lists.Column("What is wrong", lambda one: one.worst.what if one.worst else ""),
    lists.Column("What to do", lambda one: one.worst.todo if one.worst else ""),
    lists.Column("Breaker", lambda one: one.breaker),
    lists.Column("Last error", lambda one: one.place.last_error),
    lists.Column("Waits since", lambda one: one.place.wanted_at if one.queue_age is not None else None),
    lists.Column("Last good push", lambda one: one.last_good_push),
    lists.Column("Last reading", lambda one: one.place.last_pulled_at),
    lists.Column("Drift policy", lambda one: one.place.drift_policy),
    lists.Column("Open drifts", lambda one: one.open_drifts),
    lists.Column("Parked", lambda one: one.parked),
    lists.Column("Windows", lambda one: one.uses[0].used),
    lists.Column("Baselines", lambda one: one.uses[1].used),
    lists.Column("Role", lambda one: one.place.account.role_name),
    lists.Column("Proved", lambda one: one.place.identity_at),
)


@login_required
@require_GET
def operations(request: SignedInRequest) -> HttpResponse:
    """What an operator with two minutes looks at; also as CSV."""
    if not permissions.may_operate(request.user):
        raise PermissionDenied("Operators look after pushes, readings and accounts.")
    rows = AccountRegion.objects.visible_to(request.user).select_related("account")
    chosen = OperationsFilter(request.GET, queryset=rows, request=request)
    everything = watch.worst_first(watch.over(rows))
    left = set(chosen.qs.values_list("pk", flat=True))
    shown = [one for one in everything if one.place.pk in left and _fits(one, request.GET)]
    if request.GET.get("format") == "csv":
        lines = lists.export(f"operations-{clock.now():%Y-%m-%d}.csv", COLUMNS, shown)
        return cast(HttpResponse, lines)
    needing = [one for one in everything if one.concerns]
    context = {
        "page": Paginator(shown, PER_PAGE).get_page(request.GET.get("page")),
        "filter": chosen,
        "is_filtered": bool(chosen.form.has_changed()),
        "total": len(everything),
        "needing": len(needing),
        "first": needing[:FIRST],
        "counts": watch.counts(everything),
        "concern": request.GET.get("concern", ""),
    }
    return render(request, "patching/operations.html", context)


def _fits(one: watch.Watch, asked: Any) -> bool:
    concern = asked.get("concern", "")
    if concern in watch.WORDS and concern not in {each.code for each in one.concerns}:
        return False
    return bool(one.concerns) or asked.get("need") != "yes"
