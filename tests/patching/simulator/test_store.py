import json
from datetime import timedelta

import pytest

from patching.simulator import beginning, catalogue, clock
from patching.simulator.simulation import Call, Simulation
from patching.simulator.state import to_json
from patching.simulator.store import Store
from tests.simulated_aws import RETAIL

REGION = "eu-central-1"


@pytest.fixture
def simulation(tmp_path):
    found = Simulation(beginning.fresh_world(), Store(tmp_path), catalogue.load)
    found.save()
    return found


def call(simulation, operation, service="ssm", **request):
    return simulation.perform(Call(service, operation, RETAIL, REGION), request)


def reopened(tmp_path):
    return Store(tmp_path).load()


def window(simulation):
    return call(
        simulation,
        "CreateMaintenanceWindow",
        Name="nightly",
        Schedule="cron(0 22 * * ? *)",
        Duration=3,
        Cutoff=1,
        AllowUnassociatedTargets=False,
        ClientToken="op-1",
        Tags=[{"Key": "uid", "Value": "7"}],
    )["WindowId"]


def scan_window(simulation):
    window_id = window(simulation)
    target = call(
        simulation,
        "RegisterTargetWithMaintenanceWindow",
        WindowId=window_id,
        ResourceType="INSTANCE",
        Targets=[{"Key": "tag:App", "Values": ["payments"]}],
    )
    call(
        simulation,
        "RegisterTaskWithMaintenanceWindow",
        WindowId=window_id,
        TaskType="RUN_COMMAND",
        TaskArn="AWS-RunPatchBaseline",
        Targets=[{"Key": "WindowTargetIds", "Values": [target["WindowTargetId"]]}],
        MaxConcurrency="1",
        MaxErrors="100%",
    )
    return window_id


def test_a_new_directory_holds_no_world(tmp_path):
    assert reopened(tmp_path / "new") is None


def test_every_mutating_call_is_on_disk_when_it_is_answered(tmp_path, simulation):
    node = simulation.world.nodes_in(RETAIL, REGION)[0]
    window_id = window(simulation)
    call(simulation, "CreateTags", "ec2", Resources=[node.instance_id], Tags=[{"Key": "a", "Value": "b"}])

    world = reopened(tmp_path)

    assert to_json(world) == to_json(simulation.world)
    assert world.nodes[node.instance_id].tags["a"] == "b"
    assert world.region(RETAIL, REGION).windows.keys() == {window_id}
    assert [entry["operation"] for entry in world.log] == ["CreateMaintenanceWindow", "CreateTags"]


def test_tokens_outlive_a_restart(tmp_path, simulation):
    window_id = window(simulation)

    assert window(Simulation(reopened(tmp_path))) == window_id


def test_a_patch_night_goes_on_where_it_was(tmp_path, simulation):
    scan_window(simulation)
    clock.advance(simulation, simulation.world.now + timedelta(hours=16, minutes=10))
    assert [one["Status"] for one in simulation.world.region(RETAIL, REGION).executions] == ["IN_PROGRESS"]

    again = Simulation(reopened(tmp_path), catalogue=catalogue.load)
    for one in (simulation, again):
        clock.advance(one, one.world.now + timedelta(days=2))

    assert to_json(again.world) == to_json(simulation.world)
    assert to_json(reopened(tmp_path)) == to_json(simulation.world)


def test_nothing_is_saved_while_a_moment_is_still_happening(tmp_path, simulation, monkeypatch):
    """Otherwise a kill would lose what else was due then: the clock on disk says that it has happened."""
    scan_window(simulation)
    node = simulation.world.nodes_in(RETAIL, REGION)[0]
    call(
        simulation,
        "CreateSchedule",
        "scheduler",
        Name="restore",
        ScheduleExpression="at(2026-06-01T22:00:00)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={
            "Arn": "arn:aws:scheduler:::aws-sdk:ec2:createTags",
            "RoleArn": f"arn:aws:iam::{RETAIL}:role/PatchwardenRestore",
            "Input": json.dumps({"Resources": [node.instance_id], "Tags": [{"Key": "a", "Value": "b"}]}),
        },
    )
    on_disk = []
    save = simulation.store.save
    monkeypatch.setattr(clock, "CHECKPOINT", -1)
    monkeypatch.setattr(
        simulation.store,
        "save",
        lambda world, *place: on_disk.append((save(world, *place), reopened(tmp_path))[1]),
    )

    clock.advance(simulation, simulation.world.now + timedelta(hours=17))

    at_ten = [world for world in on_disk if world.now.hour == 22 and world.now.minute == 0]
    assert len(at_ten) == 1
    assert at_ten[0].nodes[node.instance_id].tags["a"] == "b"
    assert len(at_ten[0].region(RETAIL, REGION).executions) == 1


def test_a_call_writes_only_what_it_changed(tmp_path, simulation, monkeypatch):
    written = []
    monkeypatch.setattr(simulation.store, "_db", Spy(simulation.store._db, written))

    window(simulation)

    assert written == ["meta", f"region:{RETAIL}/{REGION}"]


def test_a_reset_leaves_nothing_behind(tmp_path, simulation):
    window(simulation)

    simulation.reset(beginning.fresh_world({"fleet": "empty", "start_at": "2026-07-01T00:00:00Z"}))

    world = reopened(tmp_path)
    assert (world.nodes, world.log) == ({}, [])
    assert to_json(world) == to_json(simulation.world)


class Spy:
    """Notes the names of the parts that are written."""

    def __init__(self, db, written):
        self.db, self.written = db, written

    def execute(self, *args):
        return self.db.execute(*args)

    def executemany(self, statement, rows):
        rows = list(rows)
        self.written += [row[0] for row in rows if "into part" in statement]
        return self.db.executemany(statement, rows)
