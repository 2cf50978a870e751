"""One pass over one account-region while it is under way: what should be, what we remember, what AWS shows."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from patching import desired
from patching.aws.adapters import Adapters
from patching.aws.errors import AwsError
from patching.aws.marks import Ids, Names, Observed
from patching.crashpoints import crashpoint
from patching.gate import Gate
from patching.lease import Lease
from patching.models import AccountRegion, Adoption, PushRun, ResourceState
from patching.plan import Known, Obstacle, one_each, parent_of, same, shown_name
from patching.specs import Desired, Key, ScheduleSpec, Spec, from_plain
from portal.governance import clock

# what AWS gives an id and tells of in detail only one by one
TOLD_ONE_BY_ONE = {"baseline", "window", "target", "task", "schedule"}
Condition = ResourceState.Condition


@dataclass
class Work:
    """What one pass knows. ``full`` asks AWS for every detail; otherwise what stands as we left it is believed."""

    place: AccountRegion
    lease: Lease
    run: PushRun
    adapters: Adapters
    world: Mapping[Key, Desired]
    states: dict[Key, ResourceState]
    windows_of_group: Mapping[str, frozenset[Key]] = field(default_factory=dict)
    full: bool = True
    observed: list[Observed] = field(default_factory=list)
    live: dict[Key, Observed] = field(default_factory=dict)
    ids: Ids = field(default_factory=lambda: Ids({}))
    adoptions: Mapping[Key, Adoption] = field(default_factory=dict)
    held: dict[Key, Obstacle] = field(default_factory=dict)  # changed outside, and left as it is for a person
    resting: set[Key] = field(default_factory=set)  # failed or parked, and not to be tried in this pass
    failed: dict[Key, AwsError] = field(default_factory=dict)
    stuck: dict[Key, str] = field(default_factory=dict)  # failed, skipped, blocked or waiting, and why
    waiting: set[Key] = field(default_factory=set)  # AWS may still show them, or a run is on
    closed: set[Key] = field(default_factory=set)  # stuck because the gate is closed
    touched: set[Key] = field(default_factory=set)  # written to, or tried to, in this pass
    wrote: int = 0
    wrote_since_look: bool = False
    began: float = field(default_factory=time.monotonic)
    gate: Gate = field(init=False)

    def __post_init__(self) -> None:
        self.gate = Gate(self.place)

    def look(self) -> None:
        """Read everything that is ours."""
        crashpoint("before-look")
        uids = {state.uid: key for key, state in self.states.items()}
        uids |= {one.uid: key for key, one in self.world.items()}
        specs = {key: applied for key in self.states if (applied := self.applied(key)) is not None}
        specs |= {key: one.spec for key, one in self.world.items()}
        remembered = [(state.aws_id, key) for key, state in self.states.items() if state.aws_id]
        remembered += [(one.aws_id, key) for key, one in self.adoptions.items()]
        believed = {} if self.full else self._believed()
        self.observed = self.adapters.read(Names(uids, specs, remembered, believed))
        known = {key: Known(aws_id=state.aws_id) for key, state in self.states.items()}
        self.live, _ = one_each(self.observed, known)
        self.ids = Ids({key: seen.aws_id for key, seen in self.live.items() if not seen.foreign})
        self.windows_of_group = self._windows_of_groups()
        self.wrote_since_look = False

    def want(self, world: Mapping[Key, Desired]) -> None:
        """Go on with another world than the one in whose names AWS was read."""
        self.world = world
        self.windows_of_group = self._windows_of_groups()

    def _windows_of_groups(self) -> Mapping[str, frozenset[Key]]:
        """The windows in which each group's instances may be patched: as wanted, as AWS shows it, as we left it."""
        specs: list[tuple[Key, Spec]] = [(key, one.spec) for key, one in self.world.items()]
        specs += [(seen.key, seen.spec) for seen in self.observed]
        specs += [(key, applied) for key in self.states if (applied := self.applied(key)) is not None]
        account = self.place.account
        return desired.windows_of_groups(specs, account.patch_group_tag, account.window_tag)

    def label(self, key: Key) -> str:
        """What people call it."""
        wanted, seen, state = self.world.get(key), self.live.get(key), self.states.get(key)
        return wanted.label if wanted else state.label if state else shown_name(seen) if seen else str(key)

    def applied(self, key: Key) -> Spec | None:
        """What we last wrote."""
        state = self.states.get(key)
        return from_plain(key.kind, state.applied) if state is not None and state.applied else None

    def is_right(self, key: Key) -> bool:
        """Whether this reads back as wanted."""
        seen, wanted = self.live.get(key), self.world.get(key)
        return seen is not None and wanted is not None and not seen.foreign and same(seen.spec, wanted.spec)

    def is_in_sync(self, key: Key) -> bool:
        """Only what reads back as wanted, its windows open where they should be, is in sync."""
        seen = self.live.get(key)
        return seen is not None and not seen.foreign and seen.spec == self.world[key].spec

    def resource(self, key: Key) -> ResourceState:
        """The row of a resource, made when it is first needed."""
        state = self.states.get(key)
        if state is None:
            wanted, seen = self.world.get(key), self.live.get(key)
            state, _ = ResourceState.objects.get_or_create(
                account_region=self.place,
                kind=key.kind,
                key=key.name,
                defaults={
                    "label": self.label(key),
                    "uid": wanted.uid if wanted else seen.uid if seen else "",
                    "sources": sources_as_plain(wanted) if wanted else [],
                    "changed_at": clock.now(),
                },
            )
            self.states[key] = state
        return state

    def _believed(self) -> dict[str, Observed]:
        """What was in sync and is wanted as it was, by AWS id: lists are read, its details are not asked for.

        A window and its parts are believed or read together.
        """
        restless = {key for key in self.world.keys() | self.states.keys() if not self._rests(key)}
        restless |= {parent for key in restless if (parent := self._parent(key)) is not None}
        return {
            state.aws_id: Observed(key, state.aws_id, applied, state.uid, state.incarnation)
            for key, state in self.states.items()
            if key.kind in TOLD_ONE_BY_ONE
            and key not in restless
            and self._parent(key) not in restless
            and (applied := self.applied(key)) is not None
        }

    def _rests(self, key: Key) -> bool:
        state, wanted = self.states.get(key), self.world.get(key)
        if wanted is None:
            return state is not None and state.condition == Condition.REMOVED
        return (
            state is not None
            and state.condition == Condition.IN_SYNC
            and not state.restore_digest
            and key not in self.touched
            and self.applied(key) == wanted.spec
        )

    def _parent(self, key: Key) -> Key | None:
        wanted, applied = self.world.get(key), self.applied(key)
        spec = wanted.spec if wanted is not None else applied
        if isinstance(spec, ScheduleSpec) and spec.window:
            return Key("window", spec.window)  # it names the window's id in AWS
        return parent_of(spec) if spec is not None else None


def sources_as_plain(wanted: Desired) -> list[dict[str, str]]:
    return [source._asdict() for source in wanted.sources]
