"""Renewals: when one may be asked for, how they shrink, whose word they need, and what comes along."""

from datetime import timedelta

import pytest

from exemptions import ending, permissions, renewing, workflow
from exemptions.models import Exemption
from patching.models import Waiver
from portal.governance import clock
from portal.governance.errors import DomainError, InvalidInput, NotAllowed, WrongState
from portal.governance.models import RoleGrant
from tests import factories
from tests.exemptions import asks

State = Exemption.State
REASON = "Version 5 of the switch slipped by three weeks; the vendor names the new date."


@pytest.fixture
def exemption(cast):
    """Two development servers for forty days."""
    return asks.approved(cast["rita"], asks.servers(env="dev"), ends_at=clock.now() + timedelta(days=40))


def renewed(exemption, by, days=10, **words):
    return renewing.renew(
        exemption, by=by, reason=REASON, ends_at=exemption.ends_at + timedelta(days=days), **words
    )


def decided(renewal, by):
    workflow.attach(renewal, asks.document(f"statement-{renewal.pk}.pdf"), by=by)
    return asks.decided(workflow.submit(renewal, by=by))


def code_of(call):
    with pytest.raises(InvalidInput) as refused:
        call()
    return {(one.field, one.code) for one in refused.value.problems}


# what a renewal is


def test_it_is_a_draft_that_names_what_it_renews_and_repeats_it(cast, exemption):
    renewal = renewed(exemption, cast["rita"])
    assert (renewal.state, renewal.renews, renewal.renewal) == (State.DRAFT, exemption, 1)
    assert renewal.ends_at == exemption.ends_at + timedelta(days=10)
    assert set(renewal.instances.all()) == set(exemption.instances.all())
    said = workflow.content_of(renewal.current)
    assert said["reason"] == REASON
    assert said["compensating_controls"] == workflow.content_of(exemption.current)["compensating_controls"]
    exemption.refresh_from_db()
    assert exemption.ends_at < renewal.ends_at


def test_it_may_name_fewer_instances(cast, exemption):
    one, _ = exemption.instances.all()
    assert set(renewed(exemption, cast["rita"], instances=[one]).instances.all()) == {one}


def test_only_the_team_renews(cast, exemption):
    for name in ("clara", "ivan", "noor"):
        with pytest.raises(NotAllowed):
            renewed(exemption, cast[name])


def test_there_is_one_renewal_at_a_time_and_a_withdrawn_one_makes_room(cast, exemption):
    first = renewed(exemption, cast["rita"])
    with pytest.raises(WrongState, match=f"{first.number} renews {exemption.number} already"):
        renewed(exemption, cast["omar"])
    workflow.withdraw(first, by=cast["rita"])
    assert renewed(exemption, cast["omar"]).renewal == 1


# when


@pytest.mark.parametrize(("after", "possible"), [(-39, True), (-1, True), (6, True), (7, False), (30, False)])
def test_it_is_asked_for_while_the_other_holds_or_within_a_week(
    cast, exemption, monkeypatch, after, possible
):
    asks.later(monkeypatch, exemption.ends_at + timedelta(days=after))
    assert renewing.may_renew(cast["rita"], exemption) is possible
    if possible:
        assert renewed(exemption, cast["rita"], days=max(after, 0) + 5).pk
    else:
        with pytest.raises(WrongState, match="could be renewed for 7 days"):
            renewed(exemption, cast["rita"], days=after + 5)


def test_what_was_revoked_is_not_renewed(cast, exemption):
    renewal = renewed(exemption, cast["rita"])
    exemption = workflow.revoke(exemption, by=cast["clara"], reason="The fix is out.")
    assert not renewing.may_renew(cast["rita"], exemption)
    with pytest.raises(WrongState, match="was revoked"):
        renewed(exemption, cast["rita"])
    workflow.attach(renewal, asks.document(), by=cast["rita"])
    assert ("renews", "revoked") in code_of(lambda: workflow.submit(renewal, by=cast["rita"]))


def test_what_was_never_approved_is_not_renewed(cast):
    draft = asks.drafted(cast["rita"])
    with pytest.raises(WrongState, match="was never approved"):
        renewed(draft, cast["rita"])


# how it shrinks


def test_it_goes_on_for_at_most_half_as_long(cast, exemption):
    assert code_of(lambda: renewed(exemption, cast["rita"], days=21)) == {("ends_at", "not_shorter")}
    first = decided(renewed(exemption, cast["rita"], days=19), cast["rita"])
    # it was approved for nineteen days of its own, beside those in which the first one still holds
    assert code_of(lambda: renewed(first, cast["rita"], days=10)) == {("ends_at", "not_shorter")}
    assert renewed(first, cast["rita"], days=9).renewal == 2


def test_a_day_is_always_allowed(cast):
    exemption = asks.approved(cast["rita"], ends_at=clock.now() + timedelta(hours=30))
    assert renewed(exemption, cast["rita"], days=1).pk


def test_it_ends_later_than_what_it_renews(cast, exemption):
    assert ("ends_at", "not_later") in code_of(lambda: renewed(exemption, cast["rita"], days=0))


def test_it_never_covers_others(cast, exemption):
    other = factories.instance(env="dev")
    asks.in_a_window([other], "dev", name="payments-late")
    found = code_of(lambda: renewed(exemption, cast["rita"], instances=[other]))
    assert found == {("instances", "not_narrower")}


def test_an_edit_cannot_make_it_grow(cast, exemption):
    renewal = renewed(exemption, cast["rita"])
    words = asks.wish(list(exemption.instances.all()), ends_at=exemption.ends_at + timedelta(days=30))
    assert code_of(lambda: workflow.revise(renewal, by=cast["rita"], **words)) == {("ends_at", "not_shorter")}


def test_how_often_is_up_to_the_policy(cast, exemption):
    last = exemption
    for number, days in enumerate((19, 9, 4), start=1):
        last = decided(renewed(last, cast["rita"], days=days), cast["rita"])
        assert (last.state, last.renewal) == (State.APPROVED, number)
    with pytest.raises(InvalidInput, match="may be renewed 3 times, because it is not production") as refused:
        renewed(last, cast["rita"], days=1)
    assert [one.code for one in refused.value.problems] == ["too_often"]


# who decides


def test_a_first_renewal_needs_security_operations_too_and_a_delegate_will_do(cast, exemption):
    assert exemption.needs == ["ciso", "security_operations"]  # longer than 30 days
    workflow.revoke(exemption, by=cast["omar"], reason="A shorter one will do.")
    short = asks.approved(
        cast["rita"], list(exemption.instances.all()), ends_at=clock.now() + timedelta(days=9)
    )
    assert short.needs == ["ciso"]
    renewal = renewed(short, cast["rita"], days=2)
    workflow.attach(renewal, asks.document(), by=cast["rita"])
    renewal = workflow.submit(renewal, by=cast["rita"])
    assert renewal.needs == ["ciso", "security_operations"]
    assert set(permissions.eligible(renewal, "ciso")) == {cast["clara"], cast["dora"]}


@pytest.fixture
def second(cast, exemption):
    """A second renewal, submitted."""
    first = decided(renewed(exemption, cast["rita"], days=19), cast["rita"])
    renewal = renewed(first, cast["rita"], days=9)
    workflow.attach(renewal, asks.document(), by=cast["rita"])
    return workflow.submit(renewal, by=cast["rita"])


def test_from_the_second_on_the_ciso_decides_in_person(cast, second):
    assert set(permissions.eligible(second, "ciso")) == {cast["clara"]}
    waits = {name for name, person in cast.items() if permissions.waiting_for(person).exists()}
    assert waits == {"clara", "ines", "ivan"}
    with pytest.raises(NotAllowed, match="waits for CISO in person and Security operations"):
        workflow.approve(second, by=cast["dora"], **asks.reading(second))
    assert asks.decided(second).state == State.APPROVED


def test_without_a_ciso_in_person_a_second_renewal_cannot_be_submitted(cast, second):
    workflow.request_changes(second, by=cast["ivan"], reason="Say more.", **asks.reading(second))
    words = asks.wish(list(second.instances.all()), ends_at=second.ends_at)
    workflow.revise(second, by=cast["rita"], **words)
    RoleGrant.objects.filter(user=cast["clara"]).delete()
    with pytest.raises(DomainError, match="Nobody can decide as CISO in person"):
        workflow.submit(second, by=cast["rita"])


# what comes along, and how both end


def test_evidence_comes_along_while_it_is_valid(cast, monkeypatch):
    until = clock.now() + timedelta(days=45)
    controls = [
        {
            "what": "Reachable from the bastion only.",
            "evidence": "firewall.pdf",
            "valid_until": f"{until:%Y-%m-%d}",
        },
        {
            "what": "Watched by the SOC at night.",
            "evidence": "soc.pdf",
            "valid_until": f"{clock.now():%Y-%m-%d}",
        },
        {"what": "Backed up every four hours.", "evidence": "backup.pdf"},
    ]
    first = asks.drafted(
        cast["rita"],
        compensating_controls=controls,
        ends_at=clock.now() + timedelta(days=9),
    )
    for number, name in enumerate(("firewall.pdf", "soc.pdf", "backup.pdf")):
        workflow.attach(first, asks.document(name, b"%%PDF-1.7 %d\n%%%%EOF" % number), by=cast["rita"])
    first = asks.decided(workflow.submit(first, by=cast["rita"]))
    asks.later(monkeypatch, clock.now() + timedelta(days=5))

    renewal = renewed(first, cast["omar"], days=4)
    kept = renewal.documents.get()
    before = first.documents.get(name="firewall.pdf")
    assert (kept.name, kept.sha256, kept.file.name) == (before.name, before.sha256, before.file.name)
    assert [one["name"] for one in workflow.content_of(renewal.current)["documents"]] == ["firewall.pdf"]
    assert permissions.authors_of(renewal) == {cast["rita"].pk, cast["omar"].pk}
    assert code_of(lambda: workflow.submit(renewal, by=cast["omar"])) == {
        ("compensating_controls", "lapsed"),
        ("compensating_controls", "missing"),
    }


def test_both_hold_until_the_first_ends_and_the_renewal_goes_on(cast, exemption, monkeypatch):
    renewal = decided(renewed(exemption, cast["rita"]), cast["rita"])
    assert Waiver.objects.in_force(clock.now()).count() == 4
    asks.pushed()
    asks.later(monkeypatch, exemption.ends_at + timedelta(minutes=1))
    assert ending.settle() + ending.settle() == 1
    exemption.refresh_from_db()
    assert (exemption.state, workflow.effective_state(renewal)) == (State.RESTORED, "expiring")
    assert {one["because"] for one in exemption.restored_proof} == {"Another exemption holds it."}
    assert Waiver.objects.in_force(clock.now()).count() == 2


def test_patches_that_narrowing_took_away_do_not_come_back_by_silence(cast, exemption, monkeypatch):
    Exemption.objects.filter(pk=exemption.pk).update(kind=Exemption.Kind.PATCH_EXCLUSION, patches=["KB1"])
    asked = {}
    monkeypatch.setattr(workflow, "draft", lambda **words: asked.update(words))
    renewed(exemption, cast["rita"])
    assert asked["patches"] == ["KB1"]
