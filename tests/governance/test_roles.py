"""Who holds which role, and when."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.http import HttpResponse
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext

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


GRANTS = RoleGrant._meta.db_table


def asked_for_roles(visitor, method, address):
    with CaptureQueriesContext(connection) as queries:
        getattr(visitor, method)(address)
    return sum(
        f'FROM "{GRANTS}"' in query["sql"] and '"delegate_id"' not in query["sql"] for query in queries
    )


def test_a_page_asks_once_for_the_roles_of_its_reader(browse, axel):
    assert asked_for_roles(browse(axel), "get", "/") == 1


def test_what_writes_asks_each_time(ines):
    """Between two questions of one call somebody may lose the role."""
    told = []

    def view(request):
        told.append(roles.roles_of(ines))
        RoleGrant.objects.filter(user=ines).update(ends_at=clock.now())
        told.append(roles.roles_of(ines))
        return HttpResponse()

    for method in ("GET", "POST"):
        RoleGrant.objects.filter(user=ines).update(ends_at=None)
        roles.middleware(view)(RequestFactory().generic(method, "/"))
    held = {Role.SECURITY_OPERATIONS}
    assert told == [held, held, held, frozenset()]


def test_a_role_that_was_taken_away_is_gone_on_the_next_page(browse, axel):
    visitor = browse(axel)
    assert visitor.get("/people/").status_code == 200
    RoleGrant.objects.filter(user=axel).update(ends_at=clock.now())
    assert visitor.get("/people/").status_code in (403, 404)
