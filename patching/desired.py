"""Approved rows and waivers become what one account-region should hold. Reads rows, then pure; writes nothing."""

import logging
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from django.conf import settings

from patching import clones, permissions, timelines
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


class World(dict[Key, Desired]):
    """What should be, by key, and the rows of which nothing could be made: label → what is wrong with it."""

    def __init__(self) -> None:
        super().__init__()
        self.broken: dict[str, str] = {}


logger = logging.getLogger(__name__)
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


def fingerprint(account_region: AccountRegion, at: datetime) -> tuple[object, ...]:
    """Equal while no row that ``desired_for`` reads has changed: content by its digest, without compiling it."""
    here = {"account_region": account_region}
    told = ("pk", "spec_digest", "revision_id", "changed_at")
    waivers = Waiver.objects.in_force(at).filter(instance__account_region=account_region)
    return (
        tuple(PatchGroup.objects.live().filter(**here).values_list(*told)),
        tuple(MaintenanceWindow.objects.live().filter(**here).values_list(*told)),
        tuple(PatchBaseline.objects.live().values_list(*told)),
        tuple(waivers.values_list("pk", "source_digest", "kind", "patches", "starts_at", "ends_at")),
        settings.DAILY_SCAN_SCHEDULE,
    )


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
    world = World()
    for baseline in by_name.values():
        with _of(baseline, world):
            _add(world, [_baseline(baseline)])
    groups = list(groups)
    waived = timelines.by_instance(waivers)
    for group in groups:
        with _of(group, world):
            _add(world, list(_registrations(group, by_name)))
    if groups:
        _add(world, _daily_scan(account_region))
    for group in groups:
        with _of(group, world):
            _add(world, list(_group_tags(group, account.patch_group_tag, waived, by_name)))
    for window in windows:
        with _of(window, world):
            _add(world, list(_window_with_tags(window, account.window_tag, waived)))
    return world


@contextmanager
def _of(row: Governed, world: World) -> Iterator[None]:
    """A row that nothing can be made of is told, and stops no other."""
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as problem:
        logger.exception("%s of %s cannot be compiled.", type(row).__name__, row)
        world.broken[f"{row._meta.verbose_name} {row}"] = f"{type(problem).__name__}: {problem}"


def sources_hold(sources: Iterable[Source], at: datetime) -> bool:
    """Whether every decision, waiver and policy behind a resource is valid and unsuperseded at a moment."""
    return all(_CHECKS[source.kind](source, at) for source in sources)


def is_step_of(world: Collection[Key], key: Key) -> bool:
    """Whether this schedule is, or was, a step before a last way back that this world has."""
    lasts = (one.name for one in world if one.kind == key.kind == "schedule")
    return any(key.name.startswith(f"{last}:") for last in lasts)


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


def _add(world: World, found: Iterable[Desired]) -> None:
    world.update({desired.key: desired for desired in found})


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


def _group_tags(
    group: PatchGroup,
    tag_key: str,
    waived: Mapping[str, Sequence[Waiver]],
    baselines: Mapping[str, PatchBaseline],
) -> Iterator[Desired]:
    """Each instance in the group, or for a time in a side group that goes without some patches."""
    sides: dict[frozenset[str], dict[int, Waiver]] = {}
    systems: dict[frozenset[str], set[str]] = {}
    for instance_id in group.spec["instances"]:
        line = timelines.of_exclusions(waived.get(instance_id, ()))
        values = [clones.side_group(group.name, one.patches) if one.patches else group.name for one in line]
        yield from _tag_over_time(group, instance_id, tag_key, line, values, group.name)
        for step in line:
            if step.patches:
                sides.setdefault(step.patches, {}).update({one.pk: one for one in step.waivers})
                systems.setdefault(step.patches, set()).update(
                    one.instance.operating_system for one in step.waivers
                )
    for patches, held in sides.items():
        yield from _side_group(
            group, patches, sorted(held.values(), key=lambda one: one.pk), systems[patches], baselines
        )


def _side_group(
    group: PatchGroup,
    patches: frozenset[str],
    waivers: Sequence[Waiver],
    systems: Collection[str],
    baselines: Mapping[str, PatchBaseline],
) -> Iterator[Desired]:
    """The clone of each baseline that instances of the side group are judged by, and its registration."""
    side, waived = clones.side_group(group.name, patches), _sources(waivers)
    for system, name in sorted(group.spec["baselines"].items()):
        parent = baselines.get(name)
        if parent is None or system not in systems:
            continue
        uid = _uid(str(parent.uid), "without", *sorted(patches))
        clone = BaselineSpec(
            clones.clone_name(parent.name, patches),
            clones.clone_definition(parent.spec["definition"], patches),
        )
        yield Desired(Key("baseline", uid), uid, clone, (_source(parent), *waived), clone.name)
        yield Desired(
            Key("registration", f"{side}:{system}"),
            _uid(str(group.uid), system, *sorted(patches)),
            RegistrationSpec(side, system, uid),
            (_source(group), _source(parent), *waived),
            f"{side} uses {clone.name} for {system}",
        )


def _window_with_tags(
    row: MaintenanceWindow, window_tag: str, waived: Mapping[str, Sequence[Waiver]]
) -> Iterator[Desired]:
    yield from _window(row, window_tag)
    for instance_id in row.spec["instances"]:
        line = timelines.of_deferrals(waived.get(instance_id, ()))
        values = [DEFERRED if one.waivers else row.name for one in line]
        yield from _tag_over_time(row, instance_id, window_tag, line, values, row.name)


def _tag_over_time(
    row: Governed,
    instance_id: str,
    tag_key: str,
    line: Sequence[timelines.Step],
    values: Sequence[str],
    home: str,
) -> Iterator[Desired]:
    """The tag as it is to be now, and before it a schedule in AWS for each moment at which it changes."""
    if not line:
        yield _tag(row, instance_id, tag_key, home)
        return
    sources = (_source(row), *_sources(line[0].waivers))
    changes = [(line[at].starts_at, values[at]) for at in range(1, len(line)) if values[at] != values[at - 1]]
    for moment, value in changes:
        assert moment is not None
        at = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
        last = moment == line[-1].starts_at
        # the last way back keeps its name when the end moves; those before it are named by their moment
        key = Key("schedule", f"{instance_id}:{tag_key}" if last else f"{instance_id}:{tag_key}:{at}")
        label = f"{instance_id}: {'back to ' if last else ''}{tag_key}={value} at {at} UTC"
        yield Desired(key, _uid(*key), ScheduleSpec(at, instance_id, tag_key, value), sources, label)
    away = _tag(row, instance_id, tag_key, values[0])
    yield Desired(away.key, away.uid, away.spec, sources, away.label, away.expects)


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


def _sources(waivers: Iterable[Waiver]) -> tuple[Source, ...]:
    return tuple(
        Source("waiver", str(waiver.pk), waiver.source_digest)
        for waiver in sorted(waivers, key=lambda waiver: waiver.pk)
    )


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
