"""The commands plan, push and pull: what they print, and their exit status."""

import io
import json

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from patching import lease
from tests.simulated_aws import RETAIL

PLACE = f"{RETAIL}/eu-central-1"


def run(command: str, *arguments: str) -> tuple[str, int]:
    out = io.StringIO()
    try:
        call_command(command, *arguments, stdout=out)
    except SystemExit as stop:
        return out.getvalue(), int(str(stop.code))
    except CommandError as problem:
        return str(problem), problem.returncode
    return out.getvalue(), 0


def test_plan_push_plan(asked, simulated_aws):
    text, status = run("plan", PLACE, "--json")
    planned = json.loads(text)
    assert (status, planned["refusal"], planned["account_region"]) == (1, None, PLACE)
    assert {"create", "disable", "enable"} == {step["action"] for step in planned["steps"]}
    assert simulated_aws.log() == []
    text, status = run("push", PLACE, "--json")
    assert (status, json.loads(text)["state"]) == (0, "succeeded")
    assert run("plan", PLACE) == ("Nothing to do.\n", 0)


def test_a_push_that_leaves_something_open_is_a_finding(asked, simulated_aws):
    simulated_aws.inject("error", operation="CreatePatchBaseline", code="ValidationException", message="No.")
    text, status = run("push", PLACE)
    assert status == 1
    assert "Partly done" in text
    assert "No." in text


def test_a_push_that_reaches_nothing_cannot_run(asked, simulated_aws):
    simulated_aws.inject("error", operation="DescribePatchBaselines", code="AccessDeniedException")
    text, status = run("push", PLACE)
    assert status == 2
    assert "AWS does not allow it" in text


def test_what_somebody_else_pushes_just_now_cannot_be_pushed(asked, retail):
    lease.take(retail)
    text, status = run("push", PLACE)
    assert status == 2
    assert "another worker" in text


@pytest.mark.parametrize("command", ["plan", "push", "pull"])
def test_an_unknown_place_is_answered_with_the_known_ones(retail, command):
    text, status = run(command, "999999999999/eu-central-1")
    assert status == 2
    assert PLACE in text


def test_pull_says_what_it_read(retail):
    text, status = run("pull", PLACE, "--json")
    assert status == 0
    assert json.loads(text)["instances"] == 2
