"""What the API takes of an ask: instances by their ids, found together and only as far as they may be seen."""

from types import SimpleNamespace

import pytest

from exemptions.api.renewing import RenewalIn
from tests import factories
from tests.exemptions import asks


@pytest.fixture
def servers(cast):
    return asks.servers(4)


def told(user, instances):
    wish = {"ends_at": "2031-01-01T00:00:00Z", "reason": asks.REASON, "instances": instances}
    return RenewalIn(data=wish, context={"request": SimpleNamespace(user=user)})


def problems(user, instances):
    body = told(user, instances)
    assert not body.is_valid()
    return body.errors


def test_they_come_once_each_and_in_their_order(cast, servers):
    last, first = servers[3], servers[0]
    body = told(cast["rita"], [last.pk, first.pk, last.pk])
    assert body.is_valid(), body.errors
    assert body.validated_data["instances"] == [last, first]


def test_many_cost_no_more_queries_than_one(cast, servers):
    assert told(cast["rita"], [servers[0].pk]).is_valid()  # what is known of rita is asked once
    one, many = (told(cast["rita"], [each.pk for each in some]) for some in (servers[:1], servers))
    assert asks.queries_of(one.is_valid) == asks.queries_of(many.is_valid)
    assert (one.errors, many.errors) == ({}, {})


@pytest.mark.parametrize("wrong", [0, -1, 2**63, "all", None, True, 1.5, [1]], ids=str)
def test_what_is_no_id_is_refused(cast, servers, wrong):
    assert set(problems(cast["rita"], [servers[0].pk, wrong])) == {"instances"}


def test_one_that_may_not_be_seen_is_told_like_one_that_is_not_there(cast, servers):
    foreign = factories.instance(factories.application("analytics", "analytics")).pk
    for pk in (foreign, foreign + 1000):
        (problem,) = problems(cast["rita"], [servers[0].pk, pk])["instances"]
        assert str(problem) == f"There is no instance {pk} that you may see."
