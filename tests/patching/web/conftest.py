"""What tests of the pages stand on: requests of the story brought to a state, and AWS as approved."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils.html import strip_tags

from patching.models import AccountRegion, ChangeRequest
from tests import asks, factories, people, pushing


@contextmanager
def made_once(blocker) -> Iterator[None]:
    """A transaction around all tests of a module: each rolls back to what was made here, and it goes at the end."""
    with blocker.unblock(), transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.fixture
def submitted(cast):
    """The HA Windows application, submitted by rita."""
    return submitted_by_rita()


@pytest.fixture
def approved(submitted, cast):
    """The same with every decision in; nothing pushed yet."""
    return approved_by_all(submitted)


def submitted_by_rita() -> ChangeRequest:
    for username in people.CAST:
        people.person(username)
    return asks.submitted(people.person("rita"), asks.ha_items(asks.fleet()))


def approved_by_all(request: ChangeRequest) -> ChangeRequest:
    asks.approve(request, *(people.person(name) for name in ("omar", "ines", "clara")))
    return ChangeRequest.objects.get(pk=request.pk)


def pushed_to_aws() -> AccountRegion:
    """The account-region in which everything approved is in AWS."""
    place = factories.account_region()
    pushing.in_aws(place)
    return place


def asked_of_patching(act: Callable[[], object]) -> int:
    """How many questions a page asks of patching's tables; who somebody is and what time it is are the frame's own."""
    with CaptureQueriesContext(connection) as asked:
        act()
    return sum('FROM "patching_' in one["sql"] for one in asked.captured_queries)


def text_of(response) -> str:
    """A page as text, entities undone where tests look for quotes."""
    return response.content.decode().replace("&#x27;", "'").replace("&quot;", '"')


def words_of(response) -> str:
    """The words of a page as somebody reads them, without markup."""
    return " ".join(strip_tags(text_of(response)).split())
