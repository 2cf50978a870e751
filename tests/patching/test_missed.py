"""An opening that never came stays known, by the schedule of then, whatever is decided about its window afterwards."""

from datetime import UTC, datetime, timedelta

import pytest

from patching import missed, openings
from patching.models import AccountRegion, MaintenanceWindow, Occurrence
from patching.shutting_items import in_utc, key_of
from portal.governance import clock
from tests import asks, factories
from tests.patching.test_freezing import opening_item
from tests.pushing import change

MADE = datetime(2026, 6, 1, 12, 0, 0, 345678, tzinfo=UTC)
OPENS = datetime(2026, 6, 7, 0, tzinfo=UTC)  # Sunday, 02:00 in Berlin
LATER = OPENS + timedelta(hours=6)


@pytest.fixture
def made(cast):
    """``made(schedule=…)``: a window of dev, read at a time at which its first opening has not come."""

    def build(read_at=LATER, **spec):
        clock.set_to(MADE)
        member = factories.instance(factories.payments(), "dev")
        asks.in_effect(cast["rita"], [asks.window_item([member], **spec)], cast["omar"])
        AccountRegion.objects.update(last_pulled_at=read_at)
        clock.set_to(read_at)
        return now_is()

    return build


def now_is() -> MaintenanceWindow:
    return MaintenanceWindow.objects.select_related("account_region__account").get()


def test_a_change_approved_since_does_not_hide_it(made, cast):
    window = made()
    assert missed.last_of(window, LATER) == OPENS
    asks.in_effect(cast["rita"], [change(window, "window", duration=6)], cast["omar"])
    assert missed.last_of(now_is(), LATER) == OPENS
    assert missed.is_missed(now_is(), OPENS, LATER)


def test_a_new_schedule_is_not_held_against_the_time_before_it(made, cast):
    window = made(schedule="cron(0 2 ? * MON *)")
    assert missed.last_of(window, LATER) is None
    asks.in_effect(cast["rita"], [change(window, "window", schedule="cron(0 2 ? * SUN *)")], cast["omar"])
    assert missed.last_of(now_is(), LATER) is None
    assert not missed.is_missed(now_is(), OPENS, LATER)


def test_nothing_was_missed_before_there_was_a_window(made):
    window = made()
    assert not missed.is_missed(window, OPENS - timedelta(days=7), LATER)


def test_an_extra_opening_still_counts_when_the_window_was_changed_while_it_waited(made, cast):
    window = made()
    instead = opening_item(window, moved_to="2026-06-08T00:00:00Z")
    request = asks.submitted(cast["rita"], [instead])
    asks.in_effect(cast["rita"], [change(window, "window", duration=6)], cast["omar"])
    asks.approve(request, cast["omar"])
    assert Occurrence.objects.get().run_at == OPENS


def test_an_opening_by_rate_can_be_named_in_whole_seconds(made, cast):
    first = datetime(2026, 6, 8, 12, tzinfo=UTC)
    window = made(read_at=first + timedelta(hours=6), schedule="rate(7 days)")
    opening = missed.last_of(window, clock.now())
    assert opening == in_utc(key_of(opening)) == first
    (following,) = openings.next_starts(window.spec, start=clock.now(), count=1, since=window.created_at)
    instead = opening_item(window, run_at=key_of(opening), moved_to="2026-06-10T00:00:00Z")
    skipped = opening_item(window, run_at=key_of(following), moved_to="")
    for item in (instead, skipped):
        asks.in_effect(cast["rita"], [item], cast["omar"])
    assert {one.run_at for one in Occurrence.objects.all()} == {opening, following}
