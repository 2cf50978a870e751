"""Findings are suppressed and given back by us alone, items replace each other, and no call is undeclared."""

from base64 import b64encode
from hashlib import sha256
from types import SimpleNamespace

import pytest

from patching.aws import mirrors, session
from patching.aws.errors import AwsError
from patching.aws.mirrors import ComplianceItems, Item, SecurityHub
from tests.simulated_aws import HUB, REGION, RETAIL


@pytest.fixture
def clients(simulated_aws):
    made = {name: simulated_aws.client(name) for name in ("ssm", "securityhub")}
    return SimpleNamespace(account_id=RETAIL, region=REGION, **made)


@pytest.fixture
def hub(clients):
    return SecurityHub(clients, "patchwarden")


def workflow_of(clients, finding):
    wanted = [{"Value": finding.finding_id, "Comparison": "EQUALS"}]
    (row,) = clients.securityhub.get_findings(Filters={"Id": wanted})["Findings"]
    return row


def test_open_findings_are_those_on_patches_and_name_their_node(hub, simulated_aws):
    nodes = {one.instance_id for one in simulated_aws.world.nodes_in(RETAIL, REGION)}
    found = hub.open()
    assert found
    assert all("/SSM.2/" in one.finding_id and len(one.nodes) == 1 and one.nodes <= nodes for one in found)


def test_what_is_suppressed_says_for_what_and_can_be_given_back(hub, clients):
    one, other = hub.open()[:2]
    hub.suppress([one, other], "EX-12", "EX-12 until July")
    assert {found.exemptions for found in hub.suppressed()} == {"EX-12"}
    assert one.finding_id not in {found.finding_id for found in hub.open()}

    hub.give_back([found for found in hub.suppressed() if found.nodes == one.nodes], "EX-12 has ended")
    row = workflow_of(clients, one)
    assert (row["Workflow"]["Status"], row["Note"]["Text"]) == ("NEW", "EX-12 has ended")
    assert [found.nodes for found in hub.suppressed()] == [other.nodes]


def test_a_suppression_by_somebody_else_is_not_ours_even_after_we_once_held_it(hub, clients):
    one, other = hub.open()[:2]
    hub.suppress([one], "EX-12", "…")
    hub.give_back(hub.suppressed(), "…")
    clients.securityhub.batch_update_findings(
        FindingIdentifiers=[{"Id": each.finding_id, "ProductArn": each.product_arn} for each in (one, other)],
        Workflow={"Status": "SUPPRESSED"},
    )
    assert hub.suppressed() == []


def test_what_others_wrote_into_the_fields_stays(hub, clients):
    one = hub.open()[0]
    clients.securityhub.batch_update_findings(
        FindingIdentifiers=[{"Id": one.finding_id, "ProductArn": one.product_arn}],
        UserDefinedFields={"ticket": "OPS-4"},
    )
    hub.suppress([found for found in hub.open() if found.nodes == one.nodes], "EX-1", "…")
    assert workflow_of(clients, one)["UserDefinedFields"] == {
        "ticket": "OPS-4",
        "patchwarden:exemption": "EX-1",
        "patchwarden:suppressed-by": "patchwarden",
    }


def test_another_installation_leaves_ours_alone(hub, clients):
    hub.suppress(hub.open()[:1], "EX-1", "…")
    assert SecurityHub(clients, "elsewhere").suppressed() == []


def test_a_finding_that_is_gone_is_no_trouble_and_a_refused_one_is(hub, clients, monkeypatch):
    gone = mirrors.Finding(
        "nothing", "arn:aws:securityhub:eu-central-1::product/aws/securityhub", frozenset()
    )
    hub.suppress([gone], "EX-1", "…")
    refused = {"FindingIdentifier": {}, "ErrorCode": "Locked", "ErrorMessage": "Not now."}
    monkeypatch.setattr(
        clients.securityhub, "batch_update_findings", lambda **_: {"UnprocessedFindings": [refused]}
    )
    with pytest.raises(AwsError, match="refused 1 of 1"):
        hub.suppress([gone], "EX-1", "…")


def test_items_replace_each_other_and_are_taken_away_by_none(clients, simulated_aws):
    node = next(one for one in simulated_aws.world.nodes_in(RETAIL, REGION) if one.last_run)
    items = ComplianceItems(clients)
    until = "2026-07-01T12:00:00+00:00"
    plain = [Item(number, "Keep it", "node_deferral", until).as_plain() for number in ("EX-1", "EX-2")]

    def shown():
        rows = clients.ssm.list_compliance_items(
            ResourceIds=[node.instance_id],
            Filters=[{"Key": "ComplianceType", "Values": [mirrors.ITEM_TYPE], "Type": "EQUAL"}],
        )["ComplianceItems"]
        return {row["Id"]: (row["Status"], row["Severity"]) for row in rows}

    items.put(node.instance_id, plain, simulated_aws.now)
    assert shown() == dict.fromkeys(("EX-1", "EX-2"), ("COMPLIANT", "INFORMATIONAL"))
    items.put(node.instance_id, plain[1:], simulated_aws.now)
    assert set(shown()) == {"EX-2"}
    items.put(node.instance_id, [], simulated_aws.now)
    assert shown() == {}


def test_an_item_names_its_patches_and_keeps_to_awss_limits():
    item = Item("EX-1", "x" * 600, "patch_exclusion", "2026-07-01", ["KB5034441"] * 900).as_plain()
    assert (len(item["Title"]), len(item["Details"]["patches"])) == (500, 4096)


def test_the_register_lies_in_our_own_bucket_and_was_sent_with_its_checksum(simulated_aws, monkeypatch):
    own, sent = session.own("s3"), {}
    own.meta.events.register("before-call.s3.PutObject", lambda params, **_: sent.update(params["headers"]))
    monkeypatch.setattr(session, "own", {"s3": own}.get)
    s3 = simulated_aws.client("s3", HUB)
    s3.create_bucket(Bucket="registers", CreateBucketConfiguration={"LocationConstraint": REGION})
    mirrors.put_register("registers", "a/b.json", "{}")
    found = s3.get_object(Bucket="registers", Key="a/b.json")
    assert (found["Body"].read(), found["ContentType"]) == (b"{}", "application/json")
    assert sent["x-amz-checksum-sha256"] == b64encode(sha256(b"{}").digest()).decode()


def test_a_bucket_that_is_not_there_is_told(simulated_aws):
    with pytest.raises(AwsError, match="NoSuchBucket"):
        mirrors.put_register("nowhere-at-all", "a.json", "{}")


def test_they_call_exactly_what_they_declare(hub, clients, simulated_aws):
    called = set()
    for name in ("ssm", "securityhub"):
        getattr(clients, name).meta.events.register(
            f"before-call.{name}",
            lambda model, **_: called.add(f"{model.service_model.endpoint_prefix}:{model.name}"),
        )
    node = next(one for one in simulated_aws.world.nodes_in(RETAIL, REGION) if one.last_run)
    hub.suppress(hub.open()[:1], "EX-1", "…")
    hub.give_back(hub.suppressed(), "…")
    ComplianceItems(clients).put(node.instance_id, [], simulated_aws.now)
    assert called == {action for one in mirrors.CLASSES for action in one.permissions}
