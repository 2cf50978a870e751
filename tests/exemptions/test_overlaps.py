"""Exemptions on the same instances: what is said of them, and what is refused because another one covers it."""

from datetime import timedelta

import pytest

from exemptions import overlaps, workflow
from portal.governance import clock
from portal.governance.errors import InvalidInput
from tests.exemptions import asks


@pytest.fixture
def servers(cast):
    return asks.servers(env="dev")


def code_of(call):
    with pytest.raises(InvalidInput) as raised:
        call()
    return [(one.field, one.code) for one in raised.value.problems]


def test_one_that_covers_it_is_named_with_what_that_means(cast, servers):
    first = asks.approved(cast["rita"], servers)
    second = asks.drafted(cast["rita"], servers[:1], ends_at=clock.now() + timedelta(days=5))
    (told,) = overlaps.overlaps_of(second, cast["rita"])
    assert told.changes_nothing
    assert told.instances == (servers[0],)
    assert told.text.startswith(f"{first.number} keeps {servers[0]} out of its window until ")
    assert told.text.endswith("this one would change nothing there.")
    assert overlaps.overlaps_of(second, cast["noor"]) == []


def test_a_later_end_adds_the_time_after_that(cast, servers):
    first = asks.submitted(cast["rita"], servers)
    second = asks.drafted(cast["rita"], servers, ends_at=clock.now() + timedelta(days=20))
    (told,) = overlaps.overlaps_of(second, cast["rita"])
    assert not told.changes_nothing
    assert f"{first.number} asks to keep {servers[0]} and {servers[1]} out of their window" in told.text
    assert told.text.endswith("this one would add only the time after that.")


def test_an_exact_duplicate_is_refused_when_it_is_submitted(cast, servers):
    first = asks.approved(cast["rita"], servers)
    second = asks.drafted(cast["rita"], servers[:1], ends_at=clock.now() + timedelta(days=5))
    workflow.attach(second, asks.document(), by=cast["rita"])
    assert code_of(lambda: workflow.submit(second, by=cast["rita"])) == [("instances", "duplicate")]
    with pytest.raises(InvalidInput, match=first.number):
        workflow.submit(second, by=cast["rita"])


@pytest.mark.parametrize("days", [11, 20])
def test_one_that_lasts_longer_is_no_duplicate(cast, servers, days):
    asks.approved(cast["rita"], servers)
    asks.submitted(cast["rita"], servers, ends_at=clock.now() + timedelta(days=days))


def test_a_draft_or_an_ended_one_refuses_nothing(cast, servers):
    asks.drafted(cast["omar"], servers, ends_at=clock.now() + timedelta(days=30))
    ended = asks.approved(cast["rita"], servers, ends_at=clock.now() + timedelta(days=20))
    workflow.revoke(ended, by=cast["clara"], reason="The fix is there.")
    asks.submitted(cast["rita"], servers)


def test_a_question_left_open_is_refused_while_it_is_being_decided(cast, servers):
    asked = asks.submitted(cast["rita"], servers)
    wish = asks.wish(servers, tried="")
    assert code_of(lambda: workflow.revise(asked, by=cast["rita"], **wish)) == [("tried", "required")]


def test_evidence_has_to_be_attached(cast, servers):
    controls = [{"what": asks.CONTROLS, "evidence": "firewall.pdf"}]
    asked = asks.drafted(cast["rita"], servers, compensating_controls=controls)
    workflow.attach(asked, asks.document(), by=cast["rita"])
    assert code_of(lambda: workflow.submit(asked, by=cast["rita"])) == [("compensating_controls", "evidence")]
