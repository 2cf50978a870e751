"""Whether patches can be on in time at all: delay, openings, freezes and restarts over a year. Pure.

A patch comes out, is approved after the baseline's delay, and is on when the next opening that no freeze keeps shut
has ended. Without a restart it stays InstalledPendingReboot, which SSM never counts as compliant. For Windows a
patch comes out on each Patch Tuesday, elsewhere on every day; a month counts as late when one of its patches is.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from patching import schedules
from patching.approval import DEBIAN_FAMILY, WINDOWS, Patch, evaluate

MONTHS = 12
AHEAD = timedelta(days=730)  # openings are wanted for so long: the last month's patches need theirs as well
DAY = timedelta(days=1)
INSTANT = timedelta(seconds=1)
# SSM's words for a severity; on Linux operating systems differ over the third
WORDS = {
    "critical": ("Critical",),
    "important": ("Important",),
    "moderate": ("Moderate", "Medium"),
    "low": ("Low",),
}
PRIORITIES = ("Required", "Important", "Standard", "Optional", "Extra")

Span = tuple[datetime, datetime]
Approve = Callable[[datetime], datetime | None]
Install = Callable[[datetime], datetime | None]


@dataclass(frozen=True)
class Course:
    """What decides when a patch is on: a baseline as AWS takes it, openings, freezes, whether it restarts."""

    definition: Mapping[str, Any]
    openings: Sequence[Span]
    frozen: Sequence[Span] = ()
    restarts: bool = True

    @property
    def system(self) -> str:
        return self.definition.get("OperatingSystem") or WINDOWS


@dataclass(frozen=True)
class Case:
    """One patch on its way. None where that moment never comes."""

    released: datetime
    approved: datetime | None
    installed: datetime | None
    due: datetime

    @property
    def late(self) -> timedelta | None:
        """By how much; below zero it is in time. None where it is never on."""
        return None if self.installed is None else self.installed - self.due


@dataclass(frozen=True)
class Outlook:
    """How often patches of one severity are late in the months ahead, how badly, and what is to blame."""

    severity: str
    within: int  # days after the release
    months: int
    late: int
    worst: Case
    cause: str  # rules, openings, restart, freeze, delay or cadence
    rule: int | None  # the baseline's rule that approves them, counted from 0
    delay: int  # days after the release
    enough: int | None  # the longest delay with which none would be late


def outlooks(course: Course, within: Mapping[str, int], at: datetime) -> list[Outlook]:
    """For each severity of which a patch would be late, the worst first; none where all can be in time.

    ``within`` is days by severity (critical, important, moderate, low).
    """
    months = _releases(course.system, at)
    found = (
        _outlook(course, severity, days, months) for severity, days in within.items() if severity in WORDS
    )
    return sorted(filter(None, found), key=lambda one: list(WORDS).index(one.severity))


def _outlook(
    course: Course, severity: str, days: int, months: Mapping[str, Sequence[datetime]]
) -> Outlook | None:
    approve, rule, delay = _approval(course.definition, severity, next(iter(months.values()))[0])
    open_ = [span for span in course.openings if not _is_frozen(span[0], course.frozen)]

    def late(approve: Approve, install: Install) -> int:
        cases = (_cases(releases, approve, install, days) for releases in months.values())
        return sum(any(_is_late(case) for case in month) for month in cases)

    install = _next(open_)
    real = late(approve, install if course.restarts else _never)
    if not real:
        return None
    cases = [
        case
        for releases in months.values()
        for case in _cases(releases, approve, install if course.restarts else _never, days)
    ]
    return Outlook(
        severity=severity,
        within=days,
        months=len(months),
        late=real,
        worst=max(cases, key=_badness),
        cause=_cause(course, approve, install, late, known=approve(cases[0].released) is not None),
        rule=rule,
        delay=delay,
        enough=next((n for n in range(delay, -1, -1) if not late(_after(n), install)), None),
    )


def _cause(
    course: Course,
    approve: Approve,
    install: Install,
    late: Callable[[Approve, Install], int],
    *,
    known: bool,
) -> str:
    """The one part without which the fewest months would be late."""
    if not known:
        return "rules"
    if not course.openings:
        return "openings"
    if not course.restarts:
        return "restart"
    without = {
        "freeze": late(approve, _next(course.openings)),
        "delay": late(_after(0), install),
        "cadence": late(approve, _daily(course.frozen)),
    }
    return min(without, key=lambda part: without[part])


def _releases(system: str, at: datetime) -> dict[str, list[datetime]]:
    """Moments at which patches come out, by month, twelve of them."""
    if system == WINDOWS:
        tuesdays = schedules.publications(at, count=MONTHS)
        return {f"{tuesday:%Y-%m}": [tuesday] for tuesday in tuesdays}
    found: dict[str, list[datetime]] = defaultdict(list)
    first = at.replace(hour=0, minute=0, second=0, microsecond=0) + DAY
    for number in range(366):
        day = first + number * DAY
        found[f"{day:%Y-%m}"].append(day)
    return dict(list(found.items())[:MONTHS])


def _cases(releases: Sequence[datetime], approve: Approve, install: Install, days: int) -> Iterator[Case]:
    for released in releases:
        approved = approve(released)
        installed = None if approved is None else install(approved)
        yield Case(released, approved, installed, released + days * DAY)


def _is_late(case: Case) -> bool:
    return case.late is None or case.late > timedelta()


def _badness(case: Case) -> timedelta:
    return timedelta.max if case.late is None else case.late


def _approval(
    definition: Mapping[str, Any], severity: str, released: datetime
) -> tuple[Approve, int | None, int]:
    """When a release is approved, by which rule, after how many days. A date in a rule is asked anew each time."""
    verdicts = [
        evaluate(definition, patch, as_of=released + INSTANT)
        for patch in _patches(definition, severity, released)
    ]
    moments = {
        number: released if verdict.approved else verdict.approves_at
        for number, verdict in enumerate(verdicts)
    }
    known = {number: moment for number, moment in moments.items() if moment is not None}
    if not known:
        return _never, None, 0
    best = min(known, key=lambda number: known[number])
    delay = known[best] - released
    rules = (definition.get("ApprovalRules") or {}).get("PatchRules") or []
    rule = verdicts[best].rule
    until = rules[rule].get("ApproveUntilDate") if rule is not None else None
    if until:
        last = datetime.fromisoformat(until).replace(tzinfo=released.tzinfo) + DAY
        return (lambda moment: moment if moment < last else None), rule, 0
    return (lambda moment: moment + delay), rule, delay.days


def _patches(definition: Mapping[str, Any], severity: str, released: datetime) -> Iterator[Patch]:
    """Patches of a severity in the kindest reading: of a product, and a priority, that the baseline names."""
    system = definition.get("OperatingSystem") or WINDOWS
    groups = [definition.get("GlobalFilters") or {}] + [
        rule.get("PatchFilterGroup") or {}
        for rule in (definition.get("ApprovalRules") or {}).get("PatchRules") or []
    ]
    products = {
        value
        for group in groups
        for one in group.get("PatchFilters") or []
        if one.get("Key") == "PRODUCT"
        for value in one.get("Values") or []
    } - {"*"}
    kind = "SecurityUpdates" if system == WINDOWS else "Security"
    for product in sorted(products) or [""]:
        for word in WORDS[severity]:
            for priority in PRIORITIES if system in DEBIAN_FAMILY else ("",):
                yield Patch("any", released, word, kind, product, name="any", priority=priority)


def _is_frozen(start: datetime, frozen: Sequence[Span]) -> bool:
    return any(begins <= start < ends for begins, ends in frozen)


def _next(spans: Sequence[Span]) -> Install:
    """Installed when the first opening that begins from then on has ended."""
    starts = [start for start, _ in spans]

    def install(approved: datetime) -> datetime | None:
        at = bisect_left(starts, approved)
        return spans[at][1] if at < len(spans) else None

    return install


def _daily(frozen: Sequence[Span]) -> Install:
    """As if there were an opening every day that no freeze keeps shut."""

    def install(approved: datetime) -> datetime:
        ends = [end for begins, end in frozen if begins <= approved < end]
        return max([approved, *ends]) + DAY

    return install


def _after(days: int) -> Approve:
    return lambda released: released + days * DAY


def _never(moment: datetime) -> None:
    return None
