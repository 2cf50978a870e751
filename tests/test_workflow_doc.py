"""docs/workflow.md says what the code does: every state, every edge, every decider."""

import re
from pathlib import Path

import pytest

import exemptions.permissions
import patching.permissions
from exemptions.models import Exemption
from patching.models import ChangeRequest

TEXT = (Path(__file__).parent.parent / "docs" / "workflow.md").read_text()
SLOTS = {
    "team lead": "team_lead",
    "security operations": "security_operations",
    "CISO": "ciso",
    "CISO in person": "ciso",
    "team lead or security operations": "lead_or_security",
}


def table(heading: str) -> list[list[str]]:
    """Rows of the first table under a heading, without its head."""
    section = TEXT.split(f"{heading}\n", 1)[1].split("\n#", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return rows[2:] if len(rows) > 2 else []


def edges(heading: str) -> dict[str, set[str]]:
    rows = [row for row in table(heading) if len(row) == 3]
    return {row[0].strip("`"): set(re.findall(r"`(\w+)`", row[2])) for row in rows}


def slots(cell: str) -> set[str]:
    return {SLOTS[part] for part in cell.split(" and ")}


@pytest.mark.parametrize(
    ("heading", "model"),
    [("### States of a change request", ChangeRequest), ("### States of an exemption", Exemption)],
)
def test_states_and_edges_are_documented_as_they_are(heading, model):
    in_code = {str(state): {str(one) for one in to} for state, to in model.TRANSITIONS.items()}
    assert edges(heading) == in_code
    assert set(in_code) == set(model.State.values)


def test_effective_states_are_documented():
    computed = set(Exemption.EFFECTIVE) - set(Exemption.State.values)
    rows = [row for row in table("### States of an exemption") if len(row) == 2]
    assert {row[0].strip("`") for row in rows} - {"Effective state", "---"} == computed


def test_the_decision_table_of_change_requests_is_documented():
    documented = {}
    for item, elsewhere, production in table("### Who decides a change request"):
        documented[item.strip("`"), False] = slots(elsewhere)
        documented[item.strip("`"), True] = slots(production)
    assert documented == patching.permissions.DECISION_TABLE


def test_the_decision_table_of_exemptions_is_documented():
    documented = {row[0]: slots(row[1]) for row in table("### Who decides an exemption")}
    assert documented == exemptions.permissions.DECISION_TABLE
