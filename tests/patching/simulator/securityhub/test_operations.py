import pytest
from botocore.exceptions import ClientError

from tests.patching.simulator.story import FINDING
from tests.simulated_aws import REGION, RETAIL


@pytest.fixture
def hub(simulated_aws):
    return simulated_aws.client("securityhub")


def imported(**change):
    product = f"arn:aws:securityhub:{REGION}:{RETAIL}:product/{RETAIL}/default"
    return FINDING | {"AwsAccountId": RETAIL, "ProductArn": product} | change


def found(hub, **filters):
    asked = {
        name: [{"Value": value, "Comparison": "EQUALS"}] if isinstance(value, str) else value
        for name, value in filters.items()
    }
    pages = hub.get_paginator("get_findings").paginate(Filters=asked)
    return [row for page in pages for row in page["Findings"]]


def instance_ids(rows):
    return {row["Resources"][0]["Id"].rsplit("/", 1)[-1] for row in rows}


def test_patch_compliance_of_every_node_is_a_finding(simulated_aws, hub):
    nodes = [one for one in simulated_aws.world.nodes_in(RETAIL, REGION) if one.managed and one.last_run]
    counts = ("CriticalNonCompliantCount", "SecurityNonCompliantCount", "OtherNonCompliantCount")
    bad = {one.instance_id for one in nodes if any(one.last_run[count] for count in counts)}

    failed = found(hub, ComplianceSecurityControlId="SSM.2", ComplianceStatus="FAILED")
    passed = found(hub, ComplianceSecurityControlId="SSM.2", ComplianceStatus="PASSED")

    assert instance_ids(failed) == bad
    assert instance_ids(passed) == {one.instance_id for one in nodes} - bad
    assert {row["Severity"]["Label"] for row in failed} == {"HIGH"}
    assert {row["Workflow"]["Status"] for row in passed} == {"RESOLVED"}


def test_an_instance_without_an_agent_fails_the_first_control(simulated_aws, hub):
    nodes = simulated_aws.world.nodes_in(RETAIL, REGION)

    failed = found(hub, ComplianceSecurityControlId="SSM.1", ComplianceStatus="FAILED")

    assert instance_ids(failed) == {one.instance_id for one in nodes if not one.managed}


def test_associations_are_looked_at_where_there_are_any(simulated_aws, hub):
    assert found(hub, ComplianceSecurityControlId="SSM.3") == []
    simulated_aws.client("ssm").create_association(
        Name="AWS-UpdateSSMAgent", Targets=[{"Key": "InstanceIds", "Values": ["*"]}]
    )

    rows = found(hub, ComplianceSecurityControlId="SSM.3")

    assert {row["Compliance"]["Status"] for row in rows} == {"PASSED"}


def test_a_finding_can_be_suppressed_with_a_note_and_stays_so(simulated_aws, hub):
    one = found(hub, ComplianceSecurityControlId="SSM.2", WorkflowStatus="NEW")[0]
    identifier = {"Id": one["Id"], "ProductArn": one["ProductArn"]}

    done = hub.batch_update_findings(
        FindingIdentifiers=[identifier, identifier | {"Id": "nothing"}],
        Workflow={"Status": "SUPPRESSED"},
        Note={"Text": "E-17, until July", "UpdatedBy": "patchwarden"},
        UserDefinedFields={"exemption": "E-17"},
    )
    hub.batch_update_findings(FindingIdentifiers=[identifier], VerificationState="BENIGN_POSITIVE")

    assert done["ProcessedFindings"] == [identifier]
    assert [row["ErrorCode"] for row in done["UnprocessedFindings"]] == ["FindingNotFound"]
    (suppressed,) = found(hub, WorkflowStatus="SUPPRESSED")
    assert suppressed["Note"]["Text"] == "E-17, until July"
    assert suppressed["Note"]["UpdatedAt"]
    assert suppressed["VerificationState"] == "BENIGN_POSITIVE"
    by_field = [{"Key": "exemption", "Value": "E-17", "Comparison": "EQUALS"}]
    assert found(hub, UserDefinedFields=by_field) == [suppressed]


def test_an_imported_finding_is_kept_and_replaced_by_the_next(hub):
    hub.batch_import_findings(Findings=[imported()])
    hub.batch_import_findings(Findings=[imported(Title="a new title", Severity={"Normalized": 95})])

    (row,) = found(hub, Id=FINDING["Id"])
    assert (row["Title"], row["Severity"]["Label"], row["RecordState"]) == (
        "a new title",
        "CRITICAL",
        "ACTIVE",
    )
    other = hub.batch_import_findings(Findings=[imported(AwsAccountId="999999999999")])
    assert (other["SuccessCount"], other["FailedCount"]) == (0, 1)


def test_filters_take_what_fits_and_leave_out_what_is_not_wanted(hub):
    hub.batch_import_findings(Findings=[imported()])
    start, end = "2026-06-01T04:00:00Z", "2026-06-01T06:00:00Z"

    named = found(hub, Title=[{"Value": "SSM.2 ", "Comparison": "PREFIX"}])
    not_ours = found(hub, ProductName=[{"Value": "Security Hub", "Comparison": "NOT_EQUALS"}])
    recent = found(hub, CreatedAt=[{"Start": start, "End": end}])

    assert named
    assert all(row["Title"].startswith("SSM.2 ") for row in named)
    assert [row["Id"] for row in not_ours] == [row["Id"] for row in recent] == [FINDING["Id"]]
    for filters in (
        {"Keyword": [{"Value": "a"}]},
        {"CreatedAt": [{"DateRange": {"Value": 1, "Unit": "DAYS"}}]},
    ):
        with pytest.raises(ClientError, match="not simulated"):
            hub.get_findings(Filters=filters)


def test_findings_are_sorted_when_asked(hub):
    rows = hub.get_findings(SortCriteria=[{"Field": "Title", "SortOrder": "desc"}], MaxResults=100)[
        "Findings"
    ]

    titles = [row["Title"] for row in rows]
    assert titles == sorted(titles, reverse=True)
