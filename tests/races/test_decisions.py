"""Deciders at the same moment: one closing outcome each time, on SQLite and on PostgreSQL."""

import threading
from collections import Counter

import pytest
from django.db import connection

from patching import workflow
from patching.models import ChangeRequest, Decision
from portal.governance import audit
from portal.governance.errors import DomainError, NotAllowed, WrongState
from portal.governance.models import AuditEntry
from tests import asks, factories

State = ChangeRequest.State
ROUNDS = 300
CLOSED = {State.APPROVED, State.REJECTED, State.CHANGES_REQUESTED, State.WITHDRAWN}

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


def waiting(by, needs):
    """A submitted request as rows, so that each round costs the race and nothing else."""
    request = factories.change_request(by, state=State.SUBMITTED, needs=needs)
    factories.revision(request)
    return request


def race(*attempts):
    """Run these at once; what each came to, in order: None or the error."""
    start, came_to = threading.Barrier(len(attempts)), [None] * len(attempts)

    def run(number, attempt):
        start.wait()
        try:
            attempt()
        except DomainError as error:
            came_to[number] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(attempts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return came_to


def verb(name, request, person, **extra):
    reading = asks.reading(request)

    def attempt():
        getattr(workflow, name)(request, by=person, **reading, **extra)

    return attempt


def test_three_deciders_at_once_close_each_request_exactly_once(cast):
    outcomes = Counter()
    for _ in range(ROUNDS):
        request = waiting(cast["rita"], ["lead_or_security"])
        came_to = race(
            verb("approve", request, cast["omar"]),
            verb("reject", request, cast["ines"], reason="Not now."),
            verb("request_changes", request, cast["ivan"], reason="Later."),
        )
        request.refresh_from_db()
        outcomes[request.state] += 1
        assert came_to.count(None) == 1
        assert all(isinstance(error, WrongState | NotAllowed) for error in came_to if error)
        assert Decision.objects.filter(revision=request.current, closes=True).count() == 1
        assert Decision.objects.filter(revision=request.current).count() == 1
        assert request.state in CLOSED
    assert sum(outcomes.values()) == ROUNDS
    assert audit.verify().holds


def test_two_last_approvers_at_once_do_not_miss_each_other(cast):
    for _ in range(ROUNDS // 3):
        request = waiting(cast["rita"], ["team_lead", "security_operations"])
        race(verb("approve", request, cast["omar"]), verb("approve", request, cast["ivan"]))
        request.refresh_from_db()
        assert request.state == State.APPROVED
        assert Decision.objects.filter(revision=request.current, closes=True).count() == 1


def test_one_slot_is_filled_once_by_two_of_the_same_role(cast):
    for _ in range(ROUNDS // 3):
        request = waiting(cast["rita"], ["team_lead", "security_operations"])
        came_to = race(verb("approve", request, cast["ines"]), verb("approve", request, cast["ivan"]))
        request.refresh_from_db()
        assert came_to.count(None) == 1
        assert request.state == State.SUBMITTED
        assert Decision.objects.filter(revision=request.current).count() == 1


def test_withdrawing_against_approving_leaves_one_of_the_two(cast):
    for _ in range(ROUNDS // 3):
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


def test_an_edit_against_an_approval_is_never_approved_unread(cast):
    fleet = asks.fleet()
    for number in range(ROUNDS // 10):
        request = asks.submitted(cast["rita"], [asks.window_item(fleet[:1], name=f"race-{number}")])
        longer = [asks.window_item(fleet[:1], name=f"race-{number}", duration=6)]

        def edit(request=request, longer=longer):
            workflow.revise(request, by=cast["rita"], title=asks.TITLE, reason=asks.REASON, items=longer)

        race(verb("approve", request, cast["omar"]), edit)
        request.refresh_from_db()
        if request.state == State.APPROVED:
            assert request.current.number == 1
            workflow.withdraw(request, by=cast["rita"])
        else:
            assert (request.state, request.current.number) == (State.SUBMITTED, 2)
            assert not Decision.objects.filter(revision=request.current).exists()
            workflow.withdraw(request, by=cast["rita"])
