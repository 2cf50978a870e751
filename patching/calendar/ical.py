"""Openings as iCalendar (RFC 5545), for calendar programs. Pure.

Times are in UTC, which every program shows by its reader's own clock and which no change of clocks makes ambiguous;
the window's own time stands in the text. Each opening is an event of its own, since no RRULE says what AWS's cron says.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event

from patching.calendar.entries import HELD, MOVED, MOVED_AWAY, SKIPPED, Entry
from patching.words import counted, length_in_words
from portal.governance.state_looks import look_of

REFRESH = timedelta(hours=1)
_EPOCH = datetime(2020, 1, 1, tzinfo=UTC)  # before any window, where nothing says when one was made
SAID = {HELD: "Held shut", SKIPPED: "Skipped", MOVED: "Moved"}


def written(entries: Iterable[Entry], *, name: str, host: str, base_url: str) -> bytes:
    """One calendar. ``host`` ends the UIDs, ``base_url`` begins the links; equal openings give equal bytes."""
    calendar = Calendar()
    calendar.add("prodid", "-//Patchwarden//Maintenance windows//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", name)
    calendar.add("refresh-interval", REFRESH, parameters={"VALUE": "DURATION"})
    calendar.add("x-published-ttl", "PT1H")
    for entry in entries:
        if entry.state != MOVED_AWAY:  # the moved one has its UID, and tells of both times
            calendar.add_component(_event(entry, host, base_url))
    return bytes(calendar.to_ical())


def _event(entry: Entry, host: str, base_url: str) -> Event:
    window = entry.window
    since = window.since or _EPOCH
    changed = (entry.changed or since).replace(microsecond=0)
    event = Event()
    event.add("uid", f"{window.uid}-{entry.planned_at:%Y%m%dT%H%M%SZ}@{host}")
    event.add("dtstamp", changed.astimezone(UTC))
    event.add("last-modified", changed.astimezone(UTC))
    event.add("sequence", max(0, int((changed - since).total_seconds()) // 60))
    event.add("dtstart", entry.start.astimezone(UTC))
    event.add("dtend", max(entry.end, entry.start + timedelta(minutes=1)).astimezone(UTC))
    said = SAID.get(entry.state)
    event.add("summary", f"{said}: {window.name}" if said else f"Patching: {window.name}")
    event.add("status", "CONFIRMED" if entry.opens else "CANCELLED")
    event.add("transp", "TRANSPARENT")
    event.add("categories", [one for one in ("Patching", window.environment) if one])
    event.add("location", f"AWS {window.spec['account']} {window.spec['region']}")
    event.add("description", _description(entry))
    page = f"/windows/runs/{entry.run.pk}/" if entry.run else f"/windows/{window.pk}/"
    event.add("url", f"{base_url}{page}")
    return event


def _description(entry: Entry) -> str:
    spec = entry.window.spec
    zone = ZoneInfo(spec["timezone"])
    lines = [
        f"{_clock(entry.start, zone)} {spec['timezone']}, {length_in_words(spec)}",
        f"{entry.window.application}, {entry.window.environment}: {counted(len(spec['instances']), 'instance')}",
    ]
    if entry.word is not None and entry.word.moved_to:
        lines.append(f"Moved here from {_clock(entry.planned_at, zone)}.")
    if entry.note:
        lines.append(entry.note)
    if entry.run is not None:
        lines.append(f"Run: {look_of(entry.run.status, 'execution').word}")
    return "\n".join(lines)


def _clock(moment: datetime, zone: ZoneInfo) -> str:
    here = moment.astimezone(zone)
    return f"{here:%a} {here.day} {here:%b %Y %H:%M}"
