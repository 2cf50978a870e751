"""The verbs of an exemption: what works, in which state, for whom, and twice."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from exemptions import permissions, workflow
from exemptions.asked import content_of
from exemptions.models import Decision, Exemption, Revision
from patching.models import MaintenanceWindow, PatchFinding, Tombstone, Waiver
from portal.governance import audit, clock, conversation
from portal.governance.errors import (
    DomainError,
    InvalidInput,
    NotAllowed,
    SignInAgain,
    StaleRevision,
    WrongState,
)
from portal.governance.models import Delegation, Membership, OutboxMessage, Outcome, Role, RoleGrant
from tests import factories
from tests.exemptions import asks

State = Exemption.State


@pytest.fixture
def servers(cast):
    return asks.servers()


@pytest.fixture
def asked(cast, servers):
    """An exemption of two production servers for ten days, submitted by rita."""
    return asks.submitted(cast["rita"], servers)


def fields_of(raised):
    return [problem.field for problem in raised.value.problems]


def letters(person, event):
    return OutboxMessage.objects.filter(recipient=person, event=f"exemption.{event}")


# draft


def test_a_draft_is_revision_one_and_sealed_by_its_digest(cast, servers):
    exemption = asks.drafted(cast["rita"], servers)

    content = content_of(exemption.current)
    assert (exemption.state, exemption.current.number, exemption.team) == (
        State.DRAFT,
        1,
        servers[0].application.team,
    )
    assert content["instances"] == sorted(one.instance_id for one in servers)
    assert [one["what"] for one in content["compensating_controls"]] == [asks.CONTROLS]
    assert [entry.action for entry in audit.timeline(exemption)] == ["exemptions.exemption.revised"]


@pytest.mark.parametrize("name", ["noor", "clara", "ivan", "axel", "opal", "adam"])
def test_only_members_of_the_team_ask(cast, servers, name):
    with pytest.raises(NotAllowed, match="Only members of Payments Platform"):
        asks.drafted(cast[name], servers)


def test_every_bad_field_is_named_at_once(cast, servers):
    with pytest.raises(InvalidInput) as raised:
        asks.drafted(
            cast["rita"],
            [],
            title=" ",
            reason="short",
            compensating_controls="",
            ends_at=clock.now() - timedelta(days=1),
        )
    assert fields_of(raised) == ["title", "reason", "compensating_controls", "ends_at", "instances"]


def test_it_lasts_no_longer_than_the_policy_lets_it(cast, servers, settings):
    longest = timedelta(days=settings.EXEMPTION_LONGEST_DAYS)
    assert asks.drafted(cast["rita"], servers, ends_at=clock.now() + longest).pk

    with pytest.raises(InvalidInput, match="90 days at most"):
        asks.drafted(cast["rita"], servers, ends_at=clock.now() + longest + timedelta(minutes=5))


def test_another_applications_instance_is_refused_as_unknown(cast, servers):
    stranger = factories.instance(factories.application("ledger", "analytics"))
    with pytest.raises(InvalidInput, match="is not an instance of"):
        asks.drafted(cast["rita"], [servers[0], stranger])


def test_an_instance_that_is_gone_is_refused(cast, servers):
    type(servers[0]).objects.filter(pk=servers[0].pk).update(gone_at=clock.now())
    servers[0].refresh_from_db()
    with pytest.raises(InvalidInput, match="is not an instance of"):
        asks.drafted(cast["rita"], servers)


def test_an_instance_outside_every_window_has_nothing_to_be_kept_out_of(cast, servers):
    with pytest.raises(InvalidInput, match="in no maintenance window of ours"):
        asks.drafted(cast["rita"], [factories.instance()])


def test_at_most_fifty_instances_are_named(cast, servers):
    with pytest.raises(InvalidInput, match="Name 1 to 50 instances"):
        asks.drafted(cast["rita"], [factories.instance() for _ in range(51)])


def test_an_instance_named_twice_counts_once(cast, servers):
    exemption = asks.drafted(cast["rita"], [servers[0], servers[0]])
    assert content_of(exemption.current)["instances"] == [servers[0].instance_id]


# submit


def test_submitting_asks_the_ciso_and_her_delegate(cast, asked):
    assert (asked.state, asked.needs) == (State.SUBMITTED, ["ciso"])
    assert asked.lapses_at == asked.ends_at < clock.now() + workflow.DECIDE_WITHIN
    for name in ("clara", "dora"):
        assert letters(cast[name], "waits").count() == 1
    for name in ("rita", "omar", "ivan"):
        assert not letters(cast[name], "waits").exists()


def test_it_cannot_be_submitted_without_a_document(cast, servers):
    with pytest.raises(InvalidInput) as raised:
        workflow.submit(asks.drafted(cast["rita"], servers), by=cast["rita"])
    assert fields_of(raised) == ["documents"]


def test_only_the_team_submits_and_only_once(cast, servers):
    exemption = asks.drafted(cast["rita"], servers)
    workflow.attach(exemption, asks.document(), by=cast["rita"])
    for name in ("noor", "clara"):
        with pytest.raises(NotAllowed):
            workflow.submit(exemption, by=cast[name])

    workflow.submit(exemption, by=cast["omar"])
    with pytest.raises(WrongState, match="it cannot be submitted"):
        workflow.submit(exemption, by=cast["rita"])


def test_a_long_one_needs_security_operations_too(cast, servers):
    exemption = asks.submitted(cast["rita"], servers, ends_at=clock.now() + timedelta(days=31))
    assert exemption.needs == ["ciso", "security_operations"]


def test_a_critical_patch_missing_in_production_needs_security_operations_too(cast, servers):
    critical_patch_on(servers[0])
    assert asks.submitted(cast["rita"], servers).needs == ["ciso", "security_operations"]


def test_a_critical_patch_missing_in_development_does_not(cast):
    servers = asks.servers(1, "dev")
    critical_patch_on(servers[0])
    assert asks.submitted(cast["rita"], servers).needs == ["ciso"]


def critical_patch_on(instance):
    at = clock.now()
    return PatchFinding.objects.create(
        instance=instance,
        patch_id="KB5058385",
        severity="Critical",
        state="missing",
        first_seen_at=at,
        last_seen_at=at,
    )


def test_without_anybody_to_decide_it_says_who_is_missing(cast, servers):
    Delegation.objects.all().delete()
    RoleGrant.objects.filter(user=cast["clara"]).delete()
    with pytest.raises(DomainError, match="Nobody can decide as CISO on this"):
        asks.submitted(cast["rita"], servers)


def test_one_person_does_not_fill_both_slots(cast, servers):
    Delegation.objects.all().delete()
    RoleGrant.objects.filter(user__in=[cast["ines"], cast["ivan"]]).delete()
    RoleGrant.objects.create(user=cast["clara"], role="security_operations", starts_at=clock.now())
    with pytest.raises(DomainError, match="Nobody can decide as Security operations"):
        asks.submitted(cast["rita"], servers, ends_at=clock.now() + timedelta(days=31))


def test_an_instance_that_left_its_window_stops_the_submission(cast, servers):
    exemption = asks.drafted(cast["rita"], servers)
    workflow.attach(exemption, asks.document(), by=cast["rita"])
    MaintenanceWindow.objects.update(retired_at=clock.now())
    with pytest.raises(InvalidInput, match="in no maintenance window"):
        workflow.submit(exemption, by=cast["rita"])


# decide


def test_an_approval_writes_a_waiver_for_each_instance_and_wants_a_push(cast, asked, servers):
    place = factories.account_region()
    place.refresh_from_db()
    before = place.push_wanted

    exemption = workflow.approve(asked, by=cast["clara"], **asks.reading(asked))

    assert exemption.state == State.APPROVED
    waivers = Waiver.objects.in_force(clock.now())
    assert {waiver.instance_id for waiver in waivers} == {one.pk for one in servers}
    assert {(waiver.source, waiver.restores_to, waiver.source_digest) for waiver in waivers} == {
        (f"exemption:{exemption.pk}", "payments-prod", exemption.current.digest)
    }
    assert all(waiver.ends_at == exemption.ends_at for waiver in waivers)
    place.refresh_from_db()
    assert place.push_wanted == before + 1
    assert letters(cast["rita"], "approved").count() == 1


def test_a_delegate_decides_for_the_ciso(cast, asked):
    workflow.approve(asked, by=cast["dora"], **asks.reading(asked))
    assert Decision.objects.get().on_behalf_of == cast["clara"]


def test_of_two_slots_the_first_word_changes_nothing_yet(cast, servers):
    exemption = asks.submitted(cast["rita"], servers, ends_at=clock.now() + timedelta(days=31))

    exemption = workflow.approve(exemption, by=cast["clara"], **asks.reading(exemption))
    assert (exemption.state, Waiver.objects.count()) == (State.SUBMITTED, 0)
    with pytest.raises(NotAllowed, match="decided on this revision"):
        workflow.approve(exemption, by=cast["clara"], **asks.reading(exemption))

    exemption = workflow.approve(exemption, by=cast["ines"], **asks.reading(exemption))
    assert (exemption.state, Waiver.objects.count()) == (State.APPROVED, 2)


def test_a_critical_patch_that_came_since_brings_security_operations_in(cast, asked, servers):
    critical_patch_on(servers[0])

    exemption = workflow.approve(asked, by=cast["clara"], **asks.reading(asked))

    assert (exemption.state, exemption.needs) == (State.SUBMITTED, ["ciso", "security_operations"])
    assert letters(cast["ivan"], "waits").count() == 1
    assert Decision.objects.get().closes is False


@pytest.mark.parametrize("name", ["rita", "omar", "noor", "ivan", "axel", "opal", "adam"])
def test_nobody_else_decides(cast, asked, name):
    with pytest.raises(NotAllowed):
        workflow.approve(asked, by=cast[name], **asks.reading(asked))


def test_a_superuser_without_a_role_decides_nothing(cast, asked):
    cast["adam"].is_superuser = True
    cast["adam"].save()
    with pytest.raises(NotAllowed):
        workflow.approve(asked, by=cast["adam"], **asks.reading(asked))


def test_a_ciso_does_not_decide_on_what_she_asked_for(cast, servers):
    Membership.objects.create(team=servers[0].application.team, user=cast["clara"])
    with pytest.raises(DomainError, match="Nobody can decide as CISO"):
        asks.submitted(cast["clara"], servers)
    RoleGrant.objects.create(user=cast["opal"], role=Role.CISO, starts_at=clock.now())
    exemption = asks.submitted(cast["clara"], servers)
    with pytest.raises(NotAllowed, match="You asked for"):
        workflow.approve(exemption, by=cast["clara"], **asks.reading(exemption))
    with pytest.raises(NotAllowed):  # dora stands in for clara, so her word would be clara's
        workflow.approve(exemption, by=cast["dora"], **asks.reading(exemption))
    assert not permissions.waiting_for(cast["dora"]).exists()
    assert workflow.approve(exemption, by=cast["opal"], **asks.reading(exemption)).state == State.APPROVED


def test_adding_a_document_makes_an_author(cast, servers):
    Membership.objects.create(team=servers[0].application.team, user=cast["clara"])
    exemption = asks.drafted(cast["rita"], servers)
    workflow.attach(exemption, asks.document(), by=cast["clara"])
    RoleGrant.objects.create(user=cast["opal"], role=Role.CISO, starts_at=clock.now())
    workflow.submit(exemption, by=cast["rita"])
    with pytest.raises(NotAllowed, match="helped to write it"):
        workflow.approve(exemption, by=cast["clara"], **asks.reading(exemption))


def test_the_database_refuses_authors_and_askers_by_any_door(cast, asked):
    for person in ("rita", "clara"):
        edit = Revision.objects.create(
            exemption=asked,
            number=asked.revisions.count() + 1,
            content="{}",
            digest="0" * 64,
            author=cast[person],
            created_at=clock.now(),
        )
        with pytest.raises(IntegrityError), transaction.atomic():
            Decision.objects.create(
                revision=edit,
                slot="ciso",
                outcome=Outcome.APPROVE,
                digest=edit.digest,
                decided_by=cast[person],
                requested_by=cast["rita"],
                decided_at=clock.now(),
            )


@pytest.mark.parametrize("table", ["exemptions_decision", "exemptions_revision"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET id = id", "DELETE FROM {}"])
def test_what_was_decided_cannot_be_rewritten(cast, asked, table, statement):
    workflow.approve(asked, by=cast["clara"], **asks.reading(asked))
    with (
        pytest.raises(IntegrityError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement.format(table))


def test_deciding_wants_a_recent_sign_in(cast, asked, settings):
    long_ago = clock.real_now() - timedelta(seconds=settings.DECISION_SIGN_IN_MAX_AGE + 1)
    for moment in (None, long_ago):
        with pytest.raises(SignInAgain):
            workflow.approve(asked, by=cast["clara"], **{**asks.reading(asked), "signed_in_at": moment})


def test_a_stale_form_is_refused_and_says_which_revision_is_current(cast, asked, servers):
    read_before = asks.reading(asked)
    workflow.revise(asked, by=cast["rita"], **asks.wish(servers[:1]))
    with pytest.raises(StaleRevision, match=r"you read revision 2, now it is revision 3"):
        workflow.approve(asked, by=cast["clara"], **read_before)
    with pytest.raises(StaleRevision):
        workflow.approve(asked, by=cast["clara"], **{**asks.reading(asked), "digest": "f" * 64})


@pytest.mark.parametrize("verb", [workflow.approve, workflow.reject, workflow.request_changes])
def test_nothing_is_decided_twice(cast, asked, verb):
    workflow.approve(asked, by=cast["clara"], **asks.reading(asked))
    with pytest.raises(WrongState, match="Clara Weiss approved it on"):
        verb(asked, by=cast["dora"], reason="Too late.", **asks.reading(asked))


def test_a_rejection_needs_its_reason_and_is_final(cast, asked):
    with pytest.raises(InvalidInput) as raised:
        workflow.reject(asked, by=cast["clara"], reason="  ", **asks.reading(asked))
    assert fields_of(raised) == ["reason"]

    exemption = workflow.reject(asked, by=cast["clara"], reason="Patch it.", **asks.reading(asked))
    assert (exemption.state, Waiver.objects.count()) == (State.REJECTED, 0)
    assert "Patch it." in letters(cast["rita"], "rejected").get().body
    with pytest.raises(WrongState):
        workflow.submit(exemption, by=cast["rita"])


def test_a_blocking_comment_holds_up_the_approval_until_it_is_resolved(cast, asked):
    said = [
        conversation.say(asked, by=cast[name], text="Show the vendor's word.", blocking=True)
        for name in ("ivan", "omar")
    ]

    with pytest.raises(DomainError, match="are open: by Ivan Petrov and Omar Haddad") as refused:
        workflow.approve(asked, by=cast["clara"], **asks.reading(asked))
    assert refused.value.http_status == 422
    for one in said:
        conversation.resolve(asked, one, by=cast["clara"])
    assert workflow.approve(asked, by=cast["clara"], **asks.reading(asked)).state == State.APPROVED


@pytest.mark.parametrize(
    ("verb", "state"), [("reject", "rejected"), ("request_changes", "changes_requested")]
)
def test_a_blocking_comment_holds_up_no_refusal(cast, asked, verb, state):
    conversation.say(asked, by=cast["ivan"], text="Show the vendor's word.", blocking=True)

    asked = getattr(workflow, verb)(asked, by=cast["clara"], reason="No proof.", **asks.reading(asked))

    assert asked.state == state


def test_changes_asked_for_are_answered_by_a_new_revision(cast, asked, servers):
    exemption = workflow.request_changes(asked, by=cast["clara"], reason="One server.", **asks.reading(asked))
    assert exemption.state == State.CHANGES_REQUESTED
    with pytest.raises(DomainError, match="Change what was asked for"):
        workflow.submit(exemption, by=cast["rita"])

    workflow.revise(exemption, by=cast["rita"], note="One server only.", **asks.wish(servers[:1]))
    workflow.submit(exemption, by=cast["rita"])
    exemption = workflow.approve(exemption, by=cast["clara"], **asks.reading(exemption))
    assert exemption.state == State.APPROVED
    assert [waiver.instance for waiver in Waiver.objects.all()] == servers[:1]


def test_a_document_answers_asked_for_changes_too(cast, asked):
    exemption = workflow.request_changes(
        asked, by=cast["clara"], reason="Show a test.", **asks.reading(asked)
    )
    workflow.attach(exemption, asks.document("test.txt", b"Loses 3 of 10 messages."), by=cast["rita"])
    assert workflow.submit(exemption, by=cast["rita"]).state == State.SUBMITTED


def test_an_instance_that_left_its_window_stops_the_approval_and_not_the_refusal(cast, asked):
    MaintenanceWindow.objects.update(retired_at=clock.now())
    with pytest.raises(InvalidInput, match="in no maintenance window"):
        workflow.approve(asked, by=cast["clara"], **asks.reading(asked))
    assert (
        workflow.reject(asked, by=cast["clara"], reason="Gone.", **asks.reading(asked)).state
        == State.REJECTED
    )


def test_an_end_that_came_too_close_stops_the_approval(cast, asked, monkeypatch):
    asks.later(monkeypatch, asked.ends_at - timedelta(minutes=59))
    with pytest.raises(InvalidInput, match="at least an hour ahead"):
        workflow.approve(asked, by=cast["clara"], **asks.reading(asked))


def test_what_nobody_decided_in_time_lapses_and_is_revived_by_an_edit(cast, servers, monkeypatch):
    asked = asks.submitted(cast["rita"], servers, ends_at=clock.now() + timedelta(days=29))
    assert list(permissions.waiting_for(cast["clara"])) == [asked]
    asks.later(monkeypatch, asked.lapses_at)

    assert (asked.state, workflow.effective_state(asked)) == (State.SUBMITTED, "lapsed")
    assert not permissions.waiting_for(cast["clara"]).exists()
    with pytest.raises(WrongState, match="lapsed undecided"):
        workflow.approve(asked, by=cast["clara"], **asks.reading(asked))

    workflow.revise(asked, by=cast["rita"], **asks.wish(servers))
    assert workflow.approve(asked, by=cast["clara"], **asks.reading(asked)).state == State.APPROVED


# revise and attach


def test_an_edit_dismisses_what_was_said_of_the_earlier_revision(cast, servers):
    exemption = asks.submitted(cast["rita"], servers, ends_at=clock.now() + timedelta(days=31))
    workflow.approve(exemption, by=cast["clara"], **asks.reading(exemption))
    exemption = workflow.revise(
        exemption, by=cast["rita"], **asks.wish(servers, ends_at=clock.now() + timedelta(days=40))
    )
    assert permissions.open_slots(exemption) == ["ciso", "security_operations"]


def test_an_edit_of_an_earlier_revision_overwrites_nothing(cast, asked, servers):
    workflow.revise(asked, by=cast["rita"], based_on=2, **asks.wish(servers[:1]))
    with pytest.raises(StaleRevision, match="now it is revision 3"):
        workflow.revise(asked, by=cast["omar"], based_on=2, **asks.wish(servers))
    asked.refresh_from_db()
    assert asked.current.number == 3


def test_who_decided_does_not_edit(cast, servers):
    exemption = asks.submitted(cast["rita"], servers, ends_at=clock.now() + timedelta(days=31))
    workflow.approve(exemption, by=cast["clara"], **asks.reading(exemption))
    Membership.objects.create(team=exemption.team, user=cast["clara"])
    with pytest.raises(NotAllowed, match="have not decided on it"):
        workflow.revise(exemption, by=cast["clara"], **asks.wish(servers))


def test_strangers_edit_nothing_and_nobody_edits_what_is_decided(cast, asked, servers):
    with pytest.raises(NotAllowed):
        workflow.revise(asked, by=cast["noor"], **asks.wish(servers))
    with pytest.raises(WrongState, match="documents are added before"):
        workflow.attach(asked, asks.document("more.pdf", b"%PDF-1.7 more\n%%EOF"), by=cast["rita"])

    workflow.approve(asked, by=cast["clara"], **asks.reading(asked))
    with pytest.raises(WrongState, match="only an open one can be edited"):
        workflow.revise(asked, by=cast["rita"], **asks.wish(servers))
    with pytest.raises(WrongState):
        workflow.attach(asked, asks.document("more.pdf", b"%PDF-1.7 more\n%%EOF"), by=cast["rita"])


def test_a_document_is_part_of_what_is_decided(cast, servers):
    exemption = asks.drafted(cast["rita"], servers)
    before = exemption.current.digest
    document = workflow.attach(exemption, asks.document(), by=cast["rita"])
    exemption.refresh_from_db()
    content = content_of(exemption.current)
    assert content["documents"] == [{"name": document.name, "sha256": document.sha256}]
    assert exemption.current.digest != before


# withdraw and revoke


def test_who_asked_or_leads_withdraws_what_is_open(cast, asked):
    for name in ("noor", "clara", "ivan", "axel"):
        with pytest.raises(NotAllowed):
            workflow.withdraw(asked, by=cast[name])
    assert workflow.withdraw(asked, by=cast["omar"], reason="Patched it.").state == State.WITHDRAWN
    with pytest.raises(WrongState):
        workflow.withdraw(asked, by=cast["rita"])


def test_what_is_approved_is_revoked_and_not_withdrawn(cast, asked):
    workflow.approve(asked, by=cast["clara"], **asks.reading(asked))
    with pytest.raises(WrongState):
        workflow.withdraw(asked, by=cast["rita"])


@pytest.mark.parametrize("name", ["clara", "dora", "ines", "omar", "rita"])
def test_those_who_answer_for_it_end_it_early(cast, asked, name):
    exemption = asks.decided(asked)
    asks.pushed()
    exemption = workflow.revoke(exemption, by=cast[name], reason="The fix is out.")

    assert exemption.state == State.REVOKED
    assert not Waiver.objects.in_force(clock.now()).exists()
    assert Tombstone.objects.filter(kind="schedule", buried_at=None).count() == 2
    assert "The fix is out." in letters(cast["rita"], "revoked").get().body
    with pytest.raises(WrongState):
        workflow.revoke(exemption, by=cast[name], reason="Again.")


@pytest.mark.parametrize("name", ["noor", "axel", "opal", "adam"])
def test_nobody_else_ends_it(cast, asked, name):
    exemption = asks.decided(asked)
    with pytest.raises(NotAllowed):
        workflow.revoke(exemption, by=cast[name], reason="Because.")


def test_ending_it_early_needs_a_reason_and_something_to_end(cast, asked, monkeypatch):
    with pytest.raises(WrongState, match="there is nothing to end"):
        workflow.revoke(asked, by=cast["clara"], reason="No.")
    exemption = asks.decided(asked)
    with pytest.raises(InvalidInput) as raised:
        workflow.revoke(exemption, by=cast["clara"], reason=" ")
    assert fields_of(raised) == ["reason"]
    asks.later(monkeypatch, exemption.ends_at)
    with pytest.raises(WrongState, match="is expired"):
        workflow.revoke(exemption, by=cast["clara"], reason="Too late.")


# states


def test_expiry_shows_at_once_with_nothing_running(cast, asked, monkeypatch):
    exemption = asks.decided(asked)
    end = exemption.ends_at
    seen = []
    for moment in (
        end - timedelta(days=14, seconds=1),
        end - timedelta(days=14),
        end - timedelta(seconds=1),
        end,
    ):
        asks.later(monkeypatch, moment)
        row = Exemption.objects.with_effective_state(moment).get(pk=exemption.pk)
        assert row.effective_state == workflow.effective_state(exemption)
        seen.append(row.effective_state)
    assert seen == ["active", "expiring", "expiring", "expired"]
    exemption.refresh_from_db()
    assert exemption.state == State.APPROVED


def test_every_effective_state_has_its_word():
    computed = {"active", "expiring", "expired", "lapsed"}
    assert set(Exemption.EFFECTIVE) == (set(State.values) - {"approved"}) | computed


def test_a_state_without_proof_is_refused_by_the_database(cast, asked):
    with pytest.raises(IntegrityError), transaction.atomic():
        Exemption.objects.filter(pk=asked.pk).update(state="restored")
    with pytest.raises(IntegrityError), transaction.atomic():
        Exemption.objects.filter(pk=asked.pk).update(state="forgotten")


def test_every_verb_leaves_its_entry_and_the_chain_holds(cast, asked):
    exemption = asks.decided(asked)
    workflow.revoke(exemption, by=cast["clara"], reason="The fix is out.")
    actions = [entry.action.removeprefix("exemptions.") for entry in audit.timeline(exemption)]
    assert actions == [
        "exemption.revised",
        "document.added",
        "exemption.revised",
        "exemption.submitted",
        "exemption.decision.approve",
        "exemption.approved",
        "exemption.revoked",
    ]
    assert audit.verify().holds
