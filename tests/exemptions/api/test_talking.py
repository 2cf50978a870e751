"""The discussion of an exemption through the API, and what no export holds of it."""

import pytest

from portal.governance import conversation
from tests.exemptions import asks

URL = "/api/v1/exemptions/"
SECRET = "The vendor has had a breach of its own"


@pytest.fixture
def asked(cast):
    """Two production servers for ten days, submitted by rita."""
    return asks.submitted(cast["rita"])


def comments(exemption):
    return f"{URL}{exemption.pk}/comments/"


def test_comments_are_said_listed_and_resolved(asked, cast, call_api):
    ivan, clara = call_api(cast["ivan"]), call_api(cast["clara"])

    said = ivan.post(
        comments(asked), {"text": "Show the vendor's word, @rita.", "blocking": True}, format="json"
    )
    assert said.status_code == 201
    assert said.json()["mentioned"] == [{"username": "rita", "name": "Rita Braun"}]
    read = {"revision": 2, "digest": asked.current.digest}
    refused = clara.post(f"{URL}{asked.pk}/approve/", read, format="json")
    assert (refused.status_code, refused.json()["code"]) == (422, "rule_broken")
    assert "by Ivan Petrov" in refused.json()["detail"]

    resolved = clara.post(f"{comments(asked)}{said.json()['id']}/resolve/", format="json")
    assert resolved.json()["resolved_by"]["username"] == "clara"
    assert clara.get(comments(asked)).json()["results"] == [resolved.json()]
    assert clara.post(f"{URL}{asked.pk}/approve/", read, format="json").status_code == 200


@pytest.mark.parametrize(
    ("name", "shown"),
    [("ines", True), ("clara", True), ("dora", True), ("axel", True), ("rita", False), ("opal", False)],
)
def test_private_notes_are_listed_to_few(asked, cast, call_api, name, shown):
    conversation.say(asked, by=cast["ivan"], text=SECRET, private=True)

    rows = call_api(cast[name]).get(comments(asked)).json()["results"]

    assert [(one["text"], one["private"]) for one in rows] == ([(SECRET, True)] if shown else [])


EXPORTS = ("/exemptions/?format=csv", "/exemptions/?format=xlsx", "/audit/?format=csv")
READS = (f"{URL}", "{row}", "/api/v1/audit/")


@pytest.mark.parametrize("name", ["axel", "clara"])
def test_no_export_holds_the_words_of_a_private_note(asked, cast, call_api, browse, name):
    """Not even for those who read them on the page."""
    conversation.say(asked, by=cast["ivan"], text=f"{SECRET}, @ines.", private=True)

    for address in EXPORTS:
        reply = browse(cast[name]).get(address)
        assert reply.status_code == 200
        assert SECRET.encode() not in b"".join(reply)
    for address in READS:
        reply = call_api(cast[name]).get(address.format(row=f"{URL}{asked.pk}/"))
        assert SECRET not in reply.content.decode()
