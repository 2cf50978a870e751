"""Approved rows and waivers become what one account-region should hold. Reads rows, then pure; writes nothing."""

import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from django.conf import settings

from patching import permissions
from patching.models import AccountRegion, MaintenanceWindow, PatchBaseline, PatchGroup, Revision, Waiver
from patching.models.governed import Governed
from patching.models.requests import ChangeRequest
from patching.specs import (
    DAILY_SCAN,
    DEFERRED,
    BaselineSpec,
    Desired,
    Key,
    RegistrationSpec,
    ScheduleSpec,
    Source,
    TagSpec,
    TargetSpec,
    TaskSpec,
    WindowSpec,
    canonical_definition,
)
from portal.governance import clock
from portal.governance.canonical import digest_of

World = dict[Key, Desired]
_NAMESPACE = uuid.UUID("6a3f6c5e-5a0f-4a5e-9d3c-6f0f6d3a2b11")


def desired_for(account_region: AccountRegion, at: datetime) -> World:
    """Everything that should be ours in this account-region at a moment, by key."""
    groups = list(
        PatchGroup.objects.live().filter(account_region=account_region).select_related("revision__request")
    )
    windows = list(
        MaintenanceWindow.objects.live()
        .filter(account_region=account_region)
        .select_related("revision__request")
    )
    names = {name for group in groups for name in group.spec["baselines"].values()}
    baselines = list(PatchBaseline.objects.live().filter(name__in=names).select_related("revision"))
    # a waiver is carried until its end: whoever reads the clock next finds it gone
    waivers = list(
        Waiver.objects.in_force(at).filter(instance__account_region=account_region).select_related("instance")
    )
    return compile_world(account_region, groups, windows, baselines, waivers)


def compile_world(
    account_region: AccountRegion,
    groups: Iterable[PatchGroup],
    windows: Iterable[MaintenanceWindow],
    baselines: Iterable[PatchBaseline],
    waivers: Iterable[Waiver],
) -> World:
    """The same, from rows at hand; the same rows always give the same world."""
    account = account_region.account
    by_name = {baseline.name: baseline for baseline in baselines}
    world: World = {}
    for baseline in by_name.values():
        _add(world, _baseline(baseline))
    groups = list(groups)
    for group in groups:
        for desired in _registrations(group, by_name):
            _add(world, desired)
    if groups:
        for desired in _daily_scan(account_region):
            _add(world, desired)
    deferred = _deferrals(waivers)
    for group in groups:
        for instance_id in group.spec["instances"]:
            _add(world, _tag(group, instance_id, account.patch_group_tag, group.name))
    for window in windows:
        for desired in _window(window, account.window_tag):
            _add(world, desired)
        for instance_id in window.spec["instances"]:
            waiver = deferred.get(instance_id)
            if waiver is None:
                _add(world, _tag(window, instance_id, account.window_tag, window.name))
            else:
                for desired in _deferral(window, instance_id, account.window_tag, waiver):
                    _add(world, desired)
    return world


def sources_hold(sources: Iterable[Source], at: datetime) -> bool:
    """Whether every decision, waiver and policy behind a resource is valid and unsuperseded at a moment."""
    return all(_CHECKS[source.kind](source, at) for source in sources)


def windows_of_group(
    world: Mapping[Key, Desired], patch_group: str, group_tag: str, window_tag: str
) -> set[Key]:
    """Keys of the windows in which instances of a patch group are patched."""
    members = {
        desired.spec.instance_id
        for desired in world.values()
        if isinstance(desired.spec, TagSpec)
        and (desired.spec.tag_key, desired.spec.value) == (group_tag, patch_group)
    }
    named = {
        desired.spec.value
        for desired in world.values()
        if isinstance(desired.spec, TagSpec)
        and desired.spec.tag_key == window_tag
        and desired.spec.instance_id in members
    }
    return {
        key
        for key, desired in world.items()
        if isinstance(desired.spec, WindowSpec) and desired.spec.name in named
    }


def next_boundary(account_region: AccountRegion, after: datetime) -> datetime | None:
    """When the desired world changes next by the clock alone: a waiver begins or ends."""
    waivers = Waiver.objects.filter(instance__account_region=account_region, ended_at=None, ends_at__gt=after)
    moments = [
        moment for waiver in waivers for moment in (waiver.starts_at, waiver.ends_at) if moment > after
    ]
    return min(moments, default=None)


def _add(world: World, desired: Desired) -> None:
    world[desired.key] = desired


def _source(row: Governed) -> Source:
    return Source("revision", str(row.revision_id), row.revision.digest)


def _uid(*parts: str) -> str:
    """The same parts always give the same identity, so that a part of a row needs no row of its own."""
    return str(uuid.uuid5(_NAMESPACE, "/".join(parts)))


def _baseline(row: PatchBaseline) -> Desired:
    spec = BaselineSpec(name=row.name, definition=canonical_definition(row.spec["definition"]))
    return Desired(Key("baseline", str(row.uid)), str(row.uid), spec, (_source(row),), row.name)


def _registrations(group: PatchGroup, baselines: Mapping[str, PatchBaseline]) -> Iterable[Desired]:
    for system, name in sorted(group.spec["baselines"].items()):
        baseline = baselines.get(name)
        if baseline is None:
            continue  # a group whose baseline is gone cannot be asked for; rules.py sees to it
        key = Key("registration", f"{group.name}:{system}")
        spec = RegistrationSpec(group.name, system, str(baseline.uid))
        label = f"{group.name} uses {name} for {system}"
        yield Desired(key, _uid(str(group.uid), system), spec, (_source(group), _source(baseline)), label)


def _window(row: MaintenanceWindow, window_tag: str) -> Iterable[Desired]:
    wanted, source, name = row.spec, (_source(row),), str(row.uid)
    yield Desired(
        Key("window", name),
        name,
        WindowSpec(
            name=row.name,
            description=wanted["description"],
            schedule=wanted["schedule"],
            timezone=wanted["timezone"],
            offset=wanted["offset"],
            duration=wanted["duration"],
            cutoff=wanted["cutoff"],
            start_date=wanted["start_date"],
            end_date=wanted["end_date"],
            enabled=True,
        ),
        source,
        row.name,
    )
    target = Key("target", f"{name}:{window_tag}")
    yield Desired(
        target,
        _uid(name, "target", window_tag),
        TargetSpec(window=name, key=f"tag:{window_tag}", values=frozenset({row.name})),
        source,
        f"{row.name}: instances tagged {window_tag}={row.name}",
    )
    for task in wanted["tasks"]:
        yield Desired(
            Key("task", f"{name}:{task['name']}"),
            _uid(name, "task", task["name"]),
            _task(name, target.name, task),
            source,
            f"{row.name}: {task['name']}",
        )


def _task(window: str, target: str, task: Mapping[str, Any]) -> TaskSpec:
    parameters = {name: tuple(values) for name, values in task["parameters"].items()}
    if task["kind"] in ("install", "scan"):
        parameters["Operation"] = ("Install" if task["kind"] == "install" else "Scan",)
        parameters["RebootOption"] = (task["reboot"] or "NoReboot",)
    return TaskSpec(
        window=window,
        targets=frozenset({target}),
        label=task["name"],
        task_type=task["type"],
        document=task["document"],
        priority=task["priority"],
        max_concurrency=task["max_concurrency"],
        max_errors=task["max_errors"],
        cutoff_behavior=task["cutoff_behavior"],
        parameters=tuple(sorted(parameters.items())),
    )


def _daily_scan(account_region: AccountRegion) -> Iterable[Desired]:
    """One window a day that scans whatever is in a patch group, in or out of its window."""
    schedule, tag = settings.DAILY_SCAN_SCHEDULE, account_region.account.patch_group_tag
    name = _uid(str(account_region.pk), DAILY_SCAN)
    source = (_daily_scan_policy(),)
    spec = WindowSpec(
        name=DAILY_SCAN,
        description="Scans every instance in a patch group once a day",
        schedule=schedule,
        timezone="UTC",
        offset=0,
        duration=2,
        cutoff=0,
        start_date="",
        end_date="",
        enabled=True,
    )
    yield Desired(Key("window", name), name, spec, source, DAILY_SCAN)
    target = Key("target", f"{name}:{tag}")
    label = f"{DAILY_SCAN}: instances that have {tag}"
    yield Desired(target, _uid(name, tag), TargetSpec(name, "tag-key", frozenset({tag})), source, label)
    task = {
        "name": "Scan",
        "kind": "scan",
        "type": "RUN_COMMAND",
        "document": "AWS-RunPatchBaseline",
        "priority": 1,
        "max_concurrency": "50%",
        "max_errors": "100%",
        "cutoff_behavior": "CONTINUE_TASK",
        "reboot": "",
        "parameters": {},
    }
    key = Key("task", f"{name}:Scan")
    yield Desired(key, _uid(name, "scan"), _task(name, target.name, task), source, f"{DAILY_SCAN}: Scan")


def _daily_scan_policy() -> Source:
    return Source("policy", DAILY_SCAN, digest_of({"schedule": settings.DAILY_SCAN_SCHEDULE}))


def _tag(row: Governed, instance_id: str, tag_key: str, value: str) -> Desired:
    key = Key("tag", f"{instance_id}:{tag_key}")
    spec = TagSpec(instance_id, tag_key, value)
    return Desired(
        key,
        _uid(*key),
        spec,
        (_source(row),),
        f"{instance_id}: {tag_key}={value}",
        expects=_tag_at_approval(row, instance_id, tag_key),
    )


def _tag_at_approval(row: Governed, instance_id: str, tag_key: str) -> str | None:
    seal = row.revision.request.seal or {}
    return seal.get("tags", {}).get(instance_id, {}).get(tag_key)


def _deferrals(waivers: Iterable[Waiver]) -> dict[str, tuple[list[Waiver], datetime]]:
    """Waivers in force by instance id, and when the last of them ends: overlapping ones do not undo each other."""
    found: dict[str, list[Waiver]] = {}
    for waiver in waivers:
        found.setdefault(waiver.instance.instance_id, []).append(waiver)
    return {instance: (held, max(waiver.ends_at for waiver in held)) for instance, held in found.items()}


def _deferral(
    window: MaintenanceWindow, instance_id: str, tag_key: str, deferral: tuple[list[Waiver], datetime]
) -> Iterable[Desired]:
    """The way back first, then the tag that takes the instance out of its window."""
    held, end = deferral
    waived = tuple(
        Source("waiver", str(waiver.pk), waiver.source_digest) for waiver in sorted(held, key=lambda w: w.pk)
    )
    sources = (_source(window), *waived)
    at = end.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    back = Key("schedule", f"{instance_id}:{tag_key}")
    yield Desired(
        back,
        _uid(*back),
        ScheduleSpec(at, instance_id, tag_key, window.name),
        sources,
        f"{instance_id}: back to {tag_key}={window.name} at {at} UTC",
    )
    away = _tag(window, instance_id, tag_key, DEFERRED)
    yield Desired(away.key, away.uid, away.spec, sources, away.label, away.expects)


def _revision_holds(source: Source, at: datetime) -> bool:
    """A final approval of exactly this content, for a request that was not taken back since."""
    revision = Revision.objects.filter(pk=source.id, digest=source.digest).select_related("request").first()
    if revision is None:
        return False
    request = revision.request
    in_effect = request.state in (*ChangeRequest.UNDER_WAY, ChangeRequest.State.APPLIED)
    return in_effect and request.current_id == revision.pk and permissions.is_decided(revision)


def _waiver_holds(source: Source, at: datetime) -> bool:
    return Waiver.objects.in_force(at).filter(pk=source.id, source_digest=source.digest).exists()


def _policy_holds(source: Source, at: datetime) -> bool:
    return source == _daily_scan_policy()


_CHECKS = {"revision": _revision_holds, "waiver": _waiver_holds, "policy": _policy_holds}


def now_for(account_region: AccountRegion) -> World:
    """The desired world at this moment of the portal's clock."""
    return desired_for(account_region, clock.now())
