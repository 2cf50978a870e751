"""What exemptions in force show in Security Hub, in compliance and in S3, and that it leaves again with them."""

import json
from datetime import timedelta

import pytest

from exemptions import mirroring, register_export, workflow
from exemptions.models import Mirrored
from patching.aws.mirrors import ITEM_TYPE
from patching.models import ManagedInstance, Waiver
from portal.governance import clock
from tests import factories, people
from tests.exemptions import asks
from tests.exemptions.test_register_key import PEM
from tests.patching.api import fleet
from tests.simulated_aws import HUB, REGION, RETAIL, SHARED

Kind = Mirrored.Kind


@pytest.fixture
def retail(db, cast, simulated_aws, settings):
    """Two unpatched servers of payments as AWS and the inventory have them, in a live window."""
    settings.MIRROR_SECURITY_HUB = settings.MIRROR_COMPLIANCE_ITEMS = True
    clock.set_to(simulated_aws.now)
    return place_with(simulated_aws, RETAIL)


@pytest.fixture
def servers(retail):
    found = list(ManagedInstance.objects.filter(account_region=retail).order_by("pk"))
    asks.in_a_window(found)
    return found


@pytest.fixture
def exemption(servers):
    return asks.approved(people.person("rita"), servers[:1])


@pytest.fixture
def registers(db, simulated_aws, settings):
    """A bucket of our own, and a key to sign with."""
    settings.MIRROR_REGISTER_BUCKET, settings.REGISTER_SIGNING_KEY = "registers", PEM
    s3 = simulated_aws.client("s3", HUB)
    s3.create_bucket(Bucket="registers", CreateBucketConfiguration={"LocationConstraint": REGION})
    return s3


def place_with(aws, account):
    """An account-region with two servers whose patches are not in order."""
    row = factories.account(account, external_id=aws.external_id(account))
    place = factories.account_region(row)
    nodes = [one for one in aws.world.nodes_in(account, REGION) if one.last_run and lacks(one)][:2]
    assert len(nodes) == 2
    for node in nodes:
        factories.instance(factories.payments(), "prod", place, instance_id=node.instance_id, name=node.name)
    return place


def lacks(node):
    return any(node.last_run[f"{kind}NonCompliantCount"] for kind in ("Critical", "Security", "Other"))


def findings(aws, status, account=RETAIL):
    """Findings on patches by node, in plain boto3."""
    wanted = {
        "ComplianceSecurityControlId": [{"Value": "SSM.2", "Comparison": "EQUALS"}],
        "WorkflowStatus": [{"Value": status, "Comparison": "EQUALS"}],
    }
    pages = aws.client("securityhub", account).get_paginator("get_findings").paginate(Filters=wanted)
    return {row["Resources"][0]["Id"].rsplit("/", 1)[-1]: row for page in pages for row in page["Findings"]}


def items(aws, instance, account=RETAIL):
    rows = aws.client("ssm", account).list_compliance_items(
        ResourceIds=[instance.instance_id],
        Filters=[{"Key": "ComplianceType", "Values": [ITEM_TYPE], "Type": "EQUAL"}],
    )["ComplianceItems"]
    return {row["Id"]: row for row in rows}


def writes(aws):
    return len(aws.log("BatchUpdateFindings", "PutComplianceItems"))


def test_off_nothing_is_asked_and_nothing_written(exemption, simulated_aws, settings):
    settings.MIRROR_SECURITY_HUB = settings.MIRROR_COMPLIANCE_ITEMS = False
    mirroring.mirror()
    assert not simulated_aws.calls("GetFindings", "BatchUpdateFindings", "PutComplianceItems")
    assert not Mirrored.objects.exists()


def test_in_force_the_finding_is_suppressed_with_a_note_and_the_node_carries_an_item(
    exemption, servers, simulated_aws
):
    mirroring.mirror()

    suppressed = findings(simulated_aws, "SUPPRESSED")
    assert set(suppressed) == {servers[0].instance_id}
    note = suppressed[servers[0].instance_id]["Note"]
    assert (note["UpdatedBy"], exemption.number in note["Text"]) == ("patchwarden", True)
    assert servers[1].instance_id in findings(simulated_aws, "NEW")
    (item,) = items(simulated_aws, servers[0]).values()
    assert (item["Id"], item["Title"], item["Status"]) == (exemption.number, asks.TITLE, "COMPLIANT")
    assert items(simulated_aws, servers[1]) == {}
    told = {row.kind: (row.exemptions, row.findings, row.error) for row in Mirrored.objects.all()}
    assert told == {
        Kind.SECURITY_HUB: ([exemption.number], 1, ""),
        Kind.COMPLIANCE_ITEMS: ([exemption.number], 0, ""),
    }


def test_a_second_run_writes_nothing(exemption, simulated_aws, monkeypatch):
    mirroring.mirror()
    written, since = writes(simulated_aws), set(Mirrored.objects.values_list("changed_at", flat=True))
    asks.later(monkeypatch, clock.now() + timedelta(hours=1))
    mirroring.mirror()
    assert (writes(simulated_aws), set(Mirrored.objects.values_list("changed_at", flat=True))) == (
        written,
        since,
    )


@pytest.mark.parametrize("end", ["by date", "by hand", "switched off"])
def test_at_the_end_both_are_taken_back(exemption, servers, simulated_aws, monkeypatch, settings, end):
    mirroring.mirror()
    if end == "by date":
        asks.later(monkeypatch, exemption.ends_at)
    elif end == "by hand":
        workflow.revoke(exemption, by=people.person("clara"), reason="The fix is out.")
        Waiver.objects.update(ended_at=clock.now())
    else:
        settings.MIRROR_SECURITY_HUB = settings.MIRROR_COMPLIANCE_ITEMS = False
    mirroring.mirror()

    assert findings(simulated_aws, "SUPPRESSED") == {}
    assert "counts again" in findings(simulated_aws, "NEW")[servers[0].instance_id]["Note"]["Text"]
    assert items(simulated_aws, servers[0]) == {}
    assert not Mirrored.objects.exists()


def test_a_suppression_by_somebody_else_is_left_alone(exemption, servers, simulated_aws, monkeypatch):
    row = findings(simulated_aws, "NEW")[servers[0].instance_id]
    simulated_aws.client("securityhub").batch_update_findings(
        FindingIdentifiers=[{"Id": row["Id"], "ProductArn": row["ProductArn"]}],
        Workflow={"Status": "SUPPRESSED"},
        Note={"Text": "Accepted by the SOC", "UpdatedBy": "soc"},
    )
    for moment in (clock.now(), exemption.ends_at):
        asks.later(monkeypatch, moment)
        mirroring.mirror()
        kept = findings(simulated_aws, "SUPPRESSED")[servers[0].instance_id]
        assert kept["Note"]["Text"] == "Accepted by the SOC"


def test_of_overlapping_ones_the_end_of_one_keeps_the_other(exemption, servers, simulated_aws, monkeypatch):
    longer = asks.approved(people.person("rita"), servers[:1], ends_at=exemption.ends_at + timedelta(days=5))
    mirroring.mirror()
    assert set(items(simulated_aws, servers[0])) == {exemption.number, longer.number}

    asks.later(monkeypatch, exemption.ends_at)
    mirroring.mirror()
    assert set(items(simulated_aws, servers[0])) == {longer.number}
    note = findings(simulated_aws, "SUPPRESSED")[servers[0].instance_id]["Note"]["Text"]
    assert note.startswith(f"{longer.number}:")


@pytest.mark.parametrize(
    ("excluded", "suppressed"), [(["KB5039200", "KB5039201"], True), (["KB5039200"], False)]
)
def test_an_exclusion_silences_a_finding_only_when_nothing_else_is_missing(
    servers, simulated_aws, excluded, suppressed
):
    server = servers[0]
    fleet.scanned(server, "Critical", "Low")
    Waiver.objects.create(
        kind="patch_exclusion",
        instance=server,
        patches=excluded,
        source=f"exemption:{asks.drafted(people.person('rita'), [server]).pk}",
        starts_at=clock.now(),
        ends_at=clock.now() + timedelta(days=3),
    )
    mirroring.mirror()
    assert bool(findings(simulated_aws, "SUPPRESSED")) == suppressed
    (item,) = items(simulated_aws, server).values()
    assert item["Details"]["patches"] == ", ".join(excluded)


def test_an_account_that_lets_nobody_in_keeps_its_words_and_stops_no_other(exemption, servers, simulated_aws):
    shared = place_with(simulated_aws, SHARED)
    other = ManagedInstance.objects.filter(account_region=shared).first()
    Waiver.objects.create(
        kind="node_deferral",
        instance=other,
        source=f"exemption:{exemption.pk}",
        starts_at=clock.now(),
        ends_at=exemption.ends_at,
    )
    simulated_aws.deny_role(RETAIL)
    mirroring.mirror()

    assert set(findings(simulated_aws, "SUPPRESSED", SHARED)) == {other.instance_id}
    told = dict(Mirrored.objects.values_list("account_region__account__account_id", "error"))
    assert "does not allow" in told[RETAIL]
    assert told[SHARED] == ""


def test_one_service_denied_stops_no_other_and_heals_by_itself(exemption, servers, simulated_aws):
    simulated_aws.deny("BatchUpdateFindings")
    mirroring.mirror()
    assert set(items(simulated_aws, servers[0])) == {exemption.number}
    assert "BatchUpdateFindings" in Mirrored.objects.get(kind=Kind.SECURITY_HUB).error

    simulated_aws.clear_faults()
    mirroring.mirror()
    assert not Mirrored.objects.exclude(error="").exists()
    assert set(findings(simulated_aws, "SUPPRESSED")) == {servers[0].instance_id}


@pytest.mark.parametrize("operation", ["BatchUpdateFindings", "PutComplianceItems"])
def test_a_write_whose_answer_was_lost_is_made_good(
    exemption, servers, simulated_aws, monkeypatch, operation
):
    """As after a kill between the call and our row: what shows is right after the next run, and leaves at the end."""
    simulated_aws.inject("lost-reply", operation=operation, times=5)
    mirroring.mirror()
    simulated_aws.clear_faults()
    asks.later(monkeypatch, exemption.ends_at)
    mirroring.mirror()
    assert findings(simulated_aws, "SUPPRESSED") == {}
    assert items(simulated_aws, servers[0]) == {}


def test_an_instance_that_is_gone_needs_no_call(exemption, servers, simulated_aws):
    mirroring.mirror()
    ManagedInstance.objects.filter(pk=servers[0].pk).update(gone_at=clock.now())
    put = len(simulated_aws.log("PutComplianceItems"))
    mirroring.mirror()
    assert len(simulated_aws.log("PutComplianceItems")) == put
    assert not Mirrored.objects.exists()


def test_a_days_register_is_kept_and_written_again_only_when_it_changed(
    exemption, registers, settings, monkeypatch
):
    settings.MIRROR_SECURITY_HUB = settings.MIRROR_COMPLIANCE_ITEMS = False
    day = clock.now()
    mirroring.mirror()
    mirroring.mirror()
    key = f"patchwarden/{day:%Y/%m/%d}/register.json"
    text = registers.get_object(Bucket="registers", Key=key)["Body"].read().decode()
    assert register_export.verify(text).exemptions == 1
    assert json.loads(text)["register"]["exemptions"][0]["number"] == exemption.number
    changed = Mirrored.objects.get().changed_at

    asks.later(monkeypatch, day + timedelta(hours=1))
    mirroring.mirror()
    assert Mirrored.objects.get().changed_at == changed
    asks.later(monkeypatch, day + timedelta(days=1))
    mirroring.mirror()
    assert len(registers.list_objects_v2(Bucket="registers")["Contents"]) == 2


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [("MIRROR_REGISTER_BUCKET", "elsewhere", "NoSuchBucket"), ("REGISTER_SIGNING_KEY", "", "not set")],
)
def test_a_register_that_cannot_be_kept_says_why(registers, settings, setting, value, words):
    setattr(settings, setting, value)
    mirroring.mirror()
    assert words in Mirrored.objects.get(kind=Kind.REGISTER).error
