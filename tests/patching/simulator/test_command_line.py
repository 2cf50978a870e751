import json
import re
import subprocess
import sys

import pytest

from patching.simulator.command_line import main
from patching.simulator.store import Store


def test_it_runs_without_django():
    code = "import sys, patching.simulator.__main__; print([name for name in sys.modules if name[:6] == 'django'])"

    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_a_world_is_saved_to_a_file_and_begun_from_it(tmp_path, capsys):
    file = tmp_path / "world.json"

    assert main(["--fleet", "7", "--start-at", "2026-07-01T08:00:00Z", "--save", str(file)]) == 0
    assert (
        main(["--load", str(file), "--state", str(tmp_path / "new"), "--save", str(tmp_path / "again.json")])
        == 0
    )

    assert json.loads(file.read_text()) == json.loads((tmp_path / "again.json").read_text())
    world = Store(tmp_path / "new").load()
    assert len(world.nodes) == 7
    assert f"{world.now:%Y-%m-%d %H:%M}" == "2026-07-01 08:00"
    assert "2026-07-01 08:00" in capsys.readouterr().out


def test_a_kept_state_is_saved_as_it_is(tmp_path):
    main(["--fleet", "3", "--state", str(tmp_path), "--save", str(tmp_path / "one.json")])

    assert main(["--fleet", "5", "--state", str(tmp_path), "--save", str(tmp_path / "two.json")]) == 0

    assert (tmp_path / "one.json").read_text() == (tmp_path / "two.json").read_text()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--fleet", "huge"], "--fleet: fleet must be demo, empty, or how many instances"),
        (["--fleet", "0"], "--fleet: fleet must be"),
        (["--start-at", "yesterday"], "--start-at: "),
        (["--load", "nowhere.json"], "--load: .*No such file"),
    ],
)
def test_what_makes_no_sense_is_told(tmp_path, monkeypatch, capsys, options, message):
    monkeypatch.chdir(tmp_path)

    assert main([*options, "--save", "world.json"]) == 2

    told = capsys.readouterr().err
    assert re.search(message, told), told


def test_nothing_kept_is_overwritten_by_a_file(tmp_path, capsys):
    file = tmp_path / "world.json"
    main(["--fleet", "3", "--state", str(tmp_path / "kept"), "--save", str(file)])

    assert main(["--load", str(file), "--state", str(tmp_path / "kept")]) == 2

    assert "holds a state already" in capsys.readouterr().err
