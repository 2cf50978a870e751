"""Approved rows and waivers become what one account-region should hold. Reads rows, then pure; writes nothing."""

import logging
import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings

from patching import clones, documents, held, timelines
from patching.models import (
    AccountRegion,
    MaintenanceWindow,
    Occurrence,
    PatchBaseline,
    PatchGroup,
    Waiver,
    WindowHold,
)
from patching.models.governed import Governed
from patching.sources import daily_scan_policy
from patching.specs import (
    DAILY_SCAN,
    DEFERRED,
    BaselineSpec,
    Desired,
    Key,
    RegistrationSpec,
    ScheduleSpec,
    Source,
    Spec,
    TagSpec,
    TargetSpec,
    TaskSpec,
    WindowSpec,
    canonical_definition,
)
from portal.governance import clock


class World(dict[Key, Desired]):
    """What should be, by key, and the rows of which nothing could be made: label → what is wrong with it."""

    def __init__(self) -> None:
        super().__init__()
        self.broken: dict[str, str] = {}


logger = logging.getLogger(__name__)
LONGEST_RUN = timedelta(hours=26)  # of an extra window, with an hour to read what became of it
LONGEST_STEM = 114  # of an extra window's name: AWS takes 128 characters
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
    return compile_world(
        account_region,
        groups,
        windows,
        baselines,
        waivers,
        kept=_kept(account_region, at),
        moved=moved_now(account_region, at),
    )


def fingerprint(account_region: AccountRegion, at: datetime) -> tuple[object, ...]:
    """Equal while no row that ``desired_for`` reads has changed: content by its digest, without compiling it."""
    here = {"account_region": account_region}
    told = ("pk", "spec_digest", "revision_id", "changed_at")
    waivers = Waiver.objects.in_force(at).filter(instance__account_region=account_region)
    holds = WindowHold.objects.ahead(at).filter(window__account_region=account_region)
    shut = tuple(holds.values_list("pk", "window_id", "source_digest", "starts_at", "ends_at"))
    moved = tuple(_moved(account_region, at).values_list("pk", "spec_digest"))
    return (
        shut,
        moved,
        at.replace(second=0, microsecond=0) if shut or moved else None,  # the clock alone shuts and opens
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
    *,
    kept: Mapping[int, held.Kept] | None = None,
    moved: Iterable[Occurrence] = (),
) -> World:
    """The same, from rows at hand; the same rows always give the same world.

    ``kept`` are windows that are shut now, by primary key; ``moved`` are openings that get an extra window.
    """
    kept = kept or {}
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
            _add(world, list(_window_with_tags(window, account.window_tag, waived, kept.get(window.pk))))
    for occurrence in moved:
        with _of(occurrence, world):
            _add(world, _extra_window(occurrence, account.window_tag))
    return world


@contextmanager
def _of(row: Governed, world: World) -> Iterator[None]:
    """A row that nothing can be made of is told, and stops no other."""
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as problem:
        logger.exception("%s of %s cannot be compiled.", type(row).__name__, row)
        world.broken[f"{row._meta.verbose_name} {row}"] = f"{type(problem).__name__}: {problem}"


def is_step_of(world: Collection[Key], key: Key) -> bool:
    """Whether this schedule is, or was, a step before a last way back that this world has."""
    lasts = (one.name for one in world if one.kind == key.kind == "schedule")
    return any(key.name.startswith(f"{last}:") for last in lasts)


def windows_of_groups(
    specs: Iterable[tuple[Key, Spec]], group_tag: str, window_tag: str
) -> dict[str, frozenset[Key]]:
    """The windows in which instances of each patch group are patched, by all that is told of them.

    ``specs`` may tell of one thing more than once: as it should be, as it is, and as it was left. A window is known by
    the value that its targets name; an instance that a schedule will give back to a window belongs to it already.
    """
    members, places, windows = defaultdict(set), defaultdict(set), defaultdict(set)
    for key, spec in specs:
        match spec:
            case TagSpec(tag_key=tag) if tag == group_tag:
                members[spec.value].add(spec.instance_id)
            case TagSpec(tag_key=tag) if tag == window_tag:
                places[spec.instance_id].add(spec.value)
            case ScheduleSpec(tag_key=tag) if tag == window_tag:
                places[spec.instance_id].add(spec.tag_value)
            case TargetSpec() if spec.key == f"tag:{window_tag}":
                for value in spec.values:
                    windows[value].add(Key("window", spec.window))
            case WindowSpec():
                windows[spec.name].add(key)
    return {
        group: frozenset(window for one in ids for value in places[one] for window in windows[value])
        for group, ids in members.items()
    }


def next_boundary(account_region: AccountRegion, after: datetime) -> datetime | None:
    """When the desired world changes next by the clock alone: a waiver or hold begins or ends, an extra window goes."""
    waivers = Waiver.objects.filter(instance__account_region=account_region, ended_at=None, ends_at__gt=after)
    moments = [
        moment for waiver in waivers for moment in (waiver.starts_at, waiver.ends_at) if moment > after
    ]
    moments += held.moments(account_region, after)
    moments += [over for one in moved_now(account_region, after) if (over := _is_over_at(one)) > after]
    return min(moments, default=None)


def _kept(account_region: AccountRegion, at: datetime) -> dict[int, held.Kept]:
    """Windows that holds keep shut at a moment, by primary key."""
    lines = {pk: held.kept(holds, at) for pk, holds in held.ahead(account_region, at).items()}
    return {pk: one for pk, one in lines.items() if one is not None}


def moved_now(account_region: AccountRegion, at: datetime) -> list[Occurrence]:
    """Moved openings whose extra window is to stand at a moment: until its run is over.

    A freeze that was decided later keeps it from opening, unless the move said that it runs all the same.
    """
    rows = _moved(account_region, at).select_related("window__revision__request", "revision__request")
    return [one for one in rows if at < _is_over_at(one) and (one.spec["override"] or not _is_frozen(one))]


def _moved(account_region: AccountRegion, at: datetime) -> Any:
    return Occurrence.objects.live().filter(
        account_region=account_region, window__retired_at=None, moved_to__gt=at - LONGEST_RUN
    )


def _is_over_at(one: Occurrence) -> datetime:
    assert one.moved_to is not None
    return one.moved_to + timedelta(hours=one.window.spec["duration"] + 1)


def _is_frozen(one: Occurrence) -> bool:
    assert one.moved_to is not None
    at = WindowHold.objects.in_force(one.moved_to).filter(window=one.window)
    return at.exclude(source=f"occurrence:{one.pk}").exists()


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
    for patches, going_without in sides.items():
        yield from _side_group(
            group,
            patches,
            sorted(going_without.values(), key=lambda one: one.pk),
            systems[patches],
            baselines,
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
    row: MaintenanceWindow,
    window_tag: str,
    waived: Mapping[str, Sequence[Waiver]],
    kept: held.Kept | None,
) -> Iterator[Desired]:
    yield from _shut(_window(row, window_tag), kept) if kept else _window(row, window_tag)
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
    return _window_parts(str(row.uid), row.name, row.spec, (_source(row),), row.name, window_tag)


def _window_parts(
    name: str,
    called: str,
    wanted: Mapping[str, Any],
    source: tuple[Source, ...],
    tag_value: str,
    window_tag: str,
) -> Iterable[Desired]:
    """A window, the target of the instances that carry its tag, and its tasks; ``name`` is that of its Key."""
    yield Desired(
        Key("window", name),
        name,
        WindowSpec(
            name=called,
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
        called,
    )
    target = Key("target", f"{name}:{window_tag}")
    yield Desired(
        target,
        _uid(name, "target", window_tag),
        TargetSpec(window=name, key=f"tag:{window_tag}", values=frozenset({tag_value})),
        source,
        f"{called}: instances tagged {window_tag}={tag_value}",
    )
    for task in wanted["tasks"]:
        yield Desired(
            Key("task", f"{name}:{task['name']}"),
            _uid(name, "task", task["name"]),
            _task(name, target.name, task),
            source,
            f"{called}: {task['name']}",
        )


def _shut(parts: Iterable[Desired], kept: held.Kept) -> Iterator[Desired]:
    """A window that holds keep disabled, with the schedule in AWS that enables it when the last of them ends."""
    holds = tuple(Source("hold", str(one.pk), one.source_digest) for one in kept.holds)
    words = tuple(_source(row) for row in kept.words)
    for one in parts:
        if not isinstance(one.spec, WindowSpec):
            yield one
            continue
        sources = (*one.sources, *words, *holds)
        yield replace(one, spec=replace(one.spec, enabled=False), sources=sources)
        at = kept.until.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
        key = Key("schedule", f"{one.key.name}:enable")
        label = f"{one.label}: enabled again at {at} UTC"
        yield Desired(key, _uid(*key), ScheduleSpec(at, window=one.key.name), sources, label)


def _extra_window(one: Occurrence, window_tag: str) -> list[Desired]:
    """The window that opens once, at the time to which an opening was moved: same tasks, same instances."""
    assert one.moved_to is not None
    name = f"{one.window.name[:LONGEST_STEM]}-{one.moved_to.astimezone(UTC):%Y%m%d-%H%M}"
    once = {
        "description": f"Moved from {one.run_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC",
        "schedule": f"at({one.moved_to.astimezone(UTC):%Y-%m-%dT%H:%M:%S})",
        "timezone": "UTC",
        "offset": 0,
        "start_date": "",
        "end_date": "",
    }
    row = one.window
    sources = (_source(row), _source(one))
    parts = _window_parts(str(one.uid), name, {**row.spec, **once}, sources, row.name, window_tag)
    return list(parts)


def _task(window: str, target: str, task: Mapping[str, Any]) -> TaskSpec:
    parameters = {name: tuple(values) for name, values in task["parameters"].items()}
    if task["kind"] in ("install", "scan") and documents.takes_operation(task["document"], task["type"]):
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
    source = (daily_scan_policy(),)
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


def now_for(account_region: AccountRegion) -> World:
    """The desired world at this moment of the portal's clock."""
    return desired_for(account_region, clock.now())
