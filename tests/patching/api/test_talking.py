"""The discussion of a request through the API."""

import pytest

from portal.governance import conversation
from tests import asks

URL = "/api/v1/change-requests/"


@pytest.fixture
def change(cast):
    """One window of a production server, submitted by rita."""
    return asks.submitted(cast["rita"], [asks.window_item(asks.fleet()[-1:], "prod")])


def comments(change):
    return f"{URL}{change.pk}/comments/"


def test_a_comment_is_said_and_listed_newest_first(change, cast, call_api):
    rita, omar = call_api(cast["rita"]), call_api(cast["omar"])
    first = rita.post(comments(change), {"text": "Sundays are quiet."}, format="json")
    second = omar.post(comments(change), {"text": "Not this one.", "blocking": True}, format="json")

    assert first.status_code == second.status_code == 201
    assert first.json() == {
        "id": first.json()["id"],
        "author": {"username": "rita", "name": "Rita Braun"},
        "at": first.json()["at"],
        "revision": 1,
        "text": "Sundays are quiet.",
        "mentioned": [],
        "blocking": False,
        "private": False,
        "resolved_at": None,
        "resolved_by": None,
    }
    assert rita.get(comments(change)).json()["results"] == [second.json(), first.json()]


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({}, "text", "required"),
        ({"text": " "}, "text", "blank"),
        ({"text": "x" * 4001}, "text", "max_length"),
        ({"text": "Well.", "secret": True}, "secret", "unknown"),
        ({"text": "Well.", "blocking": "maybe"}, "blocking", "invalid"),
        ({"text": "@noor?"}, "text", "mentions"),
        ({"text": "Well.", "blocking": True, "private": True}, "private", "conflict"),
    ],
)
def test_what_cannot_be_said_is_a_400_that_names_the_field(change, cast, call_api, body, field, code):
    reply = call_api(cast["ines"]).post(comments(change), body, format="json")

    assert reply.status_code == 400
    assert [(one["field"], one["code"]) for one in reply.json()["errors"]] == [(field, code)]
    assert not change.comments.exists()


def test_who_may_not_block_or_write_notes_gets_403(change, cast, call_api):
    for extra in ({"blocking": True}, {"private": True}):
        reply = call_api(cast["rita"]).post(comments(change), {"text": "Well.", **extra}, format="json")
        assert (reply.status_code, reply.json()["code"]) == (403, "not_allowed")


def test_a_comment_of_something_else_is_not_there_to_resolve(change, cast, call_api):
    other = asks.drafted(cast["rita"], [asks.window_item(asks.fleet()[:1])])
    said = conversation.say(other, by=cast["ines"], text="Not yet.", blocking=True)

    assert (
        call_api(cast["ines"]).post(f"{comments(change)}{said.pk}/resolve/", format="json").status_code == 404
    )
    assert (
        call_api(cast["ines"]).post(f"{comments(other)}{said.pk}/resolve/", format="json").status_code == 200
    )
    assert (
        call_api(cast["ines"]).post(f"{comments(other)}{said.pk}/resolve/", format="json").status_code == 409
    )


def test_a_call_sent_again_says_it_once(change, cast, call_api):
    client = call_api(cast["rita"])
    for _ in range(2):
        reply = client.post(
            comments(change), {"text": "Once."}, headers={"Idempotency-Key": "one"}, format="json"
        )
        assert reply.status_code == 201

    assert change.comments.count() == 1


def test_a_list_of_comments_asks_no_query_for_each(change, cast, call_api, django_assert_max_num_queries):
    for number in range(12):
        conversation.say(change, by=cast["omar"], text=f"{number}, @rita @ines")
    client = call_api(cast["rita"])

    with django_assert_max_num_queries(16):
        assert len(client.get(comments(change)).json()["results"]) == 12
