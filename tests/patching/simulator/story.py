"""One call of every operation that is simulated, in an order in which all of them work.

A step is a recorded operation (its request stands in `tests/data/recorded_shapes.json`), a call of ours as
(service, operation, request), or something that happens. "$Operation.Path" is a value of that operation's latest reply.
"""

from datetime import timedelta

import jmespath
from botocore import xform_name

from tests.patching.simulator import recorded
from tests.simulated_aws import HUB, REGION, RETAIL

SHAPES = recorded.shapes()
OF_THE_HUB = {"sts", "organizations", "securityhub", "inspector2"}

ROLE = f"arn:aws:iam::{RETAIL}:role/PatchwardenRestore"
QUOTA = {"ServiceCode": "ssm", "QuotaCode": "$ListServiceQuotas.Quotas[0].QuotaCode"}
ROOT = "$ListRoots.Roots[0].Id"
UNIT = "$ListOrganizationalUnitsForParent.OrganizationalUnits[0].Id"
SCHEDULE = {
    "Name": "restore",
    "GroupName": "patchwarden",
    "ScheduleExpression": "at(2026-12-01T00:00:00)",
    "FlexibleTimeWindow": {"Mode": "OFF"},
    "Target": {"Arn": "arn:aws:scheduler:::aws-sdk:ec2:createTags", "RoleArn": ROLE, "Input": "{}"},
}
GROUP_ARN = "$CreateScheduleGroup.ScheduleGroupArn"
TAG = {"Key": "a", "Value": "b"}
EXECUTION = {"AutomationExecutionId": "$StartAutomationExecution.AutomationExecutionId"}
ASSOCIATION = {"AssociationId": "$CreateAssociation.AssociationDescription.AssociationId"}
IN_REGION = {"LocationConstraint": REGION}
PRODUCT = f"arn:aws:securityhub:{REGION}:{HUB}:product/{HUB}/default"
IDENTIFIER = {"Id": "finding-1", "ProductArn": PRODUCT}
SUPPRESSED = {"Status": "SUPPRESSED"}
FINDING = {
    **IDENTIFIER,
    "SchemaVersion": "2018-10-08",
    "GeneratorId": "tests",
    "AwsAccountId": HUB,
    "CreatedAt": "2026-06-01T05:00:00Z",
    "UpdatedAt": "2026-06-01T05:00:00Z",
    "Severity": {"Label": "HIGH"},
    "Title": "a title",
    "Description": "a text",
    "Resources": [{"Type": "Other", "Id": "a-thing"}],
}
BUCKET = {"BucketName": "all-inventory", "Prefix": "ssm", "SyncFormat": "JsonSerDe", "Region": REGION}
SOURCE = {"SourceType": "SingleAccountMultiRegions", "SourceRegions": [REGION]}
ITEM = {"Id": "E-1", "Title": "Deferred", "Severity": "HIGH", "Status": "NON_COMPLIANT"}
RACK = {"TypeName": "Custom:Rack", "SchemaVersion": "1.0", "CaptureTime": "2026-06-01T05:00:00Z"}


def there_is_a_bucket(aws):
    aws.client("s3", HUB).create_bucket(Bucket="all-inventory", CreateBucketConfiguration=IN_REGION)


def a_night_goes_by(aws):
    aws.advance(by=timedelta(days=1))


def the_window_opens(aws):
    aws.advance(to=aws.now.replace(hour=22, minute=0, second=1))


# What is called, in an order in which it works: the recorded request, or one of ours.
STORY = [
    ("sts", "AssumeRole", {"RoleArn": "$role", "RoleSessionName": "test", "ExternalId": "$external_id"}),
    ("sts", "GetCallerIdentity", {}),
    ("ec2", "DescribeInstances", {}),
    ("ec2", "CreateTags", {"Resources": ["$node"], "Tags": [{"Key": "PatchGroup", "Value": "a-group"}]}),
    ("ec2", "CreateTags", {"Resources": ["$node"], "Tags": [TAG]}),
    ("ec2", "DescribeTags", {"Filters": [{"Name": "resource-id", "Values": ["$node"]}]}),
    ("ec2", "DeleteTags", {"Resources": ["$node"], "Tags": [TAG]}),
    ("ec2", "DescribeVolumes", {"Filters": [{"Name": "attachment.instance-id", "Values": ["$node"]}]}),
    ("ec2", "CreateSnapshot", {"VolumeId": "$DescribeVolumes.Volumes[0].VolumeId"}),
    ("ec2", "DescribeSnapshots", {"SnapshotIds": ["$CreateSnapshot.SnapshotId"]}),
    ("ec2", "DeleteSnapshot", {"SnapshotId": "$CreateSnapshot.SnapshotId"}),
    ("service-quotas", "ListServiceQuotas", {"ServiceCode": "ssm"}),
    ("service-quotas", "ListAWSDefaultServiceQuotas", {"ServiceCode": "ssm"}),
    ("service-quotas", "GetServiceQuota", QUOTA),
    ("service-quotas", "GetAWSDefaultServiceQuota", QUOTA),
    ("inspector2", "ListFindings", {}),
    ("inspector2", "ListCoverage", {}),
    ("securityhub", "GetFindings", {}),
    ("securityhub", "BatchImportFindings", {"Findings": [FINDING]}),
    ("securityhub", "BatchUpdateFindings", {"FindingIdentifiers": [IDENTIFIER], "Workflow": SUPPRESSED}),
    ("organizations", "DescribeOrganization", {}),
    ("organizations", "ListAccounts", {}),
    ("organizations", "DescribeAccount", {"AccountId": RETAIL}),
    ("organizations", "ListRoots", {}),
    ("organizations", "ListOrganizationalUnitsForParent", {"ParentId": ROOT}),
    ("organizations", "DescribeOrganizationalUnit", {"OrganizationalUnitId": UNIT}),
    ("organizations", "ListAccountsForParent", {"ParentId": UNIT}),
    ("organizations", "ListParents", {"ChildId": RETAIL}),
    "CreatePatchBaseline",
    "UpdatePatchBaseline",
    "GetPatchBaseline",
    "RegisterDefaultPatchBaseline",
    "GetDefaultPatchBaseline",
    "RegisterPatchBaselineForPatchGroup",
    "GetPatchBaseline",
    "GetPatchBaselineForPatchGroup",
    "DescribePatchBaselines",
    "DescribePatchGroups",
    "DescribePatchProperties",
    "DescribeAvailablePatches",
    "DescribeEffectivePatchesForPatchBaseline",
    "CreateMaintenanceWindow",
    "UpdateMaintenanceWindow",
    ("ssm", "GetMaintenanceWindow", {"WindowId": "$CreateMaintenanceWindow.WindowId"}),
    "DescribeMaintenanceWindows",
    "DescribeMaintenanceWindowSchedule",
    "RegisterTargetWithMaintenanceWindow",
    "UpdateMaintenanceWindowTarget",
    "DescribeMaintenanceWindowTargets",
    "DescribeMaintenanceWindowsForTarget",
    "RegisterTaskWithMaintenanceWindow",
    "UpdateMaintenanceWindowTask",
    "GetMaintenanceWindowTask",
    "DescribeMaintenanceWindowTasks",
    (
        "ssm",
        "AddTagsToResource",
        {
            "ResourceType": "MaintenanceWindow",
            "ResourceId": "$CreateMaintenanceWindow.WindowId",
            "Tags": [{"Key": "c", "Value": "d"}],
        },
    ),
    "ListTagsForResource",
    (
        "ssm",
        "RemoveTagsFromResource",
        {
            "ResourceType": "MaintenanceWindow",
            "ResourceId": "$CreateMaintenanceWindow.WindowId",
            "TagKeys": ["c"],
        },
    ),
    a_night_goes_by,
    "DescribeInstanceInformation",
    "DescribeInstancePatchStates",
    "DescribeInstancePatchStatesForPatchGroup",
    "DescribeInstancePatches",
    "DescribePatchGroupState",
    "ListComplianceItems",
    "ListResourceComplianceSummaries",
    ("ssm", "ListComplianceSummaries", {}),
    "DescribeMaintenanceWindowExecutions",
    "GetMaintenanceWindowExecution",
    "DescribeMaintenanceWindowExecutionTasks",
    "GetMaintenanceWindowExecutionTask",
    "DescribeMaintenanceWindowExecutionTaskInvocations",
    "GetMaintenanceWindowExecutionTaskInvocation",
    "SendCommand",
    a_night_goes_by,
    "GetCommandInvocation",
    "ListCommandInvocations",
    ("ssm", "ListCommands", {"CommandId": "$SendCommand.Command.CommandId"}),
    (
        "ssm",
        "SendCommand",
        {
            "InstanceIds": ["$node"],
            "DocumentName": "AWS-RunPatchBaseline",
            "Parameters": {"Operation": ["Scan"]},
        },
    ),
    ("ssm", "CancelCommand", {"CommandId": "$SendCommand.Command.CommandId"}),
    the_window_opens,
    "CancelMaintenanceWindowExecution",
    ("ssm", "ListDocuments", {}),
    ("ssm", "DescribeDocument", {"Name": "AWSManagedServices-PatchInstance"}),
    ("ssm", "GetDocument", {"Name": "AWSManagedServices-PatchInstance"}),
    (
        "ssm",
        "StartAutomationExecution",
        {
            "DocumentName": "AWSManagedServices-PatchInstance",
            "Parameters": {"InstanceId": ["$node"]},
            "ClientToken": "11111111-2222-4333-8444-555555555555",
        },
    ),
    a_night_goes_by,
    ("ssm", "GetAutomationExecution", EXECUTION),
    ("ssm", "DescribeAutomationExecutions", {}),
    ("ssm", "DescribeAutomationStepExecutions", EXECUTION),
    (
        "ssm",
        "StartAutomationExecution",
        {"DocumentName": "AWSManagedServices-PatchInstance", "Parameters": {"InstanceId": ["$node"]}},
    ),
    ("ssm", "StopAutomationExecution", EXECUTION),
    (
        "ssm",
        "PutComplianceItems",
        {
            "ResourceId": "$node",
            "ResourceType": "ManagedInstance",
            "ComplianceType": "Custom:PatchExemption",
            "ExecutionSummary": {"ExecutionTime": "2026-06-01T05:00:00Z"},
            "Items": [ITEM],
        },
    ),
    ("ssm", "PutInventory", {"InstanceId": "$node", "Items": [RACK | {"Content": [{"Place": "A7"}]}]}),
    ("ssm", "ListInventoryEntries", {"InstanceId": "$node", "TypeName": "AWS:InstanceInformation"}),
    ("ssm", "GetInventory", {}),
    ("ssm", "GetInventorySchema", {}),
    (
        "ssm",
        "GetDeployablePatchSnapshotForInstance",
        {"InstanceId": "$node", "SnapshotId": "11111111-2222-4333-8444-555555555555"},
    ),
    there_is_a_bucket,
    ("ssm", "CreateResourceDataSync", {"SyncName": "bucket", "S3Destination": BUCKET}),
    ("ssm", "ListResourceDataSync", {}),
    ("ssm", "DeleteResourceDataSync", {"SyncName": "bucket"}),
    (
        "ssm",
        "CreateResourceDataSync",
        {"SyncName": "explorer", "SyncType": "SyncFromSource", "SyncSource": SOURCE},
    ),
    (
        "ssm",
        "UpdateResourceDataSync",
        {"SyncName": "explorer", "SyncType": "SyncFromSource", "SyncSource": SOURCE},
    ),
    ("ssm", "CreateAssociation", {"Name": "AWS-UpdateSSMAgent", "InstanceId": "$node"}),
    ("ssm", "DescribeAssociation", ASSOCIATION),
    ("ssm", "ListAssociations", {}),
    ("ssm", "DescribeEffectiveInstanceAssociations", {"InstanceId": "$node"}),
    ("ssm", "DescribeInstanceAssociationsStatus", {"InstanceId": "$node"}),
    ("ssm", "DeleteAssociation", ASSOCIATION),
    ("scheduler", "CreateScheduleGroup", {"Name": "patchwarden", "Tags": [TAG]}),
    ("scheduler", "GetScheduleGroup", {"Name": "patchwarden"}),
    ("scheduler", "ListScheduleGroups", {}),
    ("scheduler", "TagResource", {"ResourceArn": GROUP_ARN, "Tags": [{"Key": "c", "Value": "d"}]}),
    ("scheduler", "ListTagsForResource", {"ResourceArn": GROUP_ARN}),
    ("scheduler", "UntagResource", {"ResourceArn": GROUP_ARN, "TagKeys": ["c"]}),
    ("scheduler", "CreateSchedule", SCHEDULE),
    ("scheduler", "UpdateSchedule", {**SCHEDULE, "Description": "a text"}),
    ("scheduler", "GetSchedule", {"Name": "restore", "GroupName": "patchwarden"}),
    ("scheduler", "ListSchedules", {}),
    ("scheduler", "DeleteSchedule", {"Name": "restore", "GroupName": "patchwarden"}),
    ("scheduler", "DeleteScheduleGroup", {"Name": "patchwarden"}),
    "DeregisterTaskFromMaintenanceWindow",
    "DeregisterTargetFromMaintenanceWindow",
    "DeleteMaintenanceWindow",
    "DeregisterPatchBaselineForPatchGroup",
    (
        "ssm",
        "RegisterDefaultPatchBaseline",
        {
            "BaselineId": "$DescribePatchBaselines.BaselineIdentities"
            "[?BaselineName=='AWS-DefaultPatchBaseline'] | [0].BaselineId"
        },
    ),
    "DeletePatchBaseline",
]


def tell(aws, after_each=lambda: None):
    """Call everything. Returns the replies by (service, operation), and those to recorded requests alone."""
    node = next(
        one
        for one in aws.world.nodes_in(RETAIL, REGION)
        if one.name.startswith("pay-") and one.ping_status == "Online" and one.install_fails
    )
    known = {
        "$node": node.instance_id,
        "$role": f"arn:aws:iam::{RETAIL}:role/{aws.world.accounts[RETAIL].role}",
        "$external_id": aws.external_id(RETAIL),
    }
    clients = {}
    replies, to_recorded = {}, {}
    for step in STORY:
        if callable(step):
            step(aws)
            continue
        service, operation, request = (
            ("ssm", step, SHAPES[step]["request"]) if isinstance(step, str) else step
        )
        if service not in clients:
            clients[service] = aws.client(service, HUB if service in OF_THE_HUB else RETAIL)
        asked = filled(request, known, {name: reply for (_, name), reply in replies.items()})
        reply = getattr(clients[service], xform_name(operation))(**asked)
        reply.pop("ResponseMetadata")
        replies[service, operation] = reply
        if isinstance(step, str) or "request" not in SHAPES.get(operation, {"request": {}}):
            to_recorded[operation] = reply
        after_each()
    return replies, to_recorded


def filled(value, known, replies):
    """The request with what earlier replies gave in place of "$Operation.Path"."""
    if isinstance(value, dict):
        return {key: filled(item, known, replies) for key, item in value.items()}
    if isinstance(value, list):
        return [filled(item, known, replies) for item in value]
    if isinstance(value, str) and value.startswith("$"):
        if value in known:
            return known[value]
        operation, _, path = value[1:].partition(".")
        return jmespath.search(path, replies[operation])
    return value
