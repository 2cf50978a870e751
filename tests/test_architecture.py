"""The shape of the code, held by tests: who imports whom, who moves states, what every kind of resource has."""

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import grimp
import pytest

from patching.aws.adapters import CLASSES
from patching.specs import ORDER, SPECS

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("portal", "patching", "exemptions")
# states that have no edges: a finding's is SSM's own word, a token's is reckoned from its end for the page
STATES_WITHOUT_EDGES = {"patching/pull.py", "portal/governance/web.py"}
# tests of a whole folder at once
OF_A_FOLDER = {
    "exemptions/test_doors.py",
    "exemptions/test_never_active_after_the_end.py",
    "patching/api/test_findings.py",
    "patching/api/test_nouns.py",
    "patching/schedules/test_facts.py",
    "patching/schedules/test_mistakes.py",
    "patching/simulator/test_motos_own.py",
    "patching/web/test_fixes.py",
    "patching/web/test_nouns.py",
}


@cache
def sources() -> tuple[tuple[str, ast.Module], ...]:
    """Every module of ours by its path, migrations aside."""
    paths = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    ours = (path for path in paths if "migrations" not in path.parts)
    return tuple((str(path.relative_to(ROOT)), ast.parse(path.read_text())) for path in ours)


def outside_the_simulator() -> Iterator[tuple[str, ast.Module]]:
    apart = ("patching/simulator/", "portal/demo/", "patching/management/commands/simulate_aws.py")
    return ((path, tree) for path, tree in sources() if not path.startswith(apart))


def check_contracts(where: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo"]
    environment = {**os.environ, "PYTHONPATH": str(where)}
    return subprocess.run(command, cwd=where, env=environment, capture_output=True, text=True, check=False)


def test_imports_run_one_way():
    result = check_contracts(ROOT)

    assert result.returncode == 0, result.stdout + result.stderr


PLANTED = [
    ("portal/governance/clock.py", "from patching import models", "The house stands"),
    ("patching/workflow.py", "from exemptions import models", "The house stands"),
    ("patching/permissions.py", "from patching import workflow", "Inside patching"),
    ("patching/aws/tags.py", "from patching import models", "Inside patching"),
    ("patching/workflow.py", "import botocore", "AWS is spoken in patching.aws"),
    ("patching/workflow.py", "import boto3", "boto3 is made in patching.aws"),
    ("patching/pull.py", "import moto", "moto is known to the simulator alone"),
    ("patching/pull.py", "from patching.simulator import state", "Nothing imports the simulator"),
    ("patching/simulator/state.py", "from patching.aws import session", "The simulator knows the wire"),
    ("patching/plan.py", "from django.conf import settings", "The pure modules"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("path", "line", "contract"), PLANTED)
def test_a_wrong_import_is_caught(tmp_path, path, line, contract):
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__", "data")
        )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    planted = tmp_path / path
    planted.write_text(f"{planted.read_text()}\n{line}\n")

    result = check_contracts(tmp_path)

    assert result.returncode == 1, result.stdout + result.stderr
    assert any(contract in row and "BROKEN" in row for row in result.stdout.splitlines()), result.stdout


def test_the_simulator_shares_only_schedules_and_approval_with_us():
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    allowed = re.compile(r"patching$|patching\.(simulator|schedules|approval)(\.|$)")
    simulator = {"patching.simulator", *graph.find_descendants("patching.simulator")}

    strange = {
        (module, imported)
        for module in simulator
        for imported in graph.find_modules_directly_imported_by(module)
        if not allowed.match(imported)
    }

    assert strange == set()


def test_states_move_in_one_place_only():
    moves = {
        path for path, tree in outside_the_simulator() for node in ast.walk(tree) if _moves_a_state(node)
    }

    assert moves - STATES_WITHOUT_EDGES == {"portal/governance/states.py"}


def _moves_a_state(node: ast.AST) -> bool:
    if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        return any(isinstance(target, ast.Attribute) and target.attr == "state" for target in targets)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        if node.func.attr in {"update", "update_or_create"}:
            return any(word.arg == "state" for word in node.keywords)
        if node.func.attr in {"save", "bulk_update"}:
            return any(isinstance(n, ast.Constant) and n.value == "state" for n in ast.walk(node))
    return False


def test_the_application_knows_nothing_of_the_simulator():
    knowing = {
        path
        for path, tree in outside_the_simulator()
        for node in ast.walk(tree)
        if re.search("simulat", _name(node), re.IGNORECASE)
    }

    assert knowing == set()


def _name(node: ast.AST) -> str:
    for attribute in ("id", "attr", "arg"):
        if isinstance(name := getattr(node, attribute, None), str):
            return name
    return ""


def test_no_import_hides_in_a_function():
    hidden = {
        f"{path}:{node.lineno}"
        for path, tree in sources()
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    }

    assert hidden == set()


def test_every_module_says_what_it_is_for():
    silent = {path for path, tree in sources() if tree.body and not ast.get_docstring(tree)}

    assert silent == set()


def test_no_file_of_odds_and_ends():
    names = {Path(path).stem for path, _ in sources()}

    assert not names & {"utils", "util", "helpers", "misc"}


def test_every_kind_of_resource_has_its_spec_adapter_and_permissions():
    adapters = {adapter.kind: adapter for adapter in CLASSES}

    assert tuple(SPECS) == ORDER
    assert tuple(adapters) == ORDER
    for kind, spec in SPECS.items():
        adapter = adapters[kind]
        assert spec.kind == kind
        assert adapter.permissions, f"{adapter.__name__} names no permission"
        assert all(re.fullmatch(r"[a-z0-9]+:[A-Z]\w+", action) for action in adapter.permissions)


def test_tests_mirror_the_source():
    """tests/patching/test_push.py tests patching/push; whole flows and special grounds live in folders of their own."""
    apart = {"stories", "races", "faults", "browser", "bench"}
    without_source = []
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        relative = path.relative_to(ROOT / "tests")
        if relative.parts[0] in apart or len(relative.parts) == 1:
            continue
        places = [relative.parent, Path("portal") / relative.parent]
        name = relative.stem.removeprefix("test_")
        if not any(
            (ROOT / place / f"{name}.py").exists() or (ROOT / place / name).is_dir() for place in places
        ):
            without_source.append(str(relative))

    assert set(without_source) <= OF_A_FOLDER
