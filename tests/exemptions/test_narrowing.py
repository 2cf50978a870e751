"""Taking back part of an exemption in force."""

from datetime import timedelta

import pytest

from exemptions import ending, narrowing, workflow
from exemptions.models import Exemption
from exemptions.waiving import waivers_of
from patching.models import Tombstone, Waiver
from portal.governance import audit, clock
from portal.governance.errors import InvalidInput, NotAllowed, WrongState
from portal.governance.models import OutboxMessage
from tests.exemptions import asks

pytestmark = pytest.mark.django_db
WHY = "The vendor's fix runs on one of them."


@pytest.fixture
def servers(cast):
    return asks.servers(2)


@pytest.fixture
def held(cast, servers):
    return asks.approved(cast["rita"], servers)


@pytest.mark.parametrize("name", ["clara", "dora", "ines", "omar", "rita"])
def test_those_who_may_end_it_leave_out_an_instance(cast, servers, held, name):
    stays, leaves = servers
    wanted = leaves.account_region.push_wanted

    exemption = narrowing.narrow(held, by=cast[name], instances=[stays], reason=WHY)

    now = clock.now()
    assert list(exemption.instances.all()) == [stays]
    assert [one.instance for one in Waiver.objects.in_force(now)] == [stays]
    leaves.account_region.refresh_from_db()
    assert leaves.account_region.push_wanted > wanted
    assert audit.timeline(exemption).last().action == "exemptions.exemption.narrowed"
    letter = OutboxMessage.objects.get(recipient=cast["rita"], event="exemption.narrowed")
    assert f"{leaves} can be patched again." in letter.body


@pytest.mark.parametrize("name", ["noor", "axel", "opal", "adam"])
def test_nobody_else_narrows_it(cast, servers, held, name):
    with pytest.raises(NotAllowed):
        narrowing.narrow(held, by=cast[name], instances=servers[:1], reason=WHY)


def test_what_the_freed_instance_had_in_aws_may_leave(cast, servers, held):
    stays, leaves = servers
    asks.pushed()
    narrowing.narrow(held, by=cast["rita"], instances=[stays], reason=WHY)
    assert [stone.key.partition(":")[0] for stone in Tombstone.objects.filter(kind="schedule")] == [
        leaves.instance_id
    ]


def test_the_freed_instance_is_shown_until_it_is_proved_to_be_back(cast, servers, held):
    asks.pushed()
    exemption = narrowing.narrow(held, by=cast["rita"], instances=servers[:1], reason=WHY)
    states = {one["instance"]: one["state"] for one in ending.enforcement_of(exemption)}
    assert states == {servers[0]: "enforced", servers[1]: "not_restored"}
    asks.pushed()
    states = {one["instance"]: one["state"] for one in ending.enforcement_of(exemption)}
    assert states == {servers[0]: "enforced", servers[1]: "restored"}


def test_an_earlier_end_is_every_waivers_end(cast, held):
    sooner = clock.now() + timedelta(days=2)
    exemption = narrowing.narrow(held, by=cast["omar"], ends_at=sooner, reason=WHY)
    assert exemption.ends_at == sooner
    assert {one.ends_at for one in waivers_of(exemption)} == {sooner}


def test_what_was_approved_stays_written_as_it_was(cast, servers, held):
    before = (held.current.number, held.current.digest)
    exemption = narrowing.narrow(held, by=cast["rita"], instances=servers[:1], reason=WHY)
    exemption.current.refresh_from_db()
    assert (exemption.current.number, exemption.current.digest) == before


@pytest.mark.parametrize(
    ("wish", "field", "words"),
    [
        (lambda held: {"instances": []}, "instances", "At least one instance stays"),
        (lambda held: {"patches": ["KB5039227"]}, "patches", "narrowing names fewer"),
        (lambda held: {"ends_at": held.ends_at + timedelta(days=1)}, "ends_at", "a later end is a renewal"),
        (lambda held: {"ends_at": clock.now()}, "ends_at", "at least an hour ahead"),
        (lambda held: {}, "instances", "Nothing would change"),
    ],
    ids=["nothing left", "a patch it never had", "later", "now", "no change"],
)
def test_what_is_not_less_is_refused_and_changes_nothing(cast, held, wish, field, words):
    with pytest.raises(InvalidInput, match=words) as raised:
        narrowing.narrow(held, by=cast["rita"], reason=WHY, **wish(held))
    assert [one.field for one in raised.value.problems] == [field]
    assert waivers_of(held).filter(ended_at=None).count() == 2


def test_another_instance_never_comes_in(cast, servers, held):
    other = asks.factories.instance()
    with pytest.raises(InvalidInput, match="does not cover"):
        narrowing.narrow(held, by=cast["rita"], instances=[servers[0], other], reason=WHY)


def test_it_says_why(cast, servers, held):
    with pytest.raises(InvalidInput, match="Say why it is narrowed"):
        narrowing.narrow(held, by=cast["rita"], instances=servers[:1], reason=" ")


def test_only_what_is_in_force_is_narrowed(cast, servers, held):
    workflow.revoke(held, by=cast["clara"], reason="Done.")
    with pytest.raises(WrongState, match="nothing to narrow"):
        narrowing.narrow(held, by=cast["rita"], instances=servers[:1], reason=WHY)


def test_narrowed_it_still_ends_with_proof_of_every_instance_it_ever_held(cast, servers, held, monkeypatch):
    asks.pushed()
    exemption = narrowing.narrow(held, by=cast["rita"], instances=servers[:1], reason=WHY)
    asks.later(monkeypatch, exemption.ends_at + timedelta(minutes=1))
    ending.settle()
    asks.pushed()
    assert ending.settle() == 1
    exemption.refresh_from_db()
    assert exemption.state == Exemption.State.RESTORED
    assert {one["instance"] for one in exemption.restored_proof} == {one.instance_id for one in servers}
