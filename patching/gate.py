"""The one gate before every AWS write: what is about to be sent is still exactly what was approved."""

from patching import desired
from patching.models import AccountRegion, Tombstone
from patching.specs import Desired, Key, Source
from portal.governance import clock


class ClosedError(Exception):
    """The gate is closed; the message says why, for people."""


def check(place: AccountRegion, wanted: Desired) -> None:
    """Raise ClosedError unless this resource, with this content, is approved at this moment."""
    now = clock.now()
    _raise_unless_active(place)
    current = desired.desired_for(place, now).get(wanted.key)
    if current is None:
        raise ClosedError("It is no longer wanted: what was approved has changed.")
    if (current.spec, current.sources) != (wanted.spec, wanted.sources):
        raise ClosedError("What was approved has changed since this push began; the next one takes it up.")
    if not desired.sources_hold(wanted.sources, now):
        raise ClosedError("No valid decision stands behind it.")


def check_removal(place: AccountRegion, key: Key, parent: Key | None = None) -> Tombstone:
    """The leave to delete this, or the window it belongs to; raise ClosedError where there is none."""
    now = clock.now()
    _raise_unless_active(place)
    world = desired.desired_for(place, now)
    for one in (key, parent):
        if one is None or one in world:
            continue
        stone = Tombstone.objects.filter(
            account_region=place, kind=one.kind, key=one.name, buried_at=None
        ).first()
        if stone is not None and key not in world and _gives_leave(stone):
            return stone
    raise ClosedError("There is no valid decision to remove it.")


def _gives_leave(stone: Tombstone) -> bool:
    source = Source(stone.source["kind"], str(stone.source["id"]), stone.source["digest"])
    holds = desired.sources_hold([source], clock.now())
    # a waiver wants its traces gone once it has ended, a revision as long as it stands
    return not holds if source.kind == "waiver" else holds


def _raise_unless_active(place: AccountRegion) -> None:
    if not AccountRegion.objects.filter(pk=place.pk, is_active=True).exists():
        raise ClosedError(f"{place} is switched off.")
