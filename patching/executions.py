"""Read the runs of our windows in one account-region, with what became of each instance, and keep them.

A run is read until it has been seen after its end, and then never again. Reading twice, or at the same time, is
harmless: rows are unique, and what was read earlier never overwrites what was read later.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Q, QuerySet

from patching.aws.executions import NOT_STARTED, SKIPPED, Executions, FoundRun, FoundTask
from patching.aws.session import Clients
from patching.models import (
    AccountRegion,
    MaintenanceWindow,
    ManagedInstance,
    Occurrence,
    ResourceState,
    RunOutcome,
    Waiver,
    WindowRun,
)
from patching.specs import DAILY_SCAN

LOOK_BACK = timedelta(days=30)  # AWS keeps runs about as long
OFFLINE = "Its agent did not answer."
CUT_OFF = "The cutoff came before its turn."
NEVER_CALLED = "Systems Manager did not begin with it."
BATCH = 500


@dataclass(frozen=True)
class Told:
    """One outcome as it is kept."""

    instance_id: str
    task: str
    kind: str
    status: str
    details: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None


def keep(place: AccountRegion, clients: Clients, seen_at: datetime) -> None:
    """Read what is new or still open of the windows that are ours, and write it down run by run."""
    reader = Executions(clients)
    for window_id, window in _windows(place).items():
        for found in reader.runs(window_id, _since(place, window_id, seen_at)):
            if _is_settled(place, found.execution_id):
                continue
            tasks = [] if found.status == SKIPPED else reader.tasks(found.execution_id)
            _write(place, window, found, tasks, seen_at)


def settled() -> QuerySet[WindowRun]:
    """Runs that were read after their end and are not read again."""
    return WindowRun.objects.filter(ended_at__isnull=False, read_at__gt=F("ended_at"))


def members_at(window: MaintenanceWindow, at: datetime) -> list[str]:
    """Ids of the instances that carry the window's tag at a moment: those that no exemption keeps out then."""
    out = Waiver.objects.in_force(at).deferrals().filter(instance__account_region=window.account_region)
    left_out = set(out.values_list("instance__instance_id", flat=True))
    return [one for one in window.spec["instances"] if one not in left_out]


def _windows(place: AccountRegion) -> dict[str, MaintenanceWindow | None]:
    """AWS id → our window, None for the daily scan; also of one that was made anew while a run of it went on."""
    states = ResourceState.objects.filter(account_region=place, kind="window").exclude(aws_id="")
    ours = {str(one.uid): one for one in MaintenanceWindow.objects.filter(account_region=place)}
    moved = Occurrence.objects.filter(account_region=place).exclude(moved_to=None).select_related("window")
    ours |= {str(one.uid): one.window for one in moved}  # the extra window of a moved opening runs for it
    there = states.exclude(condition=ResourceState.Condition.REMOVED)
    found: dict[str, MaintenanceWindow | None] = {
        state.aws_id: ours.get(state.key) for state in there if state.key in ours or state.label == DAILY_SCAN
    }
    still_open = WindowRun.objects.filter(account_region=place).exclude(pk__in=settled().values("pk"))
    for run in still_open.select_related("window"):
        found.setdefault(run.aws_window_id, run.window)
    return found


def _since(place: AccountRegion, window_id: str, seen_at: datetime) -> datetime:
    """The beginning of its oldest run that is not settled, else of its latest; a second before, since AWS rounds."""
    known = WindowRun.objects.filter(account_region=place, aws_window_id=window_id)
    earliest = known.exclude(pk__in=settled().values("pk")).order_by("started_at").first()
    last = earliest or known.order_by("-started_at").first()
    if last is None:
        return seen_at - LOOK_BACK
    return max(last.started_at - timedelta(seconds=1), seen_at - LOOK_BACK)


def _is_settled(place: AccountRegion, execution_id: str) -> bool:
    return settled().filter(account_region=place, execution_id=execution_id).exists()


@transaction.atomic
def _write(
    place: AccountRegion,
    window: MaintenanceWindow | None,
    found: FoundRun,
    tasks: Sequence[FoundTask],
    seen_at: datetime,
) -> None:
    """One run with its outcomes, unless somebody has read it later meanwhile."""
    told: dict[str, Any] = {
        "status": found.status[:30],
        "status_details": found.status_details[:300],
        "ended_at": found.ended_at,
        "read_at": seen_at,
    }
    new = {
        "window": window,
        "aws_window_id": found.window_id,
        "started_at": found.started_at,
        **told,
    }
    run, made = WindowRun.objects.get_or_create(
        account_region=place, execution_id=found.execution_id, defaults=new
    )
    later = Q(read_at__lte=seen_at)
    if not made and WindowRun.objects.filter(later, pk=run.pk).update(**told) != 1:
        return
    outcomes = _outcomes(window, found, tasks)
    ids = {one.instance_id for one in outcomes}
    known = ManagedInstance.objects.filter(account_region=place, instance_id__in=ids)
    by_id = dict(known.values_list("instance_id", "pk"))
    keys = {(one.task, one.instance_id) for one in outcomes}
    before = run.outcomes.values_list("pk", "task", "instance_id_text")
    run.outcomes.filter(pk__in=[pk for pk, task, one in before if (task, one) not in keys]).delete()
    rows = [_row(run, one, by_id) for one in outcomes]
    RunOutcome.objects.bulk_create(
        rows,
        batch_size=BATCH,
        update_conflicts=True,
        unique_fields=["run", "task", "instance_id_text"],
        update_fields=["instance", "task_kind", "status", "status_details", "started_at", "ended_at"],
    )


def _row(run: WindowRun, told: Told, by_id: Mapping[str, int]) -> RunOutcome:
    return RunOutcome(
        run=run,
        instance_id=by_id.get(told.instance_id),
        instance_id_text=told.instance_id[:40],
        task=told.task[:128],
        task_kind=told.kind,
        status=told.status[:30],
        status_details=told.details[:300],
        started_at=told.started_at,
        ended_at=told.ended_at,
    )


def _outcomes(window: MaintenanceWindow | None, found: FoundRun, tasks: Sequence[FoundTask]) -> list[Told]:
    """What AWS tells, and once the run is over NOT_STARTED for each target that a task never came to."""
    named = named_tasks(window.spec["tasks"] if window else [], tasks)
    outcomes = {
        (name, one.instance_id): Told(
            one.instance_id,
            name,
            kind,
            one.status,
            OFFLINE if one.status_details == "DeliveryTimedOut" else one.status_details,
            one.started_at,
            one.ended_at,
        )
        for name, kind, task in named
        for one in task.outcomes
    }
    if window is not None and found.ended_at is not None and found.status != SKIPPED:
        expected = members_at(window, found.started_at)
        offline = _offline(window, expected)
        targeted = named or [
            (task["name"], task["kind"], FoundTask("", found.status, status_details=found.status_details))
            for task in window.spec["tasks"]
        ]
        for name, kind, task in targeted:
            if {one.instance_id for one in task.outcomes} == {""}:
                continue  # a task that has no targets
            for one in expected:
                why = OFFLINE if one in offline else _why_not(task)
                outcomes.setdefault((name, one), Told(one, name, kind, NOT_STARTED, why))
    return list(outcomes.values())


def _why_not(task: FoundTask) -> str:
    if task.status == "TIMED_OUT":
        return CUT_OFF
    return task.status_details or NEVER_CALLED


def _offline(window: MaintenanceWindow, ids: Iterable[str]) -> set[str]:
    """Those whose agent does not answer, as inventory has just been read."""
    rows = ManagedInstance.objects.filter(account_region=window.account_region, instance_id__in=list(ids))
    return set(rows.exclude(is_managed=True, ping_status="Online").values_list("instance_id", flat=True))


def named_tasks(
    asked: Sequence[Mapping[str, Any]], found: Sequence[FoundTask]
) -> list[tuple[str, str, FoundTask]]:
    """Name and kind of each task of a run, which AWS leaves out: by document and operation, in order of priority."""
    left = sorted(asked, key=lambda task: task["priority"])
    named, taken = [], Counter[str]()
    for task in found:
        fits = [one for one in left if one["document"].rpartition("document/")[2] == task.document]
        wanted = task.operation.lower()
        exact = [one for one in fits if wanted and one["kind"] == wanted]
        chosen = next(iter(exact or fits), None)
        if chosen is not None:
            left.remove(chosen)
        name = str(chosen["name"]) if chosen else task.document or "Task"
        taken[name] += 1
        label = name if taken[name] == 1 else f"{name} ({taken[name]})"
        named.append((label, str(chosen["kind"]) if chosen else wanted, task))
    return named
