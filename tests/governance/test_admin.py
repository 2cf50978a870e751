"""The admin is for reading: no door there adds, changes or deletes anything, not even for a superuser."""

import pytest
from django.urls import reverse

from patching.models import Decision
from portal.governance.admin import ReadingRoom, reading_room
from portal.governance.models import ApiToken, AuditEntry, User
from tests import factories


@pytest.fixture
def superuser(adam, browse):
    adam.is_superuser = adam.is_staff = True
    adam.save()
    return browse(adam)


def ours():
    return [
        (model, room)
        for model, room in reading_room._registry.items()
        if model._meta.app_label in ("governance", "patching", "exemptions")
    ]


def test_every_model_but_tokens_is_shown_and_none_can_be_touched(rf, adam):
    adam.is_superuser = True
    request = rf.get("/")
    request.user = adam
    rooms = ours()
    assert {Decision, AuditEntry, User} <= {model for model, _ in rooms}
    assert ApiToken not in {model for model, _ in rooms}
    for _, room in rooms:
        assert not room.has_add_permission(request)
        assert not room.has_change_permission(request)
        assert not room.has_delete_permission(request)


def test_nothing_of_other_libraries_can_be_edited_here(superuser):
    assert all(isinstance(room, ReadingRoom) for room in reading_room._registry.values())
    assert superuser.get("/admin/account/emailaddress/add/").status_code == 404
    assert superuser.get("/admin/auth/group/add/").status_code == 404


def test_posting_to_the_admin_changes_nothing(superuser, rita):
    row = factories.change_request(rita)
    address = reverse("admin:patching_changerequest_change", args=[row.pk])
    assert superuser.get(address).status_code == 200
    assert superuser.post(address, {"title": "Mine now", "state": "approved"}).status_code == 403
    row.refresh_from_db()
    assert row.title != "Mine now"


def test_secrets_are_not_shown(superuser):
    account = factories.account()
    page = superuser.get(reverse("admin:patching_awsaccount_change", args=[account.pk]))
    assert account.external_id not in page.content.decode()


def test_whoever_is_not_staff_stays_outside(rita, browse):
    assert browse(rita).get(reverse("admin:index")).status_code == 302
