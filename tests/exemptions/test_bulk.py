"""Several approvals at once: the same kind and low risk only, and each decided on its own."""

from datetime import timedelta

import pytest

from exemptions import bulk
from exemptions.bulk import Choice
from exemptions.models import Decision, Exemption
from portal.governance import clock
from portal.governance.errors import InvalidInput, SignInAgain
from tests.exemptions import asks

pytestmark = pytest.mark.usefixtures("cast")


@pytest.fixture
def three(rita):
    return [asks.submitted(rita, [one]) for one in asks.servers(3, env="test")]


def read(exemption, **changes):
    seen = {"pk": exemption.pk, "revision": exemption.current.number, "digest": exemption.current.digest}
    return Choice(**{**seen, **changes})


def approve(by, *choices, **more):
    given = {"reason": "All on the same vendor's word.", "signed_in_at": clock.real_now(), **more}
    return bulk.approve_many(choices, by=by, **given)


def codes(raised):
    return {one.code for one in raised.value.problems}


def test_each_has_a_result_of_its_own(three, clara):
    results = approve(
        clara, read(three[0]), read(three[1], digest="old"), read(three[2]), Choice(999999, 1, "x")
    )
    assert [one.outcome for one in results] == ["approved", "stale_revision", "approved", "not_found"]
    states = {one.pk: Exemption.objects.get(pk=one.pk).state for one in three}
    assert list(states.values()) == ["approved", "submitted", "approved"]
    assert {one.reason for one in Decision.objects.all()} == {"All on the same vendor's word."}


def test_a_risky_one_among_them_stops_all(three, rita, clara):
    risky = asks.submitted(rita, asks.servers(1))
    with pytest.raises(InvalidInput) as raised:
        approve(clara, read(three[0]), read(risky))
    assert codes(raised) == {"risk"}
    assert not Decision.objects.filter(outcome="approve", revision__exemption=three[0]).exists()


def test_two_kinds_are_not_approved_together(three, clara):
    Exemption.objects.filter(pk=three[0].pk).update(kind="patch_exclusion", patches=["KB5039227"])
    with pytest.raises(InvalidInput) as raised:
        approve(clara, read(three[0]), read(three[1]))
    assert codes(raised) == {"mixed"}


@pytest.mark.parametrize("number", [0, bulk.MOST + 1])
def test_none_or_too_many_are_refused(clara, number):
    with pytest.raises(InvalidInput) as raised:
        approve(clara, *(Choice(one, 1, "x") for one in range(1, number + 1)))
    assert codes(raised) == {"length"}


def test_one_named_twice_is_refused(three, clara):
    with pytest.raises(InvalidInput) as raised:
        approve(clara, read(three[0]), read(three[0]))
    assert codes(raised) == {"twice"}


def test_it_asks_for_a_recent_sign_in_once_and_before_anything(three, clara):
    with pytest.raises(SignInAgain):
        approve(clara, read(three[0]), signed_in_at=clock.real_now() - timedelta(days=1))
    assert not Decision.objects.filter(revision__exemption=three[0]).exists()


def test_authors_and_others_get_a_refusal_for_each(three, rita, ivan):
    for by in (rita, ivan):
        assert {one.outcome for one in approve(by, *map(read, three))} == {"not_allowed"}


def test_a_stranger_finds_none_of_them(three, noor):
    assert {one.outcome for one in approve(noor, *map(read, three))} == {"not_found"}
