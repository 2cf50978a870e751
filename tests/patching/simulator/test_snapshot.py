import json
from datetime import timedelta

import pytest

from patching.simulator import beginning, catalogue, clock, snapshot
from patching.simulator.simulation import Call, Simulation
from patching.simulator.state import to_json
from tests.simulated_aws import REGION, RETAIL


def test_what_is_written_is_read(tmp_path):
    simulation = Simulation(beginning.fresh_world(), catalogue=catalogue.load)
    node = simulation.world.nodes_in(RETAIL, REGION)[0]
    command = {"DocumentName": "AWS-RunPatchBaseline", "InstanceIds": [node.instance_id]}
    simulation.perform(
        Call("ssm", "SendCommand", RETAIL, REGION), command | {"Parameters": {"Operation": ["Install"]}}
    )
    clock.advance(simulation, simulation.world.now + timedelta(hours=1))

    snapshot.write(simulation.world, tmp_path / "world.json")
    world = snapshot.read(tmp_path / "world.json")

    assert to_json(world) == to_json(simulation.world)
    assert world.nodes[node.instance_id].last_run["Operation"] == "Install"
    assert len(world.log) == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "is not a world of the simulated AWS"),
        ({"kind": "something else"}, "is not a world of the simulated AWS"),
        ({"kind": "simulated AWS", "part": []}, "is not whole"),
        ({"kind": "simulated AWS", "part": [], "findings": [], "log": []}, "holds no world"),
    ],
)
def test_other_files_are_refused(tmp_path, content, message):
    (tmp_path / "world.json").write_text(json.dumps(content))

    with pytest.raises(ValueError, match=message):
        snapshot.read(tmp_path / "world.json")
