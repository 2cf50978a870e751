"""What a run did, in words for a mail: how many instances ended how, and which did not end well."""

from collections import defaultdict

from django.db.models import Count, QuerySet

from patching.models import RunOutcome, WindowRun
from patching.words import counted, listed
from portal.governance.state_looks import look_of

NAMED = 10
GOOD = "SUCCESS"


def instances_by_status(run: WindowRun) -> dict[str, int]:
    """How many instances ended how in any of its tasks; one that ended differently in two tasks counts for both."""
    rows = _on_instances(run.outcomes.all()).order_by().values_list("status")
    return dict(rows.annotate(Count("instance_id_text", distinct=True)))


def instances_in(outcomes: QuerySet[RunOutcome]) -> int:
    """How many instances these outcomes are of, whatever number of tasks they had."""
    return _on_instances(outcomes).order_by().values("instance_id_text").distinct().count()


def whole_tasks_in(outcomes: QuerySet[RunOutcome]) -> QuerySet[RunOutcome]:
    """Those of tasks as a whole: AWS names no instance where a task has no targets, or fails before it reaches one."""
    return outcomes.filter(instance_id_text="")


def _on_instances(outcomes: QuerySet[RunOutcome]) -> QuerySet[RunOutcome]:
    return outcomes.exclude(instance_id_text="")


def outcome_in_words(run: WindowRun) -> str:
    """One line for the run, one for each way in which instances ended, the bad ones by name, one for a whole task."""
    lines = [f"The run ended as {look_of(run.status, 'execution').word.lower()}."]
    worst: dict[str, tuple[str, str]] = {}
    rows = run.outcomes.select_related("instance").order_by("started_at", "pk")
    for one in _on_instances(rows):
        name = str(one.instance or one.instance_id_text)
        # the last task that did not succeed says how an instance ended
        if name not in worst or one.status != GOOD:
            worst[name] = one.status, one.status_details
    by_status: dict[str, list[str]] = defaultdict(list)
    for name, (status, why) in sorted(worst.items()):
        by_status[status].append(f"{name} ({why.rstrip('.')})" if why and status != GOOD else name)
    for status, names in sorted(by_status.items(), key=lambda item: (item[0] == GOOD, item[0])):
        line = f"{counted(len(names), 'instance')}: {look_of(status, 'execution').word.lower()}"
        lines.append(line if status == GOOD else f"{line}: {some(names)}")
    if not worst:
        lines.append("No instance was reached.")
    for one in whole_tasks_in(rows):
        why = f" ({one.status_details.rstrip('.')})" if one.status_details and one.status != GOOD else ""
        lines.append(f"{one.task} as a whole: {look_of(one.status, 'execution').word.lower()}{why}")
    return "\n".join(lines)


def some(names: list[str]) -> str:
    """As many as fit into a mail, and how many more there are."""
    shown = names if len(names) <= NAMED else [*names[: NAMED - 1], f"{len(names) - NAMED + 1} more"]
    return listed(shown)
