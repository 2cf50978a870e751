"""What a run did, in words for a mail: how many instances ended how, and which did not end well."""

from collections import defaultdict

from patching.models import WindowRun
from patching.words import counted, listed
from portal.governance.state_looks import look_of

NAMED = 10
GOOD = "SUCCESS"


def outcome_in_words(run: WindowRun) -> str:
    """One line for the run, one for each way in which instances ended, the bad ones by name."""
    lines = [f"The run ended as {look_of(run.status, 'execution').word.lower()}."]
    worst: dict[str, tuple[str, str]] = {}
    rows = run.outcomes.select_related("instance").order_by("started_at", "pk")
    for one in rows:
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
    return "\n".join(lines if worst else [*lines, "No instance was reached."])


def some(names: list[str]) -> str:
    """As many as fit into a mail, and how many more there are."""
    shown = names if len(names) <= NAMED else [*names[: NAMED - 1], f"{len(names) - NAMED + 1} more"]
    return listed(shown)
