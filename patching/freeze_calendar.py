"""An iCalendar file becomes freezes: every event with a beginning and an end, its repetitions within bounds. Pure.

The file is a stranger's: what is too large, endless or says too little is refused with the event that is at fault.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr  # type: ignore[import-untyped]
from icalendar import Calendar, Event

from patching.shutting_items import LONGEST_FREEZE, LONGEST_NAME, LONGEST_REASON

MOST_BYTES = 256 * 1024
MOST_EVENTS = 200  # in the file
MOST_FREEZES = 40  # of one request; later ones are asked for in another
MOST_TURNS = 400  # of one repeating event, so that "every second for ever" costs nothing
HORIZON = timedelta(days=400)
NO_CALENDAR = "This is not an iCalendar file: UTF-8 text that begins with BEGIN:VCALENDAR."
SLOW = ("SECONDLY", "MINUTELY", "HOURLY")  # nobody freezes by the hour, and expanding it takes for ever


class CalendarError(ValueError):
    """What is wrong with a file, in a sentence for people."""


@dataclass(frozen=True)
class Blackout:
    """One time of a calendar in which windows are to stay shut; local in its zone."""

    name: str
    reason: str
    starts_at: datetime
    ends_at: datetime
    timezone: str

    def spec(self) -> dict[str, str]:
        """As a freeze of nothing in particular says it."""
        return {
            "name": self.name,
            "reason": self.reason,
            "starts_at": f"{self.starts_at:%Y-%m-%dT%H:%M}",
            "ends_at": f"{self.ends_at:%Y-%m-%dT%H:%M}",
            "timezone": self.timezone,
        }


def read(content: bytes, *, zone: str, at: datetime) -> list[Blackout]:
    """The times that lie ahead, earliest first; those without a zone of their own are read in ``zone``.

    Raises CalendarError.
    """
    if len(content) > MOST_BYTES:
        raise CalendarError(
            f"It is larger than {MOST_BYTES // 1024} KiB. Export a shorter time, for example one year."
        )
    events = _events(content)
    found = [one for event in events for one in _times(event, ZoneInfo(zone), at)]
    ahead = sorted({one for one in found if one.ends_at > at}, key=lambda one: (one.starts_at, one.name))
    if not ahead:
        raise CalendarError("No event in it lies ahead.")
    if len(ahead) > MOST_FREEZES:
        raise CalendarError(
            f"It holds {len(ahead)} times ahead; one request takes {MOST_FREEZES}. Send fewer events."
        )
    return _named_apart(ahead)


def _events(content: bytes) -> list[Event]:
    try:
        calendars = Calendar.from_ical(content.decode("utf-8-sig"), multiple=True)
        found = [event for calendar in calendars for event in calendar.walk("VEVENT")]
        events = [event for event in found if isinstance(event, Event)]
    except (
        ArithmeticError,
        AttributeError,
        IndexError,
        KeyError,
        TypeError,
        ValueError,
        RecursionError,
    ) as problem:
        raise CalendarError(NO_CALENDAR) from problem
    if not events:
        raise CalendarError("There is no event in it.")
    if len(events) > MOST_EVENTS:
        raise CalendarError(f"It holds {len(events):,} events; at most {MOST_EVENTS} are read.")
    return events


def _times(event: Event, zone: ZoneInfo, at: datetime) -> Iterator[Blackout]:
    name = " ".join(str(event.get("SUMMARY", "")).split()) or "Freeze"
    if str(event.get("STATUS", "")).upper() == "CANCELLED":
        return
    try:
        begin, end = _span(event, name)
        own = _zone_of(begin, zone)
        start, stop = _local(begin, own), _local(end, own)
        turns = _turns(event, name, start, own, at - (stop - start))
    except CalendarError:
        raise
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as problem:
        raise CalendarError(f"“{name[:60]}” cannot be read: {type(problem).__name__}.") from problem
    if stop <= start:
        raise CalendarError(f"“{name[:60]}” ends before it begins.")
    if stop - start > LONGEST_FREEZE:
        raise CalendarError(
            f"“{name[:60]}” lasts longer than {LONGEST_FREEZE.days} days, the longest freeze."
        )
    reason = " ".join(str(event.get("DESCRIPTION", "")).split())
    for turn in turns:
        yield Blackout(
            name=_printable(name)[:LONGEST_NAME].ljust(3, "."),
            reason=(_printable(reason) if len(reason) >= 5 else f"Calendar: {_printable(name)}")[
                :LONGEST_REASON
            ],
            starts_at=turn.replace(tzinfo=own),
            ends_at=(turn + (stop - start)).replace(tzinfo=own),
            timezone=own.key,
        )


def _span(event: Event, name: str) -> tuple[Any, Any]:
    begin = event.get("DTSTART")
    if begin is None:
        raise CalendarError(f"“{name[:60]}” has no start.")
    begin = begin.dt
    if (end := event.get("DTEND")) is not None:
        return begin, end.dt
    if (length := event.get("DURATION")) is not None:
        return begin, begin + length.dt
    if not isinstance(begin, datetime):
        return begin, begin + timedelta(days=1)  # RFC 5545: a day without an end is that day
    raise CalendarError(f"“{name[:60]}” has neither an end nor a duration.")


def _zone_of(begin: Any, zone: ZoneInfo) -> ZoneInfo:
    """The event's own zone where it names one that is known by its name; a floating time is read in ours."""
    theirs = getattr(begin, "tzinfo", None)
    if theirs is None:
        return zone
    key = getattr(theirs, "key", "")
    return ZoneInfo(key) if key else ZoneInfo("UTC")


def _local(moment: Any, zone: ZoneInfo) -> datetime:
    if not isinstance(moment, datetime):
        if not isinstance(moment, date):
            raise TypeError("no date")
        return datetime.combine(moment, time())
    return moment.astimezone(zone).replace(tzinfo=None) if moment.tzinfo else moment


def _turns(event: Event, name: str, start: datetime, zone: ZoneInfo, since: datetime) -> list[datetime]:
    """Each beginning of an event that has not been missed by now, up to the horizon."""
    rule = event.get("RRULE")
    if rule is None:
        return [start]
    if isinstance(rule, list) or str((rule.get("FREQ") or [""])[0]).upper() in SLOW:
        raise CalendarError(
            f"“{name[:60]}” repeats in a way that is not read; daily, weekly, monthly, yearly are."
        )
    until = rule.get("UNTIL")
    if until:
        rule["UNTIL"] = [_local(until[0], zone)]
    first = since.astimezone(zone).replace(tzinfo=None)
    last = first + HORIZON
    left_out = {_local(one.dt, zone) for dates in _listed(event.get("EXDATE")) for one in dates.dts}
    turns = []
    for turn in islice(rrulestr(rule.to_ical().decode(), dtstart=start), MOST_TURNS * 20):
        if turn > last:
            break
        if turn > first and turn not in left_out:
            turns.append(turn)
        if len(turns) > MOST_TURNS:
            raise CalendarError(f"“{name[:60]}” repeats more than {MOST_TURNS} times in {HORIZON.days} days.")
    return turns


def _listed(value: Any) -> list[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]


def _printable(text: str) -> str:
    return "".join(character for character in text if character.isprintable())


def _named_apart(times: list[Blackout]) -> list[Blackout]:
    """A freeze is known by its name: turns of one event carry their day."""
    names = [one.name for one in times]
    told = []
    for one in times:
        name = one.name
        if names.count(name) > 1:
            day = f" {one.starts_at:%Y-%m-%d %H:%M}"
            name = f"{one.name[: LONGEST_NAME - len(day)]}{day}"
        told.append(Blackout(name, one.reason, one.starts_at, one.ends_at, one.timezone))
    return told
