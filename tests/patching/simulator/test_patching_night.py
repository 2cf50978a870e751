import time
from collections import Counter
from datetime import UTC, datetime

import pytest

from patching.simulator import catalogue, fleet
from patching.simulator.patching_night import patch
from patching.simulator.state import Node

APRIL, MAY, JUNE = "KB5082142", "KB5087545", "KB5094128"
BEFORE_JUNE = datetime(2026, 6, 1, 6, tzinfo=UTC)
AFTER_JUNE = datetime(2026, 6, 20, 2, tzinfo=UTC)


def rule(days: int, level: str = "UNSPECIFIED", **filters: list[str]) -> dict:
    return {
        "PatchFilterGroup": {
            "PatchFilters": [{"Key": key, "Values": values} for key, values in filters.items()]
        },
        "ApproveAfterDays": days,
        "ComplianceLevel": level,
    }


def baseline(*rules: dict, os: str = "WINDOWS", **more) -> dict:
    return {"OperatingSystem": os, "ApprovalRules": {"PatchRules": list(rules)}, **more}


EVERYTHING = baseline(rule(0, "CRITICAL", CLASSIFICATION=["SecurityUpdates"]), rule(0, PRODUCT=["*"]))
RED_HAT_SECURITY = baseline(rule(7, CLASSIFICATION=["Security"]), os="REDHAT_ENTERPRISE_LINUX")


@pytest.fixture
def company() -> dict[str, Node]:
    return {node.name: node for node in fleet.demo_company()}


@pytest.fixture
def windows(company) -> Node:
    return company["pay-dev-a-01"]


@pytest.fixture
def red_hat(company) -> Node:
    return company["lake-prod-a-01"]


def run(node: Node, operation: str, by: dict = EVERYTHING, at: datetime = AFTER_JUNE, **more) -> dict:
    return patch(
        node,
        operation=operation,
        baseline=by,
        baseline_id="pb-0123456789abcdef0",
        catalogue=catalogue.load(),
        at=at,
        **more,
    )


def states(node: Node) -> dict[str, str]:
    return {row["KBId"]: row["State"] for row in node.findings}


def test_a_scan_reports_what_is_missing_and_changes_nothing(windows):
    before = dict(windows.installed)

    state = run(windows, "Scan", snapshot_id="5a8e2b1c-0000-4000-8000-000000000000", patch_group="pay-dev")

    assert windows.installed == before
    assert states(windows)[JUNE] == "Missing"
    assert states(windows)["KB890830"] == "Missing"
    assert (state["MissingCount"], state["InstalledCount"], state["FailedCount"]) == (2, 1, 0)
    assert state["SnapshotId"] == "5a8e2b1c-0000-4000-8000-000000000000"
    assert (state["BaselineId"], state["PatchGroup"]) == ("pb-0123456789abcdef0", "pay-dev")
    assert state["OperationStartTime"] == "2026-06-20T02:00:00Z" < state["OperationEndTime"]


def test_a_critical_security_update_counts_as_critical_and_as_security(windows):
    state = run(windows, "Scan")

    assert state["CriticalNonCompliantCount"] == 1
    assert state["SecurityNonCompliantCount"] == 1
    assert state["OtherNonCompliantCount"] == 1  # the malicious software removal tool


def test_an_install_puts_on_the_latest_and_leaves_nothing_missing(windows):
    state = run(windows, "Install")

    assert windows.installed[JUNE] == "2026-06-20T02:00:00Z"
    assert MAY not in windows.installed
    assert state["MissingCount"] == state["CriticalNonCompliantCount"] == 0
    assert (states(windows)[JUNE], states(windows)[APRIL]) == ("Installed", "NotApplicable")


def test_each_patch_is_reported_once(company):
    for node in company.values():
        run(node, "Scan", {**EVERYTHING, "OperatingSystem": node.os})
        assert len(states(node)) == len(node.findings), node.name


def test_only_what_is_missing_or_failed_names_its_cves(windows):
    run(windows, "Scan")

    assert [row["KBId"] for row in windows.findings if "CVEIds" in row] == [JUNE]


def test_a_patch_that_fails_stays_failed_in_later_scans(company):
    node = company["pay-prod-b-04"]

    after_install = run(node, "Install")
    after_scan = run(node, "Scan")

    assert after_install["FailedCount"] == after_scan["FailedCount"] == 1
    assert after_install["MissingCount"] == after_scan["MissingCount"] == 0
    assert states(node)[JUNE] == "Failed"
    assert JUNE not in node.installed


def test_a_patch_that_failed_is_forgotten_once_it_installs(company):
    node = company["pay-prod-b-04"]
    run(node, "Install")
    node.install_fails.clear()

    run(node, "Install")

    assert node.failed == {}
    assert states(node)[JUNE] == "Installed"


def test_without_a_reboot_patches_wait_and_the_node_is_not_compliant(windows):
    state = run(windows, "Install", reboot="NoReboot")

    assert state["InstalledPendingRebootCount"] == 2
    assert state["CriticalNonCompliantCount"] == 1
    assert state["LastNoRebootInstallOperationTime"] == "2026-06-20T02:00:00Z"


def test_the_next_install_that_may_reboot_ends_the_wait(windows):
    run(windows, "Install", reboot="NoReboot")
    run(windows, "Scan")
    assert states(windows)[JUNE] == "InstalledPendingReboot"

    state = run(windows, "Install")

    assert state["InstalledPendingRebootCount"] == 0
    assert state["LastNoRebootInstallOperationTime"] == "2026-06-20T02:00:00Z"


def test_each_run_overwrites_the_last_whatever_baseline_judged_it(windows):
    run(windows, "Scan")
    state = run(windows, "Scan", baseline(rule(360, PRODUCT=["*"])))

    assert windows.last_run is state
    assert state["MissingCount"] == 0


def test_a_long_delay_hides_a_superseded_windows_update_for_good(windows):
    slow = baseline(rule(14, CLASSIFICATION=["SecurityUpdates"]))

    assert run(windows, "Scan", slow, datetime(2026, 6, 8, tzinfo=UTC))["MissingCount"] == 1
    assert run(windows, "Scan", slow, datetime(2026, 6, 12, tzinfo=UTC))["MissingCount"] == 0


def test_security_updates_that_are_not_approved_count_where_the_baseline_says_so(windows):
    slow = baseline(rule(100, PRODUCT=["*"]))

    silent = run(windows, "Scan", slow)
    strict = run(windows, "Scan", {**slow, "AvailableSecurityUpdatesComplianceStatus": "NON_COMPLIANT"})

    assert (silent["AvailableSecurityUpdateCount"], silent["SecurityNonCompliantCount"]) == (1, 0)
    assert (strict["AvailableSecurityUpdateCount"], strict["SecurityNonCompliantCount"]) == (1, 1)


def test_a_rejected_update_is_not_installed_and_no_longer_missing(windows):
    run(windows, "Install", {**EVERYTHING, "RejectedPatches": [JUNE], "RejectedPatchesAction": "BLOCK"})

    assert JUNE not in windows.installed
    assert JUNE not in states(windows)


@pytest.mark.parametrize(
    ("action", "state"), [("BLOCK", "InstalledRejected"), ("ALLOW_AS_DEPENDENCY", "InstalledOther")]
)
def test_a_rejected_package_that_is_there_is_told(red_hat, action, state):
    run(red_hat, "Install", RED_HAT_SECURITY)

    run(
        red_hat, "Scan", {**RED_HAT_SECURITY, "RejectedPatches": ["openssl"], "RejectedPatchesAction": action}
    )

    assert states(red_hat)["openssl.x86_64"] == state


def test_on_linux_the_newest_approved_version_is_installed_though_a_newer_one_waits(red_hat):
    run(red_hat, "Install", RED_HAT_SECURITY, datetime(2026, 6, 16, tzinfo=UTC))

    versions = [patch_id for patch_id in red_hat.installed if patch_id.startswith("openssl.x86_64")]
    assert versions == ["openssl.x86_64:1:3.5.5-3.el9_8"]  # 3.5.5-4 came out on 11 June
    assert states(red_hat)["openssl.x86_64"] == "Installed"


def test_a_package_without_any_advisory_is_installed_for_other_reasons(red_hat):
    run(red_hat, "Scan", RED_HAT_SECURITY, datetime(2026, 5, 1, tzinfo=UTC))

    [row] = [row for row in red_hat.findings if row["KBId"] == "NetworkManager.x86_64"]
    assert (row["State"], row["Classification"], row["Severity"]) == ("InstalledOther", "", "")


def test_patching_the_whole_company_takes_a_blink(company):
    started = time.process_time()
    for node in company.values():
        run(node, "Install", {**EVERYTHING, "OperatingSystem": node.os})

    assert time.process_time() - started < 0.3


def test_over_a_summer_the_summary_always_agrees_with_the_rows(company):
    for month in (6, 7, 8):
        for operation, day in (("Scan", 5), ("Install", 12), ("Scan", 20)):
            for node in company.values():
                state = run(
                    node,
                    operation,
                    {**EVERYTHING, "OperatingSystem": node.os},
                    datetime(2026, month, day, tzinfo=UTC),
                )
                counted = Counter(row["State"] for row in node.findings)
                assert counted["Missing"] == state["MissingCount"]
                assert counted["Failed"] == state["FailedCount"]
                assert not (operation == "Install" and counted["Missing"])
                assert len(states(node)) == len(node.findings)
