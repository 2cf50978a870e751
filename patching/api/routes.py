"""Where patching's endpoints are found under ``/api/v1/``."""

from rest_framework.routers import BaseRouter

from patching.api.accounts import Accounts
from patching.api.catalogue import Cves, Patches
from patching.api.change_requests import ChangeRequests
from patching.api.compliance import Findings, Scans, Summary
from patching.api.drifts import Drifts
from patching.api.failures import Failures
from patching.api.freezes import Freezes, Occurrences
from patching.api.governed import Baselines, PatchGroups, Windows
from patching.api.instances import Instances
from patching.api.push_runs import PushRuns
from patching.api.reports import Reports
from patching.api.resources import Resources
from patching.api.window_runs import WindowRuns


def register(router: BaseRouter) -> None:
    router.register("accounts", Accounts, "account")
    router.register("instances", Instances, "instance")
    router.register("patch-groups", PatchGroups, "patch-group")
    router.register("baselines", Baselines, "baseline")
    router.register("windows", Windows, "window")
    router.register("change-requests", ChangeRequests, "change-request")
    router.register("compliance/scans", Scans, "compliance-scan")
    router.register("compliance/findings", Findings, "compliance-finding")
    router.register("compliance", Summary, "compliance")
    router.register("push-runs", PushRuns, "push-run")
    router.register("patches", Patches, "patch")
    router.register("cves", Cves, "cve")
    router.register("drifts", Drifts, "drift")
    router.register("resources", Resources, "resource")
    router.register("window-runs", WindowRuns, "window-run")
    router.register("failures", Failures, "failure")
    router.register("freezes", Freezes, "freeze")
    router.register("occurrences", Occurrences, "occurrence")
    router.register("reports", Reports, "report")
