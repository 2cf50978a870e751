"""The calendar laid out by days of one time zone: which openings, freezes and ends of exemptions lie on each. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from patching.calendar import Band, Calendar, Ending, Entry
from patching.calendar.entries import HELD, MOVED, NOT_SEEN, OPEN, PLANNED, STAYS_SHUT
from patching.shutting_items import key_of

MONTH, WEEK, LIST = "month", "week", "list"
LIST_DAYS = 30
SHOWN_IN_A_DAY = 4
OURS = (PLANNED, OPEN, NOT_SEEN, MOVED, *STAYS_SHUT)  # states that are not AWS's words


@dataclass(frozen=True)
class Slot:
    """One opening as it is written down on its day."""

    entry: Entry
    zone: ZoneInfo

    @property
    def start(self) -> datetime:
        return self.entry.start.astimezone(self.zone)

    @property
    def day(self) -> date:
        return self.start.date()

    @property
    def planned(self) -> str:
        """The moment that names the opening, as an address takes it."""
        return key_of(self.entry.planned_at)

    @property
    def clock(self) -> str:
        return f"{self.start:%H:%M}"

    @property
    def span(self) -> str:
        """22:00 to 02:00, by the reader's clock."""
        return f"{self.clock} to {self.entry.end.astimezone(self.zone):%H:%M}"

    @property
    def utc(self) -> str:
        """The same in UTC, with the day where it is another."""
        start = self.entry.start.astimezone(UTC)
        day = "" if start.date() == self.start.date() else f"{start:%a} "
        return f"{day}{start:%H:%M} to {self.entry.end.astimezone(UTC):%H:%M}"

    @property
    def letter(self) -> str:
        window = self.entry.window
        return "P" if window.production else (window.environment[:1] or "-").upper()

    @property
    def css(self) -> str:
        marks = [self.letter] if self.letter in "PTD" else []
        if self.entry.conflicts:
            marks.append("conf")
        if not self.entry.opens:
            marks.append("shut")
        return " ".join(marks)

    @property
    def kind(self) -> str:
        """Which words its state is told in: ours, or AWS's of a run."""
        return "opening" if self.entry.state in OURS else "execution"

    @property
    def is_plain(self) -> bool:
        return self.entry.state == PLANNED

    @property
    def may_change(self) -> bool:
        """Whether it can still be skipped or moved."""
        return self.entry.state in (PLANNED, MOVED, HELD)


@dataclass(frozen=True)
class Day:
    """One day with what lies on it."""

    on: date
    slots: Sequence[Slot]
    bands: Sequence[Band]
    endings: Sequence[Ending]
    is_today: bool
    is_out: bool = False  # of another month than the one that is shown
    is_patch_tuesday: bool = False
    most: int = 0  # as many openings have room; 0 is all

    @property
    def shown(self) -> Sequence[Slot]:
        """As many as have room, those with conflicts before others, in order of time."""
        if not self.most or len(self.slots) <= self.most:
            return self.slots
        urgent = sorted(self.slots, key=lambda slot: not slot.entry.conflicts)[: self.most - 1]
        return [slot for slot in self.slots if any(slot is one for one in urgent)]

    @property
    def more(self) -> int:
        return len(self.slots) - len(self.shown)

    @property
    def label(self) -> str:
        return f"{self.on:%A} {self.on.day} {self.on:%B}"


def span_of(view: str, day: date) -> tuple[date, date]:
    """The first day of what a view shows around a day, and the one after the last."""
    if view == LIST:
        return day, day + timedelta(days=LIST_DAYS)
    if view == WEEK:
        monday = day - timedelta(days=day.weekday())
        return monday, monday + timedelta(days=7)
    first = day.replace(day=1)
    last = neighbour(MONTH, day, 1) - timedelta(days=1)
    return first - timedelta(days=first.weekday()), last + timedelta(days=7 - last.weekday())


def neighbour(view: str, day: date, step: int) -> date:
    """A day in the month, week or list before (-1) or after (1)."""
    if view != MONTH:
        return day + timedelta(days=step * (7 if view == WEEK else LIST_DAYS))
    months = day.year * 12 + day.month - 1 + step
    return date(months // 12, months % 12 + 1, 1)


def title_of(view: str, day: date) -> str:
    """June 2026; 1 to 7 June 2026; From 1 June 2026."""
    if view == MONTH:
        return f"{day:%B %Y}"
    first, end = span_of(view, day)
    last = end - timedelta(days=1)
    if view == LIST:
        return f"{first.day} {first:%B %Y} to {last.day} {last:%B %Y}"
    month = "" if first.month == last.month else f" {first:%B}"
    return f"{first.day}{month} to {last.day} {last:%B %Y}"


def moments(first: date, end: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Midnights of a zone as instants."""
    start, stop = (datetime.combine(day, time.min, zone).astimezone(UTC) for day in (first, end))
    return start, stop


def days_of(view: str, day: date, found: Calendar, zone: ZoneInfo, today: date) -> list[Day]:
    """Every day of the view, the empty ones too; an opening stands on the day on which it begins."""
    first, end = span_of(view, day)
    slots: Mapping[date, list[Slot]] = defaultdict(list)
    for entry in found.entries:
        slot = Slot(entry, zone)
        slots[max(slot.day, first)].append(slot)
    endings: Mapping[date, list[Ending]] = defaultdict(list)
    for one in found.endings:
        endings[one.at.astimezone(zone).date()].append(one)
    days = [first + timedelta(days=number) for number in range((end - first).days)]
    return [
        Day(
            on,
            slots[on],
            list(_bands_on(found.bands, on, zone)),
            endings[on],
            is_today=on == today,
            is_out=view == MONTH and on.month != day.month,
            is_patch_tuesday=on.weekday() == 1 and 8 <= on.day <= 14,
            most=SHOWN_IN_A_DAY if view == MONTH else 0,
        )
        for on in days
    ]


def _bands_on(bands: Iterable[Band], on: date, zone: ZoneInfo) -> Iterable[Band]:
    start, end = moments(on, on + timedelta(days=1), zone)
    return (band for band in bands if band.starts_at < end and band.ends_at > start)


def busiest(entries: Iterable[Entry]) -> tuple[int, Any, datetime] | None:
    """The most windows open at once in one account-region: how many, where, since when; None where nothing opens."""
    changes: dict[int, list[tuple[datetime, int]]] = defaultdict(list)
    names: dict[int, Any] = {}
    for one in entries:
        if one.opens:
            changes[one.window.place] += [(one.end, -1), (one.start, 1)]
            names[one.window.place] = one.window.row.account_region
    best: tuple[int, Any, datetime] | None = None
    for place, steps in changes.items():
        open_now = 0
        for moment, step in sorted(steps):
            open_now += step
            if best is None or open_now > best[0]:
                best = open_now, names[place], moment
    return best
