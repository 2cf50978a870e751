"""What waits for whom, as the number in the frame."""

from patching import shell, workflow
from patching.models import ChangeRequest
from tests import asks, factories


def waiting(cast):
    return {name for name, person in cast.items() if shell.counts(person)["requests"]}


def test_a_request_waits_for_those_who_may_decide_on_it(cast):
    asks.submitted(cast["rita"], asks.ha_items(asks.fleet()))
    assert waiting(cast) == {"omar", "ines", "ivan", "clara", "dora"}


def test_asked_for_changes_wait_for_who_asked(cast):
    request = asks.submitted(cast["rita"], asks.ha_items(asks.fleet()))
    workflow.request_changes(request, by=cast["ines"], reason="Zones overlap.", **asks.reading(request))
    assert waiting(cast) == {"rita"}


def test_a_failed_push_waits_for_the_operator(cast):
    request = factories.change_request(cast["rita"])
    ChangeRequest.objects.filter(pk=request.pk).update(state="failed")
    assert waiting(cast) == {"opal"}


def test_a_draft_waits_for_nobody_and_is_found_by_its_author(cast):
    request = asks.drafted(cast["rita"], asks.ha_items(asks.fleet()))
    assert waiting(cast) == set()
    assert list(shell.drafts(cast["rita"])) == [request]
    assert not shell.drafts(cast["omar"]).exists()
