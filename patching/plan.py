"""Compare what should be with what is, and say which single steps lead there. Pure: no database, no AWS, no clock."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

from patching.aws.marks import Observed, is_nobodys
from patching.specs import (
    DEFERRED,
    ORDER,
    BaselineSpec,
    Desired,
    FieldChange,
    Key,
    RegistrationSpec,
    ScheduleSpec,
    Spec,
    TagSpec,
    TargetSpec,
    TaskSpec,
    WindowSpec,
    differences,
    shown,
    to_plain,
)
from portal.governance.canonical import digest_of

OUTSIDE = "Changed outside Patchwarden"
FEW = 2  # so many deletions are never too many


@dataclass(frozen=True)
class Known:
    """What we remember of a resource: its id, what we last wrote, what stood there before us."""

    aws_id: str = ""
    applied: Spec | None = None
    earlier: str | None = None
    waits: str = ""  # why nothing may be done about it just now
    fails: str = ""  # why it is not tried again yet
    held: str = ""  # why a change made outside is not overwritten
    restores: bool = False  # a person allowed us to overwrite what was changed outside
    waived: bool = False  # made for waivers or holds: that it leaves brings patching back


@dataclass(frozen=True)
class Step:
    """One thing to do to one resource. ``needs`` names what has to be right before."""

    action: str  # create, adopt, update, delete, enable, disable
    key: Key
    label: str
    aws_id: str = ""
    changes: tuple[FieldChange, ...] = ()
    reason: str = ""
    needs: frozenset[Key] = frozenset()

    def as_plain(self) -> dict[str, Any]:
        changes = [{"field": one.field, "live": one.live, "desired": one.desired} for one in self.changes]
        return {
            "action": self.action,
            "kind": self.key.kind,
            "key": self.key.name,
            "label": self.label,
            "aws_id": self.aws_id,
            "reason": self.reason,
            "changes": changes,
        }


class Obstacle(NamedTuple):
    """Why only a person can bring something about, in words, and in one for programs."""

    reason: str
    code: str


@dataclass(frozen=True)
class Note:
    """Something that is not done, and why."""

    key: Key
    label: str
    reason: str
    aws_id: str = ""
    code: str = ""


@dataclass(frozen=True)
class Plan:
    """Steps in order; what cannot be done; what waits; what is nobody's; what needs no deleting any more."""

    steps: tuple[Step, ...] = ()
    blocked: tuple[Note, ...] = ()
    waiting: tuple[Note, ...] = ()
    orphans: tuple[Note, ...] = ()
    twins: tuple[Note, ...] = ()
    let_go: tuple[Note, ...] = ()
    refusal: str | None = None
    digest: str = ""


class Adopted(NamedTuple):
    """What an approved request brings under management: its AWS id, and the digest of what was approved."""

    aws_id: str
    digest: str


@dataclass(frozen=True)
class World:
    """All that planning looks at, with the questions that several steps of it ask."""

    desired: Mapping[Key, Desired]
    live: Mapping[Key, Observed]
    known: Mapping[Key, Known]
    tombstones: frozenset[Key]
    windows_of_group: Mapping[str, frozenset[Key]]
    labels: Mapping[str, str] = field(default_factory=dict)
    adoptions: Mapping[Key, Adopted] = field(default_factory=dict)
    group_tag: str = ""  # the key of the tag that names an instance's group

    @cached_property
    def ways_back(self) -> Mapping[tuple[str, str], frozenset[Key]]:
        """Schedules by the instance and tag that they give back."""
        found: dict[tuple[str, str], set[Key]] = defaultdict(set)
        for key, one in self.desired.items():
            if isinstance(one.spec, ScheduleSpec):
                found[one.spec.instance_id, one.spec.tag_key].add(key)
        return {place: frozenset(keys) for place, keys in found.items()}

    def remembered(self, key: Key) -> Known:
        return self.known.get(key, Known())

    def rank(self, key: Key) -> tuple[bool, str, Key]:
        """The tag that names the group comes before the one that names the window: never in one without the other.

        Of the ways back the earlier comes first: should we stop in between, nothing lasts longer than it was to.
        """
        spec = self.desired[key].spec
        moment = spec.at if isinstance(spec, ScheduleSpec) else ""
        return isinstance(spec, TagSpec) and spec.tag_key != self.group_tag, moment, key

    @cached_property
    def group_tags(self) -> Mapping[str, frozenset[Key]]:
        """The tag that puts each instance into its group, by instance."""
        found: dict[str, set[Key]] = defaultdict(set)
        for key, one in self.desired.items():
            if isinstance(one.spec, TagSpec) and one.spec.tag_key == self.group_tag:
                found[one.spec.instance_id].add(key)
        return {instance: frozenset(keys) for instance, keys in found.items()}

    def children(self, window: Key) -> list[Key]:
        """Desired targets and tasks of a window."""
        return [key for key, one in self.desired.items() if parent_of(one.spec) == window]

    def leaving_parts(self, window: Key) -> list[Key]:
        """What is still in a window though its removal was decided."""
        return [seen.key for seen in self.leaving() if parent_of(seen.spec) == window]

    def judges(self, window: Key) -> list[Key]:
        """Registrations of the groups whose instances are patched in a window."""
        return [
            key
            for key, one in self.desired.items()
            if isinstance(one.spec, RegistrationSpec)
            and window in self.windows_of_group.get(one.spec.patch_group, frozenset())
        ]

    def judges_of(self, group: str) -> frozenset[Key]:
        """Registrations of a group. An instance that moves into a group before they are there falls to AWS's default
        baseline, which installs everything."""
        return self._judges.get(group, frozenset())

    @cached_property
    def _judges(self) -> Mapping[str, frozenset[Key]]:
        found: dict[str, set[Key]] = defaultdict(set)
        for key, one in self.desired.items():
            if isinstance(one.spec, RegistrationSpec):
                found[one.spec.patch_group].add(key)
        return {group: frozenset(keys) for group, keys in found.items()}

    def leaving(self) -> list[Observed]:
        """What is in AWS, is ours, is wanted by nobody, and may go; parts of a leaving window go with it."""
        return [
            seen
            for key, seen in self.live.items()
            if key not in self.desired
            and (not seen.foreign or is_nobodys(key))
            and (key in self.tombstones or parent_of(seen.spec) in self.tombstones - self.desired.keys())
        ]


def plan(
    desired: Mapping[Key, Desired],
    observed: Iterable[Observed],
    known: Mapping[Key, Known],
    tombstones: Iterable[Key],
    *,
    max_delete_share: float,
    group_tag: str,
    windows_of_group: Mapping[str, frozenset[Key]] | None = None,
    adoptions: Mapping[Key, Adopted] | None = None,
) -> Plan:
    """What to do in one account-region, in which order, or why not. The same input gives the same plan."""
    observed = list(observed)
    live, others = one_each(observed, known)
    labels = {key.name: one.label for key, one in desired.items()}
    world = World(
        desired,
        live,
        known,
        frozenset(tombstones),
        windows_of_group or {},
        labels,
        adoptions or {},
        group_tag,
    )

    waiting = [
        Note(key, desired[key].label, known[key].waits) for key in desired if world.remembered(key).waits
    ]
    blocked = [
        Note(key, one.label, found.reason, code=found.code)
        for key, one in desired.items()
        if not world.remembered(key).waits and (found := _obstacle(world, one))
    ]
    stopped = {note.key for note in (*waiting, *blocked)}
    adopting = [
        _adopt(world, desired[key]) for key in sorted(desired.keys() - stopped) if _is_adopted_now(world, key)
    ]
    marked = {step.key for step in adopting}
    waiting += [
        Note(key, one.label, "Waits until its window carries our mark.")
        for key, one in desired.items()
        if key not in stopped and parent_of(one.spec) in marked
    ]
    held_back = stopped | marked | {note.key for note in waiting}
    building = [
        step
        for kind in ORDER
        for key in sorted(
            (key for key in desired if key.kind == kind and key not in held_back), key=world.rank
        )
        for step in _build(world, desired[key])
    ]
    leaving, let_go = _leave(world)
    shutting = _shut(world, held_back)
    resting, waking = _rest_and_wake(world, building, held_back)
    twins, stilled = _twins(others)
    # the way back of a window that is to be shut stands before, and goes only when the window is open again
    laid, building = _parted(building, lambda step: _opens(world.desired[step.key].spec) in world.live)
    lifted, leaving = _parted(leaving, lambda step: _opens(world.live[step.key].spec) is not None)
    steps = (*stilled, *adopting, *laid, *shutting, *resting, *building, *leaving, *waking, *lifted)
    return Plan(
        steps=steps,
        blocked=tuple(blocked),
        waiting=tuple(waiting),
        orphans=tuple(_orphans(world)),
        twins=tuple(twins),
        let_go=tuple(let_go),
        refusal=_refusal(world, steps, max_delete_share),
        digest=digest_of([step.as_plain() for step in steps]),
    )


def parent_of(spec: Spec) -> Key | None:
    """The window that a target or task belongs to."""
    return Key("window", spec.window) if isinstance(spec, TargetSpec | TaskSpec) else None


def _opens(spec: Spec) -> Key | None:
    """The window that a schedule enables."""
    return Key("window", spec.window) if isinstance(spec, ScheduleSpec) and spec.window else None


def ways_to_open(world: World, window: Key) -> list[Key]:
    """The schedules that enable a window when its holds are over."""
    return [key for key, one in world.desired.items() if _opens(one.spec) == window]


def _parted(steps: Iterable[Step], first: Callable[[Step], bool]) -> tuple[list[Step], list[Step]]:
    """Those that come first, and the rest."""
    steps = list(steps)
    return [step for step in steps if first(step)], [step for step in steps if not first(step)]


def same(seen: Spec, wanted: Spec) -> bool:
    """Whether content is as wanted; being enabled is a window's own last step."""
    return content(seen) == content(wanted)


def content(spec: Spec) -> Spec:
    return replace(spec, enabled=False) if isinstance(spec, WindowSpec) else spec


def needs_of(world: World, one: Desired) -> frozenset[Key]:
    """What has to be in AWS before this can be: parents, and the way back before the tag that needs it."""
    spec = one.spec
    if isinstance(spec, RegistrationSpec):
        return frozenset({Key("baseline", spec.baseline)})
    if isinstance(spec, TargetSpec):
        return frozenset({Key("window", spec.window)})
    if isinstance(spec, TaskSpec):
        return frozenset({Key("window", spec.window), *(Key("target", name) for name in spec.targets)})
    if isinstance(spec, ScheduleSpec):
        opened = _opens(spec)
        return frozenset({opened}) if opened else world.judges_of(spec.tag_value)
    if isinstance(spec, TagSpec):
        back = world.ways_back.get((spec.instance_id, spec.tag_key), frozenset())
        if spec.tag_key == world.group_tag:
            return back | world.judges_of(spec.value)
        # into a window only with its group, which says what it gets there; out of one always
        enters = spec.value != DEFERRED
        return back | (world.group_tags.get(spec.instance_id, frozenset()) if enters else frozenset())
    return frozenset()


def one_each(
    observed: Iterable[Observed], known: Mapping[Key, Known]
) -> tuple[dict[Key, Observed], list[tuple[Observed, Observed]]]:
    """The one of each key that we go on with, and every other one beside it."""
    found: dict[Key, list[Observed]] = defaultdict(list)
    for seen in observed:
        found[seen.key].append(seen)
    live, others = {}, []
    for key, candidates in sorted(found.items()):
        mine = known.get(key, Known()).aws_id
        candidates.sort(key=lambda seen: (seen.aws_id != mine, seen.incarnation, seen.aws_id))
        live[key] = candidates[0]
        others += [(candidates[0], twin) for twin in candidates[1:]]
    return live, others


def _obstacle(world: World, one: Desired) -> Obstacle | None:
    """Why only a person can bring this about; None where nothing stands in the way."""
    seen, wanted, known = world.live.get(one.key), one.spec, world.remembered(one.key)
    if known.fails and (seen is None or seen.spec != wanted):
        return Obstacle(known.fails, "not_again")
    if one.key in world.adoptions and (seen is None or seen.foreign):
        return _adoption_obstacle(world.adoptions[one.key], seen)
    if seen is not None and seen.foreign:
        return _not_ours(world, one, seen)
    if known.held:
        return Obstacle(known.held, "drift")
    match wanted, seen.spec if seen is not None else None:
        case BaselineSpec(), BaselineSpec() as live if wanted.operating_system != live.operating_system:
            reason = "The operating system of a baseline cannot be changed in AWS. Ask for a new baseline."
            return Obstacle(reason, "fixed_in_aws")
        case TaskSpec(), TaskSpec() as live if wanted.task_type != live.task_type:
            reason = "The type of a task cannot be changed in AWS. Ask for a new task under another name."
            return Obstacle(reason, "fixed_in_aws")
        case TagSpec(), TagSpec() as live:
            return _tag_obstacle(wanted, live.value, one.expects, known)
    return None


def _adoption_obstacle(adopted: Adopted, seen: Observed | None) -> Obstacle | None:
    """It is marked only as it was approved."""
    if seen is None or seen.aws_id != adopted.aws_id:
        reason = f"{adopted.aws_id} was to be adopted and is no longer in AWS. Ask to remove this here, or create it."
        return Obstacle(reason, "adoption_gone")
    if digest_of(to_plain(content(seen.spec))) != adopted.digest:
        reason = (
            f"{adopted.aws_id} was changed in AWS since its adoption was approved. "
            f"Ask to remove this here, then adopt it as it is."
        )
        return Obstacle(reason, "adoption_changed")
    return None


def _is_adopted_now(world: World, key: Key) -> bool:
    seen = world.live.get(key)
    return key in world.adoptions and seen is not None and seen.foreign


def _adopt(world: World, one: Desired) -> Step:
    """Mark it; everything else comes when the mark reads back."""
    seen = world.live[one.key]
    changes = _changes(world, content(seen.spec), content(one.spec))
    return Step("adopt", one.key, one.label, seen.aws_id, changes, "Brought under management as approved")


def _not_ours(world: World, one: Desired, seen: Observed) -> Obstacle:
    if seen.aws_id == world.remembered(one.key).aws_id and not isinstance(one.spec, RegistrationSpec):
        reason = f"{seen.aws_id} no longer carries our mark. It was left alone: mark it again or remove it."
        return Obstacle(reason, "ownership_lost")
    reason = f"AWS has something in its place that is not ours ({seen.aws_id}). It was left alone."
    return Obstacle(reason, "foreign")


def _tag_obstacle(wanted: TagSpec, value: str, expects: str | None, known: Known) -> Obstacle | None:
    """A tag is written over the value seen at approval or last written by us, and over no other."""
    ours = known.applied.value if isinstance(known.applied, TagSpec) else None
    if value in (wanted.value, ours, expects) or expects is None or known.restores:
        return None
    reason = f"The tag was changed outside to “{value}”. It was left alone; it should be “{wanted.value}”."
    return Obstacle(reason, "drift")


def _build(world: World, one: Desired) -> Iterator[Step]:
    """Create it, or change what differs. AWS enables every new window, so it is put to rest at once."""
    key, seen, needs = one.key, world.live.get(one.key), needs_of(world, one)
    if seen is None:
        known = world.remembered(key)
        reason = f"Gone from AWS ({known.aws_id})" if known.aws_id else "Not in AWS yet"
        yield Step("create", key, one.label, "", _as_new(world, one.spec), reason, needs)
        if isinstance(one.spec, WindowSpec):
            reason = "AWS enables every new window; this one rests until it is complete"
            yield Step("disable", key, one.label, "", (), reason, frozenset({key}))
    elif not same(seen.spec, one.spec):
        changes = _changes(world, content(seen.spec), content(one.spec))
        yield Step("update", key, one.label, seen.aws_id, changes, _why_changed(world, one, seen), needs)


def _why_changed(world: World, one: Desired, seen: Observed) -> str:
    applied = world.remembered(one.key).applied
    if applied is not None and same(applied, one.spec) and not same(seen.spec, applied):
        return OUTSIDE
    return "What is wanted has changed"


def _leave(world: World) -> tuple[list[Step], list[Note]]:
    """Deletions, children first, and what has a leave to go but needs no deleting."""
    steps, let_go = [], []
    for seen in sorted(world.leaving(), key=lambda seen: (-ORDER.index(seen.key.kind), seen.key)):
        label = shown_name(seen)
        known = world.remembered(seen.key)
        if known.fails:
            continue
        reason = _tag_stays(known, seen) if isinstance(seen.spec, TagSpec) else ""
        if reason:
            let_go.append(Note(seen.key, label, reason, seen.aws_id))
        else:
            reason, needs = "Its removal was decided", _users_to_move(world, seen)
            opened = _opens(seen.spec)
            if opened is not None and opened in world.desired:
                reason, needs = "Its window is open again", frozenset({opened})
            steps.append(Step("delete", seen.key, label, seen.aws_id, (), reason, needs))
    for key in sorted(world.tombstones - world.desired.keys() - {one.key for one in world.leaving()}):
        there, parent = world.live.get(key), _parent_remembered(world, key)
        if there is None and world.remembered(key).waits:
            continue  # AWS may still show it
        if there is not None:
            reason = f"{there.aws_id} no longer carries our mark. It was left alone: remove it by hand."
        elif parent is not None and parent.foreign:
            reason = f"Its window {parent.aws_id} no longer carries our mark. It was left alone."
        else:
            reason = "It is no longer in AWS."
        let_go.append(Note(key, str(key), reason))
    return steps, let_go


def _users_to_move(world: World, leaving: Observed) -> frozenset[Key]:
    """What still uses something that leaves: groups a baseline; instances and schedules to come a group.

    AWS deletes no baseline in use; an instance whose group lost its baseline would get the account's default.
    """
    going = {seen.key for seen in world.leaving()}
    return frozenset(
        key
        for key, seen in world.live.items()
        if (key in world.desired or key in going) and _uses(seen.spec, leaving)
    )


def _uses(spec: Spec, leaving: Observed) -> bool:
    if _opens(leaving.spec) is not None:
        return False
    if not isinstance(leaving.spec, RegistrationSpec):
        return isinstance(spec, RegistrationSpec) and spec.baseline == leaving.key.name
    names = spec.value if isinstance(spec, TagSpec) else ""
    names = spec.tag_value if isinstance(spec, ScheduleSpec) else names
    return names == leaving.spec.patch_group


def _parent_remembered(world: World, key: Key) -> Observed | None:
    """The window, as it is now, in which we last wrote this part."""
    applied = world.remembered(key).applied
    parent = parent_of(applied) if applied is not None else None
    return world.live.get(parent) if parent is not None else None


def _tag_stays(known: Known, seen: Observed) -> str:
    """Why a tag that may go is left as it is; "" where it has to be taken back."""
    value = seen.spec.value if isinstance(seen.spec, TagSpec) else ""
    ours = known.applied.value if isinstance(known.applied, TagSpec) else None
    if value == known.earlier:
        return f"The tag is “{value}”, as it was before us."
    if value != ours:
        return f"The tag was changed outside to “{value}”. It was left alone."
    return ""


def _shut(world: World, held_back: set[Key]) -> list[Step]:
    """Disable windows that holds keep shut, each once its way back reads back, and the window that opens instead."""
    steps = []
    for key, one in sorted(world.desired.items()):
        seen = world.live.get(key)
        if seen is None or key in held_back or not _is_shut(one.spec):
            continue
        if isinstance(seen.spec, WindowSpec) and seen.spec.enabled:
            needs = frozenset(ways_to_open(world, key))
            reason = "Kept shut, with its way back laid down before"
            steps.append(Step("disable", key, one.label, seen.aws_id, (), reason, needs))
    return steps


def _is_shut(spec: Spec) -> bool:
    return isinstance(spec, WindowSpec) and not spec.enabled


def _rest_and_wake(world: World, building: list[Step], held_back: set[Key]) -> tuple[list[Step], list[Step]]:
    """Disable windows before their parts come, go or change judge; enable last what should be enabled."""
    moving = _windows_with_moving_parts(world, building)
    resting, waking = [], []
    for key, one in sorted(world.desired.items()):
        if not isinstance(one.spec, WindowSpec) or key in held_back:
            continue
        seen = world.live.get(key)
        runs = seen is not None and isinstance(seen.spec, WindowSpec) and seen.spec.enabled
        if seen is not None and runs and one.spec.enabled and key in moving:
            resting.append(Step("disable", key, one.label, seen.aws_id, (), moving[key]))
        if one.spec.enabled and (not runs or key in moving):
            needs = frozenset({key, *world.children(key), *world.judges(key), *world.leaving_parts(key)})
            reason = "Enabled last" if key in moving or not _was_on(world, key) else OUTSIDE
            if seen is not None and _was_kept_shut(world, key) and key not in moving:
                reason = "Nothing keeps it shut any more"
            waking.append(Step("enable", key, one.label, seen.aws_id if seen else "", (), reason, needs))
    for seen in sorted(world.leaving(), key=lambda seen: seen.key):
        resting_already = world.remembered(seen.key).fails
        if isinstance(seen.spec, WindowSpec) and seen.spec.enabled and not resting_already:
            reason = "Disabled before it is removed"
            resting.append(Step("disable", seen.key, shown_name(seen), seen.aws_id, (), reason))
    return resting, waking


def _was_kept_shut(world: World, key: Key) -> bool:
    """Whether a way back still stands, or stood, for a window that nothing keeps shut now."""
    return any(_opens(one.applied) == key for one in world.known.values() if one.applied is not None)


def _was_on(world: World, key: Key) -> bool:
    """Whether we left a window enabled that is there and is not enabled now."""
    applied = world.remembered(key).applied
    return key in world.live and isinstance(applied, WindowSpec) and applied.enabled


def _windows_with_moving_parts(world: World, building: list[Step]) -> dict[Key, str]:
    """Windows that must not open while this plan is carried out, and why."""
    moving: dict[Key, str] = {}
    for step in building:
        spec = world.desired[step.key].spec
        parent = parent_of(spec)
        if step.action == "create" and parent is not None:
            moving[parent] = "Disabled until all its parts are there"
        if step.action == "update" and isinstance(spec, RegistrationSpec):
            for window in world.windows_of_group.get(spec.patch_group, frozenset()):
                moving[window] = f"Disabled while {spec.patch_group} changes its baseline"
    for seen in world.leaving():
        parent = parent_of(seen.spec)
        if parent is not None:
            moving[parent] = "Disabled until all its parts are right"
    return moving


def _twins(others: list[tuple[Observed, Observed]]) -> tuple[list[Note], list[Step]]:
    """A second one of ours for the same thing is put to rest where it can be, and reported."""
    notes, steps = [], []
    for kept, twin in others:
        reason = f"It is in AWS twice: {kept.aws_id} and {twin.aws_id}. Remove {twin.aws_id} by hand."
        notes.append(Note(twin.key, shown_name(twin), reason, twin.aws_id))
        if isinstance(twin.spec, WindowSpec) and twin.spec.enabled:
            reason = f"A second one of {kept.aws_id}"
            steps.append(Step("disable", twin.key, shown_name(twin), twin.aws_id, (), reason))
    return notes, steps


def _orphans(world: World) -> Iterator[Note]:
    """In AWS and ours, or inside what is ours, and nobody asked for it. Reported, never removed by absence."""
    leaving = {seen.key for seen in world.leaving()}
    for key, seen in sorted(world.live.items()):
        if key in world.desired or key in leaving or key in world.tombstones:
            continue
        reason = (
            "Somebody put it into a window of ours."
            if seen.foreign
            else "It carries our mark, and no approved request wants it."
        )
        yield Note(key, shown_name(seen), reason, seen.aws_id)


def _refusal(world: World, steps: Iterable[Step], share: float) -> str | None:
    """Deleting or disabling too much at once is more likely a mistake than a wish."""
    awake_again = {step.key for step in steps if step.action == "enable"}
    lost = {
        step.key
        for step in steps
        if (step.action == "delete" and not world.remembered(step.key).waived)
        or (step.action == "disable" and step.aws_id and step.key not in awake_again)
    }
    # people decided what is kept shut, and AWS opens it again by itself
    lost -= {key for key, one in world.desired.items() if _is_shut(one.spec)}
    ours = sum(not seen.foreign for seen in world.live.values())
    if len(lost) <= FEW or len(lost) <= share * ours:
        return None
    return (
        f"This would delete or disable {len(lost)} of {ours} resources of ours, "
        f"more than {share:.0%}. Nothing was done."
    )


def _as_new(world: World, spec: Spec) -> tuple[FieldChange, ...]:
    fields = [FieldChange(name, "", shown(getattr(spec, name))) for name in spec.__dataclass_fields__]
    return tuple(_readable(world, one) for one in fields if one.desired and one.field != "enabled")


def _changes(world: World, live: Spec, wanted: Spec) -> tuple[FieldChange, ...]:
    return tuple(_readable(world, one) for one in differences(live, wanted))


def _readable(world: World, change: FieldChange) -> FieldChange:
    """Names of other resources in people's words."""
    if change.field not in {"baseline", "window", "targets"}:
        return change
    return FieldChange(change.field, _named(world, change.live), _named(world, change.desired))


def _named(world: World, names: str) -> str:
    return ", ".join(world.labels.get(name, name) for name in names.split(", "))


def shown_name(seen: Observed) -> str:
    """What to call something of which we have only what AWS shows."""
    spec = seen.spec
    if isinstance(spec, BaselineSpec | WindowSpec):
        return spec.name
    if isinstance(spec, RegistrationSpec):
        return f"{spec.patch_group} for {spec.operating_system}"
    if isinstance(spec, TagSpec):
        return f"{spec.instance_id}: {spec.tag_key}={spec.value}"
    if isinstance(spec, TaskSpec):
        return spec.label or seen.aws_id
    return seen.aws_id
