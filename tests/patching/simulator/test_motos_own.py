"""moto's own tests for windows, baselines and groups: they hold here too, but for where moto's ways are not AWS's.

They are no part of the repository. ``PW_MOTO_TESTS`` names the folder ``tests/test_ssm`` of moto's source archive,
which ``.ci/run`` fetches in the release that is locked.
"""

import importlib.util
import inspect
import os
from functools import cache
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

pytestmark = pytest.mark.moto

PAGE = Path(__file__).resolve().parents[3] / "docs" / "simulator.md"
FILES = ("test_ssm_maintenance_windows.py", "test_ssm_patch_baseline.py", "test_ssm_patch_group.py")
HOLD = (
    "test_create_maintenance_windows_advanced",
    "test_create_maintenance_windows_simple",
    "test_create_patch_baseLine",
    "test_delete_patch_baseline",
    "test_deregister_maintenance_window_task",
    "test_deregister_patch_baseline_for_patch_group",
    "test_deregister_patch_baseline_for_patch_group_default",
    "test_deregister_patch_baseline_for_patch_group_invalid_id",
    "test_deregister_target_from_maintenance_window",
    "test_describe_maintenance_window",
    "test_describe_maintenance_window_with_no_task_or_targets",
    "test_describe_maintenance_windows",
    "test_get_patch_baseline_for_patch_group",
    "test_get_patch_baseline_for_patch_group_default",
    "test_register_maintenance_window_target",
    "test_register_maintenance_window_task",
    "test_register_patch_baseline_for_patch_group",
    "test_tags",
)
# what they hold against AWS; docs/simulator.md says how
OTHERWISE = (
    "test_delete_maintenance_windows",
    "test_get_maintenance_windows",
    "test_register_patch_baseline_for_patch_group_already_exists",
    "test_register_patch_baseline_for_patch_group_invalid_id",
)


@cache
def motos():
    """By name, without their decorator, which would lead boto3 to a moto inside this process."""
    found = {}
    for name in FILES:
        spec = importlib.util.spec_from_file_location(
            f"motos_{name}", Path(os.environ["PW_MOTO_TESTS"], name)
        )
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        found |= {name: inspect.unwrap(one) for name, one in vars(module).items() if name.startswith("test_")}
    return found


@pytest.mark.parametrize("name", HOLD)
def test_what_moto_holds_of_windows_baselines_and_groups_holds_here(simulated_aws, name):
    motos()[name]()


@pytest.mark.parametrize("name", OTHERWISE)
def test_where_motos_ways_are_not_those_of_aws_the_difference_is_explained(simulated_aws, name):
    with pytest.raises((AssertionError, ClientError)):
        motos()[name]()
    assert f"`{name}`" in PAGE.read_text()


def test_all_of_them_are_here():
    assert set(motos()) == {*HOLD, *OTHERWISE}
