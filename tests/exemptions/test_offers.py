"""A counter-offer: only less is offered, only the team accepts it, and nobody ends up deciding on their own words."""

import json
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from exemptions import offers, workflow
from exemptions.models import Decision, Exemption, Offer, Revision
from exemptions.waiving import waivers_of
from portal.governance import audit, clock
from portal.governance.errors import InvalidInput, NotAllowed, SignInAgain, StaleRevision, WrongState
from portal.governance.models import Delegation, Membership, OutboxMessage, RoleGrant
from tests import factories, people
from tests.exemptions import asks

pytestmark = pytest.mark.usefixtures("cast")
State = Exemption.State
WHY = "The fix comes in a week."


@pytest.fixture
def servers(cast):
    return asks.servers(3, env="test")


@pytest.fixture
def asked(rita, servers):
    return asks.submitted(rita, servers)


def offer(exemption, by, **less):
    less = less or {"ends_at": clock.now() + timedelta(days=5)}
    return offers.counter_offer(exemption, by=by, **{"reason": WHY, **asks.reading(exemption), **less})


def fields(raised):
    return sorted({one.field for one in raised.value.problems})


def words(exemption):
    return [
        (one.revision.number, one.slot, one.outcome, one.decided_by.username)
        for one in Decision.objects.filter(revision__exemption=exemption)
    ]


def test_less_is_offered_accepted_and_in_force_at_once(asked, servers, clara, rita):
    until = clock.now() + timedelta(days=5)
    exemption = offer(
        asked, clara, ends_at=until, instances=servers[:2], condition="Only while the SOC watches."
    )
    assert exemption.state == State.CHANGES_REQUESTED
    assert not waivers_of(exemption).exists()
    offered = offers.open_offer(exemption)

    exemption = offers.accept(exemption, by=rita)
    assert (exemption.state, exemption.ends_at) == (State.APPROVED, until)
    assert set(exemption.instances.all()) == set(servers[:2])
    assert {one.instance_id for one in waivers_of(exemption)} == {one.pk for one in servers[:2]}
    current = exemption.current
    assert (current.author, current.digest, current.content) == (rita, offered.digest, offered.content)
    assert json.loads(current.content)["conditions"] == ["Only while the SOC watches."]
    assert words(exemption) == [(2, "ciso", "request_changes", "clara"), (3, "ciso", "approve", "clara")]
    offered.refresh_from_db()
    assert (offered.answered_by, offered.accepted) == (rita, current)
    assert audit.verify().holds


def test_the_offered_digest_is_what_the_waivers_name(asked, clara, rita):
    exemption = offer(asked, clara)
    digest = offers.open_offer(exemption).digest
    exemption = offers.accept(exemption, by=rita)
    assert {one.source_digest for one in waivers_of(exemption)} == {digest}


def test_with_two_slots_the_other_one_is_still_asked(rita, clara, ivan):
    exemption = asks.submitted(rita, asks.servers(2, env="test"), ends_at=clock.now() + timedelta(days=50))
    assert exemption.needs == ["ciso", "security_operations"]
    exemption = offer(exemption, ivan, ends_at=clock.now() + timedelta(days=40))
    exemption = offers.accept(exemption, by=rita)
    assert (exemption.state, exemption.needs) == (State.SUBMITTED, ["ciso", "security_operations"])
    told = OutboxMessage.objects.filter(event="exemption.waits", key__contains=f"{exemption.pk}/3")
    assert {one.recipient.username for one in told} == {"clara", "dora"}
    exemption = workflow.approve(exemption, by=clara, **asks.reading(exemption))
    assert exemption.state == State.APPROVED


def test_a_slot_that_the_shorter_one_would_not_need_is_kept(rita, clara, ivan):
    exemption = asks.submitted(rita, asks.servers(2, env="test"), ends_at=clock.now() + timedelta(days=50))
    exemption = offers.accept(offer(exemption, ivan), by=rita)
    assert exemption.needs == ["ciso", "security_operations"]
    assert workflow.approve(exemption, by=clara, **asks.reading(exemption)).state == State.APPROVED


@pytest.mark.parametrize(
    ("less", "field"),
    [
        (lambda all_, other: {"ends_at": clock.now() + timedelta(days=11)}, "ends_at"),
        (lambda all_, other: {"ends_at": clock.now() + timedelta(minutes=5)}, "ends_at"),
        (lambda all_, other: {"instances": [*all_[:1], other]}, "instances"),
        (lambda all_, other: {"instances": []}, "instances"),
        (lambda all_, other: {"patches": ["KB5039227"]}, "patches"),
        (lambda all_, other: {"instances": all_}, "condition"),
        (lambda all_, other: {"condition": "  "}, "condition"),
        (lambda all_, other: {"condition": "x" * 501}, "condition"),
    ],
    ids=["later", "too soon", "another", "none", "patches", "the same", "blank", "too long"],
)
def test_only_less_can_be_offered(asked, servers, clara, less, field):
    other = factories.instance(env="test")
    with pytest.raises(InvalidInput) as raised:
        offer(asked, clara, **less(servers, other))
    assert fields(raised) == [field]
    assert not Offer.objects.exists()
    assert not Decision.objects.exists()


def test_every_problem_is_named_at_once_and_a_reason_is_needed(asked, clara):
    other = factories.instance(env="test")
    with pytest.raises(InvalidInput) as raised:
        offer(asked, clara, ends_at=clock.now() + timedelta(days=90), instances=[other], reason=" ")
    assert fields(raised) == ["ends_at", "instances", "reason"]


def test_it_is_offered_by_deciders_on_what_they_read_freshly_signed_in(asked, clara, omar, rita):
    for by in (omar, rita):
        with pytest.raises(NotAllowed):
            offer(asked, by)
    with pytest.raises(SignInAgain):
        offer(asked, clara, signed_in_at=clock.real_now() - timedelta(days=1), condition="Any.")
    with pytest.raises(StaleRevision):
        offer(asked, clara, revision=1, condition="Any.")
    assert not Offer.objects.exists()


def test_it_is_accepted_without_a_new_sign_in_of_who_offered_it(asked, clara, rita, monkeypatch):
    exemption = offer(asked, clara)
    signed_in = offers.open_offer(exemption).signed_in_at
    asks.later(monkeypatch, clock.now() + timedelta(days=3))
    exemption = offers.accept(exemption, by=rita)
    assert exemption.state == State.APPROVED
    assert exemption.current.decisions.get().signed_in_at == signed_in


def test_who_offered_it_neither_accepts_declines_nor_edits(asked, clara):
    exemption = offer(asked, clara)
    Membership.objects.create(team=exemption.team, user=clara)
    with pytest.raises(NotAllowed):
        offers.accept(exemption, by=clara)
    with pytest.raises(NotAllowed):
        offers.decline(exemption, by=clara, reason="Mine.")
    with pytest.raises(NotAllowed):
        workflow.revise(exemption, by=clara, **asks.wish(list(exemption.instances.all())))
    assert exemption.revisions.count() == 2


def test_the_database_refuses_what_the_verbs_would(asked, clara, rita):
    exemption = offer(asked, clara)
    words_ = {"content": "{}", "digest": "d", "created_at": clock.now()}
    with pytest.raises(IntegrityError, match="nobody edits"), transaction.atomic():
        Revision.objects.create(exemption=exemption, number=3, author=clara, **words_)
    exemption = offers.accept(exemption, by=rita)
    word = {"revision": exemption.current, "slot": "ciso", "outcome": "approve", "digest": "d"}
    by_omar = {"requested_by": people.person("omar"), "decided_at": clock.now()}
    with pytest.raises(IntegrityError, match="nobody decides"), transaction.atomic():
        Decision.objects.create(decided_by=rita, **word, **by_omar)
    made = Offer.objects.get()
    with pytest.raises(IntegrityError), transaction.atomic():
        Offer.objects.filter(pk=made.pk).update(answered_by=clara)


def test_strangers_and_other_deciders_do_not_answer(asked, clara, noor, ivan):
    exemption = offer(asked, clara)
    for by in (noor, ivan):
        with pytest.raises(NotAllowed):
            offers.accept(exemption, by=by)


@pytest.mark.parametrize("end", ["edited", "attached", "declined", "withdrawn", "answered"])
def test_an_offer_ends_when_something_else_happens(asked, clara, rita, end):
    exemption = offer(asked, clara)
    if end == "edited":
        workflow.revise(exemption, by=rita, **asks.wish(list(exemption.instances.all())))
    elif end == "attached":
        workflow.attach(exemption, asks.document("more.pdf", b"%PDF-1.7 more\n%%EOF"), by=rita)
    elif end == "declined":
        offers.decline(exemption, by=rita, reason="Three weeks are needed.")
    elif end == "withdrawn":
        workflow.withdraw(exemption, by=rita)
    else:
        offers.accept(exemption, by=rita)
    with pytest.raises(WrongState):
        offers.accept(exemption, by=rita)


@pytest.mark.parametrize("days", [14, 5], ids=["after fourteen days", "at its own end"])
def test_an_offer_lapses(rita, clara, monkeypatch, days):
    exemption = asks.submitted(rita, asks.servers(1, env="test"), ends_at=clock.now() + timedelta(days=25))
    exemption = offer(exemption, clara, ends_at=clock.now() + timedelta(days=5 if days == 5 else 20))
    asks.later(monkeypatch, clock.now() + timedelta(days=days))
    with pytest.raises(WrongState, match="was open until"):
        offers.accept(exemption, by=rita)


def test_who_may_no_longer_decide_has_no_standing_offer(asked, clara, dora, rita):
    exemption = offer(asked, dora)
    assert offers.open_offer(exemption).on_behalf_of == clara
    Delegation.objects.update(ends_at=clock.now())
    with pytest.raises(WrongState, match="may no longer decide"):
        offers.accept(exemption, by=rita)
    exemption.refresh_from_db()
    assert (exemption.state, exemption.revisions.count()) == (State.CHANGES_REQUESTED, 2)


def test_a_ciso_who_lost_the_role_does_not_approve_by_an_old_offer(asked, clara, rita):
    exemption = offer(asked, clara)
    RoleGrant.objects.filter(user=clara).update(ends_at=clock.now())
    with pytest.raises(WrongState, match="may no longer decide"):
        offers.accept(exemption, by=rita)


def test_an_instance_that_has_gone_meanwhile_is_named(asked, servers, clara, rita):
    exemption = offer(asked, clara)
    servers[0].__class__.objects.filter(pk=servers[0].pk).update(gone_at=clock.now())
    with pytest.raises(InvalidInput) as raised:
        offers.accept(exemption, by=rita)
    assert fields(raised) == ["instances"]


def test_declining_needs_a_reason_and_is_told_to_who_offered(asked, clara, rita):
    exemption = offer(asked, clara)
    with pytest.raises(InvalidInput) as raised:
        offers.decline(exemption, by=rita, reason=" ")
    assert fields(raised) == ["reason"]
    offers.decline(exemption, by=rita, reason="Three weeks are needed.")
    mail = OutboxMessage.objects.get(event="exemption.offer_declined")
    assert (mail.recipient, "Three weeks" in mail.body) == (clara, True)
    exemption.refresh_from_db()
    assert exemption.state == State.CHANGES_REQUESTED


def test_the_team_is_told_of_the_offer(asked, clara, rita):
    offer(asked, clara)
    mail = OutboxMessage.objects.get(event="exemption.answered_with_an_offer")
    assert mail.recipient == rita
    assert WHY in mail.body


def test_conditions_stay_through_an_edit_and_add_up(asked, clara, rita, dora):
    exemption = offer(asked, clara, condition="First.")
    exemption = offers.accept(exemption, by=rita)
    assert json.loads(exemption.current.content)["conditions"] == ["First."]


def test_an_edit_cannot_take_a_condition_away(rita, clara, ivan):
    exemption = asks.submitted(rita, asks.servers(1, env="test"), ends_at=clock.now() + timedelta(days=50))
    exemption = offers.accept(offer(exemption, ivan, condition="Only with the SOC."), by=rita)
    exemption = workflow.revise(exemption, by=rita, **asks.wish(list(exemption.instances.all())))
    assert json.loads(exemption.current.content)["conditions"] == ["Only with the SOC."]
