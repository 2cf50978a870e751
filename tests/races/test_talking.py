"""A comment that blocks and an approval at the same moment: one of the two comes first, never both."""

import pytest

from patching import workflow
from patching.models import ChangeRequest
from portal.governance import conversation
from portal.governance.errors import DomainError, WrongState
from tests import asks, factories
from tests.races.test_decisions import race

State = ChangeRequest.State
ROUNDS = 60

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


def test_nothing_is_approved_over_a_blocking_comment(cast):
    for _ in range(ROUNDS):
        request = factories.change_request(cast["rita"], state=State.SUBMITTED, needs=["lead_or_security"])
        factories.revision(request)
        reading = asks.reading(request)

        def approve(request=request, reading=reading):
            workflow.approve(request, by=cast["omar"], **reading)

        def block(request=request):
            conversation.say(request, by=cast["ines"], text="Not yet.", blocking=True)

        approved, blocked = race(approve, block)

        request.refresh_from_db()
        assert (approved is None) != (blocked is None)
        assert isinstance(approved, DomainError | None)
        assert isinstance(blocked, WrongState | None)
        assert (request.state == State.APPROVED) == (not conversation.open_blocking(request).exists())
