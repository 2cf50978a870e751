import json
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from urllib.error import HTTPError

import pytest
from botocore.exceptions import ClientError
from django.core.management import CommandError, call_command

from patching import checks
from patching.simulator.server import Front, Server
from tests.simulated_aws import HUB, RETAIL, SHARED

ROOT = Path(__file__).parents[3]


def test_the_clock_is_moved_to_a_moment_or_by_seconds(simulated_aws):
    assert simulated_aws.door("clock") == {"now": "2026-06-01T06:00:00Z"}
    assert simulated_aws.door("advance", {"by": 3600}) == {"now": "2026-06-01T07:00:00Z", "executions": []}
    assert simulated_aws.door("advance", {"to": "2026-06-02T00:00:00+02:00"})["now"] == "2026-06-01T22:00:00Z"


@pytest.mark.parametrize(
    ("door", "body"),
    [
        ("advance", {}),
        ("advance", {"to": "tomorrow"}),
        ("advance", {"by": "an hour"}),
        ("advance", [1]),
        ("inject", {"kind": "fire"}),
        ("reset", {"fleet": "navy"}),
        ("node", {"instance_id": "i-0"}),
        ("paging", {}),
        ("paging", {"page_size": 0}),
        ("paging", {"page_size": 2.5}),
        ("paging", {"token_seconds": -1}),
        ("real-time", {"seconds": "a while"}),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(simulated_aws, door, body):
    with pytest.raises(HTTPError) as refused:
        simulated_aws.door(door, body)
    assert refused.value.code == 400
    assert json.load(refused.value)["error"]


def test_there_is_no_other_door(simulated_aws):
    with pytest.raises(HTTPError) as refused:
        simulated_aws.door("cellar")
    assert refused.value.code == 404


def test_the_accounts_are_told_with_what_it_takes_to_get_in(simulated_aws):
    accounts = {one["account"]: one for one in simulated_aws.door("accounts")}

    assert accounts.keys() == {HUB, RETAIL, SHARED}
    assert accounts[RETAIL]["role"] == "PatchwardenRole"
    assert accounts[RETAIL]["external_id"] == simulated_aws.external_id(RETAIL)


def test_the_log_names_who_did_what_where_in_order(simulated_aws):
    ssm = simulated_aws.client("ssm")
    baseline_id = ssm.create_patch_baseline(Name="one")["BaselineId"]
    simulated_aws.advance(by=timedelta(hours=1))
    ssm.describe_patch_baselines()
    ssm.delete_patch_baseline(BaselineId=baseline_id)

    first, second = simulated_aws.door("log")

    assert (first["at"], first["operation"], first["request"]["Name"]) == (
        "2026-06-01T06:00:00Z",
        "CreatePatchBaseline",
        "one",
    )
    assert second == {
        "at": "2026-06-01T07:00:00Z",
        "account": RETAIL,
        "region": "eu-central-1",
        "service": "ssm",
        "operation": "DeletePatchBaseline",
        "request": {"BaselineId": baseline_id},
    }


def test_a_node_can_be_changed_behind_everybodys_back(simulated_aws):
    node = next(one for one in simulated_aws.world.nodes.values() if one.ping_status == "Online")

    simulated_aws.door("node", {"instance_id": node.instance_id, "ping_status": "ConnectionLost"})

    assert node.ping_status == "ConnectionLost"
    assert simulated_aws.log() == []


def test_forgotten_tokens_make_a_second_resource(simulated_aws):
    ssm = simulated_aws.client("ssm")
    first = ssm.create_patch_baseline(Name="one", ClientToken="op-1")["BaselineId"]

    simulated_aws.inject("forget-tokens")

    assert ssm.create_patch_baseline(Name="one", ClientToken="op-1")["BaselineId"] != first


def test_a_reset_begins_again_as_asked(simulated_aws):
    simulated_aws.client("ssm").create_patch_baseline(Name="one")

    assert simulated_aws.door("reset", {"fleet": "empty", "start_at": "2026-07-01T00:00:00Z"}) == {
        "now": "2026-07-01T00:00:00Z"
    }
    assert simulated_aws.door("log") == []
    assert simulated_aws.world.nodes == {}


def test_the_simulated_aws_listens_on_loopback_only(simulated_aws):
    with pytest.raises(ValueError, match="127.0.0.1 only"):
        Server(Front(simulated_aws.simulation, dict), 0, host="0.0.0.0")


def test_every_call_is_counted_reads_and_refusals_too(simulated_aws):
    ssm = simulated_aws.client("ssm")
    simulated_aws.calls(reset=True)
    simulated_aws.throttle(operation="DescribePatchBaselines")

    for _ in range(2):
        with suppress(ClientError):
            ssm.describe_patch_baselines()
    ssm.create_patch_baseline(Name="one")
    simulated_aws.client("ec2", HUB).describe_instances()

    assert simulated_aws.calls() == {
        "ec2:DescribeInstances": 1,
        "ssm:CreatePatchBaseline": 1,
        "ssm:DescribePatchBaselines": 2,
    }
    assert simulated_aws.calls("DescribeInstances", reset=True) == {"ec2:DescribeInstances": 1}
    assert simulated_aws.calls() == {}


def test_every_door_stands_in_the_documentation(simulated_aws):
    text = (ROOT / "docs" / "simulator.md").read_text(encoding="utf-8")

    doors = {f"{method} /_sim/{name}" for method, name in simulated_aws.doors.routes}

    assert {door for door in doors if f"`{door}`" not in text} == set()


def test_no_production_installation_brings_the_simulator_along():
    assert "moto" not in (ROOT / "requirements.txt").read_text(encoding="utf-8")


def test_production_settings_can_neither_reach_nor_start_it(settings, monkeypatch):
    settings.DEPLOYMENT = "production"
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:8001")

    assert "patching.E001" in [message.id for message in checks.settings_fit(None)]
    with pytest.raises(CommandError, match="production"):
        call_command("simulate_aws", port=0, fleet="empty")
