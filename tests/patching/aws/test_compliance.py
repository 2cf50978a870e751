"""What Patch Manager says of instances, in every spelling that AWS uses."""

from datetime import UTC, datetime

import boto3
import pytest
from botocore.stub import Stubber

from patching.aws.compliance import (
    Compliance,
    NoncompliantPatch,
    PatchList,
    PatchState,
    patch_from_aws,
    worst_of,
)
from patching.aws.errors import AwsError
from tests.simulated_aws import SimulatedAws

ENDED = datetime(2026, 6, 2, 3, 4, tzinfo=UTC)
STATE = {
    "InstanceId": "i-1",
    "PatchGroup": "payments-prod",
    "BaselineId": "pb-0c10e65780EXAMPLE",
    "OperationStartTime": ENDED,
    "OperationEndTime": ENDED,
    "Operation": "Scan",
}


class Clients:
    def __init__(self, ssm):
        self.ssm = ssm


@pytest.fixture
def stubbed():
    ssm = boto3.client("ssm", region_name="eu-central-1", aws_access_key_id="x", aws_secret_access_key="x")
    with Stubber(ssm) as stub:
        yield Compliance(Clients(ssm)), stub


def patch(state, **more):
    return {"Title": "", "KBId": "KB1", "State": state, "Classification": "", "Severity": "", **more}


@pytest.mark.parametrize(
    ("spelling", "state"),
    [
        ("MISSING", "missing"),
        ("Missing", "missing"),
        ("FAILED", "failed"),
        ("INSTALLED_PENDING_REBOOT", "installed_pending_reboot"),
        ("InstalledPendingReboot", "installed_pending_reboot"),
        ("InstalledRejected", "installed_rejected"),
    ],
)
def test_a_state_is_known_in_the_model_s_spelling_and_in_the_wire_s(spelling, state):
    assert patch_from_aws(patch(spelling)).state == state


@pytest.mark.parametrize(
    "spelling", ["Installed", "INSTALLED_OTHER", "InstalledOther", "NotApplicable", "NOT_APPLICABLE", ""]
)
def test_what_is_as_it_should_be_is_no_finding(spelling):
    assert patch_from_aws(patch(spelling)) is None


def test_severity_and_cves_are_brought_to_one_form():
    found = patch_from_aws(
        patch("Missing", Severity="UNSPECIFIED", CVEIds="CVE-2026-2,CVE-2026-1, CVE-2026-2")
    )

    assert found.severity == "Unspecified"
    assert found.cves == ("CVE-2026-1", "CVE-2026-2")


def test_a_package_listed_twice_counts_once_in_its_worst_state():
    pending = NoncompliantPatch("kernel.x86_64", "installed_pending_reboot")
    failed = NoncompliantPatch("kernel.x86_64", "failed")

    assert worst_of([pending, None, failed]) == [failed]
    assert worst_of([failed, pending]) == [failed]


@pytest.mark.parametrize(
    "count", ["missing", "failed", "installed_pending_reboot", "installed_rejected", "other_noncompliant"]
)
def test_one_count_is_enough_to_be_not_compliant(count):
    assert not PatchState("i-1", "Scan", ENDED, ENDED, "pb-1", **{count: 1}).is_compliant


def test_installed_other_and_not_applicable_do_not_spoil_compliance():
    assert PatchState("i-1", "Scan", ENDED, ENDED, "pb-1", installed_other=9, not_applicable=9).is_compliant


def test_ids_are_asked_for_fifty_at_a_time(stubbed):
    compliance, stub = stubbed
    ids = [f"i-{number:017x}" for number in range(51)]
    stub.add_response(
        "describe_instance_patch_states", {"InstancePatchStates": [STATE]}, {"InstanceIds": ids[:50]}
    )
    stub.add_response(
        "describe_instance_patch_states", {"InstancePatchStates": []}, {"InstanceIds": ids[50:]}
    )

    states = compliance.read_states(ids)

    assert list(states) == ["i-1"]
    stub.assert_no_pending_responses()


def test_counts_that_aws_leaves_out_are_zero(stubbed):
    compliance, stub = stubbed
    stub.add_response("describe_instance_patch_states", {"InstancePatchStates": [STATE]})

    state = compliance.read_states(["i-1"])["i-1"]

    assert (state.missing, state.failed, state.is_compliant, state.ended_at) == (0, 0, True, ENDED)


def test_an_instance_that_left_meanwhile_has_no_patches(stubbed):
    compliance, stub = stubbed
    stub.add_client_error("describe_instance_patches", "InvalidInstanceId", "Not here.", 400)
    stub.add_client_error("describe_instance_patches", "ValidationException", "No.", 400)

    assert compliance.read_patches("i-1") == PatchList()
    with pytest.raises(AwsError, match="Reading the patches of i-1"):
        compliance.read_patches("i-1")


def test_what_is_installed_is_told_from_what_is_open_and_open_wins(stubbed):
    compliance, stub = stubbed
    rows = [("KB1", "Installed"), ("KB2", "NotApplicable"), ("KB3", "InstalledOther"), ("KB4", "Missing")]
    listed = [
        patch(state, KBId=kb, InstalledTime=ENDED) for kb, state in [*rows, ("KB1", "INSTALLED_REJECTED")]
    ]
    stub.add_response("describe_instance_patches", {"Patches": listed})

    found = compliance.read_patches("i-1")

    assert [one.patch_id for one in found.noncompliant] == ["KB4", "KB1"]
    assert (found.installed, found.installed_other) == ({"KB2"}, {"KB3"})


def test_the_simulated_account_is_read_with_the_declared_permissions_and_no_others(
    simulated_aws: SimulatedAws,
):
    clients, called = Clients(simulated_aws.client("ssm")), set()
    clients.ssm.meta.events.register(
        "before-call.ssm", lambda model, **kwargs: called.add(f"ssm:{model.name}")
    )
    compliance = Compliance(clients)
    ids = [
        agent["InstanceId"]
        for agent in clients.ssm.describe_instance_information()["InstanceInformationList"]
    ]
    called.clear()

    states = compliance.read_states(ids)
    unpatched = next(state for state in states.values() if state.missing)
    patches = compliance.read_patches(unpatched.instance_id)

    assert called == set(Compliance.permissions)
    assert len([one for one in patches.noncompliant if one.state == "missing"]) == unpatched.missing
    assert all(state.ended_at.tzinfo for state in states.values())
