"""A state moves along an edge, from where it was, and leaves an entry."""

import pytest

from patching.models import ChangeRequest
from portal.governance import audit
from portal.governance.errors import WrongState
from portal.governance.states import locked, move
from tests import factories

State = ChangeRequest.State


def test_a_move_saves_the_state_and_says_who_moved_it(rita):
    request = move(factories.change_request(rita), State.WITHDRAWN, by=rita, reason="No longer needed.")
    assert request.state == State.WITHDRAWN
    entry = audit.timeline(request).get()
    assert (entry.action, entry.actor, entry.detail["from"]) == (
        "patching.changerequest.withdrawn",
        rita,
        "draft",
    )


def test_an_edge_that_is_not_there_is_refused(rita):
    with pytest.raises(WrongState, match="it cannot become applied"):
        move(factories.change_request(rita), State.APPLIED, by=rita)


def test_whoever_is_second_is_told_so(rita):
    request = factories.change_request(rita)
    same_row = ChangeRequest.objects.get(pk=request.pk)
    move(request, State.WITHDRAWN, by=rita)
    with pytest.raises(WrongState, match="changed by someone else"):
        move(same_row, State.SUBMITTED, by=rita)
    assert audit.timeline(request).count() == 1


def test_a_locked_row_is_the_row_as_it_is_now(rita):
    request = factories.change_request(rita)
    ChangeRequest.objects.filter(pk=request.pk).update(title="Another title")
    assert locked(request).title == "Another title"
