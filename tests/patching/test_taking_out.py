"""What is in effect is taken out by those who see it, and every file of it is told in the audit log."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from patching.models import PatchGroup
from patching.taking_out import Choice, NothingInEffect, take_out
from portal.governance import audit, audit_words
from portal.governance.errors import InvalidInput
from portal.governance.models import AuditEntry
from tests import asks, factories, people
from tests.patching.calendar import nights

pytestmark = pytest.mark.django_db


@pytest.fixture
def group(rita, omar, ivan, clara):
    asks.in_effect(rita, asks.ha_items(asks.fleet()), omar, ivan, clara)
    return PatchGroup.objects.get(name="payments-prod")


def test_a_group_brings_the_windows_of_its_instances(group, rita):
    choice = Choice.all_of(rita).of_group(group)
    assert sorted(one.name for one in choice.windows) == ["payments-prod-a", "payments-prod-b"]
    assert list(take_out(choice, "yaml", by=rita)) == [
        "payments-prod-211125483017-eu-central-1.patchwarden.yaml"
    ]


def test_every_file_is_told_in_the_audit_log_whoever_takes_it(group, rita):
    take_out(Choice.all_of(rita).of_application(group.application), "terraform", by=rita)
    take_out(Choice.all_of(None).of_place(group.account_region), "cloudformation", by=None)
    first, second = AuditEntry.objects.filter(action="setup.exported").order_by("seq")
    assert (first.actor, second.actor_name) == (rita, audit.SYSTEM)
    assert first.object_label == str(group.account_region)
    assert audit_words.said(first) == (
        "took out what is in effect as Terraform: payments-211125483017-eu-central-1.tf"
    )


def test_nobody_waits_for_the_audit_log_while_files_are_written(group, rita):
    elsewhere = factories.account_region(region="us-east-1")
    for name in ("payments-far-a", "payments-far-b"):
        nights.window(name, place=elsewhere)
    with CaptureQueriesContext(connection) as asked:
        assert len(take_out(Choice.all_of(rita), "yaml", by=rita)) == 2
    tables = [one["sql"].partition(' FROM "')[2].partition('"')[0] for one in asked]
    turn = tables.index("governance_audithead")
    assert "patching_maintenancewindow" in tables[:turn]
    assert not {one for one in tables[turn:] if one.startswith("patching_")}
    assert "patching_revision" not in tables


def test_nobody_takes_out_what_they_do_not_see(group):
    noor = people.person("noor")
    with pytest.raises(NothingInEffect):
        take_out(Choice.all_of(noor), "yaml", by=noor)
    assert not AuditEntry.objects.filter(action="setup.exported").exists()


def test_a_format_that_is_only_read_is_refused_by_name(group, rita):
    with pytest.raises(InvalidInput) as refused:
        take_out(Choice.all_of(rita), "aws-json", by=rita)
    assert refused.value.problems[0].field == "as"
