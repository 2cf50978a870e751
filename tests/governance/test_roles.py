"""Who holds which role, and when."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from portal.governance import clock, roles
from portal.governance.models import Delegation, Role, RoleGrant


def test_roles_come_from_grants_and_memberships(cast):
    assert roles.roles_of(cast["ines"]) == {Role.SECURITY_OPERATIONS}
    assert roles.roles_of(cast["rita"]) == frozenset()
    assert roles.is_lead(cast["omar"], cast["rita"].memberships.get().team)


def test_a_superuser_flag_is_no_role(adam):
    adam.is_superuser = True
    assert roles.roles_of(adam) == {Role.ADMINISTRATOR}
    assert not roles.reads_all(adam)


def test_a_grant_that_ended_is_gone_at_once(ines):
    RoleGrant.objects.filter(user=ines).update(ends_at=clock.now())
    assert roles.roles_of(ines) == frozenset()


def test_a_delegate_is_ciso_only_between_the_dates(clara, dora):
    assert set(roles.holders(Role.CISO)) == {clara, dora}
    Delegation.objects.update(starts_at=clock.now() + timedelta(days=1))
    assert set(roles.holders(Role.CISO)) == {clara}
    assert roles.delegating_ciso(dora) is None


def test_a_delegate_falls_with_the_one_who_delegated(clara, dora):
    RoleGrant.objects.filter(user=clara).delete()
    assert set(roles.holders(Role.CISO)) == set()
    assert roles.roles_of(dora) == frozenset()


def test_whoever_has_left_holds_nothing(ines):
    ines.is_active = False
    ines.save()
    assert roles.roles_of(ines) == frozenset()
    assert ines not in roles.holders(Role.SECURITY_OPERATIONS)


def test_nobody_grants_themselves_a_role(adam):
    with pytest.raises(IntegrityError), transaction.atomic():
        RoleGrant.objects.create(user=adam, role=Role.CISO, granted_by=adam, starts_at=clock.now())
