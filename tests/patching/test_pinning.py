"""What was tested is what production gets: by date with the delays taken off, or by list where names are patches."""

from datetime import UTC, datetime, timedelta

import pytest

from patching import presets
from patching.approval import Patch, evaluate
from patching.baseline_rules import check
from patching.pinning import CannotPinError, listed, until

BEGAN = datetime(2026, 6, 13, 20, tzinfo=UTC)
TESTED = presets.named("WINDOWS", "test").definition
LATER = {
    **presets.named("WINDOWS", "prod").definition,
    "Description": "payments prod",
    "RejectedPatches": ["KB5000001"],
}


def patch(days_before, severity="Critical"):
    released = BEGAN - timedelta(days=days_before)
    return Patch("KB5000002", released, severity, "SecurityUpdates", "WindowsServer2022")


def approves(definition, one, at):
    return evaluate(definition, one, as_of=at).approved


def test_each_rule_ends_at_what_the_run_could_have_installed():
    rules = until(TESTED, LATER, began_at=BEGAN)["ApprovalRules"]["PatchRules"]
    assert [one["ApproveUntilDate"] for one in rules] == ["2026-06-12", "2026-06-05"]
    assert not any("ApproveAfterDays" in one for one in rules)


@pytest.mark.parametrize("severity", ["Critical", "Low"])
@pytest.mark.parametrize("days", range(12))
def test_production_never_gets_a_patch_that_was_not_tested(severity, days):
    pinned = until(TESTED, LATER, began_at=BEGAN)
    one = patch(days, severity)
    if approves(pinned, one, BEGAN + timedelta(days=90)):
        assert approves(TESTED, one, BEGAN)
    assert not approves(pinned, patch(-1, severity), BEGAN + timedelta(days=90))


@pytest.mark.parametrize(("severity", "days"), [("Critical", 2), ("Low", 9)])
def test_what_was_tested_is_approved_however_late_production_comes(severity, days):
    pinned = until(TESTED, LATER, began_at=BEGAN)
    assert approves(pinned, patch(days, severity), BEGAN + timedelta(hours=1))


def test_what_is_production_s_own_stays():
    pinned = until(TESTED, LATER, began_at=BEGAN)
    assert (pinned["Description"], pinned["RejectedPatches"]) == ("payments prod", ["KB5000001"])
    assert check({"Name": "payments-prod", **pinned}).valid


def test_an_earlier_date_stays_where_it_is():
    tested = until(TESTED, LATER, began_at=BEGAN - timedelta(days=30))
    again = until(tested, LATER, began_at=BEGAN)
    assert [one["ApproveUntilDate"] for one in again["ApprovalRules"]["PatchRules"]] == [
        "2026-05-13",
        "2026-05-06",
    ]


def test_a_list_names_exactly_what_was_installed():
    pinned = listed(TESTED, LATER, patches=["KB5000003", "KB5000001"])
    assert pinned["ApprovedPatches"] == ["KB5000001", "KB5000003"]
    assert "ApprovalRules" not in pinned
    assert "RejectedPatches" not in pinned
    assert check({"Name": "payments-prod", **pinned}).valid


@pytest.mark.parametrize(
    ("system", "pin", "says"),
    [
        ("UBUNTU", lambda one: until(one, one, began_at=BEGAN), "no release dates"),
        ("DEBIAN", lambda one: listed(one, one, patches=["openssl"]), "every version"),
        ("AMAZON_LINUX_2023", lambda one: listed(one, one, patches=["openssl"]), "pin by date"),
        ("WINDOWS", lambda one: listed(one, one, patches=[]), "No patch was seen"),
        (
            "WINDOWS",
            lambda one: listed(one, one, patches=[f"KB50000{n:02}" for n in range(51)]),
            "at most 50",
        ),
    ],
)
def test_what_cannot_be_pinned_is_refused_with_the_reason(system, pin, says):
    definition = presets.of_system(system)[0].definition
    with pytest.raises(CannotPinError, match=says):
        pin(definition)
