"""Pages of runs of windows: what became of each instance, and what the owner says of it."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import django_filters
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import Case, QuerySet, When
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_GET, require_POST

from patching import failures, openings, run_outcomes, run_reviews
from patching.models import MaintenanceWindow, RunOutcome, WindowRun
from patching.posture import gaps
from patching.run_outcomes import GOOD as SUCCESS
from patching.web import alerts
from patching.web.filters import search
from patching.words import listed
from portal.governance import clock, lists
from portal.governance.errors import DomainError, NotAllowed
from portal.governance.models import User
from portal.governance.signing_in import SignedInRequest
from portal.governance.state_looks import look_of, spelled

PAST_RUNS = 12
WORST_FIRST = ("FAILED", "TIMED_OUT", "NOT_STARTED", "CANCELLED", "IN_PROGRESS", "PENDING", "SUCCESS")


class OutcomeFilter(django_filters.FilterSet):
    """Outcomes by instance, task and how they ended."""

    q = search("Instance id", field_name="instance_id_text", lookup_expr="icontains")
    task = django_filters.CharFilter(field_name="task", lookup_expr="icontains", label="Task")
    status = django_filters.ChoiceFilter(
        choices=[(one, look_of(one, "execution").word) for one in WORST_FIRST],
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
    lists.Column("Ended", lambda one: one.ended_at, "ended_at", shown=False),
)


def past_runs(window: MaintenanceWindow) -> list[Any]:
    """Its last runs with how long each took and how many outcomes were of which kind."""
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
    bad = run.outcomes.exclude(status=SUCCESS)
    may_speak = run_reviews.may_speak(request.user, run.window) and run.ended_at is not None
    return lists.show(
        request,
        "patching/run_detail.html",
        rows=_worst_first(run.outcomes.select_related("instance")),
        columns=COLUMNS,
        name=f"run-{run.pk}",
        filters=OutcomeFilter,
        context={
            "run": run,
            "review": review,
            "failure": getattr(review, "failure", None),
            "may_speak": may_speak,
            "reached": run_outcomes.instances_in(run.outcomes.all()),
            "left": run_outcomes.instances_in(bad),
            "ways": _ways(run),
            "whole": [
                (one.task, _word(one.status)) for one in _worst_first(run_outcomes.whole_tasks_in(bad))
            ],
            "next_run": gaps.next_run(run.window, clock.now()) if run.window else None,
            "alerts": _alerts(request.user, run),
            "problem": _problem(run.window) if run.window and may_speak else "",
            "may_promote": _may_promote(request, run),
            "may_halt": run.window is not None and failures.may_halt(request.user, run.window),
            "skipped": spelled(run.status) == "skipped_overlapping",
        },
    )


def _ways(run: WindowRun) -> list[tuple[str, str, int]]:
    """In which ways instances did not get through, the worst first, and how many in each."""
    counts = run_outcomes.instances_by_status(run)
    return [
        (status, _word(status), counts[status])
        for status in WORST_FIRST
        if status in counts and status != SUCCESS
    ]


def _word(status: str) -> str:
    return look_of(status, "execution").word


def _worst_first(outcomes: QuerySet[RunOutcome]) -> QuerySet[RunOutcome]:
    order = [When(status=status, then=place) for place, status in enumerate(WORST_FIRST)]
    ranked = outcomes.annotate(rank=Case(*order, default=0))
    return ranked.order_by("rank", "task", "instance_id_text")


def _alerts(user: User, run: WindowRun) -> list[alerts.Shown]:
    """What went wrong in this run, with what can be asked for; of an earlier run nothing is any more."""
    found = alerts.of_window(user, run.window) if run.window else []
    return [one for one in found if one.step and one.alert.run == run]


def _problem(window: MaintenanceWindow) -> str:
    """What reporting a problem would do."""
    told = ", and those who decide about it are told" if failures.would_tell() else ""
    kept = f"A failure record keeps what became of each instance{told}."
    later = failures.would_hold(window)
    if not later:
        return f"{kept} No other window is kept shut by it."
    at = clock.now()
    ahead = [(start, one) for one in later if (start := gaps.next_run(one, at))]
    start, one = min(ahead, key=lambda pair: pair[0], default=(None, window))
    first = "No opening of theirs falls into that time."
    if start is not None and start < at + failures.HELD_BY_RULE:
        first = f"First to fall out: {one.name}, {openings.in_words([start], one.spec['timezone'])}."
    names, stay = listed(one.name for one in later), "stay" if len(later) > 1 else "stays"
    days = failures.HELD_BY_RULE.days
    return f"{kept} {names} of later environments {stay} shut for {days} days, or until somebody lets go. {first}"


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
