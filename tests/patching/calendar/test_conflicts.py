"""Each conflict with a case that has it and one that has not."""

from datetime import UTC, datetime, timedelta

import pytest

from patching.calendar import Band
from patching.calendar.conflicts import round_of
from tests.patching.calendar.timed import HOURS, JULY, JUNE, SUNDAY, hold, june, until, window


def kinds(entries):
    return sorted({conflict.kind for one in entries for conflict in one.conflicts})


def marked(entries, kind):
    return [(one.window.name, one.start) for one in entries if any(c.kind == kind for c in one.conflicts)]


def test_zones_that_are_open_together_are_marked_both():
    found = june(window("prod-a"), window("prod-b", schedule="cron(0 5 ? * SUN *)"))
    assert len(marked(found, "zones")) == 8
    conflict = found[0].conflicts[0]
    assert conflict.claim == "prod-a and prod-b overlap by 1 h"
    assert found[1].conflicts == [conflict]


@pytest.mark.parametrize(
    "other",
    [
        window("prod-b", schedule="cron(0 6 ? * SUN *)"),  # begins where the other ends
        window("prod-a"),  # the same zone twice
        window("test-b", "test"),
        window("prod-b", application="ledger"),
    ],
)
def test_zones_do_not_overlap_unless_they_share_application_environment_and_time(other):
    assert "zones" not in kinds(june(window("prod-a"), other))


def test_a_skipped_opening_overlaps_with_nothing():
    one, other = window("prod-a"), window("prod-b")
    found = june(one, other, holds=[hold(one, SUNDAY - HOURS, SUNDAY + HOURS)])
    assert SUNDAY not in {start for _, start in marked(found, "zones")}


def test_six_windows_at_once_are_one_too_many_and_five_are_not():
    six = [window(f"w{number}", application=f"app{number}") for number in range(6)]
    assert kinds(june(*six[:5])) == []
    found = june(*six)
    assert len(marked(found, "crowd")) == 24
    assert found[0].conflicts[0].claim == "6 windows at once in Retail/eu-central-1"
    assert found[0].conflicts[0].evidence.startswith("AWS runs 5 at a time")


def test_where_service_quotas_told_another_number_that_one_counts():
    six = [window(f"w{number}", application=f"app{number}") for number in range(6)]
    assert kinds(june(*six, limits={1: 6})) == []
    (conflict,) = {one.conflicts[0] for one in june(*six[:3], limits={1: 2}) if one.start == SUNDAY}
    assert (conflict.kind, conflict.evidence) == (
        "crowd",
        "AWS runs 2 at a time in an account-region; the others wait and lose time.",
    )


def test_windows_of_other_account_regions_do_not_count():
    six = [window(f"w{number}", application=f"app{number}", place=number % 2) for number in range(6)]
    assert kinds(june(*six)) == []


def test_a_crowd_is_said_once_from_its_first_to_its_last_moment():
    chain = [
        window(f"w{number}", application=f"app{number}", schedule=f"cron({8 * number} 2 ? * SUN *)")
        for number in range(8)
    ]
    first = [one for one in june(*chain) if one.start < SUNDAY + 24 * HOURS]
    assert {conflict.claim for one in first for conflict in one.conflicts} == {
        "8 windows at once in Retail/eu-central-1"
    }
    assert first[0].conflicts[0].at == SUNDAY + timedelta(minutes=40)


def test_an_opening_in_a_freeze_is_marked_whether_or_not_it_is_held_already():
    band = Band(1, "Year end", JUNE, SUNDAY + 24 * HOURS)
    one = window()
    assert marked(june(one, bands=(band,)), "freeze") == [(one.name, SUNDAY)]
    held = june(one, bands=(band,), holds=[hold(one, JUNE, SUNDAY + 24 * HOURS)])
    assert marked(held, "freeze") == [(one.name, SUNDAY)]


@pytest.mark.parametrize(
    "narrow", [{"application": "ledger"}, {"environment": "dev"}, {"place": 2}, {"ends_at": SUNDAY}]
)
def test_a_freeze_marks_only_what_it_is_meant_for(narrow):
    band = Band(**{"pk": 1, "name": "Year end", "starts_at": JUNE, "ends_at": JULY, **narrow})
    assert kinds(june(window(), bands=(band,))) == []


def test_production_that_runs_before_test_in_its_round_is_marked():
    prod = window("prod-a", schedule="cron(0 2 ? * WED#2 *)")
    test = window("test-a", "test", schedule="cron(0 2 ? * FRI#2 *)")
    found = june(prod, test)
    assert marked(found, "order") == [("prod-a", datetime(2026, 6, 10, 2, tzinfo=UTC))]
    assert found[0].conflicts[0].claim == "prod-a runs before test-a"


def test_production_after_test_and_production_alone_are_in_order():
    prod = window("prod-a", schedule="cron(0 2 ? * FRI#2 *)")
    test = window("test-a", "test", schedule="cron(0 2 ? * WED#2 *)")
    assert kinds(june(prod, test)) == []
    assert kinds(june(prod)) == []


def test_a_window_that_opens_again_while_it_is_open_skips_the_second_run():
    found = june(window("prod-a", schedule="cron(0 2,4 ? * SUN *)"))
    assert len(marked(found, "itself")) == 4
    assert {start.hour for _, start in marked(found, "itself")} == {4}


def test_what_is_over_is_no_conflict_any_more():
    found = june(window("prod-a"), window("prod-b"), at=SUNDAY + 5 * HOURS)
    assert {start.day for _, start in marked(found, "zones")} == {14, 21, 28}


def test_weekly_rounds_that_close_before_microsoft_publishes_are_in_order():
    timezone = {"timezone": "Asia/Tokyo"}
    test = window("test-a", "test", schedule="cron(0 20 ? * SAT *)", **timezone)
    prod = window("prod-a", schedule="cron(0 20 ? * TUE *)", **timezone)
    begin, _ = round_of(datetime(2026, 6, 20, tzinfo=UTC))
    found = until(datetime(2026, 9, 1, tzinfo=UTC), test, prod, start=begin)
    assert datetime(2026, 7, 14, 11, tzinfo=UTC) in {one.start for one in found}
    assert marked(found, "order") == []


def test_a_round_goes_from_one_publication_to_the_next():
    before, after = round_of(datetime(2026, 6, 20, tzinfo=UTC))
    assert (before, after) == (
        datetime(2026, 6, 9, 17, tzinfo=UTC),
        datetime(2026, 7, 14, 17, tzinfo=UTC),
    )
    assert round_of(after)[0] == after
