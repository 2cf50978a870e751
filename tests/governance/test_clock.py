"""The portal's clock: real time, and the one shift that only a demo may make."""

from datetime import UTC, datetime, timedelta

import pytest

from portal.governance import clock
from portal.governance.errors import DomainError

JUNE = datetime(2026, 6, 1, 6, tzinfo=UTC)


@pytest.mark.django_db
def test_without_a_shift_it_is_real_time():
    assert abs(clock.now() - clock.real_now()) < timedelta(seconds=1)


@pytest.mark.django_db
def test_a_demo_moves_the_portal_and_leaves_real_time_alone():
    clock.set_to(JUNE)
    assert timedelta() <= clock.now() - JUNE < timedelta(seconds=1)
    assert clock.real_now() - datetime.now(UTC) < timedelta(seconds=1)


@pytest.mark.django_db
def test_production_has_no_clock_to_move(settings):
    clock.set_to(JUNE)
    settings.DEPLOYMENT = "production"
    with pytest.raises(DomainError, match="cannot be moved"):
        clock.set_to(JUNE)
    assert clock.offset() == timedelta()
