"""A lease is the database's to give: no host's clock takes it from another, and a host that is wrong asks for none."""

from datetime import timedelta

import pytest

from patching import lease, pull, push
from portal.governance import clock, host_clock
from portal.governance.host_clock import HostClockOff
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("hours", [1, -1, 24, -24])
def test_no_clock_steals_it(monkeypatch, hours):
    place, real = factories.account_region(), clock.real_now
    held = lease.take(place)
    monkeypatch.setattr(clock, "real_now", lambda: real() + timedelta(hours=hours))
    assert lease.take(place) is None
    lease.hold(held)
    lease.release(held)
    assert lease.take(place).fence == held.fence + 1


def test_what_has_run_out_is_free(settings):
    place = factories.account_region()
    settings.PUSH_LEASE_SECONDS = -1
    first = lease.take(place)
    second = lease.take(place)
    assert second.fence == first.fence + 1
    with pytest.raises(lease.LeaseLostError):
        lease.hold(first)


def test_with_a_wrong_clock_nothing_is_pushed_or_read(monkeypatch):
    place = factories.account_region()
    monkeypatch.setattr(host_clock, "off_by", lambda: timedelta(seconds=31))
    for verb in (lambda: push.push(place, trigger="tick"), lambda: pull.pull(place)):
        with pytest.raises(HostClockOff, match="31 s ahead of the database's"):
            verb()
    place.refresh_from_db()
    assert (place.fence, place.push_runs.count(), place.pull_runs.count()) == (0, 0, 0)
