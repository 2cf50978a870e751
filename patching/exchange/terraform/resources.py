"""What both readers of Terraform hand over: resources with their values, and what they are called. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from patching.exchange.parts import Note, Parameter, Refusal

BASELINE, WINDOW = "aws_ssm_patch_baseline", "aws_ssm_maintenance_window"
TARGET, TASK = f"{WINDOW}_target", f"{WINDOW}_task"
GROUP, DEFAULT, TAG = "aws_ssm_patch_group", "aws_ssm_default_patch_baseline", "aws_ec2_tag"
KINDS = (BASELINE, WINDOW, TARGET, TASK, GROUP, DEFAULT, TAG)


@dataclass(frozen=True)
class Resource:
    """One resource. ``values`` may hold ``Unresolved``, and ``Reference`` to another one's address."""

    address: str
    kind: str
    values: Mapping[str, Any]


@dataclass
class Found:
    """All that a reader found."""

    resources: list[Resource] = field(default_factory=list)
    belongings: Any = None
    parameters: list[Parameter] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
