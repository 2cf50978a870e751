"""Whether a host's clock is right is judged by the database's; pages of a wrong one get no visitors."""

from datetime import timedelta

import pytest

from portal.governance import clock, host_clock

pytestmark = pytest.mark.django_db


@pytest.fixture
def ahead(monkeypatch):
    """``ahead(seconds)``: this host's clock is that far from the database's."""

    def by(seconds):
        monkeypatch.setattr(host_clock, "off_by", lambda: timedelta(seconds=seconds))

    return by


def test_one_host_with_its_database_agrees_with_itself():
    assert abs(host_clock.off_by()) < timedelta(seconds=1)


@pytest.mark.postgres
@pytest.mark.parametrize("seconds", [3600, -3600])
def test_the_difference_is_told_with_its_sign(monkeypatch, seconds):
    real = clock.real_now
    monkeypatch.setattr(clock, "real_now", lambda: real() + timedelta(seconds=seconds))
    assert abs(host_clock.off_by() - timedelta(seconds=seconds)) < timedelta(seconds=1)


@pytest.mark.parametrize("seconds", [1, -3, 29])
def test_a_small_difference_stops_nobody(ahead, seconds):
    ahead(seconds)
    host_clock.must_be_right()


def test_a_wrong_clock_is_told_in_seconds(ahead):
    ahead(-3600)
    with pytest.raises(host_clock.HostClockOff, match=r"3,600 s behind the database's\. Set it by NTP\."):
        host_clock.must_be_right()


def test_its_pages_get_no_visitors(ahead, client):
    ahead(-45)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert "45 s behind the database's" in answer.json()["problem"]
