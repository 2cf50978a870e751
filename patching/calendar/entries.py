"""The openings of many windows between two moments: planned, moved, skipped, held, or run. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from patching import openings

if TYPE_CHECKING:
    from patching.calendar.conflicts import Conflict

# how an opening stands where no run tells it in AWS's words
PLANNED, OPEN, NOT_SEEN = "planned", "open", "not_seen"
HELD, SKIPPED, MOVED, MOVED_AWAY = "held", "skipped", "moved", "moved_away"
STAYS_SHUT = (HELD, SKIPPED, MOVED_AWAY)
LONGEST = timedelta(hours=24)  # AWS's limit for a window's duration
EARLY_OR_LATE = timedelta(minutes=10)  # AWS opens a window within its minute or soon after
MOST_PER_WINDOW = 1500  # openings; an hourly window has about 1000 in six weeks


@dataclass(frozen=True, eq=False)
class Timed:
    """One window with what decides when it opens and whom that concerns."""

    pk: int
    name: str
    spec: Mapping[str, Any]
    place: int  # pk of its account-region
    uid: str = ""
    application: str = ""
    environment: str = ""
    rank: int = 0
    production: bool = False
    since: datetime | None = None  # when it was made
    changed: datetime | None = None  # before that, its schedule was perhaps another one
    until: datetime | None = None  # when it was retired
    mine: bool = True  # whether the reader may see it; others are only its company
    row: Any = None  # what a page shows of it

    @property
    def whose(self) -> tuple[str, str]:
        return self.application, self.environment

    @property
    def length(self) -> timedelta:
        return timedelta(hours=self.spec["duration"])


@dataclass(frozen=True)
class Hold:
    """A time in which a window stays shut."""

    window: int
    starts_at: datetime
    ends_at: datetime  # when it ended or will
    reason: str
    source: str = ""
    changed: datetime | None = None  # when it began to be so, or ended early


@dataclass(frozen=True)
class Word:
    """One opening that is skipped, or moved to another time."""

    pk: int
    window: int
    run_at: datetime
    moved_to: datetime | None
    reason: str = ""
    changed: datetime | None = None
    overrides: bool = False  # it runs though a freeze covers its time
    is_extra: bool = False  # it makes up for an opening that never came, and kept nothing shut


@dataclass(frozen=True)
class Past:
    """One run of a window, as AWS tells it."""

    pk: int
    window: int
    started_at: datetime
    ended_at: datetime | None
    status: str
    verdict: str = ""


@dataclass(frozen=True)
class Band:
    """A freeze: of one application, environment or account-region, or (None) of all."""

    pk: int
    name: str
    starts_at: datetime
    ends_at: datetime
    application: str | None = None
    environment: str | None = None
    place: int | None = None
    changed: datetime | None = None

    def covers(self, window: Timed) -> bool:
        return (
            self.application in (None, window.application)
            and self.environment in (None, window.environment)
            and self.place in (None, window.place)
        )


@dataclass(eq=False)
class Entry:
    """One opening of one window."""

    window: Timed
    planned_at: datetime  # when the window's own schedule opens it; names the opening, also a moved one
    start: datetime
    end: datetime
    state: str
    note: str = ""
    run: Past | None = None
    word: Word | None = None
    changed: datetime | None = None  # when what is told here last became another thing
    conflicts: list["Conflict"] = field(default_factory=list)

    @property
    def opens(self) -> bool:
        """Whether anything will happen in it, or does or did."""
        return self.state not in STAYS_SHUT

    @property
    def is_ahead(self) -> bool:
        return self.state in (PLANNED, MOVED, HELD, OPEN)


def entries(
    windows: Iterable[Timed],
    start: datetime,
    end: datetime,
    *,
    at: datetime,
    holds: Iterable[Hold] = (),
    words: Iterable[Word] = (),
    runs: Iterable[Past] = (),
) -> list[Entry]:
    """Every opening that lies at least partly from ``start`` to ``end``, in order of time, as it stands at ``at``."""
    holds_of, words_of, runs_of = _by_window(holds), _by_window(words), _by_window(runs)
    found: list[Entry] = []
    for window in windows:
        near = _of_window(
            window,
            start,
            end,
            at=at,
            holds=holds_of[window.pk],
            words=words_of[window.pk],
            runs=runs_of[window.pk],
        )
        for one in near:
            if one.end > start and one.start < end:
                one.changed = _changed(one, holds_of[window.pk])
                found.append(one)
    return sorted(found, key=lambda one: (one.start, one.window.name))


def _changed(one: Entry, holds: Iterable[Hold]) -> datetime | None:
    moments = [one.window.changed, one.word.changed if one.word else None]
    moments += [hold.changed for hold in holds if hold.starts_at < one.end and hold.ends_at >= one.start]
    if one.run is not None:
        moments.append(one.run.ended_at or one.run.started_at)
    return max(filter(None, moments), default=None)


def _by_window(rows: Iterable[Any]) -> Mapping[int, list[Any]]:
    found: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        found[row.window].append(row)
    return found


def _of_window(
    window: Timed,
    start: datetime,
    end: datetime,
    *,
    at: datetime,
    holds: Sequence[Hold],
    words: Sequence[Word],
    runs: Sequence[Past],
) -> Iterator[Entry]:
    by_moment = {word.run_at: word for word in words if not word.is_extra}
    left = list(runs)
    for moment in _moments(window, start - LONGEST, end):
        word = by_moment.get(moment)
        if word is not None:
            yield _shut_by(word, window)
        elif (one := _planned(window, moment, moment, at, holds, left)) is not None:
            yield one
    for word in words:
        if word.moved_to is not None:
            moved = _planned(window, word.run_at, word.moved_to, at, holds, left, word)
            if moved is not None:
                yield moved
    for run in left:
        yield _ran(window, run, run.started_at)


def _moments(window: Timed, start: datetime, end: datetime) -> list[datetime]:
    last = min(end, window.until) if window.until else end
    if last <= start:
        return []
    return openings.next_starts(
        window.spec, start=start, count=MOST_PER_WINDOW, since=window.since, until=last
    )


def _planned(
    window: Timed,
    planned_at: datetime,
    opens_at: datetime,
    at: datetime,
    holds: Sequence[Hold],
    left: list[Past],
    word: Word | None = None,
) -> Entry | None:
    """An opening that no word keeps shut; the run that it became is taken out of ``left``."""
    run = next((one for one in left if abs(one.started_at - opens_at) <= EARLY_OR_LATE), None)
    if run is not None:
        left.remove(run)
        return _ran(window, run, planned_at, word)
    end = opens_at + window.length
    if word is None and end <= at and window.changed is not None and opens_at < window.changed:
        return None  # its schedule was perhaps another one then
    hold = next(
        (one for one in holds if one.starts_at <= opens_at < one.ends_at and not _stands_above(word, one)),
        None,
    )
    if hold is not None:
        return Entry(window, planned_at, opens_at, end, HELD, hold.reason, word=word)
    return Entry(
        window,
        planned_at,
        opens_at,
        end,
        _state(opens_at, end, at, moved=word is not None),
        word.reason if word else "",
        word=word,
    )


def _state(start: datetime, end: datetime, at: datetime, *, moved: bool) -> str:
    """How an opening stands that nothing keeps shut and of which no run was seen."""
    if end <= at:
        return NOT_SEEN
    if start <= at:
        return OPEN
    return MOVED if moved else PLANNED


def _stands_above(word: Word | None, hold: Hold) -> bool:
    """Whether a hold is only how its own word keeps the earlier opening shut, or a freeze that it may break."""
    if word is None:
        return False
    return hold.source == f"occurrence:{word.pk}" or (word.overrides and hold.source.startswith("freeze:"))


def _ran(window: Timed, run: Past, planned_at: datetime, word: Word | None = None) -> Entry:
    end = run.ended_at or run.started_at + window.length
    return Entry(window, planned_at, run.started_at, max(end, run.started_at), run.status, run=run, word=word)


def _shut_by(word: Word, window: Timed) -> Entry:
    state = MOVED_AWAY if word.moved_to else SKIPPED
    return Entry(window, word.run_at, word.run_at, word.run_at + window.length, state, word.reason, word=word)
