"""How the fleet stands: every number is the length of the list it opens, and every chain breaks where it should."""

from datetime import timedelta
from fnmatch import fnmatchcase
from random import Random

import pytest
from django.db.models import F

from patching import posture
from patching.models import (
    DailyPosture,
    MaintenanceWindow,
    ManagedInstance,
    PatchBaseline,
    PatchFinding,
    PatchGroup,
    ResourceState,
    Scan,
    Waiver,
)
from patching.posture import Status, Step
from portal.governance import clock
from portal.governance.models import User
from tests import factories, people

WORDS = ["Critical", "Important", "High", "Moderate", "Medium", "Low", "Unspecified", "Optional", ""]


def governed(model, name: str, spec: dict, **more):
    """An approved row without the road to its approval."""
    request = factories.change_request(people.person("rita"))
    return model.objects.create(
        name=name,
        spec=spec,
        spec_digest="0" * 64,
        revision=factories.revision(request),
        created_at=clock.now() - timedelta(days=30),
        changed_at=clock.now(),
        **more,
    )


def in_aws(kind: str, key: str) -> ResourceState:
    return ResourceState.objects.create(
        account_region=factories.account_region(),
        kind=kind,
        key=key,
        uid=key,
        condition="in_sync",
        changed_at=clock.now(),
    )


def window(name: str = "payments-prod-a", schedule: str = "cron(0 2 ? * SUN *)", pushed: bool = True):
    spec = {"schedule": schedule, "timezone": "UTC", "offset": 0, "start_date": "", "end_date": ""}
    made = governed(MaintenanceWindow, name, spec, account_region=factories.account_region())
    if pushed:
        in_aws("window", str(made.uid))
    return made


def group(name: str = "payments-prod", pushed: bool = True) -> PatchGroup:
    baseline = governed(PatchBaseline, f"{name}-win", {}, operating_system="WINDOWS")
    spec = {"baselines": {"WINDOWS": baseline.name}}
    made = governed(PatchGroup, name, spec, account_region=factories.account_region())
    if pushed:
        in_aws("registration", f"{name}:WINDOWS")
    return made


def scan(of: ManagedInstance, hours_ago: float = 3, compliant: bool = True, **fields) -> Scan:
    at = clock.now() - timedelta(hours=hours_ago)
    given = {
        "operation": "Scan",
        "started_at": at,
        "ended_at": at,
        "pulled_at": at,
        "aws_baseline_id": "pb-0000000000000000a",
        "is_compliant": compliant,
        "missing": 0 if compliant else 1,
        **fields,
    }
    return Scan.objects.create(instance=of, **given)


def finding(
    of: ManagedInstance, patch: str = "KB5000001", severity: str = "Critical", **fields
) -> PatchFinding:
    at = clock.now()
    given = {"state": "missing", "first_seen_at": at, "last_seen_at": at, **fields}
    return PatchFinding.objects.create(instance=of, patch_id=patch, severity=severity, **given)


def waiver(of: ManagedInstance, days: float = 30, started: float = 1, **fields) -> Waiver:
    at = clock.now()
    return Waiver.objects.create(
        instance=of,
        source=f"exemption:{of.pk}{len(of.waivers.all()) or ''}",
        source_digest="0" * 64,
        starts_at=at - timedelta(days=started),
        ends_at=at + timedelta(days=days),
        **fields,
    )


def exclusion(of: ManagedInstance, *patches: str, days: float = 30, **fields) -> Waiver:
    """May go without these patches, in a side group of payments-prod."""
    given = {"kind": "patch_exclusion", "patches": sorted(patches), "restores_to": "payments-prod", **fields}
    return waiver(of, days, **given)


def tagged(**tags: str) -> dict:
    return {"tags": {"App": "payments", **tags}}


def well_kept(**fields) -> ManagedInstance:
    """Managed, online, grouped, in a window, freshly scanned by the approved baseline."""
    given = {**tagged(PatchGroup="payments-prod", MaintenanceWindow="payments-prod-a"), **fields}
    made = factories.instance(**given)
    scan(made, judged_by_expected=True)
    return made


@pytest.fixture
def mixed_fleet(db: None) -> Random:
    """Seventy instances with everything that can be odd about one, by chance but always the same."""
    chance = Random(20260601)
    group(), window(), window("never-again", "at(2020-01-01T00:00:00)"), window("not-yet", pushed=False)
    owners = [factories.application(), factories.application("data-lake", "analytics")]
    for _ in range(70):
        tags = {
            "PatchGroup": chance.choice(["payments-prod", "payments-prod-without-0a1b2c3d", "unknown", ""]),
            "MaintenanceWindow": chance.choice(
                ["payments-prod-a", "payments-prod-a", "never-again", "not-yet", "pw-deferred", "other", ""]
            ),
        }
        one = factories.instance(
            chance.choice(owners),
            chance.choice(["dev", "test", "prod"]),
            tags={key: value for key, value in tags.items() if value},
            is_managed=chance.random() > 0.1,
            ping_status=chance.choice(["Online", "Online", "Online", "ConnectionLost"]),
            operating_system=chance.choice(["WINDOWS", "WINDOWS", "UBUNTU"]),
            auto_scaling_group=chance.choice(["", "", "", "web"]),
            run_state=chance.choice(["running"] * 9 + ["stopped"]),
            gone_at=chance.choice([None] * 9 + [clock.now()]),
        )
        if chance.random() < 0.1:
            ManagedInstance.objects.filter(pk=one.pk).update(application=None, environment=None)
        if chance.random() > 0.1:
            compliant = chance.random() > 0.6
            scan(
                one,
                chance.choice([2, 20, 30, 200]),
                is_latest=True,
                compliant=compliant,
                judged_by_expected=chance.choice([True, None, False]),
            )
            for number in range(0 if compliant else chance.randint(1, 5)):
                known_for = timedelta(days=chance.choice([0, 7.9, 8, 20, 45, 90, 91, 400]))
                finding(
                    one,
                    f"KB{chance.randint(1, 9)}{number}",
                    chance.choice(WORDS),
                    first_seen_at=clock.now() - known_for,
                )
            if chance.random() < 0.3:
                finding(one, "KB77", chance.choice(WORDS), hidden=compliant)
        if chance.random() < 0.2:
            waiver(one, days=chance.choice([5, 30]))
        if chance.random() < 0.4:
            exclusion(
                one, *chance.choice([["kb77"], ["KB*"], ["KB1?", "KB77"]]), days=chance.choice([-0.5, 5])
            )
    return chance


# Every number opens a list of as many rows


def count(user: User, **filters: str) -> int:
    return len(posture.instances_matching(user, **filters))


def agree(user: User, figures: posture.Figures, **filters: str) -> None:
    """The figures of a slice are the lengths of its lists."""
    assert figures.total == count(user, **filters)
    assert figures.ssm_compliant == count(user, status="ssm_compliant", **filters)
    assert figures.hidden == count(user, status="hidden", **filters)
    assert figures.compliant == count(user, status="compliant", **filters)
    assert figures.noncompliant == count(user, status="non_compliant", **filters)
    assert figures.excused == count(user, status="excused", **filters)
    assert figures.noncompliant - figures.excused == count(user, status="unexcused", **filters)
    assert figures.net_compliant == count(user, status="net_compliant", **filters)
    assert figures.stale == count(user, status="stale_scan", **filters)
    assert figures.unknown == count(user, status="unknown", **filters)
    parts = figures.compliant + figures.noncompliant + figures.stale + figures.unknown
    assert parts == figures.total


def the_fleet(viewer: User) -> None:
    agree(viewer, posture.fleet(viewer))
    for hidden in ("yes", "no"):
        found = posture.findings_matching(viewer, hidden=hidden)
        assert {one.hidden for one in found} <= {hidden == "yes"}


def each_application_and_environment(viewer: User) -> None:
    for slices, filter_name in (
        (posture.by_application, "application"),
        (posture.by_environment, "environment"),
    ):
        found = slices(viewer)
        for one in found:
            agree(viewer, one.figures, **{filter_name: one.key})
            for step, number in one.severities.items():
                assert number == count(viewer, severity=step, **{filter_name: one.key})
        assert sum(one.figures.total for one in found) == posture.fleet(viewer).total


def each_severity(viewer: User) -> None:
    for row in posture.by_severity(viewer):
        findings = posture.findings_matching(viewer, severity=row.step)
        assert row.findings == len(findings)
        assert row.patches == len({finding.patch_id for finding in findings})
        assert row.instances == count(viewer, severity=row.step)


def each_age(viewer: User) -> None:
    at, total = clock.now(), 0
    for age, steps in posture.by_age(viewer, at=at):
        for step, number in steps.items():
            assert number == len(posture.findings_matching(viewer, at=at, age=age.name, severity=step))
            total += number

    assert total == len(posture.findings_matching(viewer, at=at))


def each_gap(viewer: User) -> None:
    uncovered = set()
    for row in posture.coverage_gaps(viewer):
        found = posture.instances_matching(viewer, gap=row.gap.name)
        assert row.instances == len(found)
        uncovered |= {instance.pk for instance in found}

    assert posture.covered(viewer) == count(viewer, covered="yes")
    assert len(uncovered) == count(viewer, covered="no")
    assert posture.covered(viewer) + len(uncovered) == posture.fleet(viewer).total


def each_part_of_trust(viewer: User) -> None:
    trust = posture.trust(viewer)

    for part in ("fresh", "stale", "other_baseline", "never"):
        assert getattr(trust, part) == count(viewer, trust=part)
    assert trust.fresh + trust.stale + trust.other_baseline + trust.never == trust.total


def each_wanted_patch(viewer: User) -> None:
    for row in posture.most_wanted(viewer, limit=5):
        assert row["instances"] == count(viewer, patch=row["patch_id"])


@pytest.mark.parametrize("who", ["rita", "noor", "axel"])
def test_every_figure_is_the_length_of_its_list(mixed_fleet: Random, who: str):
    viewer = people.person(who)
    the_fleet(viewer)
    each_application_and_environment(viewer)
    each_severity(viewer)
    each_age(viewer)
    each_gap(viewer)
    each_part_of_trust(viewer)
    each_wanted_patch(viewer)


def words_by_hand(one: ManagedInstance, at) -> posture.Words:
    """The three words of an instance, reckoned from its rows without a line of SQL."""
    scan = Scan.objects.newest().filter(instance=one).first()
    if scan is None or not one.is_managed:
        return posture.Words(Status.UNKNOWN, Status.UNKNOWN, False)
    if scan.ended_at < at - posture.FRESH_FOR:
        return posture.Words(Status.STALE, Status.STALE, False)
    missing = list(one.findings.filter(resolved_at=None))
    said = Status.COMPLIANT if scan.is_compliant else Status.NONCOMPLIANT
    told, hidden = ([row for row in missing if row.hidden is state] for state in (False, True))
    raw = Status.NONCOMPLIANT if hidden else said
    held = [row for row in one.waivers.all() if row.starts_at <= at < row.ends_at]
    allowed = {name.lower() for row in held for name in row.patches}
    lacks_only = all(any(fnmatchcase(row.patch_id.lower(), name) for name in allowed) for row in missing)
    excludes = bool(missing) and lacks_only and (said == Status.COMPLIANT or bool(told))
    defers = any(row.kind == "node_deferral" for row in held)
    return posture.Words(said, raw, raw == Status.NONCOMPLIANT and (defers or excludes))


@pytest.mark.parametrize("days", [0, 5.5, 40])
def test_one_instance_stands_as_the_lists_say_at_any_clock(mixed_fleet: Random, axel: User, days: float):
    at = clock.now() + timedelta(days=days)
    Scan.objects.filter(is_latest=True).update(ended_at=F("ended_at") + timedelta(days=days))

    found = list(posture.instances_matching(axel, at=at))

    by_hand = {one.pk: words_by_hand(one, at) for one in found}
    assert {one.pk: (one.ssm_status, one.status, one.excused) for one in found} == by_hand
    assert posture.words_of(found, at) == by_hand
    assert {said.excused for said in by_hand.values()} == ({True, False} if days < 30 else {False})


def test_the_day_adds_up_to_the_fleet(mixed_fleet: Random, axel: User, noor: User):
    at = clock.now()
    posture.roll_up(at)
    posture.roll_up(at)

    for user in (axel, noor):
        fleet, [day] = posture.fleet(user, at=at), posture.trend(user, at=at)
        assert (day.instances, day.ssm_compliant, day.compliant, day.noncompliant, day.excused) == (
            fleet.total,
            fleet.ssm_compliant,
            fleet.compliant,
            fleet.noncompliant,
            fleet.excused,
        )
        assert day.net_compliant == fleet.net_compliant
        assert day.unknown == fleet.unknown + fleet.stale
        assert day.missing_patches == len(posture.findings_matching(user, at=at))


# Who sees what


def test_a_stranger_sees_nothing_of_another_team_and_an_administrator_nothing_at_all(
    rita: User, noor: User, adam: User
):
    finding(well_kept())

    assert posture.fleet(rita).total == 1
    for stranger in (noor, adam):
        assert posture.fleet(stranger) == posture.Figures()
        assert posture.by_application(stranger) == []
        assert not posture.findings_matching(stranger).exists()
        assert not posture.instances_matching(stranger, application="payments").exists()


@pytest.mark.parametrize(
    "mistyped",
    [
        {"application": "paymints"},
        {"environment": "prodd"},
        {"account_region": "211125483017/eu-central-9"},
        {"status": "fine"},
        {"severity": "awful"},
        {"gap": "hole"},
        {"covered": "maybe"},
        {"trust": "some"},
        {"patch": "KB0"},
        {"exemption": "some"},
    ],
)
def test_a_mistyped_filter_matches_nothing(rita: User, mistyped: dict[str, str]):
    finding(well_kept())

    assert not posture.instances_matching(rita, **mistyped).exists()


def test_filters_narrow_each_other(rita: User):
    one = well_kept()
    finding(one, "KB1", "Critical")
    finding(one, "KB2", "Low")

    assert count(rita, patch="KB2", severity="low") == 1
    assert count(rita, patch="KB2", severity="critical") == 0
    assert count(rita, account_region="211125483017/eu-central-1", name=one.instance_id[-6:]) == 1


def test_a_finding_is_found_by_exactly_its_cve(rita: User):
    finding(well_kept(), cves=["CVE-2026-10", "CVE-2026-11"])

    assert posture.findings_matching(rita, cve="CVE-2026-10").count() == 1
    assert posture.findings_matching(rita, cve="CVE-2026-1").count() == 0


# How one instance stands


@pytest.mark.parametrize(
    ("fields", "hours_ago", "compliant", "status"),
    [
        ({}, 3, True, Status.COMPLIANT),
        ({}, 3, False, Status.NONCOMPLIANT),
        ({}, 25.9, True, Status.COMPLIANT),
        ({}, 26.1, True, Status.STALE),
        ({}, 26.1, False, Status.STALE),
        ({"is_managed": False}, 3, True, Status.UNKNOWN),
        ({"ping_status": "ConnectionLost"}, 3, True, Status.COMPLIANT),
    ],
)
def test_an_old_scan_or_none_is_never_called_compliant(rita: User, fields, hours_ago, compliant, status):
    scan(factories.instance(**fields), hours_ago, compliant)

    assert [one.status for one in posture.instances_matching(rita)] == [status.value]


def test_an_instance_that_was_never_scanned_is_unknown(rita: User):
    factories.instance()

    assert posture.fleet(rita) == posture.Figures(total=1, unknown=1)


def test_stopped_and_ended_instances_are_counted_nowhere(rita: User):
    factories.instance(run_state="stopped")
    factories.instance(gone_at=clock.now())

    assert posture.fleet(rita).total == 0


def test_a_waiver_excuses_only_what_is_not_compliant_and_only_while_it_is_in_force(rita: User):
    excused, ended, compliant, stale = (factories.instance() for _ in range(4))
    for one, hours in ((excused, 1), (ended, 1), (compliant, 1), (stale, 90)):
        scan(one, hours, compliant=one is compliant)
    for one in (excused, compliant, stale):
        waiver(one)
    waiver(ended, days=-0.5)

    figures = posture.fleet(rita)

    assert (figures.compliant, figures.noncompliant, figures.excused, figures.stale) == (1, 2, 1, 1)
    assert figures.net_compliant == 2
    assert [one.pk for one in posture.instances_matching(rita, status="excused")] == [excused.pk]


def test_ssm_s_word_raw_and_net_differ_by_what_is_hidden_and_what_is_excused(rita: User):
    hidden, ended, partly, rejected = (factories.instance() for _ in range(4))
    for one, compliant in ((hidden, True), (ended, True), (partly, False), (rejected, False)):
        scan(one, compliant=compliant)
        finding(one, "KB5039227", hidden=compliant or one is partly)
    finding(partly, "KB5000009")
    for one in (hidden, partly, rejected):
        exclusion(one, "kb5039227")
    exclusion(ended, "KB5039227", days=-0.5)

    figures = posture.fleet(rita)

    assert (figures.ssm_compliant, figures.compliant, figures.net_compliant) == (2, 0, 2)
    assert (figures.noncompliant, figures.hidden) == (4, 2)
    assert {one.pk for one in posture.instances_matching(rita, status="excused")} == {hidden.pk, rejected.pk}
    assert {one.pk for one in posture.instances_matching(rita, status="hidden")} == {hidden.pk, ended.pk}
    assert {one.patch_id for one in posture.findings_matching(rita, hidden="no")} == {
        "KB5000009",
        "KB5039227",
    }


def test_what_ssm_complains_of_without_naming_it_is_excused_by_no_exclusion(rita: User):
    one = factories.instance()
    scan(one, compliant=False)
    finding(one, "KB5039227", hidden=True)
    exclusion(one, "KB5039227")

    assert posture.fleet(rita).excused == 0


@pytest.mark.parametrize(
    ("exemption", "found"), [("any", 2), ("node_deferral", 1), ("patch_exclusion", 1), ("", 3)]
)
def test_instances_are_found_by_the_exemption_they_have(rita: User, exemption: str, found: int):
    deferred, excluded, _ = (factories.instance() for _ in range(3))
    waiver(deferred)
    exclusion(excluded, "KB1")

    assert count(rita, exemption=exemption) == found


def test_severities_of_all_systems_fall_on_four_steps(rita: User):
    one = well_kept()
    for number, word in enumerate(WORDS):
        finding(one, f"KB{number}", word)

    found = {row.step: row.findings for row in posture.by_severity(rita)}

    assert found == {Step.CRITICAL: 1, Step.IMPORTANT: 2, Step.MODERATE: 2, Step.LOW: 1, Step.OTHER: 3}


# Gaps


def gaps_of(user: User) -> set[str]:
    return {row.gap.name for row in posture.coverage_gaps(user) if row.instances}


@pytest.fixture
def set_up(db: None) -> None:
    """The group and the window of a well-kept instance, approved and in AWS."""
    group()
    window()


def test_a_well_kept_instance_is_covered(set_up: None, rita: User):
    well_kept()

    assert gaps_of(rita) == set()
    assert posture.covered(rita) == 1


@pytest.mark.parametrize(
    ("fields", "gap"),
    [
        ({"is_managed": False, "ping_status": ""}, "not_managed"),
        ({"ping_status": "ConnectionLost"}, "agent_offline"),
        ({"auto_scaling_group": "web"}, "auto_scaling"),
        (tagged(MaintenanceWindow="payments-prod-a"), "no_patch_group"),
        (tagged(MaintenanceWindow="payments-prod-a", PatchGroup="payments-prud"), "no_baseline"),
        ({"operating_system": "UBUNTU"}, "no_baseline"),
        (tagged(PatchGroup="payments-prod"), "no_window"),
        (tagged(PatchGroup="payments-prod", MaintenanceWindow="payments"), "no_window"),
        (tagged(PatchGroup="payments-prod", MaintenanceWindow="pw-deferred"), "no_window"),
    ],
)
def test_each_oddity_is_its_own_gap(set_up: None, rita: User, fields: dict, gap: str):
    well_kept(**fields)

    assert gaps_of(rita) == {gap}
    assert posture.covered(rita) == 0


def test_the_tag_keys_are_the_account_s_own(set_up: None, rita: User):
    factories.account().regions.all()
    type(factories.account()).objects.update(patch_group_tag="Patch Group", window_tag="Maintenance Window")
    well_kept(**tagged(**{"Patch Group": "payments-prod", "Maintenance Window": "payments-prod-a"}))
    well_kept()

    assert {row.gap.name: row.instances for row in posture.coverage_gaps(rita) if row.instances} == {
        "no_patch_group": 1,
        "no_window": 1,
    }


@pytest.mark.parametrize(
    ("schedule", "pushed"), [("at(2020-01-01T00:00:00)", True), ("cron(0 2 ? * SUN *)", False)]
)
def test_a_window_that_will_not_open_is_a_gap(rita: User, schedule: str, pushed: bool):
    group()
    window(schedule=schedule, pushed=pushed)
    well_kept()

    assert gaps_of(rita) == {"idle_window"}


def test_a_window_past_its_end_date_never_opens(rita: User):
    group()
    ended = window()
    ended.spec["end_date"] = (clock.now() - timedelta(days=2)).date().isoformat()
    ended.save()
    well_kept()

    assert gaps_of(rita) == {"idle_window"}


def test_an_exemption_is_a_gap_of_its_own_and_not_a_missing_window(set_up: None, rita: User):
    waiver(well_kept(**tagged(PatchGroup="payments-prod", MaintenanceWindow="pw-deferred")))

    assert gaps_of(rita) == {"deferred"}


SIDE = "payments-prod-without-0a1b2c3d"


def in_a_side_group(days: float = 30) -> ManagedInstance:
    """Well kept but for KB5039227, which the baseline of its side group rejects."""
    in_aws("registration", f"{SIDE}:WINDOWS")
    one = well_kept(**tagged(PatchGroup=SIDE, MaintenanceWindow="payments-prod-a"))
    exclusion(one, "KB5039227", days=days)
    return one


def test_a_node_in_a_side_group_is_covered_and_counts_in_its_own_group(set_up: None, rita: User):
    one = in_a_side_group()
    well_kept()

    assert gaps_of(rita) == set()
    assert count(rita, group="payments-prod") == 2
    assert [row.home_group for row in posture.instances_matching(rita, group=SIDE)] == ["payments-prod"]
    assert chain_of(one)[1] is None
    until = one.waivers.get().ends_at
    titles = {link.key: link.title for link in posture.why_unpatched(one)}
    assert titles["group"] == (
        f"In the patch group payments-prod, less KB5039227 until {until.day} {until:%b}"
    )
    assert titles["baseline"] == "The baseline payments-prod-win, less KB5039227, applies"


def test_a_side_group_of_nobody_s_exclusion_is_an_unknown_group(set_up: None, rita: User):
    one = well_kept(**tagged(PatchGroup=SIDE, MaintenanceWindow="payments-prod-a"))

    assert gaps_of(rita) == {"no_baseline"}
    assert count(rita, group="payments-prod") == 0
    assert chain_of(one)[1] == "group"


def test_a_side_group_without_a_baseline_in_aws_is_a_gap(set_up: None, rita: User):
    one = in_a_side_group()
    ResourceState.objects.filter(key=f"{SIDE}:WINDOWS").delete()

    assert gaps_of(rita) == {"no_baseline"}
    assert chain_of(one)[1] == "baseline"


def test_a_hidden_finding_breaks_the_chain_at_the_scan(set_up: None):
    one = in_a_side_group()
    finding(one, "KB5039227", hidden=True)

    link = next(link for link in posture.why_unpatched(one) if link.holds is False)

    assert link.key == "scan"
    assert "compliant in SSM's words only" in link.title
    assert "KB5039227" in link.evidence


def test_scans_that_cannot_be_trusted_are_gaps(set_up: None, rita: User):
    for given in ({"hours_ago": 30}, {"judged_by_expected": False}):
        scan(
            factories.instance(**tagged(PatchGroup="payments-prod", MaintenanceWindow="payments-prod-a")),
            **given,
        )
    factories.instance(**tagged(PatchGroup="payments-prod", MaintenanceWindow="payments-prod-a"))

    assert gaps_of(rita) == {"stale_scan", "other_baseline", "never_scanned"}


# Days


def test_a_day_is_written_over_until_it_ends_and_then_kept(axel: User):
    one = well_kept()
    first = clock.now()
    posture.roll_up(first)
    Scan.objects.filter(instance=one).update(is_compliant=False)
    posture.roll_up(first)
    posture.roll_up(first + timedelta(days=1))

    days = posture.trend(axel, at=first + timedelta(days=1))

    assert [(day.day, day.instances) for day in days] == [
        (first.date(), 1),
        ((first + timedelta(days=1)).date(), 1),
    ]
    assert (days[0].compliant, days[0].noncompliant) == (0, 1)


def test_a_part_of_the_fleet_that_is_gone_leaves_the_day(axel: User):
    one = well_kept()
    posture.roll_up(clock.now())
    ManagedInstance.objects.filter(pk=one.pk).update(gone_at=clock.now())

    posture.roll_up(clock.now())

    assert DailyPosture.objects.count() == 0


# Why


def chain_of(instance: ManagedInstance) -> tuple[list[str], str | None]:
    """The keys of the links that hold, and of the one where it breaks."""
    chain = posture.why_unpatched(instance)
    broken = [link.key for link in chain if link.holds is False]
    assert len(broken) <= 1
    return [link.key for link in chain if link.holds], broken[0] if broken else None


def test_the_chain_of_a_well_kept_instance_holds_to_its_end(set_up: None):
    one = well_kept()
    scan(one, 8, is_latest=False, operation="Install")

    assert chain_of(one) == (
        ["managed", "online", "auto_scaling", "group", "baseline", "window", "run", "last_run", "scan"],
        None,
    )


@pytest.mark.parametrize(
    ("fields", "breaks_at"),
    [
        ({"is_managed": False, "ping_status": ""}, "managed"),
        ({"ping_status": "ConnectionLost"}, "online"),
        ({"auto_scaling_group": "web"}, "auto_scaling"),
        (tagged(), "group"),
        (tagged(PatchGroup="unknown"), "group"),
        ({"operating_system": "UBUNTU"}, "baseline"),
        (tagged(PatchGroup="payments-prod"), "window"),
        (tagged(PatchGroup="payments-prod", MaintenanceWindow="other"), "window"),
    ],
)
def test_the_chain_breaks_at_the_first_thing_that_is_wrong(set_up: None, fields: dict, breaks_at: str):
    holding, broken = chain_of(well_kept(**fields))

    assert broken == breaks_at
    assert breaks_at not in holding


def test_what_was_not_reached_is_neither_right_nor_wrong(set_up: None):
    chain = posture.why_unpatched(well_kept(ping_status="ConnectionLost"))

    assert [link.holds for link in chain] == [True, False] + [None] * 8


def test_a_waiver_breaks_the_chain_at_the_window_and_says_until_when(set_up: None):
    one = well_kept(**tagged(PatchGroup="payments-prod", MaintenanceWindow="pw-deferred"))
    until = waiver(one).ends_at

    link = next(link for link in posture.why_unpatched(one) if link.holds is False)

    assert link.title == "Left out of its window by an exemption"
    assert f"{until:%H:%M} UTC" in link.evidence


def test_an_approved_baseline_that_waits_for_its_push_breaks_the_chain(db: None):
    group(pushed=False)
    window()

    assert chain_of(well_kept())[1] == "baseline"


def test_a_window_that_waits_for_its_push_breaks_the_chain(db: None):
    group()
    window(pushed=False)

    assert chain_of(well_kept())[1] == "run"


def test_an_instance_never_seen_patched_breaks_no_chain_by_that(set_up: None):
    holding, broken = chain_of(well_kept())

    assert "last_run" not in holding
    assert broken is None


def test_an_installation_that_a_scan_wrote_over_shows_by_what_is_gone(set_up: None):
    one = well_kept()
    scan(one, 30, compliant=False, is_latest=False, operation="Install", failed=2)
    at = clock.now()
    for patch in ("KB1", "KB2"):
        finding(one, patch, resolved_at=at)

    link = next(link for link in posture.why_unpatched(one) if link.key == "last_run")

    assert (link.holds, link.evidence) == (True, "2 that it lacked were gone by the next scan")


def test_a_failed_run_breaks_the_chain_there(set_up: None):
    one = well_kept()
    scan(one, 8, compliant=False, is_latest=False, operation="Install", failed=2)

    assert chain_of(one)[1] == "last_run"


def test_the_latest_scan_is_the_last_link(set_up: None):
    one = factories.instance(**tagged(PatchGroup="payments-prod", MaintenanceWindow="payments-prod-a"))
    scan(one, 8, is_latest=False, operation="Install")
    scan(one, 3, compliant=False)

    assert chain_of(one)[1] == "scan"
