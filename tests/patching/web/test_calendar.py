"""The calendar page: who sees what, in which zone, narrowed how; and the days it is laid out by."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.urls import reverse
from django.utils.html import strip_tags

from patching.calendar import Calendar, entries
from patching.web import calendar_days
from portal.governance import clock
from tests.patching.calendar import nights, timed
from tests.patching.web.conftest import text_of

PAGE = reverse("patching:calendar")
BERLIN = ZoneInfo("Europe/Berlin")
TOKYO = ZoneInfo("Asia/Tokyo")


def laid_out(view, day, zone=BERLIN, windows=(), today=date(2026, 6, 9)):
    first, end = calendar_days.span_of(view, day)
    start, stop = calendar_days.moments(first, end, zone)
    found = Calendar(start, stop, entries(windows, start, stop, at=timed.MAY), [], [])
    return calendar_days.days_of(view, day, found, zone, today)


def test_a_month_is_whole_weeks_from_monday_to_sunday():
    days = laid_out("month", date(2026, 6, 17))
    assert (days[0].on, days[-1].on) == (date(2026, 6, 1), date(2026, 7, 5))
    assert [day.on.day for day in days if day.is_out] == [1, 2, 3, 4, 5]
    assert [day.on.day for day in days if day.is_today] == [9]
    assert [day.on.day for day in days if day.is_patch_tuesday] == [9]


def test_an_opening_stands_on_its_day_in_the_readers_zone():
    late = timed.window(schedule="cron(0 20 ? * SAT *)")  # Sunday 05:00 in Tokyo
    for zone, weekday in ((BERLIN, 5), (TOKYO, 6)):
        days = laid_out("week", date(2026, 6, 10), zone, [late])
        assert [day.on.weekday() for day in days if day.slots] == [weekday]
    assert days[6].slots[0].span == "05:00 to 09:00"
    assert days[6].slots[0].utc == "Sat 20:00 to 00:00"


def test_a_day_without_room_shows_those_with_conflicts_first():
    windows = [timed.window(f"w{number}-a", application=f"app{number}") for number in range(9)]
    windows[7].spec["schedule"] = windows[8].spec["schedule"] = "cron(30 2 ? * SUN *)"
    days = laid_out("month", date(2026, 6, 1), windows=windows)
    sunday = days[6]
    for slot in sunday.slots[-2:]:
        slot.entry.conflicts.append("overlap")
    assert len(sunday.shown) == 3
    assert sunday.more == 6
    assert [slot.entry.window.name for slot in sunday.shown] == ["w0-a", "w7-a", "w8-a"]


@pytest.mark.parametrize(
    ("view", "before", "after"),
    [
        ("month", date(2025, 12, 1), date(2026, 2, 1)),
        ("week", date(2026, 1, 8), date(2026, 1, 22)),
        ("list", date(2025, 12, 16), date(2026, 2, 14)),
    ],
)
def test_before_and_after_are_one_month_week_or_list_away(view, before, after):
    day = date(2026, 1, 15)
    assert calendar_days.neighbour(view, day, -1) == before
    assert calendar_days.neighbour(view, day, 1) == after


def test_a_week_in_which_the_clocks_change_has_no_gap():
    first, end = calendar_days.span_of("week", date(2026, 10, 25))
    start, stop = calendar_days.moments(first, end, BERLIN)
    assert stop - start == timedelta(days=7, hours=1)


@pytest.fixture
def two_teams(cast):
    nights.window("payments-prod-a", az="eu-central-1a")
    nights.window("payments-prod-b", az="eu-central-1b")
    nights.window("payments-scan", "dev", tasks=[{"name": "Scan", "kind": "scan"}])
    nights.window("search-prod-a", application="search", team="analytics")


@pytest.mark.parametrize("view", ["month", "week", "list"])
def test_everybody_sees_the_windows_of_their_team(two_teams, cast, browse, view):
    shown = {
        who: text_of(browse(cast[who]).get(f"{PAGE}?view={view}")) for who in ("rita", "noor", "axel", "adam")
    }
    assert "payments-prod-a" in shown["rita"]
    assert "search-prod-a" not in shown["rita"]
    assert "payments-prod-a" not in shown["noor"]
    assert "search-prod-a" in shown["axel"]
    assert "Nothing opens then" in shown["adam"]


@pytest.mark.parametrize(
    ("query", "there", "gone"),
    [
        ("application=search", "search-prod-a", "payments-prod-a"),
        ("environment=dev", "payments-scan", "payments-prod-a"),
        ("team=analytics", "search-prod-a", "payments-scan"),
        ("kind=scan", "payments-scan", "search-prod-a"),
        ("kind=install", "search-prod-a", "payments-scan"),
        ("kind=past", "No window matches", "payments-scan"),
        ("conflicts=only", "payments-prod-b", "search-prod-a"),
        ("q=scan", "payments-scan", "payments-prod-b"),
    ],
)
def test_filters_narrow_what_is_shown(two_teams, ines, browse, query, there, gone):
    text = text_of(browse(ines).get(f"{PAGE}?view=list&{query}"))
    assert there in text
    assert f">{gone}</a>" not in text


def test_the_zone_is_the_one_chosen_last(two_teams, rita, browse):
    browser = browse(rita)
    assert "Times in Europe/Berlin" in text_of(browser.get(PAGE))
    assert "Times in Asia/Tokyo" in text_of(browser.get(f"{PAGE}?tz=Asia/Tokyo"))
    assert "Times in Asia/Tokyo" in text_of(browser.get(PAGE))
    assert "Times in Asia/Tokyo" in text_of(browser.get(f"{PAGE}?tz=Mars/Base"))


def test_a_day_that_is_none_is_said_and_today_is_shown(two_teams, rita, browse):
    for day in ("2026-13-01", "soon", "0001-01-01"):
        text = text_of(browse(rita).get(f"{PAGE}?day={day}"))
        assert "is no day of the calendar" in text
        assert f"{clock.now().astimezone(BERLIN):%B %Y}" in text


def test_the_list_is_exported_as_it_is_filtered(two_teams, rita, browse):
    answer = browse(rita).get(f"{PAGE}?view=list&conflicts=only&format=csv")
    lines = b"".join(answer.streaming_content).decode().splitlines()
    assert "Opens (UTC)" in lines[0]
    assert len(lines) > 2
    assert all("overlap by" in line for line in lines[1:])


def test_the_list_puts_an_opening_under_its_day_in_the_readers_zone(rita, browse):
    nights.window("payments-late", schedule="cron(30 23 ? * SAT *)", timezone="UTC")
    answer = browse(rita).get(f"{PAGE}?view=list&day=2027-06-04&tz=Asia/Tokyo")
    text = " ".join(strip_tags(text_of(answer)).split())
    assert text.index("Sun 6 Jun 2027") < text.index("payments-late") < text.index("Sun 13 Jun 2027")
    assert "08:30 to 12:30" in text
    assert "Sat 23:30 to 03:30" in text
    assert "Sat 5 Jun" not in text


@pytest.mark.parametrize("view", ["month", "week", "list"])
def test_owners_skip_or_move_an_opening_from_every_view(rita, ines, browse, view):
    window = nights.window("payments-daily", schedule="cron(0 2 ? * * *)", timezone="UTC")
    tomorrow = datetime.combine(clock.now().date(), datetime.min.time(), UTC) + timedelta(days=1, hours=2)
    link = f"/windows/{window.pk}/occurrence/?run_at={tomorrow:%Y-%m-%dT%H}%3A00%3A00Z"
    address = f"{PAGE}?view={view}&tz=UTC&day={tomorrow:%Y-%m-%d}"
    assert link in text_of(browse(rita).get(address))
    assert "/occurrence/" not in text_of(browse(ines).get(address))


def test_what_keeps_an_opening_shut_is_told(rita, browse):
    window = nights.window("payments-daily", schedule="cron(0 2 ? * * *)", timezone="UTC")
    tomorrow = datetime.combine(clock.now().date(), datetime.min.time(), UTC) + timedelta(days=1, hours=2)
    nights.occurrence(window, tomorrow, reason="Launch of the new shop")
    nights.freeze(window, tomorrow + timedelta(hours=20), tomorrow + timedelta(hours=30))
    nights.held(window, tomorrow + timedelta(hours=20), tomorrow + timedelta(hours=30))
    text = " ".join(strip_tags(text_of(browse(rita).get(f"{PAGE}?view=list&tz=UTC"))).split())
    assert "Skipped Launch of the new shop" in text
    assert "Held shut Freeze Quarter end" in text
    assert "payments-daily lies in the freeze Quarter end" in text
