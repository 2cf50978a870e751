"""Every operation that is simulated, called once over the wire and held against what AWS says and was seen to say."""

import os
from pathlib import Path

import jmespath
import pytest
from botocore import xform_name
from moto.core.utils import get_service_model

from patching.aws import baselines, compliance, instances, registrations, targets, tasks, windows
from patching.aws.marks import Names
from patching.simulator.simulation import CORNERS
from tests.patching.simulator import recorded
from tests.patching.simulator.story import SHAPES, tell


@pytest.fixture(scope="module")
def told(simulated_aws_server):
    """The replies of the story by (service, operation), those to recorded requests alone, and what is wrong."""
    aws = simulated_aws_server
    aws.reset()
    replies, to_recorded = tell(aws)
    problems = list(aws.world.problems)
    aws.reset()
    return replies, to_recorded, problems


def simulated():
    """Every operation that we answer ourselves."""
    return {
        (service, operation)
        for service, corner in CORNERS.items()
        for operation in get_service_model(service).operation_names
        if hasattr(corner, xform_name(operation))
    }


def test_every_simulated_operation_is_called_and_no_reply_breaks_awss_model(told):
    replies, _, problems = told

    assert simulated() - set(replies) == set()
    assert problems == []


# Members that were recorded and that we do not return: why.
FAILURES_ONLY = "is there only where something went wrong; nothing did"
ASSOCIATIONS = "associations are not simulated"
OLD_PARAMETERS = "TaskParameters are the old form of TaskInvocationParameters; the story uses the new one"
LEFT_OUT = {
    "DescribeAvailablePatches": {"Patches[].Description": "the catalogue has titles alone"},
    "DescribeEffectivePatchesForPatchBaseline": {
        "EffectivePatches[].Patch.Description": "the catalogue has titles alone",
        "NextToken": "fits on one page",
    },
    "DescribeInstanceInformation": {
        "InstanceInformationList[].ActivationId": "the fleet is EC2 only",
        "InstanceInformationList[].Name": "the fleet is EC2 only",
        "InstanceInformationList[].AssociationOverview.DetailedStatus": ASSOCIATIONS,
        "InstanceInformationList[].AssociationOverview.InstanceAssociationStatusAggregatedCount": ASSOCIATIONS,
        "InstanceInformationList[].AssociationOverview.InstanceAssociationStatusAggregatedCount{}": ASSOCIATIONS,
        "InstanceInformationList[].AssociationStatus": ASSOCIATIONS,
        "InstanceInformationList[].LastAssociationExecutionDate": ASSOCIATIONS,
        "InstanceInformationList[].LastSuccessfulAssociationExecutionDate": ASSOCIATIONS,
    },
    "DescribeInstancePatchStates": {
        "InstancePatchStates[].LastNoRebootInstallOperationTime": "after an install with NoReboot only",
    },
    "DescribeInstancePatches": {"NextToken": "fits on one page"},
    "DescribeMaintenanceWindowExecutionTaskInvocations": {
        "WindowExecutionTaskInvocationIdentities[].StatusDetails": FAILURES_ONLY
    },
    "DescribeMaintenanceWindowExecutions": {"WindowExecutions[].StatusDetails": FAILURES_ONLY},
    "DescribeMaintenanceWindowTasks": {
        "Tasks[].Targets[].TaskTargetId": "AWS's model has no such member",
        "Tasks[].Targets[].TaskTargetType": "AWS's model has no such member",
        "Tasks[].TaskParameters{}.Values": OLD_PARAMETERS,
        "Tasks[].TaskParameters{}.Values[]": OLD_PARAMETERS,
    },
    "GetMaintenanceWindowExecutionTask": {
        "TaskParameters[]": OLD_PARAMETERS,
        "TaskParameters[]{}.Values": OLD_PARAMETERS,
        "TaskParameters[]{}.Values[]": OLD_PARAMETERS,
    },
    "GetMaintenanceWindowExecutionTaskInvocation": {"StatusDetails": FAILURES_ONLY},
    "ListResourceDataSync": {
        "ResourceDataSyncItems[].S3Destination.AWSKMSKeyARN": "the sync of the story has no key",
        "ResourceDataSyncItems[].LastSyncStatusMessage": FAILURES_ONLY,
    },
    "UpdateMaintenanceWindowTask": {
        "TaskInvocationParameters.Automation.Parameters": "the recorded task is of another type",
        "TaskInvocationParameters.Automation.Parameters{}": "the recorded task is of another type",
        "TaskInvocationParameters.Automation.Parameters{}[]": "the recorded task is of another type",
        "TaskInvocationParameters.Lambda.Payload": "the recorded task is of another type",
        "TaskInvocationParameters.StepFunctions.Input": "the recorded task is of another type",
    },
}


@pytest.mark.parametrize("operation", sorted(SHAPES))
def test_a_reply_has_the_members_that_were_recorded(told, operation):
    """Ours may have more, as far as AWS's model knows them: recordings are of many years."""
    _, replies, _ = told
    ours = recorded.members(operation, replies[operation])
    seen = {path for path in SHAPES[operation]["members"] if path not in LEFT_OUT.get(operation, {})}

    assert seen - ours.keys() == set()
    assert "unknown" not in ours.values()
    assert LEFT_OUT.get(operation, {}).keys() & ours.keys() == set(), "is returned after all"


def test_what_is_left_out_was_recorded():
    for operation, members in LEFT_OUT.items():
        assert members.keys() <= SHAPES[operation]["members"].keys()
        assert all(members.values())


NAMES = Names({}, {})
# Where our own parsers find what they read, in replies of AWS.
PARSERS = [
    ("DescribeInstancePatchStates", "InstancePatchStates[]", compliance.state_from_aws),
    ("DescribeInstancePatchStatesForPatchGroup", "InstancePatchStates[]", compliance.state_from_aws),
    ("DescribeInstancePatches", "Patches[]", compliance.patch_from_aws),
    ("DescribeInstanceInformation", "InstanceInformationList[]", lambda row: instances.from_aws(row, row)),
    ("DescribeMaintenanceWindowTargets", "Targets[]", lambda row: targets.from_aws(row, NAMES)),
    ("GetMaintenanceWindowTask", "[@]", lambda row: tasks.from_aws(row, NAMES)),
    ("DescribePatchGroups", "Mappings[]", lambda row: registrations.from_aws(row, NAMES)),
    ("GetPatchBaseline", "[@]", baselines.from_aws),
    # recordings from before AWS listed schedules lack them
    ("DescribeMaintenanceWindows", "WindowIdentities[?Schedule]", windows.from_aws),
]


@pytest.mark.parametrize(
    ("operation", "rows", "parse"), PARSERS, ids=lambda one: one if isinstance(one, str) else ""
)
def test_our_own_parsers_read_replies_of_the_recorded_shape(operation, rows, parse):
    found = [parse(row) for row in jmespath.search(rows, recorded.sample(operation))]

    assert len(found) == 1


@pytest.mark.corpus
def test_the_facts_are_those_of_the_recordings(corpus):
    found = recorded.gathered(corpus)

    assert {name: entry["members"] for name, entry in found.items()} == {
        name: entry["members"] for name, entry in SHAPES.items()
    }


@pytest.mark.corpus
def test_our_own_parsers_read_the_recordings(corpus):
    parsers = {operation: (rows, parse) for operation, rows, parse in PARSERS}
    read = 0
    for operation, _, reply in recorded.replies(corpus):
        if operation in parsers:
            rows, parse = parsers[operation]
            read += len([parse(row) for row in jmespath.search(rows, reply)])

    assert read > 20


@pytest.fixture
def corpus():
    return Path(os.environ["PW_CORPUS"]) / "recorded"
