"""The strip shows one round: every environment from the same Patch Tuesday on, and which opens too early in it."""

from datetime import UTC, date, datetime

import pytest

from patching.around import Around
from patching.items import with_defaults
from patching.web.strip import strip_of
from portal.governance import clock
from tests import asks, factories

AFTER_PATCH_TUESDAY = datetime(2026, 6, 15, 12, tzinfo=UTC)  # which was on the 9th


@pytest.fixture
def fleet(cast):
    clock.set_to(AFTER_PATCH_TUESDAY)
    payments = factories.payments()
    return {env: factories.instance(payments, env) for env in factories.ENVIRONMENTS}


def strip(fleet, **schedules):
    """The strip of one window an environment."""
    items = [asks.window_item([fleet[env]], env, schedule=one) for env, one in schedules.items()]
    return strip_of(Around([with_defaults(one) for one in items]))


def steps(shown):
    return [(one.start.date(), one.soak, one.before) for one in shown.steps]


def test_every_environment_opens_in_the_round_of_the_next_patch_tuesday(fleet):
    items = [with_defaults(one) for one in asks.ha_items(fleet.values())]
    shown = strip_of(Around(items))
    assert [one.start.date() for one in shown.steps] == [
        date(2026, 7, 15),
        date(2026, 7, 18),
        date(2026, 7, 25),
    ]
    assert [one.soak for one in shown.steps] == ["", "2 days", "6 days"]
    assert shown.from_patch_tuesday


def test_an_environment_that_opens_before_an_earlier_one_has_ended_is_named(fleet):
    dev, test, prod = "cron(0 20 ? * TUE#3 *)", "cron(0 20 ? * WED#3 *)", "cron(0 20 ? * TUE#2 *)"
    assert steps(strip(fleet, dev=dev, test=test, prod=prod)) == [
        (date(2026, 7, 21), "", ""),
        (date(2026, 7, 15), "", "Development"),
        (date(2026, 7, 14), "", "Development and Test"),
    ]


def test_weekly_windows_are_counted_from_the_same_tuesday(fleet):
    shown = strip(fleet, dev="cron(0 20 ? * THU *)", test="cron(0 20 ? * TUE *)")
    assert steps(shown) == [(date(2026, 7, 16), "", ""), (date(2026, 7, 14), "", "Development")]


def test_windows_that_open_only_once_show_that_opening(fleet):
    shown = strip(fleet, dev="at(2026-06-20T20:00:00)", prod="at(2026-07-16T20:00:00)")
    assert [day for day, _, _ in steps(shown)] == [date(2026, 6, 20), date(2026, 7, 16)]
    assert not shown.from_patch_tuesday
