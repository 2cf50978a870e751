"""What somebody should know before deciding on windows: too short, overlapping, overtaking, unsoaked, unjudged.

The checks are pure and take planned windows; ``of`` and ``of_window`` gather those from rows.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import combinations
from typing import Any
from zoneinfo import ZoneInfo

from patching import openings, schedules
from patching.around import Around
from patching.effects import items_of
from patching.items import is_new
from patching.models import AccountRegion, ChangeRequest, MaintenanceWindow
from patching.permissions import ROWS
from patching.sizing import CUTOFF, recommended_hours
from patching.words import counted, listed
from portal.governance import clock

RUNS_AHEAD = 12
SOAK = timedelta(days=2)  # shorter than this, nobody has worked with what was patched before
WARNING, NOTE = "warning", "note"
WAITING = (ChangeRequest.State.SUBMITTED, ChangeRequest.State.CHANGES_REQUESTED, ChangeRequest.State.APPROVED)


@dataclass(frozen=True)
class Finding:
    """A fact as the claim, what it rests on, and one way out."""

    level: str
    claim: str
    evidence: str
    fix: str = ""

    @property
    def told(self) -> str:
        return f"{self.evidence} {self.fix}".strip()


@dataclass(frozen=True, eq=False)
class Planned:
    """One window as it is or would be, with what decides whether it is a good idea."""

    spec: Mapping[str, Any]
    rank: int = 0
    production: bool = False
    asked: bool = True  # part of what is looked at; the others are only its company
    since: datetime | None = None
    environment: str = ""  # as people call it

    @property
    def name(self) -> str:
        return str(self.spec["name"])

    @property
    def whose(self) -> tuple[str, str]:
        return self.spec["application"], self.spec["environment"]

    @property
    def timezone(self) -> str:
        return str(self.spec["timezone"])

    @property
    def instances(self) -> int:
        return len(self.spec["instances"])

    def runs(self, start: datetime, count: int) -> list["Run"]:
        length = timedelta(hours=self.spec["duration"])
        starts = openings.next_starts(self.spec, start=start, count=count, since=self.since)
        return [Run(self, one, one + length) for one in starts]


@dataclass(frozen=True)
class Run:
    """One opening of a window."""

    window: Planned
    start: datetime
    end: datetime

    def overlap(self, other: "Run") -> timedelta:
        return max(timedelta(), min(self.end, other.end) - max(self.start, other.start))


def check(windows: Sequence[Planned], at: datetime) -> list[Finding]:
    """Every finding on the windows that are asked for, warnings first."""
    runs = {window: window.runs(at, RUNS_AHEAD) for window in windows}
    found = [
        *_too_short(windows),
        *_never_run(windows, runs),
        *_overlapping(windows, runs),
        *_order_of_environments(windows, at),
        *_clock_changes(windows, at),
    ]
    return sorted(found, key=lambda one: one.level != WARNING)


def most_open_at_once(windows: Sequence[Planned], at: datetime) -> tuple[int, int]:
    """The most windows, and the most instances, that are open at one moment of the next runs."""
    moments: list[tuple[datetime, int, int]] = []
    for window in windows:
        for run in window.runs(at, RUNS_AHEAD):
            # an end sorts before a start at the same moment: one closes, then the other opens
            moments += [(run.end, -1, -window.instances), (run.start, 1, window.instances)]
    open_windows = open_instances = most_windows = most_instances = 0
    for _, number, size in sorted(moments, key=lambda one: one[:2]):
        open_windows, open_instances = open_windows + number, open_instances + size
        most_windows, most_instances = max(most_windows, open_windows), max(most_instances, open_instances)
    return most_windows, most_instances


def _too_short(windows: Iterable[Planned]) -> Iterator[Finding]:
    for window in windows:
        right = recommended_hours(window.instances)
        if window.asked and window.spec["duration"] < right:
            yield Finding(
                WARNING,
                f"{window.name} is {window.spec['duration']} h long, {right} h are recommended",
                f"{counted(window.instances, 'instance')}: 4 h, and 1 h more for every 50.",
                f"Ask for {right} h with a cutoff of {CUTOFF} h.",
            )


def _never_run(windows: Iterable[Planned], runs: Mapping[Planned, list[Run]]) -> Iterator[Finding]:
    for window in windows:
        if window.asked and not runs[window]:
            yield Finding(
                WARNING,
                f"{window.name} never opens",
                f"{window.spec['schedule']} has no run ahead.",
                "Choose a schedule with runs in the future.",
            )


def _overlapping(windows: Sequence[Planned], runs: Mapping[Planned, list[Run]]) -> Iterator[Finding]:
    """Zones of one application and environment must not be down together."""
    for one, other in combinations(windows, 2):
        if one.whose != other.whose or one.spec["az"] == other.spec["az"] or not (one.asked or other.asked):
            continue
        pairs = [(a, b) for a in runs[one] for b in runs[other] if a.overlap(b)]
        if not pairs:
            continue
        first, second = min(pairs, key=lambda pair: max(pair[0].start, pair[1].start))
        hours = int(first.overlap(second).total_seconds() // 3600) or 1
        together = one.instances + other.instances
        start, end = max(first.start, second.start), min(first.end, second.end)
        zone = one.timezone
        later = first.window if first.start > second.start else second.window
        free = first.end if later is second.window else second.end
        yield Finding(
            WARNING,
            f"{one.name} and {other.name} overlap by {hours} h",
            f"{_day(start, zone)}, {_clock(start, zone)} to {_clock(end, zone)} {zone}"
            f"{_and_more(len(pairs) - 1)}: all {counted(together, 'instance')} of {one.whose[0]} "
            "may restart together.",
            f"Starting {later.name} at {_clock(free, later.timezone)} removes the overlap.",
        )


def _order_of_environments(windows: Sequence[Planned], at: datetime) -> Iterator[Finding]:
    """What is patched first must be patched long enough before what matters most."""
    for application in sorted({window.whose[0] for window in windows if window.asked}):
        mine = [window for window in windows if window.whose[0] == application]
        ranks = sorted({window.rank for window in mine})
        production = [window for window in mine if window.production]
        if production and len(ranks) == 1 and any(window.asked for window in production):
            yield Finding(
                WARNING,
                f"{application} is patched in production first",
                "No window patches another environment of it, so nothing shows a bad patch earlier.",
                "Ask for a window in test that runs some days before.",
            )
        for lower, upper in zip(ranks, ranks[1:], strict=False):
            before = [window for window in mine if window.rank == lower]
            after = [window for window in mine if window.rank == upper]
            if any(window.asked for window in (*before, *after)):
                yield from _soak(application, before, after, at)


def _soak(
    application: str, before: Sequence[Planned], after: Sequence[Planned], at: datetime
) -> Iterator[Finding]:
    short: list[tuple[datetime, timedelta]] = []
    months = 0
    for cycle in _patch_tuesdays(at):
        firsts = [run for window in before for run in window.runs(cycle, 1)]
        nexts = [run for window in after for run in window.runs(cycle, 1)]
        if not firsts or not nexts:
            continue
        months += 1
        tested, reached = max(run.end for run in firsts), min(run.start for run in nexts)
        if reached - tested < SOAK:
            short.append((reached, reached - tested))
    if not short:
        return
    early, late, zone = before[0].environment, after[0].environment, after[0].timezone
    level = WARNING if after[0].production else NOTE
    when, gap = short[0]
    share = f"in {len(short)} of the next {months} months"
    if gap < timedelta():
        yield Finding(
            level,
            f"{late} of {application} is patched before {early.lower()} has ended {share}",
            f"First on {_day(when, zone)}, {_clock(when, zone)} {zone}, counted from each Patch Tuesday.",
            f"Move {late.lower()} at least {SOAK.days} days behind {early.lower()}.",
        )
        return
    hours = int(gap.total_seconds() // 3600)
    yield Finding(
        level,
        f"{late} of {application} follows {early.lower()} after only {hours} h {share}",
        f"First on {_day(when, zone)}, {_clock(when, zone)} {zone}. {SOAK.days} days show whether a patch does harm.",
        f"Move {late.lower()} back by {counted(SOAK.days - gap.days, 'day')}.",
    )


def _clock_changes(windows: Iterable[Planned], at: datetime) -> Iterator[Finding]:
    for window in windows:
        if not window.asked:
            continue
        try:
            changes = schedules.clock_changes(
                window.spec["schedule"], timezone=window.timezone, offset=window.spec["offset"], start=at
            )
        except schedules.ScheduleError:
            continue
        skipped = [change for change in changes if change.kind == "skipped"]
        if skipped:
            yield Finding(
                NOTE,
                f"{window.name} misses {counted(len(skipped), 'run')} when the clocks go forward",
                str(skipped[0]),
                "Start before 02:00 or after 03:00 to keep every run.",
            )


def _patch_tuesdays(at: datetime) -> list[datetime]:
    """The eves of the days on which Microsoft publishes: each month's round of patching begins, in every zone."""
    tuesdays = schedules.next_runs("cron(0 0 ? * TUE#2 *)", start=at, count=RUNS_AHEAD)
    return [tuesday - timedelta(days=1) for tuesday in tuesdays]


def _day(moment: datetime, zone: str) -> str:
    here = moment.astimezone(ZoneInfo(zone))
    return f"{here:%a} {here.day} {here:%b %Y}"


def _clock(moment: datetime, zone: str) -> str:
    return f"{moment.astimezone(ZoneInfo(zone)):%H:%M}"


def _and_more(number: int) -> str:
    return f", and {counted(number, 'more run')} of the next {RUNS_AHEAD}" if number else ""


# From rows


def of(around: Around) -> list[Finding]:
    """Findings on what items ask for, together with the windows that stay; their defaults filled in."""
    found = [*check(planned_after(around), clock.now()), *_about_instances(around)]
    return sorted(found, key=lambda one: one.level != WARNING)


def of_request(request: ChangeRequest) -> list[Finding]:
    """Findings on an open request as a whole: whether it still can take effect, and who else asks for the same."""
    if request.current is None:
        return []
    items = items_of(request.current)
    found = []
    if taken := _taken(items):
        claim = "It can no longer take effect as it stands"
        evidence = f"There is {listed(taken[:3])} already."
        found.append(Finding(WARNING, claim, evidence, "It has to be changed before anybody can approve it."))
    mine = _objects(items)
    others = ChangeRequest.objects.filter(team=request.team, state__in=WAITING).exclude(pk=request.pk)
    for other in others.select_related("current"):
        same = sorted(mine & _objects(items_of(other.current))) if other.current else []
        if same:
            names = listed([str(name) for *_, name in same[:3]])
            claim = f"{other.number} is about {counted(len(same), 'object')} of this one"
            found.append(
                Finding(
                    WARNING, claim, f"Both set {names}.", "Only the first to be approved can take effect."
                )
            )
    return found


def _taken(items: Iterable[Mapping[str, Any]]) -> list[str]:
    """Names of new objects under which something stands by now."""
    names: dict[str, set[str]] = {}
    for one in items:
        if is_new(one):
            names.setdefault(one["kind"], set()).add(one["spec"]["name"])
    return sorted(
        name
        for kind, wanted in names.items()
        for name in ROWS[kind].objects.live().filter(name__in=wanted).values_list("name", flat=True)
    )


def _objects(items: Iterable[Mapping[str, Any]]) -> set[tuple[str, ...]]:
    """What items are about, as kind, place and name, or kind and id where they change what is there."""
    found: set[tuple[str, ...]] = {
        ("unmanaged" if one["action"] == "adopt" else "id", one["kind"], str(one["target"]))
        for one in items
        if one["target"] is not None
    }
    for one in items:
        if one["action"] != "delete":
            spec = one["spec"]
            found.add((one["kind"], spec.get("account", ""), spec.get("region", ""), spec["name"]))
    return found


def of_window(window: MaintenanceWindow) -> list[Finding]:
    """Findings on one window as it is, among the windows of its application."""
    item = {"action": "change", "kind": "window", "target": window.pk, "spec": window.spec}
    around = Around([item])
    windows = [
        _planned(one.spec, around, asked=one.pk == window.pk, since=one.created_at)
        for one in around.windows
        if one.application_id == window.application_id
    ]
    return [*check(windows, clock.now()), *_about_instances(around)]


def planned_after(around: Around, place: AccountRegion | None = None) -> list[Planned]:
    """Windows as they would be after these items: of the same applications, or all of one account-region."""
    asked = [one["spec"] for one in around.items if one["kind"] == "window" and one["action"] != "delete"]
    slugs = {spec["application"] for spec in asked}
    if place is not None:
        asked = [spec for spec in asked if _where(spec) == (place.account.account_id, place.region)]
    named = {(_where(spec), spec["name"]) for spec in asked}
    touched = {one["target"] for one in around.items if one["kind"] == "window" and not is_new(one)}
    stay = [
        row
        for row in around.windows
        if row.pk not in touched
        # of a request that took effect the rows are there already
        and (_where(row.spec), row.name) not in named
        and (row.account_region_id == place.pk if place else row.spec["application"] in slugs)
    ]
    return [
        *(_planned(spec, around) for spec in asked),
        *(_planned(row.spec, around, asked=False, since=row.created_at) for row in stay),
    ]


def planned_now(around: Around, place: AccountRegion) -> list[Planned]:
    """Windows of one account-region as they are."""
    here = [row for row in around.windows if row.account_region_id == place.pk]
    return [_planned(row.spec, around, asked=False, since=row.created_at) for row in here]


def _where(spec: Mapping[str, Any]) -> tuple[str, str]:
    return spec["account"], spec["region"]


def _planned(spec: Mapping[str, Any], around: Around, **more: Any) -> Planned:
    environment = around.environments.get(spec["environment"])
    return Planned(
        spec,
        rank=environment.rank if environment else 0,
        production=bool(environment and environment.is_production),
        environment=environment.name if environment else spec["environment"],
        **more,
    )


def _about_instances(around: Around) -> Iterator[Finding]:
    """Instances that a window names and that no group judges, or whose agent is silent."""
    items, known = around.items, around.instances
    wanted = [one["spec"] for one in items if one["kind"] == "window" and one["action"] != "delete"]
    touched = {one["target"] for one in items if one["kind"] == "patch-group" and not is_new(one)}
    groups = [one["spec"] for one in items if one["kind"] == "patch-group"]
    groups += [group.spec for group in around.groups if group.pk not in touched]
    grouped = {instance for spec in groups for instance in spec.get("instances", ())}
    for spec in wanted:
        size = counted(len(spec["instances"]), "instance")
        alone = sorted(str(known.get(one, one)) for one in spec["instances"] if one not in grouped)
        if alone:
            yield Finding(
                WARNING,
                f"{len(alone)} of {size} of {spec['name']} are in no patch group",
                f"{_some(alone)}: AWS's default baseline for the operating system would judge them silently.",
                "Ask for a patch group with them in it.",
            )
        silent = sorted(
            str(known[one]) for one in spec["instances"] if one in known and not known[one].is_online
        )
        if silent:
            yield Finding(
                NOTE,
                f"{len(silent)} of {size} of {spec['name']} cannot be reached now",
                f"{_some(silent)}: the SSM agent does not answer, so a run leaves them out.",
            )


def _some(names: Sequence[str]) -> str:
    return listed([*names[:3], f"{len(names) - 3} more"] if len(names) > 3 else names)
