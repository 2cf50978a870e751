"""Whose word an exemption waits for, reckoned for everybody's inbox."""

from datetime import timedelta

import pytest

from exemptions import permissions, shell, workflow
from portal.governance import clock
from tests.exemptions import asks


@pytest.fixture
def long_one(cast):
    """Needs the CISO and security operations."""
    return asks.submitted(cast["rita"], ends_at=clock.now() + timedelta(days=31))


def waits_for(cast):
    return {name for name, person in cast.items() if permissions.waiting_for(person).exists()}


def test_it_waits_for_those_who_may_fill_an_open_slot(cast, long_one):
    assert waits_for(cast) == {"clara", "dora", "ines", "ivan"}
    workflow.approve(long_one, by=cast["ivan"], **asks.reading(long_one))
    assert waits_for(cast) == {"clara", "dora"}
    workflow.approve(long_one, by=cast["dora"], **asks.reading(long_one))
    assert waits_for(cast) == set()


def test_the_inbox_and_the_decision_agree(cast, long_one):
    workflow.approve(long_one, by=cast["clara"], **asks.reading(long_one))
    long_one.refresh_from_db()
    able = {name for name, person in cast.items() if permissions.slot_for(person, long_one)}
    assert waits_for(cast) == able == {"ines", "ivan"}


def test_an_inbox_asks_no_query_for_each_exemption(cast):
    servers = asks.servers()
    asks.submitted(cast["rita"], servers)
    few = asks.queries_of(lambda: shell.counts(cast["clara"]))
    for _ in range(4):
        asks.submitted(cast["rita"], servers)
    assert asks.queries_of(lambda: shell.counts(cast["clara"])) == few
    assert shell.counts(cast["clara"]) == {"exemptions": 5}
    assert shell.counts(cast["rita"]) == {"exemptions": 0}


def test_what_was_sent_back_waits_for_who_asked(cast, long_one):
    workflow.request_changes(long_one, by=cast["clara"], reason="Shorter.", **asks.reading(long_one))
    assert shell.counts(cast["rita"]) == {"exemptions": 1}
    assert shell.counts(cast["omar"]) == shell.counts(cast["clara"]) == {"exemptions": 0}


def test_a_draft_waits_for_nobody(cast):
    asks.drafted(cast["rita"])
    assert waits_for(cast) == set()
