"""One key, many calls at once: one change request, and everybody is told of the same one or to wait."""

import pytest

from patching.models import ChangeRequest
from tests import asks, factories, people
from tests.racing import at_once

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

CALLS = 20
ROUNDS = 5
URL = "/api/v1/change-requests/"


def same_post(clients, key):
    """The same POST from every client, begun together; what each was answered."""
    body = {"title": asks.TITLE, "reason": asks.REASON, "items": [asks.window_item([])]}
    return at_once(
        *(lambda c=client: c.post(URL, body, format="json", HTTP_IDEMPOTENCY_KEY=key) for client in clients)
    )


def test_twenty_calls_with_one_key_make_one_change_request(cast):
    factories.payments()
    clients = [people.api_client(cast["rita"]) for _ in range(CALLS)]
    for number in range(ROUNDS):
        answers = same_post(clients, f"round-{number}")
        assert len(answers) == CALLS
        assert {answer.status_code for answer in answers} <= {201, 409}
        made = [answer for answer in answers if answer.status_code == 201]
        assert len({answer.content for answer in made}) == 1
        assert len([answer for answer in made if "Idempotent-Replayed" not in answer]) == 1
        waiting = {answer.json()["code"] for answer in answers if answer.status_code == 409}
        assert waiting <= {"idempotency_in_progress"}
        assert ChangeRequest.objects.count() == number + 1


def test_after_the_race_everybody_gets_the_answer(cast):
    factories.payments()
    clients = [people.api_client(cast["rita"]) for _ in range(CALLS)]
    same_post(clients, "one")
    settled = same_post(clients[:1], "one") + same_post(clients[1:2], "one")
    assert [answer["Idempotent-Replayed"] for answer in settled] == ["true", "true"]
    assert ChangeRequest.objects.count() == 1
