"""All workers together ask an account-region no faster than the settings say."""

import threading

import pytest
from django.db import connections

from patching import pacing
from patching.models import Pace
from patching.pacing import READ_BURST, WRITE_BURST
from tests import factories

READ, WRITE = Pace.Kind.READ, Pace.Kind.WRITE


@pytest.fixture
def pace(settings):
    settings.AWS_READS_PER_SECOND, settings.AWS_WRITES_PER_SECOND = 5.0, 2.0


@pytest.mark.django_db
def test_after_a_rest_a_burst_leaves_at_once_and_then_one_at_a_time(pace):
    place = factories.account_region()
    waits = [pacing.reserve(place.pk, WRITE) for _ in range(WRITE_BURST + 3)]
    assert waits[:WRITE_BURST] == [0.0] * WRITE_BURST
    assert waits[WRITE_BURST:] == pytest.approx([0.5, 1.0, 1.5], abs=0.2)


@pytest.mark.django_db
def test_reads_and_writes_and_other_places_have_lines_of_their_own(pace):
    one, other = factories.account_region(), factories.account_region(region="eu-west-1")
    for _ in range(WRITE_BURST + 5):
        pacing.reserve(one.pk, WRITE)
    assert pacing.reserve(one.pk, READ) == pacing.reserve(other.pk, WRITE) == 0.0


@pytest.mark.django_db
def test_no_limit_asks_nobody(settings, django_assert_num_queries):
    settings.AWS_READS_PER_SECOND = 0
    with django_assert_num_queries(0):
        assert pacing.reserve(1, READ) == 0.0


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_workers_share_one_line(pace):
    place = factories.account_region()
    waits: list[float] = []

    def worker() -> None:
        try:
            waits.extend(pacing.reserve(place.pk, READ) for _ in range(20))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=worker) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(wait == 0.0 for wait in waits) <= READ_BURST + 20  # those that time itself has freed
    assert len(waits) == 80
    assert max(waits) > 1.0
