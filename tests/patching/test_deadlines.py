"""Whether patches can be on in time at all, over the year ahead."""

from datetime import timedelta

import pytest

from patching.deadlines import AHEAD, Course, outlooks
from tests.planned import NOW, window

WITHIN = {"critical": 14, "important": 30, "moderate": 90, "low": 90}
DAY = timedelta(days=1)


def rule(days, **filters):
    given = [{"Key": key, "Values": values} for key, values in filters.items()]
    return {"PatchFilterGroup": {"PatchFilters": given}, "ApproveAfterDays": days}


def windows_baseline(*rules):
    return {"OperatingSystem": "WINDOWS", "ApprovalRules": {"PatchRules": list(rules)}}


def course(definition, *, frozen=(), restarts=True, **spec):
    runs = window(**spec).runs_between(NOW, NOW + AHEAD)
    return Course(definition, [(run.start, run.end) for run in runs], frozen, restarts)


def told(one):
    return [(found.severity, found.late, found.months, found.cause) for found in outlooks(one, WITHIN, NOW)]


EVERYTHING = windows_baseline(rule(0, PRODUCT=["*"]))
WAITS = windows_baseline(rule(14, PRODUCT=["*"]))
LINUX = {
    "OperatingSystem": "AMAZON_LINUX_2023",
    "ApprovalRules": {"PatchRules": [rule(7, CLASSIFICATION=["Security"])]},
}
WEEKLY = {"schedule": "cron(0 20 ? * TUE *)", "offset": 0}


def test_what_is_approved_at_once_and_opened_for_six_days_later_is_never_late():
    assert told(course(EVERYTHING)) == []


def test_a_delay_that_misses_the_opening_of_its_month_is_late_in_every_month():
    found = outlooks(course(WAITS), WITHIN, NOW)
    assert [(one.severity, one.late, one.cause) for one in found] == [
        ("critical", 12, "delay"),
        ("important", 12, "delay"),
    ]
    assert found[0].enough == 6  # the window opens six days after Patch Tuesday
    assert found[0].worst.late // DAY == 27


def test_the_longest_delay_that_is_enough_is_enough_and_a_day_more_is_not():
    assert told(course(windows_baseline(rule(6, PRODUCT=["*"])))) == []
    assert ("critical", 12, 12, "delay") in told(course(windows_baseline(rule(7, PRODUCT=["*"]))))


def test_a_monthly_window_for_what_comes_out_on_any_day_opens_too_rarely():
    assert ("critical", 12, 12, "cadence") in told(course(LINUX))
    assert told(course(LINUX, **WEEKLY)) == []


def test_a_freeze_is_to_blame_only_for_the_months_that_it_shuts():
    begins = NOW + 190 * DAY
    frozen = [(begins, begins + 30 * DAY)]
    assert ("critical", 2, 12, "freeze") in told(course(LINUX, frozen=frozen, **WEEKLY))
    assert told(course(LINUX, frozen=[(begins + DAY, begins + 3 * DAY)], **WEEKLY)) == []


def test_without_a_restart_nothing_is_ever_compliant():
    found = told(course(EVERYTHING, restarts=False))
    assert [(severity, late, cause) for severity, late, _, cause in found] == [
        (severity, 12, "restart") for severity in WITHIN
    ]


def test_what_no_rule_approves_is_never_on():
    critical_only = windows_baseline(rule(0, MSRC_SEVERITY=["Critical"]))
    assert told(course(critical_only))[0] == ("important", 12, 12, "rules")


def test_a_window_that_never_opens_is_to_blame_itself():
    assert told(course(EVERYTHING, schedule="at(2020-01-01T00:00:00)", offset=0))[0][3] == "openings"


@pytest.mark.parametrize(("until", "late"), [("2030-12-31", 0), ("2026-09-30", 8)])
def test_a_rule_with_a_date_approves_nothing_after_it(until, late):
    one = rule(0, PRODUCT=["*"]) | {"ApproveUntilDate": until}
    del one["ApproveAfterDays"]
    found = told(course(windows_baseline(one)))
    assert (found[0][1] if found else 0) == late


def test_debian_knows_no_delay():
    ubuntu = {"OperatingSystem": "UBUNTU", "ApprovalRules": {"PatchRules": [rule(7, PRIORITY=["Required"])]}}
    assert told(course(ubuntu, **WEEKLY)) == []
