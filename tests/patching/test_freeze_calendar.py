"""Freezes out of calendars that others made: read right, or refused with the event that is at fault."""

from datetime import UTC, datetime

import pytest

from patching import freeze_calendar
from patching.freeze_calendar import CalendarError

AT = datetime(2026, 6, 1, tzinfo=UTC)


def calendar(*events):
    body = "".join(
        f"BEGIN:VEVENT\r\nUID:{number}@x\r\n{event}\r\nEND:VEVENT\r\n" for number, event in enumerate(events)
    )
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//x//EN\r\n{body}END:VCALENDAR\r\n".encode()


def event(*lines):
    return "\r\n".join(lines)


def read(*events, zone="Europe/Berlin"):
    return freeze_calendar.read(calendar(*events), zone=zone, at=AT)


def spans(found):
    return [(one.name, one.spec()["starts_at"], one.spec()["ends_at"], one.timezone) for one in found]


CLOSING = event("SUMMARY:Closing", "DTSTART:20261220T080000Z", "DTEND:20261231T080000Z")


def test_an_event_becomes_a_freeze_with_its_words():
    (found,) = read(event(CLOSING, "DESCRIPTION:The books are closed."))
    assert spans([found]) == [("Closing", "2026-12-20T08:00", "2026-12-31T08:00", "UTC")]
    assert found.reason == "The books are closed."


@pytest.mark.parametrize(
    ("lines", "span"),
    [
        # a floating time is read in the zone that was named
        (
            ("DTSTART:20261220T080000", "DTEND:20261221T080000"),
            ("2026-12-20T08:00", "2026-12-21T08:00", "Europe/Berlin"),
        ),
        # a whole day without an end is that day
        (("DTSTART;VALUE=DATE:20261224",), ("2026-12-24T00:00", "2026-12-25T00:00", "Europe/Berlin")),
        (("DTSTART:20261220T080000Z", "DURATION:PT36H"), ("2026-12-20T08:00", "2026-12-21T20:00", "UTC")),
        (
            ("DTSTART;TZID=America/New_York:20261220T080000", "DTEND;TZID=America/New_York:20261221T080000"),
            ("2026-12-20T08:00", "2026-12-21T08:00", "America/New_York"),
        ),
    ],
)
def test_times_are_read_as_the_standard_says(lines, span):
    assert spans(read(event("SUMMARY:Closing", *lines))) == [("Closing", *span)]


def test_repetitions_become_a_freeze_each_and_carry_their_day():
    found = read(
        event(
            "SUMMARY:Month end",
            "DTSTART;VALUE=DATE:20260630",
            "RRULE:FREQ=MONTHLY;BYMONTHDAY=-1;COUNT=3",
            "EXDATE;VALUE=DATE:20260731",
        )
    )
    assert [one.name for one in found] == ["Month end 2026-06-30 00:00", "Month end 2026-08-31 00:00"]


def test_what_is_over_and_what_was_called_off_is_left_out():
    over = event("SUMMARY:Old", "DTSTART:20250101T000000Z", "DTEND:20250102T000000Z")
    off = event("SUMMARY:Off", "STATUS:CANCELLED", "DTSTART:20261220T080000Z", "DTEND:20261221T080000Z")
    assert [one.name for one in read(over, off, CLOSING)] == ["Closing"]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (("DTEND:20261221T080000Z",), "has no start"),
        (("DTSTART:20261220T080000Z",), "neither an end nor a duration"),
        (("DTSTART:20261220T080000Z", "DTEND:20261219T080000Z"), "ends before it begins"),
        (("DTSTART:20261220T080000Z", "DTEND:20271220T080000Z"), "longer than 90 days"),
        (("DTSTART:20260601T000000Z", "DURATION:PT1M", "RRULE:FREQ=SECONDLY"), "repeats in a way"),
        (("DTSTART;VALUE=DATE:20260601", "RRULE:FREQ=DAILY"), "one request takes 40"),
    ],
)
def test_an_event_that_cannot_be_a_freeze_is_named(lines, said):
    with pytest.raises(CalendarError, match=said):
        read(event("SUMMARY:Closing", *lines))


@pytest.mark.parametrize(
    "content",
    [b"", b"hello", b"\xff\xfe\x00", b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n", b"BEGIN:VEVENT\r\n" * 2000],
)
def test_what_is_no_calendar_is_refused(content):
    with pytest.raises(CalendarError):
        freeze_calendar.read(content, zone="UTC", at=AT)


def test_a_large_file_and_a_crowded_one_are_refused():
    with pytest.raises(CalendarError, match="larger than 256 KiB"):
        freeze_calendar.read(b"x" * (freeze_calendar.MOST_BYTES + 1), zone="UTC", at=AT)
    with pytest.raises(CalendarError, match="201 events"):
        read(*[CLOSING] * 201)


def test_control_characters_do_not_come_along():
    (found,) = read(CLOSING.replace("Closing", "Clo\u0007sing \u202e"))
    assert found.name.isprintable()
