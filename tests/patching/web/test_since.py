"""What changed in a request between two revisions, as rows."""

import pytest

from patching import workflow
from patching.web import since
from portal.governance import clock
from portal.governance.looks import Look, Moved
from tests import asks


@pytest.fixture
def servers(cast):
    return asks.fleet()


def revised(request, by, items, **words):
    given = {"title": asks.TITLE, "reason": asks.REASON, **words}
    return workflow.revise(request, by=by, items=items, **given)


def test_objects_that_came_and_went_are_one_row_each(cast, servers):
    early, late = (asks.window_item(servers[:1], name=name) for name in ("early", "late"))
    request = asks.drafted(cast["rita"], [early])

    told = since.of(revised(request, cast["rita"], [late]), Look(1, clock.now()))

    assert told["moved"] == [
        Moved("Window late", "Not asked for", "Asked for"),
        Moved("Window early", "Asked for", "Left out"),
    ]


def test_a_new_reason_is_a_row_and_what_stays_is_none(cast, servers):
    items = [asks.window_item(servers[:1])]
    request = asks.drafted(cast["rita"], items)

    told = since.of(
        revised(request, cast["rita"], items, reason="The audit asks for it."), Look(1, clock.now())
    )

    assert told["moved"] == [Moved("Reason", asks.REASON, "The audit asks for it.")]
