"""The cast stands as the story says."""

import pytest
from django.db import connection

from portal.governance import clock, roles, triggers
from portal.governance.models import AuditEntry, Membership, Role, RoleGrant
from portal.governance.signing_in import raise_unless_recent, signed_in_at
from tests.people import CAST


def test_everybody_holds_the_part_they_play(cast):
    assert set(cast) == set(CAST)
    assert roles.is_lead(cast["omar"], cast["rita"].memberships.get().team)
    assert not roles.roles_of(cast["rita"])
    assert set(roles.holders(Role.SECURITY_OPERATIONS)) == {cast["ines"], cast["ivan"]}
    assert set(roles.holders(Role.CISO)) == {cast["clara"], cast["dora"]}
    assert roles.roles_of(cast["axel"]) == {Role.AUDITOR}
    assert roles.roles_of(cast["opal"]) == {Role.OPERATOR}
    assert roles.roles_of(cast["adam"]) == {Role.ADMINISTRATOR}
    assert not roles.teams_of(cast["noor"]).filter(memberships__user=cast["rita"]).exists()


def test_a_browser_of_the_cast_counts_as_freshly_signed_in(rita, browse, rf):
    request = rf.get("/")
    request.session, request.user = browse(rita).session, rita

    raise_unless_recent(signed_in_at(request))
    assert abs((clock.real_now() - signed_in_at(request)).total_seconds()) < 60


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("time", [1, 2])
def test_append_only_tables_are_empty_again_after_a_test_that_commits(time):
    assert not AuditEntry.objects.exists()
    assert not RoleGrant.objects.exists()
    assert not Membership.objects.exists()
    assert triggers.missing(connection) == []
    at = clock.now()
    AuditEntry.objects.create(seq=1, at=at, real_at=at, actor_name="x", action="x", object_type="x")
