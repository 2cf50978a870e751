"""A round of patching as a strip: every window in the same round, and what opens too early is said."""

from datetime import UTC, datetime, timedelta

import pytest

from patching.around import Around
from patching.items import with_defaults
from patching.schedules import publications
from patching.web.strip import strip_of
from portal.governance import clock
from tests import asks

AFTER_PATCH_TUESDAY = datetime(2026, 6, 15, 12, tzinfo=UTC)


@pytest.fixture
def fleet(cast):
    clock.set_to(AFTER_PATCH_TUESDAY)
    return asks.fleet()


def steps_of(items):
    return {one.environment: one for one in strip_of(Around([with_defaults(one) for one in items])).steps}


def window(fleet, env, schedule, offset=0):
    members = [one for one in fleet if one.environment.slug == env][:1]
    return asks.window_item(
        members, env, name=f"payments-{env}", schedule=schedule, offset=offset, timezone="UTC"
    )


def test_in_the_middle_of_a_round_the_next_whole_one_is_shown(fleet):
    found = steps_of(
        [
            window(fleet, "dev", "cron(0 20 ? * TUE#2 *)", 1),
            window(fleet, "test", "cron(0 20 ? * TUE#2 *)", 4),
            window(fleet, "prod", "cron(0 20 ? * TUE#3 *)", 4),
        ]
    )
    (begins,) = publications(AFTER_PATCH_TUESDAY, count=1)
    starts = [one.start for one in found.values()]
    assert starts == sorted(starts)
    assert begins < starts[0]
    assert starts[-1] < begins + timedelta(days=20)
    assert [one.early for one in found.values()] == ["", "", ""]


def test_production_that_opens_before_test_is_said_to_be_early(fleet):
    found = steps_of(
        [
            window(fleet, "test", "cron(0 20 ? * SAT#3 *)"),
            window(fleet, "prod", "cron(0 20 ? * WED#3 *)"),
        ]
    )
    test, prod = found.values()
    assert (prod.early, prod.soak) == (test.environment, "")


def test_a_round_of_which_nothing_has_opened_yet_is_the_one_that_is_shown(fleet):
    found = steps_of(
        [window(fleet, "test", "cron(0 20 ? * SAT *)"), window(fleet, "prod", "cron(0 20 ? * MON#4 *)")]
    )
    assert [one.start.day for one in found.values()] == [20, 22]
