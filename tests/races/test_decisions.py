"""Deciders at the same moment: one closing outcome each time, on SQLite and on PostgreSQL."""

import pytest

from patching import workflow
from patching.models import ChangeRequest, Decision
from portal.governance.models import AuditEntry
from tests.racing import race, verb, waiting

State = ChangeRequest.State
ROUNDS = 100

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


def test_two_last_approvers_at_once_do_not_miss_each_other(cast):
    for _ in range(ROUNDS):
        request = waiting(cast["rita"], ["team_lead", "security_operations"])
        race(verb("approve", request, cast["omar"]), verb("approve", request, cast["ivan"]))
        request.refresh_from_db()
        assert request.state == State.APPROVED
        assert Decision.objects.filter(revision=request.current, closes=True).count() == 1


def test_one_slot_is_filled_once_by_two_of_the_same_role(cast):
    for _ in range(ROUNDS):
        request = waiting(cast["rita"], ["team_lead", "security_operations"])
        came_to = race(verb("approve", request, cast["ines"]), verb("approve", request, cast["ivan"]))
        request.refresh_from_db()
        assert came_to.count(None) == 1
        assert request.state == State.SUBMITTED
        assert Decision.objects.filter(revision=request.current).count() == 1


def test_withdrawing_against_approving_leaves_one_of_the_two(cast):
    for _ in range(ROUNDS):
        request = waiting(cast["rita"], ["lead_or_security"])

        def withdraw(request=request):
            workflow.withdraw(request, by=cast["rita"])

        race(verb("approve", request, cast["omar"]), withdraw)
        request.refresh_from_db()
        moves = AuditEntry.objects.filter(
            object_type="patching.changerequest", object_id=str(request.pk), action__endswith="withdrawn"
        )
        # an approval may be withdrawn right after it; an approval after a withdrawal may not happen
        assert request.state == State.WITHDRAWN
        assert moves.count() == 1
