import json
from datetime import timedelta

import pytest

from patching.simulator import beginning, catalogue, clock
from patching.simulator.simulation import Call, Simulation
from patching.simulator.state import to_json
from patching.simulator.store import Store
from tests.patching.simulator.story import tell
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
        lambda world: on_disk.append((save(world), reopened(tmp_path))[1]),
    )

    clock.advance(simulation, simulation.world.now + timedelta(hours=17))

    at_ten = [world for world in on_disk if world.now.hour == 22 and world.now.minute == 0]
    assert len(at_ten) == 1
    assert at_ten[0].nodes[node.instance_id].tags["a"] == "b"
    assert len(at_ten[0].region(RETAIL, REGION).executions) == 1


def test_a_call_writes_only_what_it_changed(tmp_path, simulation, monkeypatch):
    written = []
    monkeypatch.setattr(simulation.store, "_db", Spy(simulation.store._db, written))

    window_id = window(simulation)

    rows = f"row:{RETAIL}/{REGION}"
    assert set(written) == {
        "meta",
        f"{rows}:windows:{window_id}",
        f"{rows}:tags:MaintenanceWindow/{window_id}",
        f"{rows}:tokens:create_maintenance_window/op-1",
    }


def test_reading_writes_nothing(simulation, monkeypatch):
    window(simulation)
    written = []
    monkeypatch.setattr(simulation.store, "_db", Spy(simulation.store._db, written))

    call(simulation, "DescribeMaintenanceWindows")
    simulation.save()

    assert written == []


def test_one_changed_node_is_one_written_node(simulation, monkeypatch):
    one, two, *_ = simulation.world.nodes_in(RETAIL, REGION)
    call(simulation, "CreateTags", "ec2", Resources=[two.instance_id], Tags=[{"Key": "a", "Value": "b"}])
    written = []
    monkeypatch.setattr(simulation.store, "_db", Spy(simulation.store._db, written))

    call(simulation, "DeleteTags", "ec2", Resources=[two.instance_id], Tags=[{"Key": "a"}])
    assert written == [f"node:{two.instance_id}"]

    del simulation.world.nodes[one.instance_id]
    simulation.save()
    assert one.instance_id not in reopened(simulation.store.directory).nodes


def test_a_run_that_is_over_is_not_written_again(simulation, monkeypatch):
    scan_window(simulation)
    clock.advance(simulation, simulation.world.now + timedelta(days=1))
    written = []
    monkeypatch.setattr(simulation.store, "_db", Spy(simulation.store._db, written))

    clock.advance(simulation, simulation.world.now + timedelta(days=1))

    assert len([name for name in written if ":executions:" in name]) == 1


def test_nodes_with_the_same_findings_share_them_on_disk_and_after_loading(tmp_path, simulation):
    one, two, *_ = simulation.world.nodes_in(RETAIL, REGION)
    two.findings = one.findings
    simulation.save()

    nodes = reopened(tmp_path).nodes

    assert nodes[one.instance_id].findings == one.findings
    assert nodes[one.instance_id].findings is nodes[two.instance_id].findings


def test_a_state_of_an_earlier_version_is_read_and_kept(tmp_path, simulation):
    """It had one part for each region with everything in it, and runs beside them."""
    scan_window(simulation)
    clock.advance(simulation, simulation.world.now + timedelta(hours=16, minutes=10))
    key, corner = f"{RETAIL}/{REGION}", simulation.world.region(RETAIL, REGION)
    body = {name: value for name, value in vars(corner).items() if name != "executions"}
    run = {"region": key, "number": 0, "execution": corner.executions[0]}
    db = simulation.store._db
    db.execute("delete from part where name like 'row:%' or name = ?", [f"region:{key}"])
    db.execute("insert into part values (?, ?)", [f"region:{key}", json.dumps(body)])
    db.execute("insert into part values (?, ?)", ["execution:1", json.dumps(run)])

    store = Store(tmp_path)
    world = store.load()
    store.save(world)

    assert to_json(world) == to_json(simulation.world)
    assert to_json(reopened(tmp_path)) == to_json(simulation.world)


def written(world):
    """As text: a time that a request of the log has comes back as such."""
    return json.dumps(to_json(world), default=lambda value: value.isoformat())


@pytest.mark.slow
def test_after_every_operation_that_there_is_the_disk_has_what_memory_has(tmp_path, simulated_aws_server):
    """What is written follows what was touched; here whatever can be touched is."""
    simulated_aws_server.reset()
    kept = simulated_aws_server.simulation
    kept.store = Store(tmp_path)
    kept.world.mark_all_changed()
    compared = []

    def compare():
        kept.save()
        compared.append(written(reopened(tmp_path)) == written(kept.world))

    try:
        tell(simulated_aws_server, after_each=compare)
    finally:
        kept.store = None
        simulated_aws_server.reset()

    assert len(compared) > 100
    assert all(compared)


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
