"""Why one instance is unpatched: a chain of links from agent to scan, which holds up to where it breaks."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from patching import exclusions, schedules, system_facts
from patching.aws.executions import NOT_STARTED, SKIPPED
from patching.exclusions import Side
from patching.models import (
    MaintenanceWindow,
    ManagedInstance,
    PatchBaseline,
    PatchGroup,
    Scan,
    Waiver,
    WindowHold,
    WindowRun,
)
from patching.posture.gaps import in_aws, next_run
from patching.posture.standing import FRESH_FOR
from portal.governance import clock


@dataclass(frozen=True)
class Link:
    """One condition: it holds, it is where the chain breaks, or (None) it was not reached."""

    key: str  # managed, online, auto_scaling, group, baseline, window, run, turn, last_run, scan
    holds: bool | None
    title: str
    evidence: str = ""
    pk: int | None = None  # of the group, baseline or window it speaks of


def why_unpatched(instance: ManagedInstance, at: datetime | None = None) -> list[Link]:
    """Every link in order. After the first that does not hold, the others say what they would need."""
    chain, broken = [], False
    for link in _links(instance, at or clock.now()):
        chain.append(replace(link, holds=None) if broken else link)
        broken = broken or link.holds is False
    return chain


def _links(instance: ManagedInstance, at: datetime) -> Iterator[Link]:
    yield _managed(instance)
    yield _online(instance)
    yield _not_scaled(instance)
    side = exclusions.side_of(instance, at)
    name = side.group if side else instance.patch_group
    group = PatchGroup.objects.live().filter(account_region=instance.account_region, name=name).first()
    yield _in_a_group(instance, group, side)
    yield _has_a_baseline(instance, group, side)
    window = (
        MaintenanceWindow.objects.live()
        .filter(account_region=instance.account_region, name=instance.window_name)
        .first()
    )
    yield _in_a_window(instance, window, at)
    yield _window_runs(window, at)
    yield _had_its_turn(instance, window)
    yield _was_patched(instance)
    yield _scan_says(instance, at)


def _managed(instance: ManagedInstance) -> Link:
    if instance.is_managed:
        evidence = f"Agent {instance.agent_version}, {instance.platform_name} {instance.platform_version}"
        return Link("managed", True, "Managed by Systems Manager", evidence.strip())
    return Link(
        "managed",
        False,
        "Not managed by Systems Manager",
        "The instance has no working agent or no instance profile, so nothing can patch or scan it.",
    )


def _online(instance: ManagedInstance) -> Link:
    since = f"last heard of {_moment(instance.last_ping_at)}" if instance.last_ping_at else "never heard of"
    if instance.is_online:
        return Link("online", True, "Its agent answers", f"{since[:1].upper()}{since[1:]}")
    return Link(
        "online", False, "Its agent does not answer", f"{instance.ping_status or 'No agent'}, {since}"
    )


def _not_scaled(instance: ManagedInstance) -> Link:
    if not instance.in_auto_scaling_group:
        return Link("auto_scaling", True, "Not in an Auto Scaling group")
    return Link(
        "auto_scaling",
        False,
        f"In the Auto Scaling group {instance.auto_scaling_group}",
        "It is replaced from its image sooner or later; patch the image instead.",
    )


def _in_a_group(instance: ManagedInstance, group: PatchGroup | None, side: Side | None) -> Link:
    key = instance.account_region.account.patch_group_tag
    if group is not None:
        called = str(side) if side else group.name
        return Link("group", True, f"In the patch group {called}", f"{key}={instance.patch_group}", group.pk)
    if instance.patch_group:
        evidence = f"{key}={instance.patch_group} names no patch group of this account and Region."
        return Link("group", False, "Its patch group is not known here", evidence)
    return Link("group", False, "In no patch group", f"It has no tag {key}.")


def _has_a_baseline(instance: ManagedInstance, group: PatchGroup | None, side: Side | None) -> Link:
    system = instance.operating_system or "an unknown operating system"
    name = group.spec["baselines"].get(instance.operating_system) if group else None
    if group is None or name is None:
        unasked = system_facts.unasked(instance.account_region, instance.operating_system)
        evidence = (
            unasked.told if unasked else "The account's default baseline applies, whatever it approves."
        )
        return Link("baseline", False, f"Its group has no baseline for {system}", evidence)
    baseline = PatchBaseline.objects.live().filter(name=name).first()
    registered = in_aws(
        account_region=instance.account_region,
        kind="registration",
        key=f"{instance.patch_group}:{instance.operating_system}",
    )
    less = f", less {', '.join(side.patches)}," if side else ""
    if baseline is None or not registered.exists():
        evidence = "It is approved, and waits for a push."
        return Link("baseline", False, f"The baseline {name}{less} does not apply in AWS yet", evidence)
    return Link("baseline", True, f"The baseline {name}{less} applies", system, baseline.pk)


def _in_a_window(instance: ManagedInstance, window: MaintenanceWindow | None, at: datetime) -> Link:
    key = instance.account_region.account.window_tag
    held = Waiver.objects.in_force(at).deferrals().filter(instance=instance)
    waiver = held.order_by("-ends_at").first()
    if waiver is not None:
        evidence = f"{waiver.allowed_by}, until {_moment(waiver.ends_at)}. {key}={instance.window_name}"
        return Link("window", False, "Left out of its window by an exemption", evidence)
    if window is not None:
        return Link("window", True, f"In the window {window.name}", f"{key}={window.name}", window.pk)
    if instance.window_name:
        evidence = f"{key}={instance.window_name} names no window of this account and Region."
        return Link("window", False, "Its window is not known here", evidence)
    return Link("window", False, "In no maintenance window", f"It has no tag {key}.")


def _window_runs(window: MaintenanceWindow | None, at: datetime) -> Link:
    if window is None:
        return Link("run", False, "A window that opens again")
    if not in_aws(account_region=window.account_region, kind="window", key=str(window.uid)).exists():
        evidence = "It is approved, and waits for a push."
        return Link("run", False, "The window is not in AWS", evidence, window.pk)
    held = WindowHold.objects.in_force(at).filter(window=window).order_by("-ends_at").first()
    if held is not None:
        title = f"The window is held shut until {_moment(held.ends_at)}"
        return Link("run", False, title, held.reason, window.pk)
    run = next_run(window, at)
    if run is None:
        return Link("run", False, "The window never opens again", window.spec["schedule"], window.pk)
    words = schedules.explain(
        window.spec["schedule"], timezone=window.spec["timezone"], offset=window.spec.get("offset", 0)
    )
    return Link("run", True, f"The window opens next on {_moment(run)}", words, window.pk)


def _had_its_turn(instance: ManagedInstance, window: MaintenanceWindow | None) -> Link:
    """What the last run of its window that has ended did with it."""
    runs = WindowRun.objects.filter(window=window, ended_at__isnull=False).order_by("-started_at")
    last = runs.first() if window is not None else None
    if last is None:
        return Link(
            "turn", None, "No run of its window was seen yet", "What a run did with it shows afterwards."
        )
    when = _moment(last.started_at)
    if last.status == SKIPPED:
        evidence = "The run before it still went on, so nothing was begun."
        return Link("turn", False, f"The run of {when} was skipped", evidence, last.pk)
    missed = last.outcomes.filter(instance=instance, status=NOT_STARTED).first()
    if missed is not None:
        return Link("turn", False, f"Not started in the run of {when}", missed.status_details, last.pk)
    return Link("turn", True, f"No turn was missed in the run of {when}", "", last.pk)


def _was_patched(instance: ManagedInstance) -> Link:
    """From the last installation seen. The next scan writes over it in SSM, so it may be missed; what a scan no
    longer finds missing then tells of it."""
    run = Scan.objects.filter(instance=instance, operation="Install").order_by("-ended_at").first()
    gone = instance.findings.exclude(resolved_at=None).order_by("-resolved_at").first()
    if run is not None and (gone is None or gone.resolved_at <= run.pulled_at):
        evidence = f"{run.failed} failed, {run.installed_pending_reboot} wait for a restart"
        holds = run.failed == 0 and run.installed_pending_reboot == 0
        return Link("last_run", holds, f"Last patched {_moment(run.ended_at)}", evidence)
    if gone is not None:
        together = instance.findings.filter(resolved_at=gone.resolved_at).count()
        evidence = f"{together} that it lacked {'was' if together == 1 else 'were'} gone by the next scan"
        return Link("last_run", True, f"Last seen to be patched {_moment(gone.resolved_at)}", evidence)
    return Link(
        "last_run", None, "No installation was seen yet", "It was not patched since it is known here."
    )


def _scan_says(instance: ManagedInstance, at: datetime) -> Link:
    scan = Scan.objects.newest().filter(instance=instance).first()
    if scan is None:
        return Link("scan", False, "Never scanned")
    counts = (
        f"{scan.missing} missing, {scan.failed} failed, {scan.installed_pending_reboot} wait for a restart"
    )
    evidence = f"{counts}; judged by {scan.baseline or scan.aws_baseline_id}"
    if scan.ended_at < at - FRESH_FOR:
        return Link("scan", False, f"Last scanned {_moment(scan.ended_at)}, too long ago", evidence)
    if scan.judged_by_expected is False:
        return Link("scan", False, "Judged by another baseline than the approved one", evidence)
    scanned = f"Scanned {_moment(scan.ended_at)}"
    hidden = sorted(instance.findings.open().filter(hidden=True).values_list("patch_id", flat=True))
    if scan.is_compliant and hidden:
        evidence = f"Still missing, and hidden by an exclusion: {', '.join(hidden)}. {evidence}"
        return Link("scan", False, f"{scanned}: compliant in SSM's words only", evidence)
    word = "compliant" if scan.is_compliant else "not compliant"
    return Link("scan", scan.is_compliant, f"{scanned}: {word}", evidence)


def _moment(moment: datetime) -> str:
    return f"{moment:%a} {moment.day} {moment:%b %Y, %H:%M} UTC"
