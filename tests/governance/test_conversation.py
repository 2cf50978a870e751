"""Comments on requests and exemptions: who says what to whom, what blocks, what stays private."""

import pytest
from django.db import IntegrityError, transaction

from patching import workflow
from portal.governance import audit, conversation, deciding, roles
from portal.governance.errors import InvalidInput, NotAllowed, WrongState
from portal.governance.models import AuditEntry, Delegation, Membership, OutboxMessage, Role
from tests import asks, factories, people
from tests.exemptions import asks as exempt

EVERYBODY = ("rita", "omar", "ines", "ivan", "clara", "dora", "axel", "opal", "adam", "noor")
SPEAKERS = {"rita", "omar", "ines", "ivan", "clara", "dora", "opal"}
DECIDERS = {"omar", "ines", "ivan", "clara", "dora"}
SECURITY = {"ines", "ivan", "clara", "dora"}
SECRET = "The vendor has had a breach of its own"


@pytest.fixture(params=["request", "exemption"])
def thing(cast, request):
    """Submitted by rita: a request for a window in dev, or an exemption of two servers."""
    if request.param == "exemption":
        made = exempt.submitted(cast["rita"])
    else:
        made = asks.submitted(cast["rita"], [asks.window_item(asks.fleet()[:1])])
    OutboxMessage.objects.all().delete()
    return made


@pytest.fixture
def change(cast):
    """A submitted request as rows alone."""
    made = factories.change_request(cast["rita"], state="submitted", needs=["lead_or_security"])
    factories.revision(made)
    return made


def mail():
    """Who was told what, by user name: the event, the subject."""
    return {one.recipient.username: one for one in OutboxMessage.objects.select_related("recipient")}


def last_entry():
    return AuditEntry.objects.latest("seq")


def attempt(verb):
    """What it came to: the kind of error, or None."""
    try:
        verb()
    except (NotAllowed, WrongState, InvalidInput) as error:
        return type(error)
    return None


# who speaks


def test_a_comment_keeps_its_words_its_author_and_the_revision_it_was_about(thing, cast):
    said = conversation.say(thing, by=cast["clara"], text="  Which driver?\r\nAnd since when?  ")

    assert said.text == "Which driver?\nAnd since when?"
    assert (said.author, said.about_revision) == (cast["clara"], thing.current.number)
    assert not said.is_blocking
    assert not said.is_private
    entry = last_entry()
    assert entry.action == f"{thing._meta.label_lower}.comment.said"
    assert (entry.object_id, entry.actor, entry.team) == (str(thing.pk), cast["clara"], thing.team)
    assert audit.verify().holds


@pytest.mark.parametrize("name", EVERYBODY)
def test_members_of_the_team_and_those_whose_work_it_is_speak(change, cast, name):
    came_to = attempt(lambda: conversation.say(change, by=cast[name], text="A word."))

    assert came_to == (None if name in SPEAKERS else NotAllowed)


@pytest.mark.parametrize("text", ["", "   \n ", "x" * 4001])
def test_a_comment_has_1_to_4000_characters(change, cast, text):
    with pytest.raises(InvalidInput, match="1 to 4000") as refused:
        conversation.say(change, by=cast["rita"], text=text)

    assert [(one.field, one.code) for one in refused.value.problems] == [("text", "length")]


@pytest.mark.parametrize("state", ["rejected", "withdrawn", "applied", "stale", "superseded"])
def test_nothing_is_said_once_nothing_can_become_of_it(change, cast, state):
    type(change).objects.filter(pk=change.pk).update(state=state)

    with pytest.raises(WrongState, match="conversation is closed"):
        conversation.say(change, by=cast["rita"], text="Too late.")


def test_what_was_said_is_neither_changed_nor_deleted_by_any_door(thing, cast):
    said = conversation.say(thing, by=cast["rita"], text="It stops.")
    rows = type(said).objects.filter(pk=said.pk)

    for change in ({"text": "It runs."}, {"author": cast["omar"]}, {"is_private": True}):
        with pytest.raises(IntegrityError), transaction.atomic():
            rows.update(**change)
    with pytest.raises(IntegrityError), transaction.atomic():
        rows._raw_delete("default")
    assert rows.get().text == "It stops."


# mentions


def test_a_mention_tells_by_mail_and_takes_commas_dots_and_capitals(change, cast):
    said = conversation.say(
        change, by=cast["rita"], text="@omar, @Ines: see rita@example.com. Ask (@ivan). Thanks @omar."
    )

    assert set(said.mentioned.all()) == {cast["omar"], cast["ines"], cast["ivan"]}
    told = mail()
    assert set(told) == {"omar", "ines", "ivan"}
    assert told["omar"].subject.startswith(f"Rita Braun mentions you on {change.number}")
    assert told["omar"].url == f"/requests/{change.pk}/?tab=discussion#discussion"


@pytest.mark.parametrize("name", ["noor", "adam", "nobody"])
def test_a_stranger_is_not_mentioned_and_told_from_nobody(change, cast, name):
    with pytest.raises(InvalidInput) as refused:
        conversation.say(change, by=cast["rita"], text=f"Ask @{name}, @omar.")

    assert [(one.field, one.code, one.message) for one in refused.value.problems] == [
        (
            "text",
            "mentions",
            f"@{name} is nobody who may read {change.number}. Leave the @ out if you mean no person.",
        )
    ]
    assert not change.comments.exists()
    assert mail() == {}


def test_somebody_who_has_left_is_not_mentioned(change, cast):
    type(cast["omar"]).objects.filter(pk=cast["omar"].pk).update(is_active=False)

    with pytest.raises(InvalidInput, match="@omar is nobody"):
        conversation.say(change, by=cast["rita"], text="@omar?")


def test_a_comment_mentions_ten_people_at_most(change, cast):
    names = " ".join(f"@person{number}" for number in range(11))

    with pytest.raises(InvalidInput, match="10 people at most; this names 11"):
        conversation.say(change, by=cast["rita"], text=names)


# mail


def test_who_took_part_is_told_once_each_and_never_the_speaker(thing, cast):
    conversation.say(thing, by=cast["ines"], text="First.")
    assert set(mail()) == {"rita"}
    conversation.say(thing, by=cast["omar"], text="Second, for @rita.")

    told = list(OutboxMessage.objects.filter(body="Second, for @rita.").select_related("recipient"))
    assert {one.recipient.username: one.subject.split(thing.number)[0] for one in told} == {
        "rita": "Omar Haddad mentions you on ",
        "ines": "Omar Haddad commented on ",
    }
    assert len(told) == 2


def test_who_decided_is_told(cast):
    request = asks.submitted(cast["rita"], [asks.window_item(asks.fleet()[4:5], "prod")])
    asks.approve(request, cast["omar"])
    OutboxMessage.objects.all().delete()

    conversation.say(request, by=cast["ivan"], text="Why at noon?")

    assert set(mail()) == {"rita", "omar"}


def test_who_took_part_and_may_not_see_it_any_more_is_not_told(change, cast):
    conversation.say(change, by=cast["omar"], text="I leave the team tomorrow.")
    OutboxMessage.objects.all().delete()
    Membership.objects.filter(user=cast["omar"]).delete()

    conversation.say(change, by=cast["ines"], text="Who takes over?")

    assert set(mail()) == {"rita"}


# blocking


@pytest.mark.parametrize("name", sorted(SPEAKERS))
def test_only_those_who_decide_block(change, cast, name):
    came_to = attempt(lambda: conversation.say(change, by=cast[name], text="Not yet.", blocking=True))

    assert came_to == (None if name in DECIDERS else NotAllowed)


@pytest.mark.parametrize("name", sorted(SPEAKERS))
def test_who_wrote_it_and_others_who_decide_resolve(change, cast, name):
    said = conversation.say(change, by=cast["ivan"], text="Name a rollback.", blocking=True)

    came_to = attempt(lambda: conversation.resolve(change, said, by=cast[name]))

    said.refresh_from_db()
    assert came_to == (None if name in DECIDERS else NotAllowed)
    assert said.resolved_by == (cast[name] if name in DECIDERS else None)


def test_an_author_who_leads_the_team_neither_blocks_nor_resolves(change, cast):
    said = conversation.say(change, by=cast["ivan"], text="Name a rollback.", blocking=True)
    factories.revision(change, by=cast["omar"])

    with pytest.raises(NotAllowed, match="did not write"):
        conversation.resolve(change, said, by=cast["omar"])
    with pytest.raises(NotAllowed, match="nobody who wrote"):
        conversation.say(change, by=cast["omar"], text="Wait.", blocking=True)


def test_who_blocked_it_and_then_helped_to_write_it_resolves_their_own(change, cast):
    said = conversation.say(change, by=cast["omar"], text="Take Sunday.", blocking=True)
    factories.revision(change, by=cast["omar"])

    assert conversation.resolve(change, said, by=cast["omar"]).resolved_by == cast["omar"]


def test_a_delegate_does_not_resolve_for_a_ciso_who_is_an_author(change, cast):
    said = conversation.say(change, by=cast["ivan"], text="Name a rollback.", blocking=True)
    factories.revision(change, by=cast["clara"])

    with pytest.raises(NotAllowed):
        conversation.resolve(change, said, by=cast["dora"])


def test_a_lead_who_audits_blocks_nothing(change, cast):
    people.RoleGrant.objects.create(
        user=cast["omar"], role=Role.AUDITOR, starts_at=people.LONG_AGO, ends_at=people.FAR_AHEAD
    )

    with pytest.raises(NotAllowed):
        conversation.say(change, by=cast["omar"], text="Wait.", blocking=True)


def test_resolving_tells_who_wrote_it_and_who_asked(thing, cast):
    said = conversation.say(thing, by=cast["ivan"], text="Name a rollback.", blocking=True)
    OutboxMessage.objects.all().delete()

    conversation.resolve(thing, said, by=cast["ines"])

    assert set(mail()) == {"ivan", "rita"}
    assert last_entry().action == f"{thing._meta.label_lower}.comment.resolved"


def test_a_comment_is_resolved_once_and_only_if_it_blocks(change, cast):
    plain = conversation.say(change, by=cast["ivan"], text="Good.")
    blocking = conversation.say(change, by=cast["ivan"], text="Not yet.", blocking=True)
    conversation.resolve(change, blocking, by=cast["ivan"])

    with pytest.raises(WrongState, match="blocks nothing"):
        conversation.resolve(change, plain, by=cast["ivan"])
    with pytest.raises(WrongState, match="Ivan Petrov resolved it already"):
        conversation.resolve(change, blocking, by=cast["ines"])


def test_what_is_approved_already_cannot_be_blocked(change, cast):
    type(change).objects.filter(pk=change.pk).update(state="approved")

    with pytest.raises(WrongState, match="no approval left to block"):
        conversation.say(change, by=cast["ines"], text="Wait.", blocking=True)


# private notes


@pytest.mark.parametrize("name", sorted(SPEAKERS))
def test_security_operations_and_the_ciso_write_private_notes(change, cast, name):
    came_to = attempt(lambda: conversation.say(change, by=cast[name], text=SECRET, private=True))

    assert came_to == (None if name in SECURITY else NotAllowed)


@pytest.mark.parametrize("name", EVERYBODY)
def test_private_notes_are_read_by_security_operations_ciso_and_auditors(change, cast, name):
    conversation.say(change, by=cast["ines"], text="In the open.")
    conversation.say(change, by=cast["ines"], text=SECRET, private=True)

    said = {one.text for one in conversation.visible_comments(change, cast[name])}

    assert said == {"In the open."} | ({SECRET} if name in SECURITY | {"axel"} else set())


def test_a_delegate_reads_notes_between_the_dates_only(change, cast):
    conversation.say(change, by=cast["ines"], text=SECRET, private=True)
    assert conversation.visible_comments(change, cast["dora"]).exists()
    Delegation.objects.all().delete()
    Membership.objects.create(user=cast["dora"], team=change.team)

    assert not roles.has_role(cast["dora"], Role.CISO)
    assert not conversation.visible_comments(change, cast["dora"]).exists()


def test_a_private_note_leaves_its_words_nowhere_else(thing, cast):
    conversation.say(thing, by=cast["ines"], text=f"{SECRET}, @ivan.", private=True)

    assert set(mail()) == {"ivan"}
    entry = last_entry()
    assert entry.action.endswith("comment.private")
    assert set(entry.detail) == {"comment", "revision"}
    told = [*OutboxMessage.objects.values_list("subject", "body"), *AuditEntry.objects.values_list()]
    assert SECRET not in str(told)


@pytest.mark.parametrize("name", ["rita", "omar", "opal"])
def test_a_private_note_mentions_only_those_who_may_read_it(change, cast, name):
    with pytest.raises(InvalidInput, match=f"@{name} is nobody who may read this private note"):
        conversation.say(change, by=cast["ines"], text=f"@{name}?", private=True)


def test_a_private_note_blocks_nothing(change, cast):
    with pytest.raises(InvalidInput) as refused:
        conversation.say(change, by=cast["ines"], text=SECRET, private=True, blocking=True)

    assert [one.field for one in refused.value.problems] == ["private"]


# authors, as the workflow has them


def test_whoever_revised_it_is_an_author_here_too(cast):
    request = asks.drafted(cast["rita"], [asks.window_item(asks.fleet()[:1])])
    workflow.revise(
        request,
        by=cast["omar"],
        title=asks.TITLE,
        reason=asks.REASON,
        items=[asks.window_item(asks.fleet()[:1], duration=5)],
    )

    assert deciding.authors_of(request) == {cast["rita"].pk, cast["omar"].pk}
