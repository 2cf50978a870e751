"""Pages of pushes: every pass over an account-region, and of one its plan and its operations."""

import json
from typing import Any

import django_filters
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from patching import left_over, permissions, run_contents
from patching.models import Operation, PushRun
from patching.web import resources
from patching.web.filters import places
from portal.governance import lists
from portal.governance.signing_in import SignedInRequest


class PushFilter(django_filters.FilterSet):
    """Pushes by place and how they ended."""

    place = django_filters.ModelChoiceFilter(
        field_name="account_region", queryset=places, label="Account and Region", empty_label="All places"
    )
    state = django_filters.ChoiceFilter(
        choices=PushRun.State.choices, label="State", empty_label="All states"
    )
    wrote = django_filters.ChoiceFilter(
        method="by_writes",
        choices=[("yes", "Changed something")],
        label="Writes",
        empty_label="With or without",
    )

    def by_writes(self, rows: Any, name: str, value: str) -> Any:
        return rows.filter(writes__gt=0)


OPERATIONS_PER_PAGE = 25
_TROUBLE_FIRST = {Operation.State.FAILED: 0, Operation.State.INTENT: 1}
_KINDS = {
    "baseline": "Baselines",
    "registration": "Baselines of groups",
    "window": "Windows",
    "target": "Targets",
    "task": "Tasks",
    "schedule": "Ways back",
    "tag": "Instance tags",
}
_WHY = {
    "tick": "Regular comparison",
    "operator": "Asked for by an operator",
    "command line": "From the command line",
}


def why(run: PushRun) -> str:
    """What set a push off, in words."""
    return _WHY.get(run.trigger, run.trigger[:1].upper() + run.trigger[1:])


def add_why(runs: list[Any]) -> None:
    for run in runs:
        run.why = why(run)


def _took(run: PushRun) -> float | None:
    return (run.finished_at - run.started_at).total_seconds() if run.finished_at else None


COLUMNS = (
    lists.Column("Push", lambda one: one.pk, "id"),
    lists.Column("Account and Region", lambda one: one.account_region, "account_region"),
    lists.Column("Why", why),
    lists.Column("Began", lambda one: one.started_at, "started_at"),
    lists.Column("Writes", lambda one: one.writes, "writes", css="r"),
    lists.Column("State", lambda one: one.state, "state"),
    lists.Column("Seconds", _took, shown=False),
    lists.Column("Error", lambda one: one.error, shown=False),
)


@login_required
@require_GET
def push_list(request: HttpRequest) -> HttpResponse:
    """Pushes in the account-regions that this person may see, newest first."""
    rows = PushRun.objects.visible_to(request.user).select_related("account_region__account")
    return lists.show(
        request,
        "patching/push_list.html",
        rows=rows,
        columns=COLUMNS,
        name="pushes",
        filters=PushFilter,
        decorate=add_why,
    )


@login_required
@require_GET
def push_detail(request: SignedInRequest, pk: int) -> HttpResponse:
    """One push: what it planned, every write with its answer, and how it ended in words; a team reads its part."""
    rows = PushRun.objects.visible_to(request.user).select_related("account_region__account")
    run = get_object_or_404(rows, pk=pk)
    operations = run_contents.operations_for(request.user, run)
    operations.sort(key=lambda one: _TROUBLE_FIRST.get(Operation.State(one.state), 2))
    noted, plan = _parted(run_contents.plan_for(request.user, run))
    named = {(step["kind"], step["key"]) for step in plan}
    troubled = [
        one for one in resources.troubled(request.user, run.account_region) if (one.kind, one.key) in named
    ]
    page = Paginator(operations, OPERATIONS_PER_PAGE).get_page(request.GET.get("page"))
    page.object_list = list(page.object_list)
    for operation in page.object_list:
        operation.shown = json.dumps(operation.request, indent=2, ensure_ascii=False)  # type: ignore[attr-defined]
    context = {
        "run": run,
        "heading": f"Push {run.pk}",
        "why": why(run),
        "took": run.finished_at - run.started_at if run.finished_at else None,
        "kinds": _by_kind(plan),
        "total": len(plan),
        "page": page,
        "done": sum(one.state == Operation.State.DONE for one in operations),
        "troubled": resources.with_buttons(troubled, request.path),
        "noted": noted,
        "removals": left_over.removals(request.user, run.account_region),
        "may_operate": permissions.may_operate(request.user),
        "moving": run.state == PushRun.State.RUNNING,
    }
    return render(request, "patching/push_detail.html", context)


def _parted(plan: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What lies about in AWS, and what is to be done."""
    noted = [step for step in plan if step["action"] in left_over.NOTED]
    return noted, [step for step in plan if step["action"] not in left_over.NOTED]


def _by_kind(plan: list[dict[str, Any]]) -> list[tuple[str, list[dict[str, Any]]]]:
    """Steps in the order in which they take effect, under the name of their kind; those with changes first."""
    found = []
    for kind, name in _KINDS.items():
        steps = [step for step in plan if step["kind"] == kind]
        if steps:
            found.append((name, sorted(steps, key=lambda step: not step.get("changes"))))
    rest = [step for step in plan if step["kind"] not in _KINDS]
    return [*found, ("Others", rest)] if rest else found
