"""Roles and teams are given by another administrator, kept apart where one checks the other, and written down."""

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command

from portal.governance import audit, clock, granting, roles
from portal.governance.errors import InvalidInput, NotAllowed
from portal.governance.models import Role, RoleGrant
from tests import people


def test_an_administrator_grants_and_ends_a_role(adam, rita):
    given = granting.grant(rita, Role.OPERATOR, by=adam)
    assert roles.has_role(rita, Role.OPERATOR)
    granting.end(given, by=adam)
    assert not roles.has_role(rita, Role.OPERATOR)
    given.refresh_from_db()
    assert [entry.action for entry in audit.timeline(given)] == ["role.granted", "role.ended"]


@pytest.mark.parametrize("name", ["rita", "omar", "ines", "clara", "axel", "opal", "noor"])
def test_nobody_else_grants_roles(cast, name):
    with pytest.raises(NotAllowed, match="Only administrators"):
        granting.grant(cast["dora"], Role.OPERATOR, by=cast[name])


def test_an_administrator_does_not_raise_themselves(adam):
    with pytest.raises(NotAllowed, match="their own"):
        granting.grant(adam, Role.CISO, by=adam)
    with pytest.raises(NotAllowed, match="their own"):
        granting.join(adam, people.team("payments"), by=adam, is_lead=True)


@pytest.mark.parametrize(
    ("holder", "role"), [("adam", Role.CISO), ("axel", Role.SECURITY_OPERATIONS), ("clara", Role.AUDITOR)]
)
def test_roles_that_check_each_other_are_kept_apart(cast, holder, role):
    with pytest.raises(InvalidInput, match="kept apart"):
        granting.grant(cast[holder], role, by=None)


@pytest.mark.parametrize(
    ("field", "wish"),
    [
        ("role", {"role": "king"}),
        ("ends_at", {"role": Role.OPERATOR, "ends_at": clock.real_now() - timedelta(days=1)}),
    ],
)
def test_a_bad_wish_names_its_field(adam, rita, field, wish):
    with pytest.raises(InvalidInput) as raised:
        granting.grant(rita, by=adam, **wish)
    assert [problem.field for problem in raised.value.problems] == [field]
    assert not RoleGrant.objects.filter(user=rita).exists()


def test_a_member_joins_leads_and_leaves(adam, noor):
    membership = granting.join(noor, people.team("payments"), by=adam)
    granting.join(noor, people.team("payments"), by=adam, is_lead=True)
    assert roles.is_lead(noor, people.team("payments"))
    granting.leave(membership, by=adam)
    assert not roles.is_member(noor, people.team("payments"))


def test_a_ciso_delegates_with_dates_and_a_delegate_does_not_delegate_on(clara, dora, opal):
    at = clock.now()
    granting.delegate(opal, by=clara, starts_at=at, ends_at=at + timedelta(days=3))
    assert roles.delegating_ciso(opal) == clara
    with pytest.raises(NotAllowed, match="does not delegate on"):
        granting.delegate(opal, by=dora, starts_at=at, ends_at=at + timedelta(days=3))


def test_a_delegation_that_has_not_begun_keeps_roles_apart_already(clara, rita):
    at = clock.now()
    granting.delegate(rita, by=clara, starts_at=at + timedelta(days=1), ends_at=at + timedelta(days=3))
    for role in (Role.AUDITOR, Role.ADMINISTRATOR):
        with pytest.raises(InvalidInput, match="kept apart"):
            granting.grant(rita, role, by=None)


def test_a_role_that_has_not_begun_keeps_a_delegation_away(clara, rita):
    at = clock.now()
    RoleGrant.objects.create(user=rita, role=Role.AUDITOR, starts_at=at + timedelta(days=1))
    with pytest.raises(InvalidInput, match="neither administers nor audits"):
        granting.delegate(rita, by=clara, starts_at=at, ends_at=at + timedelta(hours=1))


@pytest.mark.parametrize("name", ["adam", "axel"])
def test_who_grants_or_audits_leads_no_team(cast, name):
    payments = people.team("payments")
    with pytest.raises(InvalidInput, match="a lead decides") as raised:
        granting.join(cast[name], payments, by=None, is_lead=True)
    assert [problem.field for problem in raised.value.problems] == ["is_lead"]
    granting.join(cast[name], payments, by=None)
    assert not roles.is_lead(cast[name], payments)


@pytest.mark.parametrize("role", [Role.ADMINISTRATOR, Role.AUDITOR])
def test_who_leads_a_team_neither_grants_nor_audits(omar, role):
    with pytest.raises(InvalidInput, match="leads Payments Platform"):
        granting.grant(omar, role, by=None)
    assert not RoleGrant.objects.filter(user=omar).exists()


def test_the_command_line_makes_the_first_administrator(rita, capsys):
    call_command("grant_role", "rita", "administrator")
    assert roles.has_role(rita, Role.ADMINISTRATOR)
    with pytest.raises(CommandError, match="nobody called bob"):
        call_command("grant_role", "bob", "administrator")
    with pytest.raises(CommandError, match="kept apart"):
        call_command("grant_role", "rita", "ciso")
