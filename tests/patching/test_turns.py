"""Every account gets its turn, and a message that lies in the queue is not sent a hundred times."""

from datetime import timedelta

import pytest

from patching import lease, turns
from patching.models import AccountRegion
from portal.governance import clock
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def places() -> list[AccountRegion]:
    """Four Regions of one large account, one of a small one."""
    large, small = factories.account(), factories.account("334455667788")
    regions = ("eu-central-1", "eu-north-1", "eu-west-1", "eu-west-2")
    rows = [AccountRegion.objects.create(account=large, region=region) for region in regions]
    return [*rows, AccountRegion.objects.create(account=small, region="eu-central-1")]


def test_one_region_of_each_account_comes_before_the_second_of_any(places):
    sent = turns.to_send_for()
    assert [place.account_id for place in sent[:2]] == [places[0].account_id, places[4].account_id]
    assert set(sent) == set(places)


def test_who_was_sent_for_is_not_sent_for_again_for_a_minute(places):
    turns.to_send_for()
    assert list(turns.to_send_for()) == []
    AccountRegion.objects.update(nudged_at=clock.real_now() - timedelta(seconds=61))
    assert len(turns.to_send_for()) == len(places)


def test_a_new_wish_is_sent_for_at_once(places):
    turns.to_send_for()
    turns.want(places[2])
    assert list(turns.to_send_for()) == [places[2]]


def test_an_account_never_takes_more_than_two_workers(places):
    for place in places[:2]:
        assert lease.take(place) is not None
    assert not turns.may_begin(places[2])
    assert turns.may_begin(places[4])
    assert places[2] in turns.to_send_for()


def test_the_oldest_open_wish_is_remembered(places):
    turns.want(places[0])
    first = AccountRegion.objects.get(pk=places[0].pk).wanted_at
    turns.want(places[0])
    assert AccountRegion.objects.get(pk=places[0].pk).wanted_at == first
