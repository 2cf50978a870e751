"""What was approved, as files of other tools: rows of one account-region become a setup, and a setup a text.

What a file says is what a push makes, exemptions and holds aside: those are nobody's to deploy.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from patching import desired, from_aws
from patching.aws import tasks, windows
from patching.aws.marks import Ids
from patching.exchange.formats import FORMATS
from patching.exchange.parts import (
    BaselinePart,
    Belonging,
    GroupPart,
    Setup,
    TargetPart,
    TaskPart,
    WindowPart,
)
from patching.models import AccountRegion, MaintenanceWindow, PatchBaseline, PatchGroup
from patching.models.governed import Governed
from patching.specs import (
    DAILY_SCAN,
    BaselineSpec,
    Desired,
    Key,
    RegistrationSpec,
    TargetSpec,
    TaskSpec,
    WindowSpec,
    to_plain,
)


def setup_of(
    place: AccountRegion, groups: Iterable[PatchGroup], maintenance_windows: Iterable[MaintenanceWindow]
) -> Setup:
    """These groups with their baselines, and these windows, of one account-region."""
    groups, maintenance_windows = list(groups), list(maintenance_windows)
    names = {name for group in groups for name in group.spec["baselines"].values()}
    baselines = list(PatchBaseline.objects.live().filter(name__in=names).select_related("revision"))
    world = desired.compile_world(place, groups, maintenance_windows, baselines, waivers=())
    setup = Setup(account=place.account.account_id, region=place.region)
    for kind, rows in (("baseline", baselines), ("patch-group", groups), ("window", maintenance_windows)):
        for row in rows:
            setup.belongings[kind, row.name] = _belonging(kind, row, world)
            setup.specs.append((kind, row.name, _portable(row.spec)))
    told = {key: one for key, one in world.items() if one.label != DAILY_SCAN}
    setup.baselines = [
        BaselinePart(one.spec.name, one.spec.request)
        for one in told.values()
        if isinstance(one.spec, BaselineSpec)
    ]
    setup.groups = _groups(
        told.values(), {one.key.name: one.label for one in told.values() if one.key.kind == "baseline"}
    )
    setup.windows = [_window(one, told.values()) for one in told.values() if isinstance(one.spec, WindowSpec)]
    return setup


def windows_of(
    groups: Iterable[PatchGroup], maintenance_windows: Iterable[MaintenanceWindow]
) -> list[MaintenanceWindow]:
    """Those of the windows in which instances of these groups are patched."""
    members = {instance for group in groups for instance in group.spec["instances"]}
    return [one for one in maintenance_windows if members & set(one.spec["instances"])]


def text_of(setup: Setup, file_format: str) -> str:
    """The file. Raises KeyError for a format that is only read."""
    write = FORMATS[file_format].write
    if write is None:
        raise KeyError(file_format)
    return write(setup)


def _belonging(kind: str, row: Governed, world: Mapping[Key, Desired]) -> Belonging:
    spec = row.spec
    return Belonging(
        application=spec.get("application", ""),
        environment=spec.get("environment", ""),
        az=spec.get("az", ""),
        instances=None if kind == "baseline" else tuple(spec["instances"]),
        tasks=dict(_untold(row, world)) if kind == "window" else {},
    )


def _untold(row: Governed, world: Mapping[Key, Desired]) -> Iterator[tuple[str, dict[str, str]]]:
    """Tasks of a window whose kind or reboot nobody could tell from AWS's request alone."""
    for task in row.spec["tasks"]:
        one = world.get(Key("task", f"{row.uid}:{task['name']}"))
        if one is None or not isinstance(one.spec, TaskSpec):
            continue
        found = from_aws.task(to_plain(one.spec), task["name"])
        if untold := {name: task[name] for name in ("kind", "reboot") if found[name] != task[name]}:
            yield task["name"], untold


def _portable(spec: dict[str, Any]) -> dict[str, Any]:
    """Without its place, which the file names once."""
    return {name: value for name, value in spec.items() if name not in ("account", "region")}


def _groups(world: Iterable[Desired], names: dict[str, str]) -> list[GroupPart]:
    found: dict[str, dict[str, str]] = {}
    for one in world:
        if isinstance(one.spec, RegistrationSpec):
            found.setdefault(one.spec.patch_group, {})[one.spec.operating_system] = names[one.spec.baseline]
    return [GroupPart(name, name, systems) for name, systems in sorted(found.items())]


def _window(window: Desired, world: Iterable[Desired]) -> WindowPart:
    assert isinstance(window.spec, WindowSpec)
    mine = [one for one in world if getattr(one.spec, "window", None) == window.key.name]
    targets = tuple(
        TargetPart(one.key.name, ({"Key": one.spec.key, "Values": sorted(one.spec.values)},))
        for one in mine
        if isinstance(one.spec, TargetSpec)
    )
    parts = tuple(_task(one.spec) for one in mine if isinstance(one.spec, TaskSpec))
    request = {
        key: value for key, value in windows.to_aws(window.spec).items() if key != "AllowUnassociatedTargets"
    }
    return WindowPart(window.spec.name, request, targets, parts)


def _task(spec: TaskSpec) -> TaskPart:
    ids = Ids({Key("target", name): name for name in spec.targets})
    content = {key: value for key, value in tasks.to_aws(spec, ids).items() if key != "Targets"}
    return TaskPart(spec.label, {"TaskType": spec.task_type, **content}, tuple(sorted(spec.targets)))
