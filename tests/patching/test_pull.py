"""What one reading of an account-region keeps: once, twice, at the same time, and when AWS refuses."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from patching import allowance, pull
from patching.aws import session
from patching.aws.compliance import PatchState, listed_from_aws
from patching.models import (
    AccountRegion,
    DailyPosture,
    ManagedInstance,
    PatchBaseline,
    PatchFinding,
    PatchGroup,
    PullRun,
    ResourceState,
    Scan,
    Selector,
    Waiver,
)
from patching.simulator.state import Node
from portal.governance import clock
from tests import factories, people
from tests.racing import at_once
from tests.simulated_aws import RETAIL, SimulatedAws

NOON = datetime(2026, 6, 2, 12, tzinfo=UTC)


@pytest.fixture
def retail(db: None, simulated_aws: SimulatedAws) -> AccountRegion:
    """The account-region of the story, reachable, at the simulated hour, with selectors for three applications."""
    session.forget()
    clock.set_to(simulated_aws.now)
    here = factories.account_region(factories.account(external_id=simulated_aws.external_id(RETAIL)))
    for slug, team in (("payments", "payments"), ("claims-web", "claims"), ("data-lake", "analytics")):
        for env in ("dev", "test", "prod"):
            factories.selector(factories.application(slug, team), env, here)
    return here


@pytest.fixture
def few(retail: AccountRegion, simulated_aws: SimulatedAws) -> AccountRegion:
    """The same with three instances only: a compliant one, one that lacks patches, one without an agent."""
    wanted = {"pay-prod-b-02", "lake-prod-a-01", "lake-prod-b-04"}
    nodes = [node for node in simulated_aws.world.nodes.values() if node.name in wanted]
    simulated_aws.reset_to(nodes)
    session.forget()
    retail.account.external_id = simulated_aws.external_id(RETAIL)
    retail.account.save()
    return retail


def node(simulated_aws: SimulatedAws, name: str) -> Node:
    return next(one for one in simulated_aws.world.nodes.values() if one.name == name)


def scanned_in_retail(simulated_aws: SimulatedAws) -> list[Node]:
    return [one for one in simulated_aws.world.nodes.values() if one.account == RETAIL and one.last_run]


def scanned_again(simulated_aws: SimulatedAws, name: str, later: timedelta, **counts: int) -> Node:
    """SSM's summary after one more scan, whatever the patches say."""
    one = node(simulated_aws, name)
    at = (simulated_aws.now + later).strftime("%Y-%m-%dT%H:%M:%SZ")
    one.last_run |= {"OperationStartTime": at, "OperationEndTime": at, **counts}
    return one


def instance(name: str) -> ManagedInstance:
    return ManagedInstance.objects.get(name=name)


def everything() -> list[list[dict]]:
    """All rows that a reading writes, without the run itself."""
    models = (ManagedInstance, Scan, PatchFinding, DailyPosture)
    return [list(model.objects.order_by("pk").values()) for model in models]


def test_one_reading_keeps_inventory_scans_findings_and_the_day(
    retail: AccountRegion, simulated_aws: SimulatedAws
):
    run = pull.pull(retail)

    scanned = scanned_in_retail(simulated_aws)
    assert (run.error, run.instances, run.new_scans) == ("", 44, len(scanned))
    server = instance("pay-prod-a-01")
    assert (server.application.slug, server.environment.slug) == ("payments", "prod")
    assert server.operating_system == "WINDOWS"
    assert instance("claims-prod-asg-a-01").auto_scaling_group == "claims-web-prod"
    assert instance("legacy-fileserver").application is None
    assert Scan.objects.newest().count() == len(scanned)
    unpatched = Scan.objects.newest().filter(missing__gt=0)
    assert unpatched.exists()
    for scan in unpatched:
        assert scan.instance.findings.open().filter(state="missing").count() == scan.missing
    assert sum(DailyPosture.objects.values_list("instances", flat=True)) == 44
    retail.refresh_from_db()
    assert retail.last_pulled_at == run.started_at
    assert retail.next_pull_at > clock.real_now()


def test_reading_twice_changes_nothing(few: AccountRegion):
    pull.pull(few)
    before = everything()
    run = pull.pull(few)

    after = everything()
    assert (run.new_scans, len(before[1]), len(before[2])) == (0, len(after[1]), len(after[2]))
    for row in (*before[0], *after[0]):
        del row["last_seen_at"], row["last_ping_at"]
    assert before == after


def test_a_new_scan_becomes_the_latest_and_the_old_one_stays(few: AccountRegion, simulated_aws: SimulatedAws):
    pull.pull(few)
    missing = PatchFinding.objects.open().filter(instance=instance("lake-prod-a-01"))
    first = missing.order_by("pk").first()
    one = scanned_again(simulated_aws, "lake-prod-a-01", timedelta(minutes=5))
    one.findings = [finding for finding in one.findings if finding["KBId"] != first.patch_id]

    run = pull.pull(few)

    scans = Scan.objects.filter(instance=instance("lake-prod-a-01"))
    assert run.new_scans == 1
    assert [scan.is_latest for scan in scans.order_by("ended_at")] == [False, True]
    first.refresh_from_db()
    assert first.resolved_at == run.started_at
    assert set(missing.values_list("last_seen_at", flat=True)) == {run.started_at}
    assert all(found.first_seen_at < run.started_at for found in missing)


def test_a_compliant_scan_resolves_every_finding_without_asking_for_patches(
    few: AccountRegion, simulated_aws: SimulatedAws
):
    pull.pull(few)
    one = scanned_again(simulated_aws, "lake-prod-a-01", timedelta(minutes=5))
    one.last_run |= {
        name: 0
        for name in one.last_run
        if name.endswith("NonCompliantCount") or name in ("MissingCount", "FailedCount")
    }
    asked = set()
    session.clients(few).ssm.meta.events.register(
        "before-call.ssm", lambda model, **kwargs: asked.add(model.name)
    )

    pull.pull(few)

    beside_ours = {
        "DescribeMaintenanceWindows",
        "DescribePatchBaselines",
        "GetDefaultPatchBaseline",
        "ListAssociations",
    }
    assert asked == {"DescribeInstanceInformation", "DescribeInstancePatchStates", *beside_ours}
    assert Scan.objects.newest().get(instance=instance("lake-prod-a-01")).is_compliant
    assert not PatchFinding.objects.open().filter(instance=instance("lake-prod-a-01")).exists()


def test_a_patch_that_comes_back_is_a_new_finding(few: AccountRegion, simulated_aws: SimulatedAws):
    pull.pull(few)
    one = node(simulated_aws, "lake-prod-a-01")
    findings = list(one.findings)
    scanned_again(simulated_aws, one.name, timedelta(minutes=5))
    one.findings = findings[1:]
    pull.pull(few)
    scanned_again(simulated_aws, one.name, timedelta(minutes=9))
    one.findings = findings

    run = pull.pull(few)

    rows = PatchFinding.objects.filter(instance=instance(one.name), patch_id=findings[0]["KBId"])
    assert [row.resolved_at is None for row in rows.order_by("pk")] == [False, True]
    assert rows.order_by("pk").last().first_seen_at == run.started_at


def test_an_instance_that_ended_is_gone_and_may_come_back(few: AccountRegion, simulated_aws: SimulatedAws):
    pull.pull(few)
    ended = node(simulated_aws, "pay-prod-b-02")
    del simulated_aws.world.nodes[ended.instance_id]
    run = pull.pull(few)
    assert instance("pay-prod-b-02").gone_at == run.started_at

    simulated_aws.world.nodes[ended.instance_id] = ended
    pull.pull(few)

    assert instance("pay-prod-b-02").gone_at is None


def test_moved_tags_move_the_instance_to_its_new_application(few: AccountRegion, simulated_aws: SimulatedAws):
    pull.pull(few)
    node(simulated_aws, "pay-prod-b-02").tags |= {"App": "data-lake", "Environment": "test"}

    pull.pull(few)

    moved = instance("pay-prod-b-02")
    assert (moved.application.slug, moved.environment.slug) == ("data-lake", "test")


def test_an_instance_that_two_applications_claim_belongs_to_neither_and_the_run_says_so(
    few: AccountRegion, caplog: pytest.LogCaptureFixture
):
    Selector.objects.create(
        application=factories.application("claims-web", "claims"),
        environment=factories.environment("prod"),
        account_region=few,
        tags={"Name": "pay-prod-b-02"},
    )

    run = pull.pull(few)

    contested = instance("pay-prod-b-02")
    assert (contested.application, contested.environment) == (None, None)
    assert run.error_code == pull.AMBIGUOUS
    assert run.error.startswith("1 instance matches selectors that contradict each other.")
    for secret in ("claims-web", "payments", contested.instance_id):
        assert secret not in run.error
        assert secret in caplog.text


def test_two_environments_of_one_application_leave_the_environment_open(db: None):
    payments, here = factories.application(), factories.account_region()
    selectors = [factories.selector(payments, env, here) for env in ("test", "prod")]
    for selector in selectors:
        selector.tags = {"App": "payments"}

    owner = pull.owner_of({"App": "payments"}, selectors)

    assert (owner.application, owner.environment) == (payments, None)
    assert "prod and test" in owner.doubt


def test_a_selector_without_tags_claims_nothing(db: None):
    selector = factories.selector(factories.application())
    selector.tags = {}

    assert pull.owner_of({"App": "payments"}, [selector]) == pull.Owner()


# Which baseline judged


def governed(model, here: AccountRegion | None, name: str, spec: dict, **more):
    """An approved row without the road to its approval."""
    request = factories.change_request(people.person("rita"))
    place = {"account_region": here} if here else {}
    return model.objects.create(
        name=name,
        spec=spec,
        spec_digest="0" * 64,
        revision=factories.revision(request),
        created_at=clock.now(),
        changed_at=clock.now(),
        **place,
        **more,
    )


def test_the_baseline_that_judged_is_compared_with_the_approved_one(
    few: AccountRegion, simulated_aws: SimulatedAws
):
    baseline = governed(PatchBaseline, None, "lake-rhel", {}, operating_system="REDHAT_ENTERPRISE_LINUX")
    governed(
        PatchGroup, few, "lake-linux", {"baselines": {"REDHAT_ENTERPRISE_LINUX": "lake-rhel"}}
    )  # the fleet's hand-made tag
    in_aws = ResourceState.objects.create(
        account_region=few,
        kind="baseline",
        key=str(baseline.uid),
        uid=str(baseline.uid),
        aws_id="pb-0000000000000aaaa",
        changed_at=clock.now(),
    )
    pull.pull(few)
    scan = Scan.objects.newest().get(instance=instance("lake-prod-a-01"))
    assert (scan.judged_by_expected, scan.baseline) == (False, None)

    in_aws.aws_id = scan.aws_baseline_id
    in_aws.save()
    pull.pull(few)

    scan.refresh_from_db()
    assert (scan.judged_by_expected, scan.baseline) == (True, baseline)
    nobodys = Scan.objects.newest().get(instance=instance("pay-prod-b-02"))
    assert nobodys.judged_by_expected is None


# What an exclusion hides


SIDE = "payments-prod-without-0a1b2c3d"


def read(
    one: ManagedInstance, minutes: int, *rows: tuple[str, str], group: str = SIDE, baseline: str = "pb-clone"
) -> None:
    """One scan so many minutes after noon, and what SSM lists then, kept as a reading keeps it."""
    at = NOON + timedelta(minutes=minutes)
    replies = [{"KBId": patch, "State": state} for patch, state in rows]
    listed = listed_from_aws(replies)
    state = PatchState(
        one.instance_id, "Scan", at, at, baseline, patch_group=group, missing=len(listed.noncompliant)
    )
    pull._keep_compliance(one.account_region, {one.instance_id: state}, {one.instance_id: listed}, at)


def excluded(
    one: ManagedInstance, *patches: str, minutes: tuple[int, int] = (1, 60), source: str = "exemption:7"
) -> Waiver:
    start, end = (NOON + timedelta(minutes=minute) for minute in minutes)
    return Waiver.objects.create(
        kind="patch_exclusion",
        instance=one,
        patches=sorted(patches),
        source=source,
        source_digest="0" * 64,
        restores_to="payments-prod",
        starts_at=start,
        ends_at=end,
    )


def stands(one: ManagedInstance) -> dict[str, str]:
    """Each patch ever found: open, hidden or resolved."""
    return {
        row.patch_id: "resolved" if row.resolved_at else "hidden" if row.hidden else "open"
        for row in one.findings.order_by("pk")
    }


@pytest.fixture
def lacking(db: None) -> ManagedInstance:
    """Lacks two patches by the scan at noon, judged by its own group's baseline."""
    one = factories.instance()
    read(one, 0, ("KB5039227", "Missing"), ("KB5000009", "Missing"), group="payments-prod")
    return one


def test_a_patch_that_only_its_exclusion_silences_stays_open_and_hidden(lacking: ManagedInstance):
    excluded(lacking, "kb5039227")

    read(lacking, 2)

    assert stands(lacking) == {"KB5039227": "hidden", "KB5000009": "resolved"}
    hidden = lacking.findings.get(patch_id="KB5039227")
    assert (hidden.state, hidden.last_seen_at) == ("missing", NOON)


@pytest.mark.parametrize(
    ("system", "patch", "listed", "stand"),
    [
        ("WINDOWS", "KB5039227", ("KB5039227", "Installed"), "resolved"),
        ("WINDOWS", "KB5039227", ("KB5039227", "InstalledOther"), "resolved"),
        ("WINDOWS", "KB5039227", ("KB5039227", "NotApplicable"), "resolved"),
        ("WINDOWS", "KB5039227", ("KB5039227", "InstalledRejected"), "open"),
        ("WINDOWS", "KB5039227", ("KB5039227", "Missing"), "open"),
        ("WINDOWS", "KB5039227", ("KB5000001", "Installed"), "hidden"),
        ("UBUNTU", "openssl.amd64", ("openssl.amd64", "InstalledRejected"), "open"),
        ("UBUNTU", "openssl.amd64", ("openssl.amd64", "InstalledOther"), "hidden"),
        ("UBUNTU", "openssl.amd64", ("openssl.amd64", "Installed"), "resolved"),
    ],
)
def test_what_ssm_still_lists_is_believed(db: None, system, patch, listed, stand: str):
    one = factories.instance(operating_system=system)
    read(one, 0, (patch, "Missing"), group="payments-prod")
    excluded(one, patch.partition(".")[0])

    read(one, 2, listed)

    assert stands(one)[patch] == stand


def test_after_the_end_ssm_s_next_word_counts(lacking: ManagedInstance):
    excluded(lacking, "KB5039227", "KB5000009")
    read(lacking, 2)
    assert stands(lacking) == {"KB5039227": "hidden", "KB5000009": "hidden"}

    read(lacking, 61, group=SIDE)  # not given back yet: the clone judged it once more
    assert stands(lacking) == {"KB5039227": "hidden", "KB5000009": "hidden"}

    read(lacking, 62, ("KB5039227", "Missing"), group="payments-prod")
    assert stands(lacking) == {"KB5039227": "open", "KB5000009": "resolved"}
    assert lacking.findings.count() == 2


def test_a_scan_that_the_exclusion_had_no_part_in_resolves_as_ever(lacking: ManagedInstance):
    excluded(lacking, "KB5039227", minutes=(5, 60))
    read(lacking, 2)
    assert stands(lacking)["KB5039227"] == "resolved"


def test_a_scan_by_the_group_s_own_baseline_resolves_as_ever(lacking: ManagedInstance):
    excluded(lacking, "KB5039227")
    read(lacking, 2, group="payments-prod")
    assert stands(lacking)["KB5039227"] == "resolved"


def test_ending_one_exclusion_keeps_hidden_what_another_covers(lacking: ManagedInstance):
    excluded(lacking, "KB5039227", minutes=(1, 10))
    excluded(lacking, "KB5039227", minutes=(1, 60), source="exemption:8")
    read(lacking, 2)

    read(lacking, 20)

    assert stands(lacking)["KB5039227"] == "hidden"


def test_a_compliant_scan_under_an_exclusion_is_looked_at_more_closely(
    few: AccountRegion, simulated_aws: SimulatedAws
):
    pull.pull(few)
    lacks = instance("lake-prod-a-01").findings.open()
    first, second = lacks.order_by("pk")[:2]
    now = clock.now()
    Waiver.objects.create(
        kind="patch_exclusion",
        instance=first.instance,
        patches=["*"],
        source="exemption:7",
        source_digest="0" * 64,
        restores_to="lake",
        starts_at=now,
        ends_at=now + timedelta(days=9),
    )
    one = scanned_again(simulated_aws, "lake-prod-a-01", timedelta(minutes=5))
    one.last_run |= {
        name: 0
        for name in one.last_run
        if name.endswith("NonCompliantCount") or name in ("MissingCount", "FailedCount")
    }
    one.findings = [{**row, "State": "Installed"} for row in one.findings if row["KBId"] == first.patch_id]

    pull.pull(few)

    for row in (first, second):
        row.refresh_from_db()
    assert first.resolved_at is not None
    assert (second.resolved_at, second.hidden) == (None, True)


def test_a_node_in_a_side_group_is_judged_by_the_clone(few: AccountRegion, simulated_aws: SimulatedAws):
    baseline = governed(PatchBaseline, None, "lake-rhel", {}, operating_system="REDHAT_ENTERPRISE_LINUX")
    governed(PatchGroup, few, "lake-linux", {"baselines": {"REDHAT_ENTERPRISE_LINUX": baseline.name}})
    node(simulated_aws, "lake-prod-a-01").tags["PatchGroup"] = "lake-linux-without-0a1b2c3d"
    pull.pull(few)
    scan = Scan.objects.newest().get(instance=instance("lake-prod-a-01"))
    assert scan.judged_by_expected is None

    waiver = excluded(scan.instance, "openssl")
    Waiver.objects.filter(pk=waiver.pk).update(restores_to="lake-linux")
    registered = ResourceState.objects.create(
        account_region=few,
        kind="registration",
        key="lake-linux-without-0a1b2c3d:REDHAT_ENTERPRISE_LINUX",
        uid="side",
        aws_id="pb-0000000000000aaaa",
        changed_at=clock.now(),
    )
    for aws_id, verdict in (("pb-0000000000000aaaa", False), (scan.aws_baseline_id, True)):
        ResourceState.objects.filter(pk=registered.pk).update(aws_id=aws_id)
        pull.pull(few)
        scan.refresh_from_db()
        assert scan.judged_by_expected is verdict


# When it is due


def test_what_is_wanted_is_due_and_what_was_just_read_is_not(few: AccountRegion):
    assert list(pull.due()) == [few]
    pull.pull(few)
    assert list(pull.due()) == []

    pull.want(few)

    assert list(pull.due()) == [few]


def test_a_wish_that_arrives_during_a_reading_stands(few: AccountRegion, monkeypatch: pytest.MonkeyPatch):
    def wished_meanwhile(moment):
        pull.want_all()

    monkeypatch.setattr(pull.posture, "roll_up", wished_meanwhile)

    pull.pull(few)

    assert list(pull.due()) == [few]


def test_an_inactive_account_region_is_never_due(few: AccountRegion):
    AccountRegion.objects.update(is_active=False)
    pull.want(few)

    assert list(pull.due()) == []


# What goes wrong


def test_a_refusal_ends_in_words_and_a_later_success_takes_them_back(
    few: AccountRegion, simulated_aws: SimulatedAws
):
    right = few.account.external_id
    few.account.external_id = "wrong"
    session.forget()
    run = pull.pull(few)

    assert run.error_code == "AccessDenied"
    assert "Assuming PatchwardenRole in 211125483017" in run.error
    assert run.finished_at is not None
    few.refresh_from_db()
    assert few.last_error.startswith("Reading failed: ")
    assert ManagedInstance.objects.count() == 0

    few.account.external_id = right
    pull.pull(few)

    few.refresh_from_db()
    assert (few.last_error, few.last_error_code) == ("", "")


def test_what_the_role_does_not_allow_is_left_out_and_told(few: AccountRegion, simulated_aws: SimulatedAws):
    simulated_aws.deny("DescribePatchProperties", "GetDefaultPatchBaseline")

    run = pull.pull(few)

    assert (run.error_code, run.instances) == (pull.NOT_ALLOWED, 3)
    assert "does not allow ssm:DescribePatchProperties and ssm:GetDefaultPatchBaseline" in run.error
    few.refresh_from_db()
    assert (few.last_error, few.last_pulled_at) == ("", run.started_at)
    assert Scan.objects.exists()
    assert allowance.missing(few) == ["ssm:DescribePatchProperties", "ssm:GetDefaultPatchBaseline"]


def test_a_success_leaves_what_a_push_complained_of(few: AccountRegion):
    AccountRegion.objects.update(last_error_code="LimitExceeded", last_error="50 windows are 50 windows.")

    pull.pull(few)

    few.refresh_from_db()
    assert few.last_error == "50 windows are 50 windows."


def test_when_aws_is_busy_it_comes_back_within_a_minute(few: AccountRegion, simulated_aws: SimulatedAws):
    simulated_aws.inject(
        "error", operation="DescribeInstancePatchStates", code="ThrottlingException", count=9
    )

    run = pull.pull(few)

    assert (run.error_code, run.instances) == ("ThrottlingException", 3)
    few.refresh_from_db()
    assert few.next_pull_at <= clock.real_now() + pull.BUSY_AGAIN_AFTER


def test_a_run_whose_worker_was_lost_is_closed_by_a_later_one(few: AccountRegion):
    lost = PullRun.objects.create(account_region=few, started_at=clock.now() - timedelta(hours=2))

    pull.pull(few)

    lost.refresh_from_db()
    assert (lost.error_code, lost.finished_at is None) == ("worker_lost", False)


def test_an_earlier_reading_that_ends_later_overwrites_nothing(
    few: AccountRegion, simulated_aws: SimulatedAws
):
    pull.pull(few)
    node(simulated_aws, "pay-prod-b-02").tags["Name"] = "told-too-late"
    ManagedInstance.objects.update(last_seen_at=clock.now() + timedelta(minutes=1))

    pull.pull(few)

    assert not ManagedInstance.objects.filter(name="told-too-late").exists()
    assert ManagedInstance.objects.present().count() == 3


def test_readings_at_the_same_time_write_every_row_once(
    transactional_db: None, few: AccountRegion, simulated_aws: SimulatedAws
):
    def read():
        return pull.pull(AccountRegion.objects.select_related("account").get(pk=few.pk))

    runs = at_once(read, read, read)

    assert [run.error for run in runs] == ["", "", ""]
    assert sum(run.new_scans for run in runs) == Scan.objects.count() == len(scanned_in_retail(simulated_aws))
    assert ManagedInstance.objects.count() == 3
    assert sum(DailyPosture.objects.values_list("instances", flat=True)) == 3


def test_no_transaction_is_open_while_aws_is_asked(transactional_db: None, few: AccountRegion):
    inside = []
    for service in ("ssm", "ec2"):
        getattr(session.clients(few), service).meta.events.register(
            f"before-call.{service}", lambda **kwargs: inside.append(connection.in_atomic_block)
        )

    pull.pull(few)

    assert inside
    assert not any(inside)
