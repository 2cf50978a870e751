"""What operators do by hand."""

from datetime import timedelta

import pytest

from patching import operating
from patching.models import AccountRegion
from portal.governance import audit, clock
from portal.governance.errors import NotAllowed, WrongState
from tests import factories


@pytest.fixture
def place(db):
    return factories.account_region(next_pull_at=clock.real_now() + timedelta(hours=1))


def test_a_push_is_wanted_whatever_the_backoff_says(opal, place):
    AccountRegion.objects.update(backoff_until=clock.real_now() + timedelta(hours=1))
    place = operating.push_now(place, by=opal)
    assert (place.push_wanted, place.backoff_until) == (1, None)
    assert [entry.action for entry in audit.timeline(place)] == ["patching.accountregion.push_asked"]


def test_a_reading_is_due_at_once(opal, place):
    place = operating.pull_now(place, by=opal)
    assert place.next_pull_at <= clock.real_now()
    assert [entry.actor for entry in audit.timeline(place)] == [opal]


@pytest.mark.parametrize("verb", [operating.push_now, operating.pull_now])
def test_only_operators_and_only_where_it_is_switched_on(cast, place, verb):
    for name in ("rita", "omar", "ines", "clara", "axel", "adam", "noor"):
        with pytest.raises(NotAllowed):
            verb(place, by=cast[name])
    place.is_active = False
    with pytest.raises(WrongState, match="switched off"):
        verb(place, by=cast["opal"])
    assert not audit.timeline(place).exists()
