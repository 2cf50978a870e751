"""The one gate before every AWS write: what is about to be sent is still exactly what was approved."""

from patching import desired, sources
from patching.models import AccountRegion, Tombstone
from patching.specs import Desired, Key, Source
from portal.governance import clock


class ClosedError(Exception):
    """The gate is closed; the message says why, for people."""


class Gate:
    """The gate of one pass over one account-region.

    What is approved is asked of the database before every write. Only compiling it is spared while no row behind it
    has changed (``desired.fingerprint``).
    """

    def __init__(self, place: AccountRegion) -> None:
        self.place = place
        self._compiled: tuple[object, desired.World] | None = None

    def check(self, wanted: Desired) -> None:
        """Raise ClosedError unless this resource, with this content, is approved at this moment."""
        self._raise_unless_active()
        current = self._world().get(wanted.key)
        if current is None:
            raise ClosedError("It is no longer wanted: what was approved has changed.")
        if (current.spec, current.sources) != (wanted.spec, wanted.sources):
            raise ClosedError(
                "What was approved has changed since this push began; the next one takes it up."
            )
        if not sources.hold(wanted.sources, clock.now()):
            raise ClosedError("No valid decision stands behind it.")

    def check_removal(self, key: Key, parent: Key | None = None) -> Tombstone:
        """The leave to delete this, or the window it belongs to; raise ClosedError where there is none."""
        self._raise_unless_active()
        world = self._world()
        for one in (key, parent):
            if one is None or one in world:
                continue
            stone = Tombstone.objects.filter(
                account_region=self.place, kind=one.kind, key=one.name, buried_at=None
            ).first()
            if stone is None or key in world:
                continue
            # a step goes as soon as the line has another one; its last way back stands
            if _gives_leave(stone) or desired.is_step_of(world, one):
                return stone
        raise ClosedError("There is no valid decision to remove it.")

    def gives_leave(self, key: Key) -> bool:
        """Whether an open tombstone of this resource still has its decision behind it."""
        stone = Tombstone.objects.filter(
            account_region=self.place, kind=key.kind, key=key.name, buried_at=None
        ).first()
        return stone is not None and _gives_leave(stone)

    def _world(self) -> desired.World:
        """What is approved now."""
        now = clock.now()
        fingerprint = desired.fingerprint(self.place, now)
        if self._compiled is None or self._compiled[0] != fingerprint:
            self._compiled = fingerprint, desired.desired_for(self.place, now)
        return self._compiled[1]

    def _raise_unless_active(self) -> None:
        if not AccountRegion.objects.filter(pk=self.place.pk, is_active=True).exists():
            raise ClosedError(f"{self.place} is switched off.")


def _gives_leave(stone: Tombstone) -> bool:
    source = Source(stone.source["kind"], str(stone.source["id"]), stone.source["digest"])
    holds = sources.hold([source], clock.now())
    # a waiver or hold wants its traces gone once it has ended, a revision as long as it stands
    return not holds if source.kind in ("waiver", "hold") else holds
