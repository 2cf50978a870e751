"""Windows and baselines with which patches cannot be on within their deadline, whatever anybody does. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from patching.deadlines import AHEAD, Course, Outlook, Span, outlooks
from patching.findings.edits import Edit
from patching.findings.planned import Planned
from patching.findings.shifting import weekly
from patching.findings.telling import NOTE, WARNING, Finding, day_of
from patching.words import counted, listed

URGENT = ("critical", "important")


@dataclass(frozen=True)
class Judged:
    """Instances of one operating system in one window, with the baseline that judges them there."""

    window: Planned
    baseline: str
    definition: Mapping[str, Any]
    frozen: tuple[
        tuple[str, Span], ...
    ] = ()  # names of freezes that keep the window shut, and from when to when
    editable: bool = True  # whether the baseline is the application's own


def cannot_comply(
    judged: Iterable[Judged], within: Mapping[str, int], at: datetime, *, only: str = ""
) -> Iterator[Finding]:
    """One finding for windows of one environment and baseline that are late alike; ``only`` those of one cause."""
    alike: dict[tuple[object, ...], list[tuple[Judged, list[Outlook]]]] = {}
    for one in judged:
        found = outlooks(course_of(one, at), within, at)
        if found and only in ("", found[0].cause):
            worst = found[0]
            about = (one.baseline, *one.window.whose, worst.severity, worst.late, worst.cause)
            alike.setdefault(about, []).append((one, found))
    for group in alike.values():
        yield _told([one for one, _ in group], group[0][1])


def _ends(definition: Mapping[str, Any]) -> str:
    """The last day of release that a baseline approves whose rules all end at a date; "" for any other."""
    rules = (definition.get("ApprovalRules") or {}).get("PatchRules") or []
    dates = [rule.get("ApproveUntilDate") or "" for rule in rules]
    return max(dates) if dates and all(dates) else ""


def course_of(one: Judged, at: datetime) -> Course:
    openings = tuple((run.start, run.end) for run in one.window.runs_between(at, at + AHEAD))
    frozen = tuple(span for _, span in one.frozen)
    return Course(one.definition, openings, frozen, restarts=restarts(one.window))


def restarts(window: Planned) -> bool:
    """Whether anything in the window restarts what was patched: the installation, or a task named for it."""
    installs = [task for task in window.tasks if task["kind"] == "install"]
    named = any(word in task["document"] for task in window.tasks for word in ("Restart", "Reboot"))
    return named or any(task["reboot"] != "NoReboot" for task in installs)


def _told(group: Sequence[Judged], found: Sequence[Outlook]) -> Finding:
    one, worst = group[0], found[0]
    names = listed(sorted(each.window.name for each in group))
    article = "An" if worst.severity == "important" else "A"
    others = [f"{each.severity} in {each.late}" for each in found[1:]]
    also = f" {listed(others).capitalize()} of {worst.months} as well." if others else ""
    fix, edits = _mend(group, worst)
    claim = f"{article} {worst.severity} patch is late on {names} in {worst.late} of {worst.months} months"
    if worst.cause == "rules":
        gets = "gets" if len(group) == 1 else "get"
        claim = f"{names} never {gets} {article.lower()} {worst.severity} patch"
        if _ends(one.definition):
            claim = f"{names} {gets} no {worst.severity} patch that comes out from now on"
    return Finding(
        WARNING if worst.severity in URGENT else NOTE,
        claim,
        f"{_chain(one, worst)}{also}",
        fix,
        code="late",
        about=f"{one.window.name}:{one.baseline}",
        edits=edits,
    )


def _chain(one: Judged, outlook: Outlook) -> str:
    """Due within 30 days; at worst released Tue 9 Jun, approved Tue 23 Jun, on Sat 25 Jul: 16 days late."""
    case, zone = outlook.worst, one.window.timezone
    if outlook.cause == "rules" and (last := _ends(one.definition)):
        return (
            f"{one.baseline} approves what was released until {last}; SSM does not call later ones missing."
        )
    if outlook.cause == "rules":
        return f"No rule of {one.baseline} approves it, so SSM does not call it missing either."
    told = f"It is due within {counted(outlook.within, 'day')}. At worst it comes out on {day_of(case.released, zone)}"
    if outlook.cause == "restart":
        return f"{told} and waits for a restart for good: NoReboot leaves it InstalledPendingReboot."
    if case.approved is None:
        return f"{told}, and {one.baseline} approves nothing of that day."
    told += f", {one.baseline} approves it on {day_of(case.approved, zone)}"
    if case.late is None or case.installed is None:
        return f"{told}, and {one.window.name} does not open after that."
    late = -(-case.late // timedelta(days=1))
    return (
        f"{told}, and {one.window.name} has put it on by {day_of(case.installed, zone)}: "
        f"{counted(late, 'day')} late. {_blamed(one, outlook)}"
    )


def _blamed(one: Judged, outlook: Outlook) -> str:
    case = outlook.worst
    if outlook.cause == "freeze":
        names = [
            name
            for name, (begins, ends) in one.frozen
            if case.installed and begins < case.installed and ends > case.released
        ]
        return f"{listed(names) or 'A freeze'} keeps it shut in between."
    if outlook.cause == "delay":
        return f"The delay of {counted(outlook.delay, 'day')} makes it miss its opening."
    return "It opens too rarely."


def _mend(group: Sequence[Judged], outlook: Outlook) -> tuple[str, tuple[Edit, ...]]:
    one = group[0]
    if outlook.cause == "restart":
        return "Let the installation restart what needs it.", tuple(_restart(each.window) for each in group)
    if outlook.cause == "rules" and _ends(one.definition):
        return f"Pin the next tested run into {one.baseline} before it is due.", ()
    if outlook.cause == "rules":
        return f"Add a rule to {one.baseline} that approves {outlook.severity} security updates.", ()
    if outlook.cause == "openings":
        return "Choose a schedule with runs in the future.", ()
    if outlook.cause == "freeze":
        return "End the freeze earlier, or leave this application out of it.", ()
    if outlook.cause == "delay" and outlook.enough is not None:
        days = counted(outlook.enough, "day")
        return f"Approve {outlook.severity} patches after at most {days}.", _sooner(one, outlook)
    weekly = tuple(edit for each in group if (edit := _weekly(each.window)))
    if len(weekly) == len(group):
        return "Open it every week.", weekly
    return "Open it more often.", ()


def _restart(window: Planned) -> Edit:
    tasks = [
        {**task, "reboot": "RebootIfNeeded"} if task["kind"] == "install" else dict(task)
        for task in window.tasks
    ]
    return Edit.of(window, tasks=tasks)


def _sooner(one: Judged, outlook: Outlook) -> tuple[Edit, ...]:
    if not one.editable or outlook.rule is None:
        return ()
    definition = dict(one.definition)
    approval = dict(definition["ApprovalRules"])
    rules = [dict(rule) for rule in approval["PatchRules"]]
    rules[outlook.rule]["ApproveAfterDays"] = outlook.enough
    definition["ApprovalRules"] = {**approval, "PatchRules": rules}
    return (Edit("change", "baseline", one.baseline, None, {"definition": definition}),)


def _weekly(window: Planned) -> Edit | None:
    schedule = weekly(window.spec["schedule"])
    return Edit.of(window, schedule=schedule) if schedule else None
