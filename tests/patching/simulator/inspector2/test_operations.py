from datetime import timedelta

import pytest
from botocore.exceptions import ClientError

from tests.simulated_aws import REGION, RETAIL


@pytest.fixture
def inspector(simulated_aws):
    return simulated_aws.client("inspector2")


@pytest.fixture
def node(simulated_aws):
    return next(
        one
        for one in simulated_aws.world.nodes_in(RETAIL, REGION)
        if one.ping_status == "Online" and not one.install_fails and cves_of(one)
    )


def cves_of(node):
    rows = [row for row in node.findings if row["State"] in ("Missing", "Failed")]
    return {cve for row in rows for cve in row.get("CVEIds", "").split(",") if cve}


def findings(inspector, **criteria):
    asked = {
        name: [{"comparison": "EQUALS", "value": value}] if isinstance(value, str) else value
        for name, value in criteria.items()
    }
    pages = inspector.get_paginator("list_findings").paginate(filterCriteria=asked)
    return [row for page in pages for row in page["findings"]]


def test_every_cve_of_a_missing_patch_is_a_finding_until_it_is_installed(simulated_aws, inspector, node):
    before = findings(inspector, resourceId=node.instance_id)
    simulated_aws.client("ssm").send_command(
        DocumentName="AWS-RunPatchBaseline",
        InstanceIds=[node.instance_id],
        Parameters={"Operation": ["Install"]},
    )
    simulated_aws.advance(by=timedelta(hours=1))

    ids = [row["packageVulnerabilityDetails"]["vulnerabilityId"] for row in before]
    assert sorted(ids) == sorted(cves_of_before := set(ids))
    assert cves_of_before
    assert {row["fixAvailable"] for row in before} == {"YES"}
    assert findings(inspector, resourceId=node.instance_id) == []


def test_the_cves_are_those_that_ssm_names(inspector, node):
    rows = findings(inspector, resourceId=node.instance_id)

    assert {row["packageVulnerabilityDetails"]["vulnerabilityId"] for row in rows} == cves_of(node)


def test_findings_are_found_by_what_is_known_of_them(inspector, node):
    rows = findings(inspector)
    known = [row for row in rows if row["exploitAvailable"] == "YES"]
    tags = [{"comparison": "EQUALS", "key": "Name", "value": node.name}]

    assert findings(inspector, exploitAvailable="YES") == known
    assert findings(inspector, resourceTags=tags) == findings(inspector, resourceId=node.instance_id)
    high = findings(inspector, severity=[{"comparison": "NOT_EQUALS", "value": "CRITICAL"}])
    assert "CRITICAL" not in {row["severity"] for row in high}
    with pytest.raises(ClientError, match="not simulated"):
        inspector.list_findings(filterCriteria={"componentId": [{"comparison": "EQUALS", "value": "a"}]})


def test_the_worst_come_first_when_asked(inspector):
    rows = inspector.list_findings(sortCriteria={"field": "SEVERITY", "sortOrder": "DESC"})["findings"]

    scores = [row["inspectorScore"] for row in rows]
    assert len(rows) == 25
    assert scores == sorted(scores, reverse=True)


def test_coverage_tells_who_cannot_be_looked_at(simulated_aws, inspector):
    rows = {row["resourceId"]: row for row in inspector.list_coverage()["coveredResources"]}

    for node in simulated_aws.world.nodes_in(RETAIL, REGION):
        active = node.managed and node.ping_status == "Online"
        assert (rows[node.instance_id]["scanStatus"]["statusCode"] == "ACTIVE") == active
    unmanaged = inspector.list_coverage(
        filterCriteria={"scanStatusReason": [{"comparison": "EQUALS", "value": "UNMANAGED_EC2_INSTANCE"}]}
    )["coveredResources"]
    assert {row["resourceId"] for row in unmanaged} == {
        one.instance_id for one in simulated_aws.world.nodes_in(RETAIL, REGION) if not one.managed
    }
