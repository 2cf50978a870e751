"""Exemption debt: severity × instances × days, whoever looks and however it is cut."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exemptions import debt
from exemptions.models import Exemption
from patching.models import PatchFinding
from tests import factories, people
from tests.exemptions import asks

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def lacks(instance, **patches):
    """Open findings of an instance: patch → severity."""
    return [
        PatchFinding.objects.create(
            instance=instance,
            patch_id=patch,
            severity=severity,
            state="missing",
            first_seen_at=AT - 90 * DAY,
            last_seen_at=AT,
        )
        for patch, severity in patches.items()
    ]


def in_force(instances, *, days=10, ends_in=10, team="payments", **fields):
    """An exemption approved so many days ago, as rows alone."""
    rita = people.person("rita")
    made = Exemption.objects.create(
        **{
            "title": "Keep it out",
            "team": people.team(team),
            "application": factories.application(team, team),
            "requested_by": rita,
            "state": "approved",
            "ends_at": AT + ends_in * DAY,
            "created_at": AT - (days + 1) * DAY,
            "approved_at": AT - days * DAY,
            **fields,
        }
    )
    made.instances.set(instances)
    return made


def only(exemption):
    return debt.of([exemption], AT)[exemption.pk]


@pytest.fixture
def server(rita):
    return factories.instance()


@pytest.mark.parametrize(
    ("severity", "points"),
    [("Critical", 100), ("Important", 50), ("High", 50), ("Moderate", 20), ("Low", 10), ("", 10)],
)
def test_a_finding_weighs_its_severity_for_each_day(server, severity, points):
    lacks(server, KB1=severity)
    assert only(in_force([server])).total == points


def test_a_deferral_leaves_off_all_that_its_instances_lack(server):
    other = factories.instance()
    lacks(server, KB1="Critical", KB2="Low")
    lacks(other, KB1="Critical")
    found = only(in_force([server, other]))
    assert (found.total, found.worst, found.days) == (10 * (10 + 10 + 1), "critical", 10)
    assert found.instances == {server.pk, other.pk}


def test_an_exclusion_leaves_off_its_patches_even_when_ssm_is_silent(server):
    hidden, _, _ = lacks(server, KB1="Important", KB2="Critical", KB3="Low")
    PatchFinding.objects.filter(pk=hidden.pk).update(hidden=True)
    found = only(in_force([server], kind="patch_exclusion", patches=["KB1", "KB3"]))
    assert (found.total, found.worst) == (10 * (5 + 1), "important")


def test_an_exclusion_of_a_package_leaves_off_its_findings_on_every_architecture(rita):
    server = factories.instance(operating_system="AMAZON_LINUX_2023")
    lacks(server, **{"openssl.x86_64": "Critical", "openssl-libs.x86_64": "Low"})
    found = only(in_force([server], kind="patch_exclusion", patches=["openssl"]))
    assert (found.findings["critical"], found.findings["low"]) == (1, 0)


def test_what_is_resolved_or_gone_counts_no_more(server):
    done, _ = lacks(server, KB1="Critical", KB2="Low")
    PatchFinding.objects.filter(pk=done.pk).update(resolved_at=AT)
    gone = factories.instance(gone_at=AT)
    lacks(gone, KB1="Critical")
    found = only(in_force([server, gone]))
    assert (found.total, found.instances) == (10, {server.pk})


@pytest.mark.parametrize(("hours", "days"), [(0, 0), (1, 1), (24, 1), (25, 2), (48, 2), (-5, 0)])
def test_a_day_counts_once_it_has_begun(hours, days):
    exemption = Exemption(approved_at=AT - timedelta(hours=hours), ends_at=AT + 30 * DAY)
    assert debt.days_excused(exemption, AT) == days


def test_days_stop_at_the_end():
    exemption = Exemption(approved_at=AT - 10 * DAY, ends_at=AT - 4 * DAY)
    assert debt.days_excused(exemption, AT) == 6


@pytest.mark.parametrize(
    "fields",
    [
        {"state": "submitted", "approved_at": None},
        {"state": "approved", "ends_in": 0},
        {"state": "revoked", "closed_at": AT},
        {"state": "restored", "restored_at": AT},
        {"state": "rejected"},
    ],
)
def test_only_what_is_in_force_is_debt(server, fields):
    lacks(server, KB1="Critical")
    exemption = in_force([server], **fields)
    assert only(exemption).total == 0
    assert debt.report(Exemption.objects.all(), AT).everything.exemptions == 0


def test_what_is_asked_for_shows_what_it_would_leave_off(server):
    lacks(server, KB1="Critical")
    assert only(in_force([server], state="submitted", approved_at=None)).worst == "critical"
    assert only(in_force([server], state="rejected")).worst == ""


@given(days=st.integers(0, 400), seconds=st.integers(0, 86_399))
def test_every_age_has_one_bucket_and_the_filter_agrees_with_it(days, seconds):
    exemption = Exemption(approved_at=AT - days * DAY - timedelta(seconds=seconds), ends_at=AT + DAY)
    age = debt.age_of(exemption, AT)
    assert days >= age.start
    assert age.end is None or days < age.end


@pytest.mark.parametrize(
    ("days", "bucket"),
    [
        (0, "0-7"),
        (7, "0-7"),
        (8, "8-30"),
        (30, "8-30"),
        (31, "31-60"),
        (61, "61-90"),
        (90, "61-90"),
        (91, "over-90"),
    ],
)
def test_a_bucket_lists_what_it_counts(server, days, bucket):
    exemption = in_force([server], days=days)
    report = debt.report(Exemption.objects.all(), AT)
    assert [group.key for group in report.ages if group.exemptions] == [bucket]
    for age in debt.AGES:
        listed = list(debt.aged(Exemption.objects.all(), age.key, AT))
        assert listed == ([exemption] if age.key == bucket else [])


@pytest.mark.parametrize("key", ["", "none", "8", "-1"])
def test_a_bucket_that_nobody_knows_is_empty(server, key):
    in_force([server])
    assert not debt.aged(Exemption.objects.all(), key, AT)
    assert not debt.renewed(Exemption.objects.all(), key)


def test_every_cut_adds_up_to_everything(server, noor):
    other = factories.instance(factories.application("analytics", "analytics"))
    lacks(server, KB1="Critical", KB2="Low")
    lacks(other, KB1="Important")
    first = in_force([server], exposure="internet", data_class="restricted", root_cause="vendor")
    again = in_force([server], days=40, renews=first, renewal=1, kind="patch_exclusion", patches=["KB2"])
    in_force([server], days=70, renews=again, renewal=2)
    in_force([other], days=100, team="analytics")
    report = debt.report(Exemption.objects.all(), AT)
    everything = report.everything
    assert (everything.exemptions, everything.instances) == (4, 2)
    assert everything.total == 11 * 10 + 1 * 40 + 11 * 70 + 5 * 100
    for groups in (report.ages, report.renewals, *(cut.groups for cut in report.groupings)):
        assert sum(group.total for group in groups) == everything.total
        assert sum(group.exemptions for group in groups) == 4
    assert [group.label for group in report.renewals] == ["First time", "First renewal", "Renewed again"]
    assert report.renewed_again.exemptions == 1
    assert report.oldest.total == 500
    assert report.critical == 10 * 10 + 10 * 70
    assert [group.key for group in report.groupings[0].groups] == ["payments", "analytics"]
    cuts = {cut.key: {group.label for group in cut.groups} for cut in report.groupings}
    assert cuts["exposure"] == {"Reachable from the internet", "Not said"}
    assert cuts["root_cause"] == {"The vendor does not support it yet", "Not said"}
    assert [one.pk for one, _ in report.largest][0] == Exemption.objects.get(renewal=2).pk


def test_a_finding_of_two_exemptions_counts_with_both_and_its_instance_once(server):
    lacks(server, KB1="Low")
    in_force([server])
    in_force([server])
    everything = debt.report(Exemption.objects.all(), AT).everything
    assert (everything.total, everything.instances) == (20, 1)


def test_a_team_sees_its_own_debt(server, noor):
    lacks(server, KB1="Low")
    in_force([server])
    assert debt.report(Exemption.objects.visible_to(noor), AT).everything.total == 0
    assert debt.report(Exemption.objects.visible_to(people.person("omar")), AT).everything.total == 10


def test_two_hundred_exemptions_cost_as_many_queries_as_two(server):
    def made(number):
        for n in range(number):
            excludes = {"kind": "patch_exclusion", "patches": ["KB1"]} if n % 2 else {}
            in_force([server], **excludes)

    lacks(server, KB1="Critical", KB2="Low")
    made(2)
    few = asks.queries_of(lambda: debt.report(Exemption.objects.all(), AT).groupings)
    made(198)
    many = asks.queries_of(lambda: debt.report(Exemption.objects.all(), AT).groupings)
    assert (few, many) == (4, 4)


def test_the_formula_names_every_weight():
    assert all(str(weight) in debt.FORMULA for weight in debt.WEIGHTS.values())
