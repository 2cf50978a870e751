"""Read the inventory and compliance of one account-region and keep what changed. Writes nothing in AWS.

Pulling twice, or at the same time, is harmless: rows are unique, and what was read earlier never overwrites
what was read later. No transaction is open while AWS is asked.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet

from patching import allowance, breaker, exclusions, executions, limits, posture, system_facts, unmanaged
from patching.allowance import NOT_ALLOWED, doing_without
from patching.approval import WINDOWS
from patching.aws.compliance import Compliance, PatchList, PatchState, in_batches
from patching.aws.errors import AwsBusy, AwsError
from patching.aws.instances import FoundInstance, Instances
from patching.models import (
    AccountRegion,
    Application,
    Environment,
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
from patching.reaching import reach
from portal.governance import clock, host_clock

logger = logging.getLogger(__name__)

BATCH = 200  # instances written in one transaction
BUSY_AGAIN_AFTER = timedelta(seconds=60)
LOST_AFTER = timedelta(hours=1)
FAILED = "Reading failed: "  # how an account-region's error begins when it is ours to take back
AMBIGUOUS = "ambiguous_selectors"
WORTH_A_LOOK = (AMBIGUOUS, NOT_ALLOWED)  # codes of readings that are whole but for what their words say


@dataclass(frozen=True)
class Owner:
    """Whose an instance is; nobody's where its tags say nothing, or two things at once."""

    application: Application | None = None
    environment: Environment | None = None
    doubt: str = ""


@dataclass
class Reading:
    """What one pull has found so far."""

    seen_at: datetime
    instances: int = 0
    new_scans: int = 0
    doubts: list[str] = field(default_factory=list)
    lacking: list[str] = field(default_factory=list)  # actions that the role does not allow

    def in_doubt(self) -> str:
        """How many belong to nobody; never to whom they might: an account is read by teams that see only their own."""
        if not self.doubts:
            return ""
        matched = "instance matches" if len(self.doubts) == 1 else "instances match"
        return (
            f"{len(self.doubts)} {matched} selectors that contradict each other. Until one gives way, what they "
            "dispute stays open. Those who see all applications find each under Applications."
        )


def pull(account_region: AccountRegion) -> PullRun:
    """Read one account-region now. What goes wrong ends as words on the run and the account-region.

    Raises HostClockOff where this host's clock is too wrong for that.
    """
    host_clock.must_be_right()
    claimed = _claim(account_region)
    run = PullRun.objects.create(account_region=account_region, started_at=clock.now())
    reading = Reading(seen_at=run.started_at)
    try:
        _read(account_region, reading)
    except AwsBusy as problem:
        _come_back(account_region, claimed, after=BUSY_AGAIN_AFTER)
        return _failed(run, reading, problem)
    except AwsError as problem:
        return _failed(run, reading, problem)
    return _finished(run, reading)


def want(account_region: AccountRegion) -> None:
    """Have it read at the next tick: somebody asked, or the demo's clock was moved."""
    AccountRegion.objects.filter(pk=account_region.pk).update(
        next_pull_at=clock.real_now(), pull_nudged_at=None
    )


def want_all() -> None:
    """Have every active account-region read at the next tick."""
    AccountRegion.objects.filter(is_active=True).update(next_pull_at=clock.real_now(), pull_nudged_at=None)


def due() -> QuerySet[AccountRegion]:
    """Account-regions whose reading is due, the longest waiting first."""
    waiting = Q(next_pull_at=None) | Q(next_pull_at__lte=clock.real_now())
    return AccountRegion.objects.filter(waiting, breaker.is_closed(), is_active=True).order_by(
        "next_pull_at", "pk"
    )


def owner_of(tags: dict[str, str], selectors: Iterable[Selector]) -> Owner:
    """The application and environment whose selectors match. A contradiction is never resolved silently."""
    matching = [selector for selector in selectors if selector.matches(tags)]
    applications = {selector.application for selector in matching}
    environments = {selector.environment for selector in matching}
    if len(applications) > 1:
        names = " and ".join(sorted(application.slug for application in applications))
        return Owner(doubt=f"matches the selectors of {names}; until one gives way it belongs to neither")
    application = next(iter(applications), None)
    if len(environments) > 1:
        names = " and ".join(sorted(environment.slug for environment in environments))
        return Owner(application, doubt=f"matches the selectors of {names} of {application}")
    return Owner(application, next(iter(environments), None))


# One reading, from claim to end


def _claim(account_region: AccountRegion) -> datetime:
    """Set the next reading before this one begins, so that a wish that arrives meanwhile stands."""
    claimed = clock.real_now() + timedelta(seconds=settings.PULL_EVERY_SECONDS)
    AccountRegion.objects.filter(pk=account_region.pk).update(next_pull_at=claimed, pull_nudged_at=None)
    PullRun.objects.filter(
        account_region=account_region, finished_at=None, started_at__lt=clock.now() - LOST_AFTER
    ).update(
        finished_at=clock.now(), error_code="worker_lost", error="The worker stopped before it was done."
    )
    return claimed


def _come_back(account_region: AccountRegion, claimed: datetime, *, after: timedelta) -> None:
    """Sooner than usual, unless somebody wants it sooner still."""
    AccountRegion.objects.filter(pk=account_region.pk, next_pull_at=claimed).update(
        next_pull_at=clock.real_now() + after
    )


def _read(account_region: AccountRegion, reading: Reading) -> None:
    clients = reach(account_region)
    found = Instances(clients).read()
    reading.instances = len(found)
    _keep_inventory(account_region, found, reading)
    reached = [instance.instance_id for instance in found if instance.is_managed]
    compliance = Compliance(clients)
    for batch in in_batches(reached):
        states = compliance.read_states(batch)
        patches = {
            instance_id: compliance.read_patches(instance_id)
            for instance_id in _worth_a_closer_look(account_region, states)
        }
        reading.new_scans += _keep_compliance(account_region, states, patches, reading.seen_at)
    _judge_the_judges(account_region)
    posture.roll_up(reading.seen_at)
    with doing_without(reading.lacking):
        unmanaged.keep(account_region, clients, reading.seen_at)
    system_facts.keep(account_region, clients, reading.seen_at, lacking=reading.lacking)
    with doing_without(reading.lacking):
        executions.keep(account_region, clients, reading.seen_at)
    limits.keep(account_region, clients)


def _finished(run: PullRun, reading: Reading) -> PullRun:
    run.error_code = NOT_ALLOWED if reading.lacking else AMBIGUOUS if reading.doubts else ""
    lacking = allowance.told(run.account_region.account.role_name, reading.lacking) if reading.lacking else ""
    run.error = " ".join(filter(None, [lacking, reading.in_doubt()]))
    for doubt in reading.doubts:
        logger.warning("%s: %s", run.account_region, doubt)
    _close(run, reading)
    breaker.reset(run.account_region)
    here = AccountRegion.objects.filter(pk=run.account_region_id)
    here.update(last_pulled_at=reading.seen_at)
    here.filter(last_error__startswith=FAILED).update(last_error_code="", last_error="")
    return run


def _failed(run: PullRun, reading: Reading, problem: AwsError) -> PullRun:
    logger.warning("Reading %s failed: %s", run.account_region, problem)
    run.error_code = problem.code
    run.error = str(problem)
    _close(run, reading)
    breaker.trip(run.account_region, problem)
    AccountRegion.objects.filter(pk=run.account_region_id).update(
        last_error_code=run.error_code, last_error=f"{FAILED}{problem}"
    )
    return run


def _close(run: PullRun, reading: Reading) -> None:
    run.finished_at = clock.now()
    run.instances = reading.instances
    run.new_scans = reading.new_scans
    run.save(update_fields=["finished_at", "instances", "new_scans", "error_code", "error"])


# Inventory


def _keep_inventory(account_region: AccountRegion, found: Sequence[FoundInstance], reading: Reading) -> None:
    selectors = list(
        Selector.objects.filter(account_region=account_region).select_related("application", "environment")
    )
    rows = []
    for instance in found:
        owner = owner_of(dict(instance.tags), selectors)
        if owner.doubt:
            reading.doubts.append(f"{instance.instance_id} {owner.doubt}.")
        rows.append(_as_row(account_region, instance, owner, reading.seen_at))
    remaining = iter(rows)
    while batch := list(islice(remaining, BATCH)):
        _upsert(account_region, batch, reading.seen_at)
    gone = ManagedInstance.objects.present().filter(
        account_region=account_region, last_seen_at__lt=reading.seen_at
    )
    # a reading that began earlier may have set last_seen_at back: what we found ourselves is not gone
    gone.exclude(instance_id__in=[instance.instance_id for instance in found]).update(gone_at=reading.seen_at)


INVENTORY_FIELDS = (
    "name",
    "application",
    "environment",
    "tags",
    "availability_zone",
    "instance_type",
    "run_state",
    "auto_scaling_group",
    "operating_system",
    "platform_name",
    "platform_version",
    "is_managed",
    "ping_status",
    "agent_version",
    "last_ping_at",
    "last_seen_at",
    "gone_at",
)


def _as_row(
    account_region: AccountRegion, found: FoundInstance, owner: Owner, seen_at: datetime
) -> ManagedInstance:
    return ManagedInstance(
        account_region=account_region,
        instance_id=found.instance_id,
        name=found.name,
        application=owner.application,
        environment=owner.environment,
        tags=dict(found.tags),
        availability_zone=found.availability_zone,
        instance_type=found.instance_type,
        run_state=found.run_state,
        auto_scaling_group=found.auto_scaling_group,
        operating_system=found.operating_system,
        platform_name=found.platform_name,
        platform_version=found.platform_version,
        is_managed=found.is_managed,
        ping_status=found.ping_status,
        agent_version=found.agent_version,
        last_ping_at=found.last_ping_at,
        first_seen_at=seen_at,
        last_seen_at=seen_at,
    )


@transaction.atomic
def _upsert(account_region: AccountRegion, batch: Sequence[ManagedInstance], seen_at: datetime) -> None:
    """New rows are added, known ones refreshed unless a later reading has already done so."""
    by_id = {row.instance_id: row for row in batch}
    known = ManagedInstance.objects.select_for_update().filter(
        account_region=account_region, instance_id__in=by_id
    )
    older = []
    for row in known.order_by("pk"):
        fresh = by_id.pop(row.instance_id)
        if row.last_seen_at <= seen_at:
            fresh.pk = row.pk
            older.append(fresh)
    ManagedInstance.objects.bulk_update(older, INVENTORY_FIELDS, batch_size=50)
    ManagedInstance.objects.bulk_create(by_id.values(), ignore_conflicts=True)


# Compliance


def _worth_a_closer_look(account_region: AccountRegion, states: Mapping[str, PatchState]) -> list[str]:
    """Instances whose single patches are worth a call: not compliant, and not already told of this scan.

    Of one with an exclusion also a compliant scan: only the list tells what is installed from what is rejected.
    """
    latest = _latest_scans(account_region, states)
    here = {"instance__account_region": account_region, "instance__instance_id__in": list(states)}
    found = PatchFinding.objects.open().filter(**here)
    told = set(found.filter(hidden=False).values_list("instance__instance_id", flat=True))
    excluded = Waiver.objects.exclusions().filter(**here).values("instance")
    doubtful = set(found.filter(instance__in=excluded).values_list("instance__instance_id", flat=True))
    return [
        instance_id
        for instance_id, state in states.items()
        if (_is_news(state, latest.get(instance_id)) and (not state.is_compliant or instance_id in doubtful))
        or (not state.is_compliant and instance_id not in told)
    ]


def _latest_scans(account_region: AccountRegion, instance_ids: Iterable[str]) -> dict[str, Scan]:
    scans = Scan.objects.newest().filter(
        instance__account_region=account_region, instance__instance_id__in=list(instance_ids)
    )
    return {scan.instance.instance_id: scan for scan in scans.select_related("instance")}


def _is_news(state: PatchState, known: Scan | None) -> bool:
    return known is None or state.ended_at > known.ended_at


@transaction.atomic
def _keep_compliance(
    account_region: AccountRegion,
    states: Mapping[str, PatchState],
    patches: Mapping[str, PatchList],
    seen_at: datetime,
) -> int:
    """Write down new scans with their findings; returns how many were new."""
    instances = list(
        ManagedInstance.objects.select_for_update()
        .filter(account_region=account_region, instance_id__in=list(states))
        .order_by("pk")
    )
    latest = _latest_scans(account_region, states)
    news = [
        instance
        for instance in instances
        if _is_news(states[instance.instance_id], latest.get(instance.instance_id))
    ]
    Scan.objects.newest().filter(instance__in=news).update(is_latest=False)
    Scan.objects.bulk_create(_as_scan(one, states[one.instance_id], seen_at) for one in news)
    judged = {one.instance_id for one in news} | set(patches)
    _keep_findings([one for one in instances if one.instance_id in judged], states, patches, seen_at)
    return len(news)


def _as_scan(instance: ManagedInstance, state: PatchState, seen_at: datetime) -> Scan:
    return Scan(
        instance=instance,
        operation=state.operation,
        started_at=state.started_at,
        ended_at=state.ended_at,
        pulled_at=seen_at,
        aws_baseline_id=state.baseline_id,
        snapshot_id=state.snapshot_id,
        patch_group=state.patch_group,
        installed=state.installed,
        installed_other=state.installed_other,
        installed_pending_reboot=state.installed_pending_reboot,
        installed_rejected=state.installed_rejected,
        missing=state.missing,
        failed=state.failed,
        not_applicable=state.not_applicable,
        critical_noncompliant=state.critical_noncompliant,
        security_noncompliant=state.security_noncompliant,
        other_noncompliant=state.other_noncompliant,
        reboot_option=state.reboot_option,
        is_compliant=state.is_compliant,
    )


def _keep_findings(
    instances: Sequence[ManagedInstance],
    states: Mapping[str, PatchState],
    patches: Mapping[str, PatchList],
    seen_at: datetime,
) -> None:
    """Open what is new, refresh what is still so; what the scan no longer names is hidden or resolved."""
    known: dict[tuple[int, str], PatchFinding] = {
        (finding.instance_id, finding.patch_id): finding
        for finding in PatchFinding.objects.open().filter(instance__in=instances)
    }
    opened, refreshed = [], []
    for instance in instances:
        for patch in patches.get(instance.instance_id, PatchList()).noncompliant:
            finding = known.pop((instance.pk, patch.patch_id), None)
            if finding is None:
                finding = PatchFinding(instance=instance, patch_id=patch.patch_id, first_seen_at=seen_at)
                opened.append(finding)
            else:
                refreshed.append(finding)
            finding.title = patch.title[:300]
            finding.classification = patch.classification
            finding.severity = patch.severity
            finding.cves = list(patch.cves)
            finding.state = patch.state
            finding.last_seen_at = seen_at
            finding.hidden = False
    told = ["title", "classification", "severity", "cves", "state", "last_seen_at", "hidden"]
    PatchFinding.objects.bulk_create(opened, batch_size=200)
    PatchFinding.objects.bulk_update(refreshed, told, batch_size=100)
    _hide_or_resolve(instances, list(known.values()), states, patches, seen_at)


def _hide_or_resolve(
    instances: Sequence[ManagedInstance],
    unnamed: Sequence[PatchFinding],
    states: Mapping[str, PatchState],
    patches: Mapping[str, PatchList],
    seen_at: datetime,
) -> None:
    """SSM names these no longer: because they are done, or because an exclusion makes its baseline reject them."""
    by_pk = {instance.pk: instance for instance in instances}
    excluded = exclusions.of_instances([by_pk[pk] for pk in {finding.instance_id for finding in unnamed}])
    hidden: list[int] = []
    resolved: list[int] = []
    for finding in unnamed:
        instance = by_pk[finding.instance_id]
        listed, state = patches.get(instance.instance_id, PatchList()), states[instance.instance_id]
        hides = not _is_there(finding, instance, listed) and any(
            _may_hide(waiver, state)
            and exclusions.names(waiver, instance.operating_system, finding.patch_id, finding.title)
            for waiver in excluded.get(instance.pk, ())
        )
        (hidden if hides else resolved).append(finding.pk)
    PatchFinding.objects.open().filter(pk__in=hidden).update(hidden=True)
    PatchFinding.objects.open().filter(pk__in=resolved).update(resolved_at=seen_at, hidden=False)


def _is_there(finding: PatchFinding, instance: ManagedInstance, listed: PatchList) -> bool:
    """Whether SSM says it is installed. A Linux package that is there "otherwise" may be an older version."""
    if finding.patch_id in listed.installed:
        return True
    return instance.operating_system == WINDOWS and finding.patch_id in listed.installed_other


def _may_hide(waiver: Waiver, state: PatchState) -> bool:
    """Whether a scan's silence on what a waiver names proves nothing: the side group's baseline rejects it.

    So it is while the waiver is in force, and after its end for as long as the side group goes on judging. A
    scan from before the waiver, or one that the parent group's own baseline judged, is believed.
    """
    if state.ended_at < waiver.starts_at or state.patch_group == waiver.restores_to:
        return False
    return state.ended_at < waiver.until or exclusions.is_side_of(state.patch_group, waiver.restores_to)


# Which baseline judged, and whether it should have


def _judge_the_judges(account_region: AccountRegion) -> None:
    """Compare the baseline behind each latest scan with the one that is approved for the instance's group.

    Asked again at every reading, because the approved one may change while the scan stays.
    """
    ours = _baselines_in_aws(account_region)
    expected = _expected_baselines(account_region, ours)
    known = {aws_id: baseline for baseline, aws_id in ours.items() if aws_id}
    scans = Scan.objects.newest().filter(instance__account_region=account_region)
    changed = []
    for scan in scans.select_related("instance__account_region__account"):
        aws_id = _bare_id(scan.aws_baseline_id)
        wanted = expected.get((scan.instance.patch_group, scan.instance.operating_system))
        verdict = None if wanted is None else wanted == aws_id
        baseline = known.get(aws_id)
        if (scan.judged_by_expected, scan.baseline_id) != (verdict, baseline and baseline.pk):
            scan.judged_by_expected, scan.baseline = verdict, baseline
            changed.append(scan)
    Scan.objects.bulk_update(changed, ["judged_by_expected", "baseline"], batch_size=200)


def _baselines_in_aws(account_region: AccountRegion) -> dict[PatchBaseline, str]:
    """Our live baselines with the id each has here; "" where it is not there yet."""
    ids = dict(
        ResourceState.objects.filter(account_region=account_region, kind="baseline").values_list(
            "key", "aws_id"
        )
    )
    return {baseline: _bare_id(ids.get(str(baseline.uid), "")) for baseline in PatchBaseline.objects.live()}


def _expected_baselines(
    account_region: AccountRegion, ours: Mapping[PatchBaseline, str]
) -> dict[tuple[str, str], str]:
    """(patch group, operating system) → id of the baseline that should judge there."""
    by_name = {baseline.name: aws_id for baseline, aws_id in ours.items()}
    groups = PatchGroup.objects.live().filter(account_region=account_region)
    of_groups = {
        (group.name, system): by_name.get(name, "")
        for group in groups
        for system, name in group.spec["baselines"].items()
    }
    return _side_baselines(account_region) | of_groups


def _side_baselines(account_region: AccountRegion) -> dict[tuple[str, str], str]:
    """The same of side groups: the clone that we registered there for what an exclusion leaves off."""
    parents = set(
        Waiver.objects.exclusions()
        .filter(instance__account_region=account_region)
        .order_by()
        .values_list("restores_to", flat=True)
    )
    if not parents:
        return {}
    registered = ResourceState.objects.filter(account_region=account_region, kind="registration")
    places = [(key.rpartition(":"), aws_id) for key, aws_id in registered.values_list("key", "aws_id")]
    return {
        (group, system): _bare_id(aws_id)
        for (group, _, system), aws_id in places
        if any(exclusions.is_side_of(group, parent) for parent in parents)
    }


def _bare_id(aws_id: str) -> str:
    """AWS's own baselines come as an ARN that ends in the id."""
    return aws_id.rpartition("/")[2]
