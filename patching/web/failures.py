"""Pages of failure records: what patching broke, what that holds, and what people decide about it."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import django_filters
from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from patching import failures, words
from patching.models import FailureRecord, MaintenanceWindow, ManagedInstance, WindowHold
from patching.posture import gaps
from patching.run_outcomes import GOOD
from patching.web.filters import WhoseFilter
from patching.web.runs import WORST_FIRST
from portal.governance import audit, audit_words, clock, lists
from portal.governance.errors import DomainError, NotAllowed
from portal.governance.signing_in import SignedInRequest

COLUMNS = (
    lists.Column("Failure", lambda one: one.number, "pk"),
    lists.Column("Application", lambda one: one.application, "application__slug"),
    lists.Column("Environment", lambda one: one.environment, "environment__rank"),
    lists.Column("What happened", lambda one: one.summary),
    lists.Column("Reported", lambda one: one.reported_at, "reported_at"),
    lists.Column("Reported by", lambda one: one.reported_by, shown=False),
    lists.Column("Holds until", lambda one: one.holds_until, "holds_until"),
    lists.Column("State", lambda one: one.get_state_display(), "state"),
)


class FailureFilter(WhoseFilter):
    """Failures by whose and how they stand."""

    state = django_filters.ChoiceFilter(
        choices=FailureRecord.State.choices, label="State", empty_label="All states"
    )

    class Meta:
        model = FailureRecord
        fields = ("application", "environment", "state")


class HoldForm(forms.Form):
    """Until when later windows stay shut, and why."""

    until = forms.DateTimeField(
        label="Until (UTC)",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )
    reason = forms.CharField(
        label="Why", widget=forms.Textarea(attrs={"rows": 2}), help_text="10 characters or more, for the log."
    )


@login_required
@require_GET
def failure_list(request: HttpRequest) -> HttpResponse:
    """Problems after patching, of the applications that this person may see."""
    return lists.show(
        request,
        "patching/failure_list.html",
        rows=FailureRecord.objects.visible_to(request.user).select_related(
            "application__team", "environment", "reported_by"
        ),
        columns=COLUMNS,
        name="failures",
        filters=FailureFilter,
    )


@login_required
@require_GET
def failure_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """One failure: what happened, the outcomes of then, the held windows, and what may be decided."""
    record = _visible(request, pk)
    return _page(request, record, None)


@login_required
@require_POST
def failure_hold(request: SignedInRequest, pk: int) -> HttpResponse:
    """Keep later windows shut until a moment."""
    record, form = _visible(request, pk), HoldForm(request.POST)
    if not form.is_valid():
        return _page(request, record, form, status=400)
    return _do(request, record, failures.hold, "Later windows stay shut until then.", **form.cleaned_data)


@login_required
@require_POST
def failure_release(request: SignedInRequest, pk: int) -> HttpResponse:
    """Let the held windows go early."""
    reason = request.POST.get("reason", "")
    told = "The windows go back into force with the next push, in seconds."
    return _do(request, _visible(request, pk), failures.release, told, reason=reason)


@login_required
@require_POST
def failure_resolve(request: SignedInRequest, pk: int) -> HttpResponse:
    """It is mended."""
    resolution = request.POST.get("reason", "")
    told = "It is resolved; what it held goes back into force with the next push."
    return _do(request, _visible(request, pk), failures.resolve, told, resolution=resolution)


def _page(request: Any, record: FailureRecord, form: HoldForm | None, status: int = 200) -> HttpResponse:
    decides = record.state == FailureRecord.State.OPEN and failures.may_decide(request.user, record)
    limit = failures.last_day(record)
    at, holds = clock.now(), failures.holds_of(record)
    held = [one for one in holds if one.until > at]
    context = {
        "record": record,
        "run": record.review.run,
        "at": at,
        "holds": holds,
        "held": words.listed(one.window.name for one in held),
        "falls_out": _first_to_fall_out(held, at),
        "ran_out": _ran_out(holds, at),
        "outcomes": _outcomes(record),
        "decides": decides,
        "may_let_go": decides and failures.may_let_go(request.user, record),
        "hold_form": (form or HoldForm(initial={"until": limit})) if decides and limit > at else None,
        "limit": limit,
        "events": [audit_words.event(entry) for entry in audit.timeline(record)],
    }
    return render(request, "patching/failure_detail.html", context, status=status)


def _first_to_fall_out(held: list[WindowHold], at: datetime) -> tuple[MaintenanceWindow, datetime] | None:
    """The next opening that does not come because of these holds, which are in force."""
    found = [
        (start, hold.window)
        for hold in held
        if (start := gaps.next_run(hold.window, at)) is not None and start < hold.until
    ]
    if not found:
        return None
    start, window = min(found, key=lambda pair: pair[0])
    return window, start


def _ran_out(holds: list[WindowHold], at: datetime) -> dict[str, Any] | None:
    """The windows that were held last, to the end that was set, and when AWS was read to have all of them open."""
    over = [one for one in holds if one.until == one.ends_at <= at]
    if not over:
        return None
    until = max(one.ends_at for one in over)
    last = [one for one in over if one.ends_at == until]
    read = [one.restored_at for one in last if one.restored_at and one.restored_proof.get("window")]
    opened_by = max(read) if len(read) == len(last) and min(read) >= until else None
    names = [one.window.name for one in last]
    return {"names": words.listed(names), "several": len(names) > 1, "until": until, "opened_by": opened_by}


def _outcomes(record: FailureRecord) -> dict[str, list[dict[str, Any]]]:
    """The outcomes of then with names where they are known: what went wrong, the worst first, and what went well."""
    ids = {one["instance"] for one in record.outcomes}
    rows = ManagedInstance.objects.filter(
        account_region=record.review.window.account_region_id, instance_id__in=ids
    )
    known = {one.instance_id: one for one in rows}
    told = [{**one, "named": known.get(one["instance"])} for one in record.outcomes]
    bad = [one for one in told if one["status"] != GOOD]
    places = {status: place for place, status in enumerate(WORST_FIRST)}
    bad.sort(key=lambda one: places.get(one["status"], 0))
    return {"bad": bad, "good": [one for one in told if one["status"] == GOOD]}


def _do(
    request: SignedInRequest, record: FailureRecord, verb: Callable[..., Any], told: str, **given: Any
) -> HttpResponse:
    try:
        verb(record, by=request.user, **given)
    except NotAllowed as problem:
        raise PermissionDenied(str(problem)) from problem
    except DomainError as problem:
        messages.error(request, str(problem))
    else:
        messages.success(request, told)
    return redirect("patching:failure-detail", record.pk)


def _visible(request: HttpRequest, pk: int) -> FailureRecord:
    rows = FailureRecord.objects.visible_to(request.user).select_related(
        "application__team", "environment", "reported_by", "resolved_by", "review__run", "review__window"
    )
    return get_object_or_404(rows, pk=pk)
