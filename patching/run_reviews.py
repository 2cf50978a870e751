"""What owners say of a window's runs: prepared before, and afterwards found healthy or a problem reported."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Min, QuerySet

from patching import failures, openings
from patching.aws.executions import SKIPPED
from patching.executions import settled
from patching.models import Environment, FailureRecord, MaintenanceWindow, RunReview, WindowRun
from patching.run_outcomes import outcome_in_words
from portal.governance import audit, clock, outbox, roles
from portal.governance.deciding import LONGEST_REASON
from portal.governance.errors import FieldProblem, InvalidInput, NotAllowed, WrongState
from portal.governance.models import User

SHORTEST_REASON = 10
MOST_LINES = 20
LONGEST_LINE = 200
RUNS_AHEAD = 12
EARLY_OR_LATE = timedelta(minutes=10)  # AWS opens a window within its minute or soon after
REMIND_AFTER = timedelta(hours=24)
ASKED_FOR = timedelta(days=7)  # nobody is asked about a run that is longer ago
Verdict = RunReview.Verdict


def may_speak(user: User, window: MaintenanceWindow | None) -> bool:
    """Members of the team that owns the window."""
    return (
        window is not None
        and window.application is not None
        and roles.is_member(user, window.application.team)
    )


def default_checklist() -> list[dict[str, str]]:
    """The installation's lines, none of them ticked."""
    return [{"text": text, "done_by": "", "done_at": ""} for text in settings.RUN_CHECKLIST]


def preparations(window: MaintenanceWindow) -> list[RunReview]:
    """The openings ahead, the next first, each with its checklist; what nobody has prepared yet is not saved."""
    if window.retired_at is not None:
        return []
    ahead = openings.next_starts(window.spec, start=clock.now(), count=RUNS_AHEAD, since=window.created_at)
    rows = RunReview.objects.filter(window=window, planned_at__in=ahead).select_related("prepared_by")
    known = {one.planned_at: one for one in rows if one.checklist}
    return [
        known.get(moment) or RunReview(window=window, planned_at=moment, checklist=default_checklist())
        for moment in ahead
    ]


@transaction.atomic
def prepare(
    window: MaintenanceWindow,
    *,
    planned_at: datetime,
    done: Sequence[str],
    lines: Sequence[str] | None = None,
    by: User,
) -> RunReview:
    """Tick what is done before an opening, on its checklist or on a new one. Who ticked a line first, and when, stays.

    ``done`` are texts of lines. Raises NotAllowed, InvalidInput.
    """
    audit.take_turn()
    _raise_unless_owner(by, window)
    ahead = {one.planned_at: one for one in preparations(window)}
    if lines is None and planned_at in ahead:
        lines = [line["text"] for line in ahead[planned_at].checklist]
    texts = list(dict.fromkeys(line.strip() for line in lines or () if line.strip()))
    _raise_for(_bad_lines(texts, done) if planned_at in ahead else _bad_moment(list(ahead)))
    now = clock.now()
    review, _ = RunReview.objects.select_for_update().get_or_create(window=window, planned_at=planned_at)
    before = {line["text"]: line for line in review.checklist}
    review.checklist = [_line(text, before.get(text), text in done, by, now) for text in texts]
    complete = bool(texts) and set(texts) <= set(done)
    review.prepared_by = (review.prepared_by or by) if complete else None
    review.prepared_at = (review.prepared_at or now) if complete else None
    review.save(update_fields=["checklist", "prepared_by", "prepared_at"])
    ticked = f"{len(set(texts) & set(done))} of {len(texts)}"
    _record("patching.runreview.prepared", review, by=by, detail={"ticked": ticked})
    return review


@transaction.atomic
def confirm(run: WindowRun, *, by: User, note: str = "") -> WindowRun:
    """Everything of this run's instances works. Raises NotAllowed, WrongState."""
    if len(note) > LONGEST_REASON:
        _raise_for([FieldProblem("note", "length", f"Say it in {LONGEST_REASON} characters at most.")])
    review = _judged(run, Verdict.HEALTHY, note.strip(), by)
    _record("patching.runreview.healthy", review, by=by, reason=note.strip())
    return run


@transaction.atomic
def report_problem(run: WindowRun, *, by: User, reason: str) -> FailureRecord:
    """Patching did harm: open a failure record, which holds later environments by the installation's rule.

    Raises NotAllowed, InvalidInput, WrongState.
    """
    text = reason.strip()
    _raise_for(_too_short(text))
    review = _judged(run, Verdict.PROBLEM, text, by)
    _record("patching.runreview.problem", review, by=by, reason=text)
    return failures.open_for(review, by=by)


def overturn(run: WindowRun, *, by: User, reason: str) -> RunReview:
    """Its review, now that somebody who may halt found a problem after all; also where it was found healthy before.

    Call it inside the transaction that opens the failure. Raises InvalidInput, WrongState.
    """
    text = reason.strip()
    _raise_for(_too_short(text))
    if run.ended_at is None:
        raise WrongState(f"{run} still goes on; say how it went once it has ended.")
    audit.take_turn()
    review = _review_of(run)
    said = {"verdict": Verdict.PROBLEM, "verdict_by": by, "verdict_at": clock.now(), "note": text}
    RunReview.objects.filter(pk=review.pk).update(**said)
    review.refresh_from_db()
    _record("patching.runreview.problem", review, by=by, reason=text)
    return review


def _too_short(text: str) -> list[FieldProblem]:
    if SHORTEST_REASON <= len(text) <= LONGEST_REASON:
        return []
    message = f"Say what is wrong in {SHORTEST_REASON} to {LONGEST_REASON} characters, for example: "
    return [FieldProblem("reason", "length", f"{message}checkout answers with 500 since 04:10.")]


def to_confirm(user: User) -> QuerySet[WindowRun]:
    """Runs of this person's teams that nobody has confirmed yet and somebody was asked about."""
    mine = WindowRun.objects.filter(window__application__team__in=roles.teams_of(user))
    since = clock.now() - ASKED_FOR
    asked = mine.filter(review__verdict=Verdict.OPEN, ended_at__isnull=False, ended_at__gt=since)
    return asked.select_related("window__environment").order_by("ended_at")


def ask_due() -> None:
    """Ask owners about runs that have ended, once, and remind them a day later. Safe to repeat."""
    now = clock.now()
    ended = settled().filter(ended_at__gt=now - ASKED_FOR, window__in=asked_about()).exclude(status=SKIPPED)
    for run in ended.filter(review=None).select_related("window__application__team"):
        _ask(run)
    silent = ended.filter(review__verdict=Verdict.OPEN, ended_at__lte=now - REMIND_AFTER)
    for run in silent.select_related("window__application__team"):
        _mail(run, "run.confirm_reminder", f"Still open: how did {run.window} go?")


def asked_about() -> QuerySet[MaintenanceWindow]:
    """Windows whose runs are confirmed: those of production, and of all environments but the first."""
    first = Environment.objects.aggregate(first=Min("rank"))["first"]
    return MaintenanceWindow.objects.exclude(application=None).filter(
        environment__in=Environment.objects.exclude(rank=first, is_production=False)
    )


def owners_of(run: WindowRun) -> QuerySet[User]:
    """The people of the team that owns the window."""
    assert run.window is not None
    assert run.window.application is not None
    team = run.window.application.team_id
    return User.objects.filter(memberships__team=team, is_active=True).distinct()


@transaction.atomic
def _ask(run: WindowRun) -> None:
    audit.take_turn()
    _review_of(run)
    _mail(run, "run.confirm", f"How did {run.window} go?")


def _mail(run: WindowRun, event: str, subject: str) -> None:
    """To everybody in the owning team who was not told yet."""
    letters = [(person, event, str(run.pk)) for person in owners_of(run)]
    told = outbox.told(letters)
    new = [person for person, _, key in letters if (person.pk, event, key) not in told]
    if not new:
        return
    body = (
        f"{run} has ended. Confirm that its instances work, or report a problem; a problem can hold the windows of "
        f"later environments.\n\n{outcome_in_words(run)}"
    )
    for person in new:
        outbox.tell(
            person, event=event, key=str(run.pk), subject=subject, body=body, url=f"/windows/runs/{run.pk}/"
        )


def _judged(run: WindowRun, verdict: str, note: str, by: User) -> RunReview:
    """The review of a run with its verdict; whoever is first has spoken."""
    audit.take_turn()
    _raise_unless_owner(by, run.window)
    if run.ended_at is None:
        raise WrongState(f"{run} still goes on; say how it went once it has ended.")
    review = _review_of(run)
    said = {"verdict": verdict, "verdict_by": by, "verdict_at": clock.now(), "note": note}
    if RunReview.objects.filter(pk=review.pk, verdict=Verdict.OPEN).update(**said) != 1:
        review.refresh_from_db()
        who = f"{review.get_verdict_display().lower()} by {review.verdict_by}"
        raise WrongState(f"{run} was judged already: {who}.")
    review.refresh_from_db()
    return review


def _review_of(run: WindowRun) -> RunReview:
    """The review of a run: what was prepared for this moment, or a new one."""
    found = RunReview.objects.filter(run=run).first()
    if found is not None:
        return found
    around = (run.started_at - EARLY_OR_LATE, run.started_at + EARLY_OR_LATE)
    planned = RunReview.objects.filter(window=run.window, run=None, planned_at__range=around)
    prepared = planned.order_by("planned_at").first()
    if prepared is not None:
        prepared.run = run
        prepared.save(update_fields=["run"])
        return prepared
    given = {"run": run, "checklist": default_checklist()}
    assert run.window is not None
    return RunReview.objects.get_or_create(window=run.window, planned_at=run.started_at, defaults=given)[0]


def _record(action: str, review: RunReview, *, by: User, **more: Any) -> None:
    application = review.window.application
    audit.record(action, review, by=by, team=application.team if application else None, **more)


def _line(text: str, before: dict[str, str] | None, done: bool, by: User, now: datetime) -> dict[str, str]:
    if done and before is not None and before["done_at"]:
        return before
    told = {"done_by": by.username, "done_at": now.isoformat()} if done else {"done_by": "", "done_at": ""}
    return {"text": text, **told}


def _bad_lines(texts: Sequence[str], done: Sequence[str]) -> list[FieldProblem]:
    problems = []
    if len(texts) > MOST_LINES:
        told = f"There are {len(texts)} lines; keep it to {MOST_LINES}, such as “Backups are fresh”."
        problems.append(FieldProblem("lines", "too_many", told))
    if long := next((text for text in texts if len(text) > LONGEST_LINE), None):
        told = f"“{long[:40]}…” has {len(long)} characters; {LONGEST_LINE} fit, as in “Backups are fresh”."
        problems.append(FieldProblem("lines", "length", told))
    if strange := sorted(set(done) - set(texts)):
        example = f", such as “{texts[0][:60]}”" if texts else ""
        told = f"“{strange[0][:60]}” is not on the list. Tick lines that are{example}."
        problems.append(FieldProblem("done", "unknown", told))
    return problems


def _bad_moment(ahead: Sequence[datetime]) -> list[FieldProblem]:
    example = f", for example {ahead[0].isoformat()}" if ahead else "; it has none"
    return [FieldProblem("planned_at", "unknown", f"Name one of the next {RUNS_AHEAD} openings{example}.")]


def _raise_for(problems: Sequence[FieldProblem]) -> None:
    if problems:
        raise InvalidInput(problems)


def _raise_unless_owner(by: User, window: MaintenanceWindow | None) -> None:
    if not may_speak(by, window):
        raise NotAllowed("Members of the team that owns the window say how its runs went.")
