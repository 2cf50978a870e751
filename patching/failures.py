"""Failure records: what patching broke, which later windows that holds until when, and how it ends."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction

from patching import effects, holding
from patching.models import Application, Environment, FailureRecord, MaintenanceWindow, RunReview, WindowHold
from portal.governance import audit, clock, outbox, roles, states
from portal.governance.canonical import digest_of
from portal.governance.deciding import LONGEST_REASON
from portal.governance.errors import FieldProblem, InvalidInput, NotAllowed, WrongState
from portal.governance.models import Role, User

SHORTEST_REASON = 10
HELD_AT_MOST = timedelta(days=14)  # after the report
HELD_BY_RULE = timedelta(days=7)
OFF, HOLD = "off", "hold"  # of FAILURE_HOLDS; "report" asks people and holds nothing


def open_for(review: RunReview, *, by: User) -> FailureRecord:
    """Open the record of a problem that was just reported, with the outcomes as they stand, and hold by the rule.

    Call it inside the transaction of the report.
    """
    window, run, now = review.window, review.run, clock.now()
    assert run is not None
    assert window.application is not None
    assert window.environment is not None
    outcomes = [
        {
            "instance": one.instance_id_text,
            "task": one.task,
            "status": one.status,
            "details": one.status_details,
        }
        for one in run.outcomes.order_by("instance_id_text", "task")
    ]
    reported = {"run": run.execution_id, "summary": review.note, "outcomes": outcomes, "by": by.pk}
    record = FailureRecord.objects.create(
        review=review,
        application=window.application,
        environment=window.environment,
        summary=review.note,
        outcomes=outcomes,
        digest=digest_of({**reported, "at": now.isoformat()}),
        reported_by=by,
        reported_at=now,
    )
    audit.record(
        "patching.failurerecord.opened", record, by=by, team=record.team, reason=review.note, detail=reported
    )
    if settings.FAILURE_HOLDS == HOLD:
        _hold(
            record,
            record.reported_at + HELD_BY_RULE,
            by=None,
            reason="By rule, since a problem was reported.",
        )
    if would_tell():
        _tell_deciders(record)
    return record


def may_decide(user: User, record: FailureRecord) -> bool:
    """Leads of the owning team and security operations."""
    return _decides_for(user, record.application)


def may_halt(user: User, window: MaintenanceWindow) -> bool:
    """The same people, of what a run of this window has tested."""
    return window.application is not None and _decides_for(user, window.application)


def _decides_for(user: User, application: Application) -> bool:
    return roles.is_lead(user, application.team) or roles.has_role(user, Role.SECURITY_OPERATIONS)


def may_let_go(user: User, record: FailureRecord) -> bool:
    """Who may end its holds: of production nobody who reported it."""
    return may_decide(user, record) and not (user.pk == record.reported_by_id and _holds_production(record))


def later_windows(record: FailureRecord) -> list[MaintenanceWindow]:
    """Windows of the same application in environments that are patched later."""
    return _later(record.application, record.environment)


def would_hold(window: MaintenanceWindow) -> list[MaintenanceWindow]:
    """Windows that a problem reported about this one would keep shut, by the installation's rule."""
    if settings.FAILURE_HOLDS != HOLD or window.application is None or window.environment is None:
        return []
    return _later(window.application, window.environment)


def would_tell() -> bool:
    """Whether those who decide hear of a problem that is reported, by the installation's rule."""
    return bool(settings.FAILURE_HOLDS != OFF)


def _later(application: Application, environment: Environment) -> list[MaintenanceWindow]:
    rows = MaintenanceWindow.objects.live().filter(
        application=application, environment__rank__gt=environment.rank
    )
    return list(
        rows.select_related("account_region__account", "environment").order_by("environment__rank", "name")
    )


def holds_of(record: FailureRecord) -> list[WindowHold]:
    """Every hold that came from this record, ended ones too."""
    rows = WindowHold.objects.filter(source=_source(record)).select_related(
        "window__environment", "window__account_region__account"
    )
    return list(rows.order_by("ended_at", "window__environment__rank", "window__name"))


def last_day(record: FailureRecord) -> datetime:
    """Until when it may hold at most."""
    return record.reported_at + HELD_AT_MOST


@transaction.atomic
def hold(record: FailureRecord, *, until: datetime, reason: str, by: User) -> FailureRecord:
    """Keep the later environments shut until a moment, or longer or shorter than so far.

    Raises NotAllowed, InvalidInput, WrongState. To shorten it is to release a part, with the same four eyes.
    """
    record = _open(record, by)
    problems = _bad_reason(reason)
    if not clock.now() < until <= last_day(record):
        limit = f"{last_day(record):%Y-%m-%d %H:%M} UTC"
        message = f"Name a moment ahead and no later than {limit}, 14 days after the report."
        problems.append(FieldProblem("until", "range", message))
    _raise_for(problems)
    if record.holds_until is not None and until < record.holds_until:
        _raise_unless_others_eyes(by, record)
    _hold(record, until, by=by, reason=reason.strip())
    return record


@transaction.atomic
def release(record: FailureRecord, *, reason: str, by: User) -> FailureRecord:
    """Let the held windows go early; the record stays open. Raises NotAllowed, InvalidInput, WrongState."""
    record = _open(record, by)
    _raise_for(_bad_reason(reason))
    _raise_unless_others_eyes(by, record)
    if record.holds_until is None:
        raise WrongState(f"{record.number} holds nothing.")
    _let_go(record, by=by, reason=reason.strip())
    return record


@transaction.atomic
def resolve(record: FailureRecord, *, resolution: str, by: User) -> FailureRecord:
    """It is mended: close the record and let go of what it holds. Raises NotAllowed, InvalidInput, WrongState."""
    record = _open(record, by)
    _raise_for(_bad_reason(resolution, "resolution"))
    _raise_unless_others_eyes(by, record)
    if record.holds_until is not None:
        _let_go(record, by=by, reason=resolution.strip())
    said: dict[str, Any] = {"resolved_by": by, "resolved_at": clock.now(), "resolution": resolution.strip()}
    return states.move(record, FailureRecord.State.RESOLVED, by=by, reason=resolution.strip(), **said)


def _source(record: FailureRecord) -> str:
    return f"failure:{record.pk}"


def _holds_production(record: FailureRecord) -> bool:
    running = WindowHold.objects.filter(source=_source(record), ended_at=None)
    return running.filter(window__environment__is_production=True).exists()


def _hold(record: FailureRecord, until: datetime, *, by: User | None, reason: str) -> None:
    windows = later_windows(record)
    if not windows:
        return
    running = WindowHold.objects.filter(source=_source(record), ended_at=None).order_by("starts_at").first()
    places = holding.hold(
        windows,
        source=_source(record),
        digest=record.digest,
        reason=f"{record.number}: {record.environment} of {record.application} had a problem after patching",
        starts_at=running.starts_at if running else clock.now(),
        ends_at=until,
    )
    FailureRecord.objects.filter(pk=record.pk).update(holds_until=until)
    record.holds_until = until
    detail: dict[str, Any] = {"until": until.isoformat(), "windows": [window.name for window in windows]}
    audit.record("patching.failurerecord.held", record, by=by, team=record.team, reason=reason, detail=detail)
    effects.want_push(places, f"hold of {record.number}")


def _let_go(record: FailureRecord, *, by: User, reason: str) -> None:
    places = holding.release(_source(record))
    FailureRecord.objects.filter(pk=record.pk).update(holds_until=None)
    record.holds_until = None
    audit.record("patching.failurerecord.released", record, by=by, team=record.team, reason=reason)
    effects.want_push(places, f"release of {record.number}")


def _tell_deciders(record: FailureRecord) -> None:
    deciders = roles.leads_of(record.application.team) | roles.holders(Role.SECURITY_OPERATIONS)
    told = "Nothing is held; decide whether later windows should wait."
    if record.holds_until:
        told = f"Later windows are held until {record.holds_until:%Y-%m-%d %H:%M} UTC."
    for person in deciders.distinct().exclude(pk=record.reported_by_id):
        outbox.tell(
            person,
            event="failure.opened",
            key=str(record.pk),
            subject=f"{record}: a problem after patching",
            body=f"{record.reported_by} reports: {record.summary}\n\n{told}",
            url=f"/failures/{record.pk}/",
        )


def _open(record: FailureRecord, by: User) -> FailureRecord:
    """The record as it is now, held, for somebody who may decide on it."""
    fresh = states.locked(record)
    if not may_decide(by, fresh):
        raise NotAllowed("The lead of the owning team or security operations decide on a failure.")
    if fresh.state != FailureRecord.State.OPEN:
        raise WrongState(f"{fresh.number} is resolved already, by {fresh.resolved_by}.")
    return fresh


def _raise_unless_others_eyes(by: User, record: FailureRecord) -> None:
    if not may_let_go(by, record):
        raise NotAllowed(
            "Production is held because of what you reported: another lead or security operations lets it go."
        )


def _bad_reason(text: str, field: str = "reason") -> list[FieldProblem]:
    if SHORTEST_REASON <= len(text.strip()) <= LONGEST_REASON:
        return []
    return [FieldProblem(field, "length", f"Say why in {SHORTEST_REASON} to {LONGEST_REASON} characters.")]


def _raise_for(problems: list[FieldProblem]) -> None:
    if problems:
        raise InvalidInput(problems)
