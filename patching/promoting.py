"""Carry what a run has tested into later environments, and halt that."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction

from patching import failures, pinning, run_reviews, versions
from patching.models import FailureRecord, PatchBaseline, PatchFinding, PatchGroup, RunReview, WindowRun
from portal.governance import audit
from portal.governance.errors import DomainError, NotAllowed
from portal.governance.models import User

BY_DATE, BY_LIST = "date", "list"
LOOKED_THROUGH, OFFERED = 8, 3  # runs
SEEN_WITHIN = timedelta(days=1)  # after a run has ended its scan is in, and the next installation is not


@dataclass(frozen=True)
class Tested:
    """What one operating system of a run was tested with."""

    system: str
    baseline: PatchBaseline
    definition: dict[str, Any]  # as it was in force when the run began
    instances: int
    later: tuple[
        PatchBaseline, ...
    ]  # of the same application and system, in environments that are patched later


def tested_by(run: WindowRun) -> list[Tested]:
    """What a run has tested, by operating system, with the baselines that could take it over.

    Raises DomainError where nothing was tested: the run goes on, installed nothing, or a problem was reported.
    """
    window = run.window
    if window is None or window.application is None or window.environment is None:
        raise DomainError("This run is of no window of an application.")
    if run.ended_at is None:
        raise DomainError("The run still goes on; what it tested is known once it has ended.")
    if RunReview.objects.filter(run=run, verdict=RunReview.Verdict.PROBLEM).exists():
        raise DomainError("A problem was reported after this run; what it installed is not taken further.")
    done = run.outcomes.filter(task_kind="install", status="SUCCESS").exclude(instance=None)
    systems: dict[str, set[str]] = {}
    for system, instance in done.values_list("instance__operating_system", "instance__instance_id"):
        systems.setdefault(system, set()).add(instance)
    found = [one for system, ids in sorted(systems.items()) if (one := _tested(run, system, ids)) is not None]
    if not found:
        raise DomainError("This run installed nothing on instances of a patch group with a baseline of ours.")
    return found


def _tested(run: WindowRun, system: str, ids: set[str]) -> Tested | None:
    window = run.window
    assert window is not None
    groups = PatchGroup.objects.live().filter(
        account_region=run.account_region, application=window.application
    )
    names = {
        group.spec["baselines"][system]
        for group in groups
        if system in group.spec["baselines"] and ids & set(group.spec["instances"])
    }
    baseline = PatchBaseline.objects.live().filter(name__in=names).order_by("name").first()
    if baseline is None:
        return None
    then = next((one for one in versions.of(baseline) if one.since <= run.started_at and one.spec), None)
    assert window.environment is not None
    later = PatchBaseline.objects.live().filter(
        application=window.application,
        operating_system=system,
        environment__rank__gt=window.environment.rank,
    )
    return Tested(
        system=system,
        baseline=baseline,
        definition=(then.spec if then else baseline.spec)["definition"],
        instances=len(ids),
        later=tuple(later.select_related("environment").order_by("environment__rank", "name")),
    )


def tested_for(baselines: Sequence[PatchBaseline], *, by: User) -> list[WindowRun]:
    """The last runs of earlier environments that these baselines could take over, and this person may promote."""
    latest = max((one.environment.rank for one in baselines if one.environment), default=None)
    applications = {one.application_id for one in baselines} - {None}
    if latest is None or not applications:
        return []
    wanted = {one.pk for one in baselines}
    ended = WindowRun.objects.visible_to(by).exclude(ended_at=None)
    near = ended.filter(window__application__in=applications, window__environment__rank__lt=latest)
    found: list[WindowRun] = []
    for run in near.select_related(
        "window__application__team", "window__environment", "account_region__account"
    ).order_by("-started_at")[:LOOKED_THROUGH]:
        if len(found) < OFFERED and run_reviews.may_speak(by, run.window) and wanted & _could_take(run):
            found.append(run)
    return found


def _could_take(run: WindowRun) -> set[int]:
    try:
        return {later.pk for one in tested_by(run) for later in one.later}
    except DomainError:
        return set()


def installed_by(run: WindowRun, system: str) -> list[str]:
    """Patches that instances of a run lacked before it and no longer lacked at the scan after it."""
    assert run.ended_at is not None
    done = run.outcomes.filter(task_kind="install", status="SUCCESS", instance__operating_system=system)
    rows = PatchFinding.objects.filter(
        instance__in=done.values("instance"),
        resolved_at__range=(run.started_at, run.ended_at + SEEN_WITHIN),
        hidden=False,
    )
    return sorted(set(rows.values_list("patch_id", flat=True)))


def items(run: WindowRun, baselines: Sequence[PatchBaseline], how: str) -> list[dict[str, Any]]:
    """Changes that pin what a run has tested into these baselines. Raises DomainError with the reason."""
    tested = {one.system: one for one in tested_by(run)}
    return [_pinned(run, tested.get(row.operating_system), row, how) for row in baselines]


def _pinned(run: WindowRun, one: Tested | None, row: PatchBaseline, how: str) -> dict[str, Any]:
    if one is None or row.pk not in {later.pk for later in one.later}:
        raise DomainError(
            f"{row.name} is not a baseline of a later environment for what this run has tested."
        )
    try:
        if how == BY_LIST:
            patches = installed_by(run, one.system)
            definition = pinning.listed(one.definition, row.spec["definition"], patches=patches)
        else:
            definition = pinning.until(one.definition, row.spec["definition"], began_at=run.started_at)
    except pinning.CannotPinError as problem:
        raise DomainError(str(problem)) from problem
    spec = {**row.spec, "definition": definition}
    return {"action": "change", "kind": "baseline", "target": row.pk, "spec": spec}


@transaction.atomic
def halt(run: WindowRun, *, by: User, reason: str) -> FailureRecord:
    """Stop what a run has tested from going further: every later window of the application stays shut, by one record.

    For leads of the owning team and security operations, also after somebody found the run healthy; the longest that a
    failure may hold. Raises NotAllowed, InvalidInput, WrongState.
    """
    review = RunReview.objects.filter(run=run).first()
    record = FailureRecord.objects.filter(review=review).first() if review is not None else None
    if record is None:
        if run.window is None or not failures.may_halt(by, run.window):
            raise NotAllowed("The lead of the owning team or security operations halt a promotion.")
        record = failures.open_for(run_reviews.overturn(run, by=by, reason=reason), by=by)
    audit.record("patching.promotion.halted", record, by=by, team=record.team, reason=reason.strip())
    return failures.hold(record, until=failures.last_day(record), reason=reason, by=by)
