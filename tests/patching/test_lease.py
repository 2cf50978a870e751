"""A lease is the database's to give: no host's clock takes it from another, and a host that is wrong asks for none."""

import itertools
from datetime import timedelta

import pytest
from django.db.models.functions import Now

from patching import lease, pull, push
from patching.aws.tags import Tags
from patching.models import AccountRegion
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


@pytest.fixture
def slow_reading(monkeypatch):
    """``slow_reading(deed)``: the first time that tags are read; each look at the watch finds it 100 s later."""
    watch, read = itertools.count(step=100.0), Tags.read
    monkeypatch.setattr(lease, "monotonic", lambda: next(watch))

    def arrange(deed):
        def slow(self, names):
            monkeypatch.setattr(Tags, "read", read)
            deed(self)
            yield from read(self, names)

        monkeypatch.setattr(Tags, "read", slow)

    return arrange


def runs_out(place, seconds):
    AccountRegion.objects.filter(pk=place.pk).update(lease_until=Now() + timedelta(seconds=seconds))


def test_it_is_kept_while_aws_is_read_however_long_that_takes(asked, retail, simulated_aws, slow_reading):
    def deed(tags):
        runs_out(retail, 1)
        tags.ask("ec2", "describe_tags")
        retail.refresh_from_db()
        assert retail.lease_until > clock.real_now() + timedelta(seconds=100)

    slow_reading(deed)
    assert push.push(retail, trigger="tick").writes > 0


def test_whoever_was_overtaken_while_reading_stops_there(asked, retail, simulated_aws, slow_reading):
    def deed(tags):
        runs_out(retail, -1)
        assert lease.take(retail) is not None

    slow_reading(deed)
    assert push.push(retail, trigger="tick").writes == 0
    assert simulated_aws.log() == []
