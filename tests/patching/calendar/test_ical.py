"""What calendar programs get, read back by another library than the one that wrote it."""

from datetime import datetime, timedelta

import pytest
import vobject

from patching.calendar import Past, Word, ical
from tests.patching.calendar.timed import HOURS, SUNDAY, hold, june, window

PLACE = {"account": "211125483017", "region": "eu-central-1"}


def read(entries, name="Patching"):
    text = ical.written(
        entries, name=name, host="patchwarden.example", base_url="https://patchwarden.example"
    )
    calendar = vobject.readOne(text.decode())
    return list(calendar.contents.get("vevent", []))


def weekly(**given):
    made = window(timezone="Europe/Berlin", since=SUNDAY - timedelta(days=30), **PLACE, **given)
    object.__setattr__(made, "uid", "4b1f")
    return made


@pytest.fixture
def one():
    return weekly()


BERLIN_NIGHT = SUNDAY - 2 * HOURS  # 02:00 in Berlin


def test_an_opening_has_its_time_its_words_and_a_link(one):
    event = read(june(one))[0]
    assert event.dtstart.value == BERLIN_NIGHT
    assert event.dtend.value == BERLIN_NIGHT + 4 * HOURS
    assert event.summary.value == "Patching: payments-prod-a"
    assert event.location.value == "AWS 211125483017 eu-central-1"
    assert event.description.value.startswith("Sun 7 Jun 2026 02:00 Europe/Berlin, 4 h, cutoff 1 h")
    assert event.url.value == f"https://patchwarden.example/windows/{one.pk}/"
    assert event.status.value == "CONFIRMED"


def test_uids_are_all_different_and_stay_when_an_opening_is_moved(one):
    before = read(june(one))
    assert len({event.uid.value for event in before}) == 4
    word = Word(1, one.pk, BERLIN_NIGHT, BERLIN_NIGHT + 48 * HOURS, "Launch", changed=SUNDAY - 90 * HOURS)
    after = read(june(one, words=[word]))
    assert {event.uid.value for event in after} == {event.uid.value for event in before}
    moved = next(event for event in after if event.uid.value == before[0].uid.value)
    assert moved.dtstart.value == BERLIN_NIGHT + 48 * HOURS
    assert "Moved here from Sun 7 Jun 2026 02:00" in moved.description.value
    assert int(moved.sequence.value) > int(before[0].sequence.value)
    assert moved.last_modified.value == SUNDAY - 90 * HOURS


def test_what_is_skipped_or_held_is_cancelled_and_says_why(one):
    words = [Word(1, one.pk, BERLIN_NIGHT, None, "Launch")]
    freeze = hold(one, SUNDAY + 100 * HOURS, SUNDAY + 200 * HOURS)
    skipped, held, *others = read(june(one, words=words, holds=[freeze]))
    assert (skipped.status.value, skipped.summary.value) == ("CANCELLED", "Skipped: payments-prod-a")
    assert "Launch" in skipped.description.value
    assert (held.status.value, held.summary.value) == ("CANCELLED", "Held shut: payments-prod-a")
    assert {event.status.value for event in others} == {"CONFIRMED"}


def test_a_run_tells_how_it_went_and_leads_to_its_page(one):
    run = Past(9, one.pk, BERLIN_NIGHT, BERLIN_NIGHT + HOURS, "TIMED_OUT")
    event = read(june(one, runs=[run], at=SUNDAY + 9 * HOURS))[0]
    assert "Run: Timed out" in event.description.value
    assert event.url.value.endswith("/windows/runs/9/")


def test_the_same_openings_are_the_same_bytes_whenever_they_are_asked_for(one):
    def text(at):
        return ical.written(june(one, at=at), name="P", host="h", base_url="https://h")

    assert text(SUNDAY - 90 * HOURS) == text(SUNDAY - 50 * HOURS)


@pytest.mark.parametrize("text", ["a, b; c\\d", "first\r\nBEGIN:VEVENT", "日本語" * 60, "x" * 400])
def test_whatever_people_write_stays_one_property(one, text):
    words = [Word(1, one.pk, BERLIN_NIGHT, None, text)]
    events = read(june(one, words=words))
    assert len(events) == 4
    assert text.replace("\r\n", "\n") in events[0].description.value


def test_times_are_utc_so_that_no_clock_change_makes_them_ambiguous(one):
    raw = ical.written(june(one), name="P", host="h", base_url="https://h").decode()
    assert "DTSTART:20260607T000000Z" in raw
    assert isinstance(read(june(one))[0].dtstart.value, datetime)
