"""Windows and baselines with which patches cannot be on in time, told with what would mend it."""

from datetime import timedelta

from patching.findings import NOTE, WARNING
from patching.findings.late import Judged, cannot_comply
from tests.patching.test_deadlines import EVERYTHING, LINUX, WAITS, WEEKLY, WITHIN, rule, windows_baseline
from tests.planned import NOW, window


def found(*windows, definition=WAITS, **more):
    judged = [Judged(one, "payments-win", definition, **more) for one in windows]
    return list(cannot_comply(judged, WITHIN, NOW))


def test_what_is_in_time_gives_no_finding():
    assert found(window(), definition=EVERYTHING) == []


def test_the_claim_counts_months_and_the_evidence_walks_the_worst_patch():
    (one,) = found(window())
    assert (one.level, one.claim) == (
        WARNING,
        "A critical patch is late on payments-prod-a in 12 of 12 months",
    )
    assert "comes out on Tue 9 Jun 2026, payments-win approves it on Tue 23 Jun 2026" in one.evidence
    assert "28 days late. The delay of 14 days makes it miss its opening." in one.evidence
    assert "Important in 12 of 12 as well." in one.evidence


def test_the_fix_of_a_delay_is_the_longest_one_that_is_enough():
    (one,) = found(window())
    assert one.fix == "Approve critical patches after at most 6 days."
    (edit,) = one.edits
    rules = edit.spec["definition"]["ApprovalRules"]["PatchRules"]
    assert (edit.kind, edit.name, rules[0]["ApproveAfterDays"]) == ("baseline", "payments-win", 6)


def test_a_shared_baseline_is_not_changed_by_one_application():
    assert found(window(), editable=False)[0].edits == ()


def test_windows_that_are_late_alike_are_told_once():
    (one,) = found(window(), window("payments-prod-b", schedule="cron(0 0 ? * TUE#3 *)", offset=0))
    assert one.claim == "A critical patch is late on payments-prod-a and payments-prod-b in 12 of 12 months"


def test_the_fix_of_a_window_that_opens_too_rarely_is_every_week():
    (one,) = found(window(), definition=LINUX)
    assert (one.fix, one.edits[0].spec) == ("Open it every week.", {"schedule": "cron(0 20 ? * TUE *)"})


def test_rules_that_end_at_a_date_are_told_apart_from_rules_that_are_missing():
    pinned = windows_baseline({"PatchFilterGroup": {"PatchFilters": []}, "ApproveUntilDate": "2026-05-31"})
    (one,) = found(window(), window("payments-prod-b"), definition=pinned)
    assert one.claim == (
        "payments-prod-a and payments-prod-b get no critical patch that comes out from now on"
    )
    assert "approves what was released until 2026-05-31" in one.evidence
    assert one.fix == "Pin the next tested run into payments-win before it is due."


def test_the_fix_of_a_missing_restart_is_to_restart():
    task = {"name": "Install", "kind": "install", "reboot": "NoReboot"}
    (one,) = found(window(tasks=[task]), definition=EVERYTHING)
    assert "NoReboot leaves it InstalledPendingReboot" in one.evidence
    assert [each["reboot"] for each in one.edits[0].spec["tasks"]] == ["RebootIfNeeded"]


def test_a_task_that_restarts_afterwards_is_enough():
    tasks = [
        {"name": "Install", "kind": "install", "reboot": "NoReboot"},
        {"name": "After", "kind": "post", "type": "AUTOMATION", "document": "AWS-RestartEC2Instance"},
    ]
    assert found(window(tasks=tasks), definition=EVERYTHING) == []


def test_a_freeze_is_named():
    begins = NOW + timedelta(days=190)
    frozen = (("Year end", (begins, begins + timedelta(days=30))),)
    (one,) = found(window(**WEEKLY), definition=LINUX, frozen=frozen)
    assert "Year end keeps it shut in between." in one.evidence


def test_what_no_rule_approves_is_said_of_the_severity():
    by_name = windows_baseline(rule(0, MSRC_SEVERITY=["Critical", "Important"]))
    (one,) = found(window(), definition=by_name)
    assert (one.level, one.claim) == (NOTE, "payments-prod-a never gets a moderate patch")
