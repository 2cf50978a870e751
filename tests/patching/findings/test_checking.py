"""What somebody should know before they decide on windows."""

import pytest

from patching import findings
from patching.findings import NOTE, WARNING
from tests.planned import NOW, TEST, window


def claims(*windows):
    return [(found.level, found.claim) for found in findings.check(windows, NOW)]


def test_windows_in_good_order_give_no_finding():
    assert claims(TEST, window(), window("payments-prod-b", schedule="cron(0 0 ? * WED#2 *)")) == []


@pytest.mark.parametrize(("instances", "hours"), [(49, 4), (50, 5), (300, 10)])
def test_a_window_shorter_than_the_rule_is_named_with_the_right_length(instances, hours):
    right = window(instances=instances, duration=hours)
    short = window(instances=instances, duration=hours - 1)
    assert claims(TEST, right) == []
    assert claims(TEST, short) == [
        (WARNING, f"payments-prod-a is {hours - 1} h long, {hours} h are recommended")
    ]


def test_zones_that_are_open_together_are_named_with_the_hours_and_a_way_out():
    later = window("payments-prod-b", schedule="cron(0 23 ? * TUE#2 *)", instances=3)
    found = findings.check([TEST, window(), later], NOW)
    assert [one.claim for one in found] == ["payments-prod-a and payments-prod-b overlap by 1 h"]
    assert (
        "Mon 15 Jun 2026, 23:00 to 00:00 Europe/Berlin, and 11 more runs of the next 12" in found[0].evidence
    )
    assert "all 5 instances of payments may restart together" in found[0].evidence
    assert found[0].fix == "Starting payments-prod-b at 00:00 removes the overlap."


def test_a_window_that_begins_when_the_other_ends_does_not_overlap():
    later = window("payments-prod-b", schedule="cron(0 0 ? * WED#2 *)")
    assert claims(TEST, window(), later) == []


def test_another_application_may_be_open_at_the_same_time():
    other = window("claims-prod-b", application="claims-web", asked=False)
    assert claims(TEST, window(), other) == []


def test_windows_that_are_only_company_are_not_judged():
    short = window(instances=200, asked=False)
    assert claims(short, window("payments-prod-b", asked=False)) == []


def test_production_alone_is_patched_first():
    assert claims(window()) == [(WARNING, "payments is patched in production first")]


def test_production_that_overtakes_test_is_named():
    late_test = window("payments-test-a", "test", offset=6, schedule="cron(0 20 ? * TUE#3 *)")
    assert claims(late_test, window()) == [
        (WARNING, "Prod of payments is patched before test has ended in 12 of the next 12 months")
    ]


def test_production_that_follows_test_too_soon_is_named():
    soon = window("payments-test-a", "test", offset=5)
    assert claims(soon, window()) == [
        (WARNING, "Prod of payments follows test after only 20 h in 12 of the next 12 months")
    ]


def test_between_environments_that_are_not_production_it_is_only_a_note():
    dev = window("payments-dev-a", "dev", offset=0)
    assert claims(dev, TEST, window()) == [
        (NOTE, "Test of payments follows dev after only 20 h in 12 of the next 12 months")
    ]


AUCKLAND = {"timezone": "Pacific/Auckland", "schedule": "cron(0 2 ? * TUE#2 *)"}
PROD_IN_AUCKLAND = {**AUCKLAND, "schedule": "cron(0 20 ? * TUE#2 *)"}


def test_order_holds_in_zones_far_east_of_utc():
    test = window("payments-test-a", "test", offset=2, **AUCKLAND)
    assert claims(test, window(offset=5, **PROD_IN_AUCKLAND)) == []


def test_what_opens_before_microsoft_publishes_gets_it_a_month_late():
    test = window("payments-test-a", "test", offset=1, **AUCKLAND)  # three hours before
    assert (
        WARNING,
        "Prod of payments is patched before test has ended in 12 of the next 12 months",
    ) in claims(test, window(offset=5, **PROD_IN_AUCKLAND))


def test_weekly_rounds_are_counted_from_what_was_published_too():
    weekly = {"offset": 0, "duration": 4}
    found = claims(
        window("payments-test-a", "test", schedule="cron(0 20 ? * FRI *)", **weekly),
        window("payments-test-b", "test", schedule="cron(0 0 ? * SAT *)", **weekly),
        window("payments-prod-a", schedule="cron(0 20 ? * MON *)", **weekly),
        window("payments-prod-b", schedule="cron(0 0 ? * TUE *)", **weekly),
    )
    assert found == []


def test_a_window_that_never_opens_is_named():
    assert (WARNING, "payments-prod-a never opens") in claims(
        TEST, window(schedule="at(2020-01-01T00:00:00)", offset=0)
    )


def test_a_run_that_the_clocks_jump_over_is_a_note():
    nightly = window("payments-test-a", "test", schedule="cron(30 2 ? * SUN *)", offset=0)
    assert (NOTE, "payments-test-a misses 1 run when the clocks go forward") in claims(nightly)


def test_the_most_open_at_once_counts_windows_and_instances():
    windows = [window(), window("payments-prod-b", instances=5), TEST]
    assert findings.most_open_at_once(windows, NOW) == (2, 7)
    assert findings.most_open_at_once([], NOW) == (0, 0)
