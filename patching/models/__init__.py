"""The nouns of patching."""

from patching.models.accounts import AccountRegion, AwsAccount, ManagedInstance
from patching.models.applications import Application, Environment, Selector
from patching.models.baselines import PatchBaseline
from patching.models.compliance import DailyPosture, PatchFinding, Scan
from patching.models.groups import PatchGroup
from patching.models.requests import ChangeRequest, Decision, Revision
from patching.models.runs import Operation, PullRun, PushRun, ResourceState, Tombstone
from patching.models.waivers import Waiver
from patching.models.windows import MaintenanceWindow

__all__ = [
    "AccountRegion",
    "Application",
    "AwsAccount",
    "ChangeRequest",
    "DailyPosture",
    "Decision",
    "Environment",
    "MaintenanceWindow",
    "ManagedInstance",
    "Operation",
    "PatchBaseline",
    "PatchFinding",
    "PatchGroup",
    "PullRun",
    "PushRun",
    "ResourceState",
    "Revision",
    "Scan",
    "Selector",
    "Tombstone",
    "Waiver",
]
