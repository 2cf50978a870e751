"""Pages of runs of windows: what became of each instance, and what the owner says of it."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import django_filters
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_GET, require_POST

from patching import failures, run_reviews
from patching.models import MaintenanceWindow, RunOutcome, WindowRun
from patching.web.filters import search
from portal.governance import lists
from portal.governance.errors import DomainError, NotAllowed
from portal.governance.signing_in import SignedInRequest
from portal.governance.state_looks import look_of, spelled

PAST_RUNS = 12
STATUSES = ("SUCCESS", "NOT_STARTED", "FAILED", "TIMED_OUT", "CANCELLED", "IN_PROGRESS", "PENDING")


class OutcomeFilter(django_filters.FilterSet):
    """Outcomes by instance, task and how they ended."""

    q = search("Instance id", field_name="instance_id_text", lookup_expr="icontains")
    task = django_filters.CharFilter(field_name="task", lookup_expr="icontains", label="Task")
    status = django_filters.ChoiceFilter(
        choices=[(one, look_of(one, "execution").word) for one in STATUSES],
        label="Outcome",
        empty_label="Any outcome",
    )

    class Meta:
        model = RunOutcome
        fields = ("q", "task", "status")


COLUMNS = (
    lists.Column("Instance", lambda one: one.instance or one.instance_id_text, "instance_id_text"),
    lists.Column("Id", lambda one: one.instance_id_text, shown=False),
    lists.Column("Task", lambda one: one.task, "task"),
    lists.Column("Outcome", lambda one: look_of(one.status, "execution").word, "status"),
    lists.Column("Why", lambda one: one.status_details),
    lists.Column("Began", lambda one: one.started_at, "started_at"),
    lists.Column("Ended", lambda one: one.ended_at, "ended_at"),
)


def past_runs(window: MaintenanceWindow) -> list[Any]:
    """Its last runs with how long each took and how many instances ended how."""
    found: list[Any] = list(window.runs.select_related("review").order_by("-started_at")[:PAST_RUNS])
    for run in found:
        add_counts(run)
    return found


def add_counts(run: Any) -> None:
    """Give a run its length, and its outcomes as words and as segments of a bar."""
    counts = Counter(run.outcomes.values_list("status", flat=True))
    run.took = run.ended_at - run.started_at if run.ended_at else None
    run.total = sum(counts.values())
    by_role: Counter[str] = Counter()
    words = []
    for status, number in sorted(counts.items(), key=lambda item: -item[1]):
        look = look_of(status, "execution")
        by_role[look.role] += number
        words.append(f"{number} {look.word.lower()}")
    run.in_words = ", ".join(words)
    run.segments = [
        {"role": role, "value": by_role[role]} for role in ("ok", "wait", "warn", "bad") if by_role[role]
    ]
    run.verdict = getattr(getattr(run, "review", None), "verdict", "")


@login_required
@require_GET
def run_detail(request: SignedInRequest, pk: int) -> HttpResponse:
    """One run: its outcomes, what was skipped and why, and the owner's word."""
    run: Any = get_object_or_404(_visible(request), pk=pk)
    add_counts(run)
    review = getattr(run, "review", None)
    return lists.show(
        request,
        "patching/run_detail.html",
        rows=run.outcomes.select_related("instance").order_by("task", "instance_id_text"),
        columns=COLUMNS,
        name=f"run-{run.pk}",
        filters=OutcomeFilter,
        context={
            "run": run,
            "review": review,
            "failure": getattr(review, "failure", None),
            "may_speak": run_reviews.may_speak(request.user, run.window) and run.ended_at is not None,
            "may_promote": _may_promote(request, run),
            "may_halt": run.window is not None and failures.may_halt(request.user, run.window),
            "skipped": spelled(run.status) == "skipped_overlapping",
        },
    )


def _may_promote(request: SignedInRequest, run: WindowRun) -> bool:
    """Whether this person may ask that later environments get what a run has tested."""
    review = getattr(run, "review", None)
    broken = getattr(review, "failure", None) is not None
    return run.ended_at is not None and not broken and run_reviews.may_speak(request.user, run.window)


@login_required
@require_POST
def run_confirm(request: SignedInRequest, pk: int) -> HttpResponse:
    """Everything works."""
    return _say(request, pk, run_reviews.confirm, "Thank you: the run is confirmed.", note="reason")


@login_required
@require_POST
def run_problem(request: SignedInRequest, pk: int) -> HttpResponse:
    """Patching did harm."""
    told = "The failure is on record; see what it holds below."
    return _say(request, pk, run_reviews.report_problem, told, reason="reason")


def _say(
    request: SignedInRequest, pk: int, verb: Callable[..., Any], told: str, **fields: str
) -> HttpResponse:
    run = get_object_or_404(_visible(request), pk=pk)
    said = {name: request.POST.get(field, "") for name, field in fields.items()}
    try:
        verb(run, by=request.user, **said)
    except NotAllowed as problem:
        raise PermissionDenied(str(problem)) from problem
    except DomainError as problem:
        messages.error(request, str(problem))
    else:
        messages.success(request, told)
    return redirect("patching:run-detail", pk)


def _visible(request: HttpRequest) -> QuerySet[WindowRun]:
    return WindowRun.objects.visible_to(request.user).select_related(
        "window__application__team", "window__environment", "account_region__account", "review__failure"
    )
