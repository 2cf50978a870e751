"""The discussion of a request as a browser meets it."""

import pytest
from django.urls import reverse

from patching import contents, workflow
from portal.governance import conversation
from portal.governance.models import LastLook
from tests import asks
from tests.patching.web.conftest import text_of

SECRET = "The vendor has had a breach of its own"


@pytest.fixture
def change(cast):
    """One window of a production server, submitted by rita: it needs omar and security operations."""
    return asks.submitted(cast["rita"], [asks.window_item(asks.fleet()[-1:], "prod")])


def page_of(change, tab="discussion"):
    return f"{reverse('patching:request-detail', args=[change.pk])}?tab={tab}"


def say(client, change, text, **boxes):
    address = reverse("patching:request-comment", args=[change.pk])
    return client.post(address, {"text": text, **boxes}, follow=True)


def resolve(client, change, said):
    return client.post(reverse("patching:comment-resolve", args=[change.pk, said.pk]), follow=True)


def test_what_is_said_stands_on_the_page_and_in_the_count_of_its_tab(change, cast, browse):
    reply = say(browse(cast["omar"]), change, "Why at two?\n<b>Bold</b>")

    page = text_of(reply)
    assert reply.redirect_chain == [(f"/requests/{change.pk}/?tab=discussion#discussion", 302)]
    assert "Why at two?<br>&lt;b&gt;Bold&lt;/b&gt;" in page
    assert {one["key"]: one["count"] for one in reply.context["tabs"]}["discussion"] == 1
    timeline = text_of(browse(cast["rita"]).get(page_of(change, "timeline")))
    assert "commented" in timeline
    assert "Why at two?" not in timeline


@pytest.mark.parametrize(
    ("name", "form", "blocks", "notes"),
    [
        ("rita", True, False, False),
        ("omar", True, True, False),
        ("ines", True, True, True),
        ("dora", True, True, True),
        ("opal", True, False, False),
        ("axel", False, False, False),
    ],
)
def test_everybody_is_shown_the_boxes_that_are_theirs(change, cast, browse, name, form, blocks, notes):
    page = text_of(browse(cast[name]).get(page_of(change)))

    assert ("Send comment" in page) == form
    assert ('name="blocking"' in page) == blocks
    assert ('name="private"' in page) == notes


def test_private_notes_are_marked_and_shown_to_few(change, cast, browse):
    say(browse(cast["ines"]), change, SECRET, private="on")

    for name, shown in {"ivan": True, "clara": True, "axel": True, "rita": False, "opal": False}.items():
        reply = browse(cast[name]).get(page_of(change))
        assert (SECRET in text_of(reply), "Private note</span>" in text_of(reply)) == (shown, shown)
        assert {one["key"]: one["count"] for one in reply.context["tabs"]}["discussion"] == int(shown)


def test_a_box_that_was_not_offered_is_refused_and_nothing_is_said_in_the_open(change, cast, browse):
    reply = say(browse(cast["rita"]), change, SECRET, private="on")

    assert reply.status_code == 403
    assert "Security operations and the CISO write private notes." in text_of(reply)
    assert SECRET in text_of(reply)  # still in the form
    assert not change.comments.exists()


def test_a_mistake_keeps_the_words_and_says_what_is_wrong(change, cast, browse):
    reply = say(browse(cast["rita"]), change, "Ask @noor.")

    page = text_of(reply)
    assert reply.status_code == 400
    assert "@noor is nobody who may read" in page
    assert ">\nAsk @noor.</textarea>" in page
    assert "Not sent." in page
    assert say(browse(cast["rita"]), change, " ").status_code == 400


def test_an_approval_is_held_up_until_the_comment_is_resolved(change, cast, browse):
    say(browse(cast["ivan"]), change, "Name a rollback first.", blocking="on")
    said = change.comments.get()
    omar, rita = browse(cast["omar"]), browse(cast["rita"])
    assert "Approval is blocked.</span> A comment by Ivan Petrov has to be resolved" in text_of(
        omar.get(page_of(change, "changes"))
    )
    read = {"revision": change.current.number, "digest": change.current.digest, "outcome": "approve"}
    reply = omar.post(reverse("patching:request-decide", args=[change.pk]), read)
    assert reply.status_code == 422
    assert "blocking comments are open: by Ivan Petrov" in text_of(reply)

    assert "Resolve comment" not in text_of(rita.get(page_of(change)))
    assert resolve(rita, change, said).status_code == 403
    reply = resolve(omar, change, said)

    assert "Omar Haddad resolved it" in text_of(reply)
    assert "Approval is blocked" not in text_of(reply)
    assert resolve(omar, change, said).status_code == 409


def test_a_note_that_may_not_be_read_is_not_there_to_resolve(change, cast, browse):
    said = conversation.say(change, by=cast["ines"], text=SECRET, private=True)

    assert resolve(browse(cast["omar"]), change, said).status_code == 404
    assert resolve(browse(cast["ivan"]), change, said).status_code == 409


def test_a_closed_request_is_read_and_not_talked_about(change, cast, browse):
    conversation.say(change, by=cast["ines"], text="Take Sunday.")
    workflow.withdraw(change, by=cast["rita"])

    page = text_of(browse(cast["rita"]).get(page_of(change)))

    assert "Take Sunday." in page
    assert "nothing more is said about it" in page
    assert "Send comment" not in page
    assert say(browse(cast["rita"]), change, "Too late.").status_code == 409


# what changed since somebody looked


def revised(change, cast, **spec):
    items = [asks.window_item(asks.fleet()[-1:], "prod", **spec)]
    items[0]["spec"]["instances"] = contents.content_of(change.current)["items"][0]["spec"]["instances"]
    return workflow.revise(
        change, by=cast["rita"], title="Patch payments later", reason=asks.REASON, items=items, note="Longer."
    )


def test_whoever_looked_before_an_edit_sees_what_changed_since(change, cast, browse):
    ivan = browse(cast["ivan"])
    assert "since" not in ivan.get(page_of(change)).context
    change = revised(change, cast, duration=6)

    reply = ivan.get(page_of(change, "changes"))

    told = {one.field: (one.read, one.now) for one in reply.context["since"]["moved"]}
    assert told["Title"] == (asks.TITLE, "Patch payments later")
    assert told.keys() == {"Title", "Window payments-prod: duration and cutoff"}
    page = text_of(reply)
    assert "Since you last looked" in page
    assert "“Longer.”" in page
    assert "since" not in browse(cast["rita"]).get(page_of(change)).context
    assert "since" not in browse(cast["ines"]).get(page_of(change)).context


def test_only_a_page_that_was_opened_counts_as_a_look(change, cast, browse):
    say(browse(cast["ivan"]), change, " ")
    browse(cast["noor"]).get(page_of(change))
    assert not LastLook.objects.exists()

    browse(cast["ivan"]).get(page_of(change))
    assert [(one.user, one.revision) for one in LastLook.objects.all()] == [(cast["ivan"], 1)]
