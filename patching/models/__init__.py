"""The nouns of patching."""

from patching.models.accounts import AccountRegion, AwsAccount, ManagedInstance, Pace
from patching.models.applications import Application, Environment, Selector
from patching.models.baselines import PatchBaseline
from patching.models.catalogue import Advisory, CatalogueSource, Cve, Patch, PatchFact
from patching.models.compliance import DailyPosture, PatchFinding, Scan
from patching.models.feeds import CalendarFeed, NoticeChoice
from patching.models.groups import PatchGroup
from patching.models.holds import Freeze, Occurrence, WindowHold
from patching.models.requests import ChangeRequest, Comment, Decision, Revision
from patching.models.runs import (
    Adoption,
    Drift,
    Operation,
    PullRun,
    PushRun,
    ResourceState,
    Tombstone,
    Unmanaged,
)
from patching.models.system_facts import SystemFacts
from patching.models.waivers import Waiver
from patching.models.window_runs import FailureRecord, RunOutcome, RunReview, WindowRun
from patching.models.windows import MaintenanceWindow

__all__ = [
    "AccountRegion",
    "Adoption",
    "Advisory",
    "Application",
    "AwsAccount",
    "CalendarFeed",
    "CatalogueSource",
    "ChangeRequest",
    "Comment",
    "Cve",
    "DailyPosture",
    "Decision",
    "Drift",
    "Environment",
    "FailureRecord",
    "Freeze",
    "MaintenanceWindow",
    "ManagedInstance",
    "NoticeChoice",
    "Occurrence",
    "Operation",
    "Pace",
    "Patch",
    "PatchBaseline",
    "PatchFact",
    "PatchFinding",
    "PatchGroup",
    "PullRun",
    "PushRun",
    "ResourceState",
    "Revision",
    "RunOutcome",
    "RunReview",
    "Scan",
    "Selector",
    "SystemFacts",
    "Tombstone",
    "Unmanaged",
    "Waiver",
    "WindowHold",
    "WindowRun",
]
