"""Several people decide on one request, or edit it, at the same moment: one outcome, and never of what nobody read."""

import pytest

from patching import workflow
from patching.models import ChangeRequest, Decision
from portal.governance import audit
from portal.governance.errors import NotAllowed, StaleRevision, WrongState
from portal.governance.models import Role, RoleGrant, User
from tests import asks, people
from tests.faults.rig import matrix
from tests.racing import race, verb, waiting

State = ChangeRequest.State
VERBS = (("approve", {}), ("reject", {"reason": "Not now."}), ("request_changes", {"reason": "Later."}))
CLOSED = {State.APPROVED, State.REJECTED, State.CHANGES_REQUESTED}
APPROVERS = 8

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def approvers(cast):
    """Eight people, each of whom may close the request alone."""
    found = [cast["ines"], cast["ivan"]]
    for number in range(APPROVERS - len(found)):
        one = User.objects.create_user(f"security-{number}", f"security-{number}@example.com")
        RoleGrant.objects.create(user=one, role=Role.SECURITY_OPERATIONS, starts_at=people.LONG_AGO)
        found.append(one)
    return found


def test_eight_deciders_at_once_close_each_request_exactly_once(cast, approvers, figures):
    tally = figures("F11", "8 people approve, reject and ask for changes at the same moment")
    for _ in range(matrix.rounds(60, 300)):
        request = waiting(cast["rita"], ["lead_or_security"])
        attempts = [
            verb(VERBS[number % 3][0], request, one, **VERBS[number % 3][1])
            for number, one in enumerate(approvers)
        ]
        came_to = race(*attempts)
        request.refresh_from_db()
        tally.rounds += 1
        tally.count("won", came_to.count(None))
        tally.count("decisions kept", Decision.objects.filter(revision=request.current).count())
        tally.double += Decision.objects.filter(revision=request.current, closes=True).count() - 1
        assert all(isinstance(error, WrongState | NotAllowed) for error in came_to if error)
        assert request.state in CLOSED
    tally.tell()
    assert (tally.other["won"], tally.other["decisions kept"], tally.double) == (
        tally.rounds,
        tally.rounds,
        0,
    )
    assert audit.verify().holds


def test_an_edit_against_an_approval_is_never_approved_unread(cast, figures):
    tally = figures("F10", "a request is edited and approved at the same moment")
    fleet = asks.fleet()
    for number in range(matrix.rounds(20, 300)):
        request = asks.submitted(cast["rita"], [asks.window_item(fleet[:1], name=f"race-{number}")])
        longer = [asks.window_item(fleet[:1], name=f"race-{number}", duration=6)]

        def edit(request=request, longer=longer):
            workflow.revise(request, by=cast["rita"], title=asks.TITLE, reason=asks.REASON, items=longer)

        approved, edited = race(verb("approve", request, cast["omar"]), edit)
        request.refresh_from_db()
        unread = request.current.number == 2 and Decision.objects.filter(revision=request.current).exists()
        tally.rounds += 1
        tally.count("approved", approved is None)
        tally.count("edited", edited is None)
        tally.count("approved unread", unread)
        assert approved is None or isinstance(approved, StaleRevision | WrongState)
        assert edited is None or request.state == State.APPROVED
        workflow.withdraw(request, by=cast["rita"])
    tally.tell()
    assert tally.other["approved unread"] == 0
    assert tally.other["approved"] + tally.other["edited"] == tally.rounds
