"""Pages of accounts: each account-region with its health, its quotas and what was last done; push and pull by hand."""

from collections.abc import Callable
from typing import Any

import django_filters
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from patching import allowance, onboarding, operating, permissions, pull, quotas, unmanaged, watch, words
from patching import drift as drift_verbs
from patching.around import Around
from patching.models import AccountRegion, Drift, ManagedInstance, PullRun, PushRun, ResourceState
from patching.web import drifts, resources
from patching.web.filters import search
from patching.web.pushes import add_why
from portal.governance import clock, lists, roles
from portal.governance.errors import DomainError, InvalidInput, NotAllowed
from portal.governance.models import User
from portal.governance.signing_in import SignedInRequest

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
    lists.Column("Health", lambda one: one.how),
    lists.Column("Instances", lambda one: one.present, css="r"),
    lists.Column("Windows", lambda one: one.watch.uses[0].used, css="r"),
    lists.Column("Drift", lambda one: one.watch.open_drifts, css="r"),
    lists.Column("Last good push", lambda one: one.watch.last_good_push),
    lists.Column("Last reading", lambda one: one.last_pulled_at, "last_pulled_at"),
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
    for row, seen in zip(rows, watch.over(rows), strict=True):
        row.watch = seen
        row.present = instances.get(row.pk, 0)
        row.how = health_of(row)
        row.waits = seen.next_try


def _counted(found: Any, rows: list[Any]) -> dict[int, int]:
    places = found.filter(account_region__in=rows).order_by().values_list("account_region")
    return dict(places.annotate(Count("pk", distinct=True)))


def health_of(place: AccountRegion) -> str:
    """How an account-region does, in one word that the state component knows."""
    if not place.is_active:
        return "disabled"
    if place.health != AccountRegion.Health.OK:
        return str(place.health)
    if place.backoff_until and place.backoff_until > clock.real_now():
        return "backing_off"
    if place.last_error:
        return "failed"
    return "healthy" if place.last_pulled_at else "never_pulled"


TABS = {"overview": "Overview", "drift": "Drift", "resources": "Needs a look", "unmanaged": "Not managed"}


@login_required
@require_GET
def account_detail(request: SignedInRequest, pk: int) -> HttpResponse:
    """One account-region: how it does, what was changed outside, what needs a look, what is not ours."""
    return _page(request, _visible(request, pk))


@login_required
@require_POST
def drift_policy(request: SignedInRequest, pk: int) -> HttpResponse:
    """Say what a push does about changes made outside."""
    place = _visible(request, pk)
    form = drifts.PolicyForm(request.POST)
    if not form.is_valid():
        return _page(request, place, status=400, tab="drift", policy_form=form)
    said = form.cleaned_data
    try:
        drift_verbs.set_policy(place, said["policy"], reason=said["reason"], by=request.user)
    except NotAllowed as problem:
        raise PermissionDenied(str(problem)) from problem
    except InvalidInput as problem:
        for one in problem.problems:
            form.add_error(one.field, one.message)
        return _page(request, place, status=problem.http_status, tab="drift", policy_form=form)
    messages.success(
        request, f"From now on: {dict(AccountRegion.DriftPolicy.choices)[said['policy']].lower()}."
    )
    return redirect(reverse("patching:account-detail", args=[pk]) + "?tab=drift")


def _page(
    request: SignedInRequest,
    place: Any,
    status: int = 200,
    tab: str = "",
    policy_form: drifts.PolicyForm | None = None,
) -> HttpResponse:
    _decorate([place], request.user)
    tabs = _tabs(request.user, place)
    asked_for = tab or request.GET.get("tab", "")
    current = asked_for if asked_for in {one["key"] for one in tabs} else "overview"
    context = {
        "place": place,
        "account": place.account,
        "watch": place.watch,
        "tabs": tabs,
        "tab": current,
        "may_operate": permissions.may_operate(request.user),
        "push_waits": place.push_wanted > place.push_done,
        **_PARTS[current](request.user, place),
    }
    if current == "drift":
        context |= drifts.context(request.user, place, policy_form)
    return render(request, "patching/account_detail.html", context, status=status)


def _tabs(user: User, place: AccountRegion) -> list[dict[str, Any]]:
    open_ones = drift_verbs.visible_to(user).filter(resource__account_region=place, state=Drift.Outcome.OPEN)
    counts = {"drift": open_ones.count(), "resources": resources.troubled(user, place).count()}
    if roles.reads_all(user):
        counts["unmanaged"] = unmanaged.visible_to(user, place).count()
    kept = [key for key in TABS if key in ("overview", *counts)]
    return [{"key": key, "label": TABS[key], "count": counts.get(key)} for key in kept]


def _overview(user: User, place: Any) -> dict[str, Any]:
    pushes = list(PushRun.objects.filter(account_region=place)[:RUNS_SHOWN])
    add_why(pushes)
    states = ResourceState.objects.filter(account_region=place).order_by()
    conditions = dict(states.values_list("condition").annotate(Count("pk")))
    return {
        "quotas": quotas.of(Around([], [place]), place),
        "conditions": [(one, conditions[one]) for one in ResourceState.Condition if one in conditions],
        "pushes": pushes,
        "pulls": PullRun.objects.filter(account_region=place)[:RUNS_SHOWN],
        "missing": allowance.missing(place),
        "worth_a_look": pull.WORTH_A_LOOK,
    }


def _unmanaged(user: User, place: AccountRegion) -> dict[str, Any]:
    rows: list[Any] = list(unmanaged.visible_to(user, place))
    reach = unmanaged.Reach(user, place)
    for row in rows:
        instances = reach.of(row)
        row.told, row.may_bring = _in_words(row), reach.may_bring(row)
        row.reaches = None if instances is None else len(instances)
        owners = {str(one.application) if one.application else "nobody" for one in instances or []}
        row.owners = words.listed(sorted(owners))
    return {"strangers": rows}


def _in_words(row: Any) -> list[dict[str, Any]]:
    """What stands in it, for people; AWS's own words stand below."""
    content, listed = row.content, row.content.get("listed", {})
    told: dict[str, Any] = {}
    if row.kind == "baseline":
        reply = content.get("reply", {})
        told |= words.baseline_in_words({"definition": reply})
        told["Used by patch groups"] = words.listed(reply.get("PatchGroups", [])) or "None"
    elif row.kind == "association":
        reply = content.get("reply", {})
        told["Runs"] = reply.get("Name", "")
        told["When"] = reply.get("ScheduleExpression") or "Once, and when a target joins"
        told["Targets"] = unmanaged.targets_in_words([reply]) or reply.get("InstanceId", "")
        told["Operation"] = ", ".join((reply.get("Parameters") or {}).get("Operation", []))
    else:
        spec = {
            "schedule": listed.get("Schedule", ""),
            "timezone": listed.get("ScheduleTimezone") or "UTC",
            "offset": listed.get("ScheduleOffset") or 0,
        }
        told["Opens"] = f"{words.schedule_in_words(spec)}, for {listed.get('Duration')} h" if listed else ""
        told["Enabled"] = bool(listed.get("Enabled"))
        told["Targets"] = unmanaged.targets_in_words(content.get("targets", [])) or "None"
        tasks = [task.get("Name") or task.get("TaskArn", "") for task in content.get("tasks", [])]
        told["Tasks"] = words.listed(tasks) or "None"
    if tags := content.get("tags"):
        told["Tags"] = ", ".join(f"{key}={value}" for key, value in sorted(tags.items()))
    return [{"label": label, "value": value} for label, value in told.items()]


_PARTS: dict[str, Callable[[User, Any], dict[str, Any]]] = {
    "overview": _overview,
    "drift": lambda user, place: {},
    "resources": resources.context,
    "unmanaged": _unmanaged,
}


@login_required
@require_POST
def push_now(request: SignedInRequest, pk: int) -> HttpResponse:
    """Want a push of one account-region."""
    return _operate(
        request, pk, operating.push_now, "A push of {} is wanted; a worker takes it up in seconds."
    )


@login_required
@require_POST
def pull_now(request: SignedInRequest, pk: int) -> HttpResponse:
    """Have one account-region read."""
    return _operate(request, pk, operating.pull_now, "{} is read again in seconds.")


@login_required
@require_POST
def prove(request: SignedInRequest, pk: int) -> HttpResponse:
    """Assume the role and ask AWS who we are; from the set-up page it leads back there."""
    place = _visible(request, pk)
    try:
        onboarding.prove(place, by=request.user)
    except NotAllowed as problem:
        raise PermissionDenied(str(problem)) from problem
    except DomainError as problem:
        messages.error(request, str(problem))
    else:
        messages.success(request, f"{place} lets us in, as the role that it should.")
    if request.POST.get("back") == "setup":
        return redirect("patching:account-setup", place.account_id)
    return redirect("patching:account-detail", pk)


def _operate(request: SignedInRequest, pk: int, verb: Callable[..., Any], told: str) -> HttpResponse:
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
