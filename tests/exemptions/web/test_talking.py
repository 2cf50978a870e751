"""The discussion of an exemption as a browser meets it."""

from datetime import timedelta

import pytest
from django.urls import reverse

from exemptions import workflow
from portal.governance import clock, conversation
from portal.governance.models import LastLook
from tests.exemptions import asks

SECRET = "The vendor has had a breach of its own"


@pytest.fixture
def asked(cast):
    """Two production servers for ten days, submitted by rita."""
    return asks.submitted(cast["rita"])


def url(name, *args):
    return reverse(f"exemptions:{name}", args=args)


def text(reply):
    return reply.content.decode()


def say(client, exemption, words, **boxes):
    return client.post(url("exemption-comment", exemption.pk), {"text": words, **boxes}, follow=True)


def test_what_is_said_stands_on_the_page(asked, cast, browse):
    reply = say(browse(cast["clara"]), asked, "Which card scheme, @rita?")

    assert reply.redirect_chain == [(f"/exemptions/{asked.pk}/?tab=discussion#discussion", 302)]
    page = text(browse(cast["rita"]).get(url("exemption-detail", asked.pk)))
    assert "Which card scheme, @rita?" in page
    assert "on revision 2" in page


def test_private_notes_are_marked_and_shown_to_few(asked, cast, browse):
    say(browse(cast["ivan"]), asked, SECRET, private="on")

    for name, shown in {"clara": True, "dora": True, "axel": True, "omar": False, "opal": False}.items():
        page = text(browse(cast[name]).get(url("exemption-detail", asked.pk)))
        assert (SECRET in page, "Private note</span>" in page) == (shown, shown)
        assert "wrote a private note" in page


def test_an_approval_is_held_up_until_the_comment_is_resolved(asked, cast, browse):
    say(browse(cast["ivan"]), asked, "Show the vendor's word.", blocking="on")
    said = asked.comments.get()
    clara = browse(cast["clara"])
    assert "A comment by Ivan Petrov has to be resolved" in text(clara.get(url("exemption-detail", asked.pk)))
    read = asks.reading(asked)
    word = {"outcome": "approve", "revision": read["revision"], "digest": read["digest"]}
    reply = clara.post(url("exemption-decide", asked.pk), word)
    assert reply.status_code == 422
    assert "blocking comments are open: by Ivan Petrov" in text(reply)

    address = url("comment-resolve", asked.pk, said.pk)
    assert browse(cast["rita"]).post(address).status_code == 403
    assert "Clara Weiss resolved it" in text(clara.post(address, follow=True))
    assert clara.post(url("exemption-decide", asked.pk), word).status_code == 302


def test_a_mistake_keeps_the_words_and_says_what_is_wrong(asked, cast, browse):
    reply = say(browse(cast["rita"]), asked, "Ask @noor.")

    assert reply.status_code == 400
    assert "@noor is nobody who may read" in text(reply)
    assert ">\nAsk @noor.</textarea>" in text(reply)


def test_somebody_elses_comment_and_a_note_that_may_not_be_read_are_not_there(asked, cast, browse):
    note = conversation.say(asked, by=cast["ines"], text=SECRET, private=True)

    assert browse(cast["omar"]).post(url("comment-resolve", asked.pk, note.pk)).status_code == 404
    assert browse(cast["omar"]).post(url("comment-resolve", asked.pk, 987654)).status_code == 404


def test_whoever_looked_before_an_edit_sees_what_changed_since(asked, cast, browse):
    clara, page = browse(cast["clara"]), url("exemption-detail", asked.pk)
    assert "since" not in clara.get(page).context
    server, ends = asked.instances.first(), clock.now() + timedelta(days=3)
    workflow.revise(asked, by=cast["rita"], note="Shorter.", **asks.wish([server], ends_at=ends))

    reply = clara.get(page)

    told = {one.field: one.now for one in reply.context["since"]["moved"]}
    assert told == {"Ends": ends, "Instances": [server.instance_id]}
    assert "Since you last looked" in text(reply)
    assert "“Shorter.”" in text(reply)
    assert "Read revision 3 in full" in text(reply)
    assert "since" not in browse(cast["rita"]).get(page).context
    looks = LastLook.objects.filter(user=cast["clara"]).values_list("object_type", "revision")
    assert set(looks) == {("exemptions.exemption", 2), ("exemptions.exemption", 3)}
