"""Approved freezes and occurrences become holds of windows, and follow what their rows say. Writes holds, nothing else.

Level, not edge: what a freeze holds is reckoned anew from the windows that there are, so that a window made or moved
later is held as well. Safe to repeat.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q

from patching import holding, openings
from patching.models import AccountRegion, Freeze, MaintenanceWindow, Occurrence
from patching.models.governed import Governed
from portal.governance import clock

SHUT_FOR = timedelta(
    minutes=30
)  # from a skipped opening on: AWS opens a window within its minute or soon after


def source_of(row: Governed) -> str:
    """What a hold names as its word: "freeze:7"."""
    return f"{'freeze' if isinstance(row, Freeze) else 'occurrence'}:{row.pk}"


def windows_under(spec: Mapping[str, Any]) -> list[MaintenanceWindow]:
    """The live windows that a freeze of this spec would keep shut."""
    names = {
        "application__slug": spec["application"],
        "environment__slug": spec["environment"],
        "account_region__account__account_id": spec["account"],
        "account_region__region": spec["region"],
    }
    rows = MaintenanceWindow.objects.live().filter(**{name: value for name, value in names.items() if value})
    return list(rows.select_related("account_region__account", "environment", "application__team"))


def windows_of(freeze: Freeze) -> list[MaintenanceWindow]:
    """The live windows that a freeze keeps shut."""
    return windows_under(freeze.spec)


def freezes_of(window: MaintenanceWindow, start: datetime, end: datetime) -> list[Freeze]:
    """Live freezes that would keep a window shut at some moment between two."""
    bound = Q()
    for name in ("application", "environment", "account_region"):
        bound &= Q(**{name: None}) | Q(**{f"{name}_id": getattr(window, f"{name}_id")})
    return list(Freeze.objects.live().overlapping(start, end).filter(bound))


def follow(rows: Iterable[Governed]) -> set[AccountRegion]:
    """Have the holds of these freezes and occurrences say what their rows say. Returns where something changed."""
    places: set[AccountRegion] = set()
    for row in rows:
        if isinstance(row, Freeze):
            places |= _follow_freeze(row)
        elif isinstance(row, Occurrence):
            places |= _follow_occurrence(row)
    return places


def follow_all() -> set[AccountRegion]:
    """The same for every freeze that is not over."""
    return follow(Freeze.objects.live().filter(ends_at__gt=clock.now()).select_related("revision"))


def end_of_skip(window: MaintenanceWindow, run_at: datetime) -> datetime:
    """Until when a window stays shut to miss one opening: half an hour, and not into the next opening."""
    after = openings.next_starts(
        window.spec, start=run_at + timedelta(minutes=1), count=1, since=window.created_at
    )
    return run_at + min([SHUT_FOR, *((one - run_at) / 2 for one in after)])


def _follow_freeze(freeze: Freeze) -> set[AccountRegion]:
    source = source_of(freeze)
    windows = [] if freeze.retired_at is not None else windows_of(freeze)
    places = holding.release_others(source, kept=windows)
    if not windows or freeze.ends_at <= clock.now():
        return places
    return places | holding.hold(
        windows,
        source=source,
        digest=freeze.revision.digest,
        reason=f"{freeze.name}: {freeze.spec['reason']}",
        starts_at=freeze.starts_at,
        ends_at=freeze.ends_at,
    )


def _follow_occurrence(one: Occurrence) -> set[AccountRegion]:
    source, window = source_of(one), one.window
    if one.retired_at is not None or window.retired_at is not None:
        return holding.release(source) | {one.account_region}
    ends_at = end_of_skip(window, one.run_at)
    if ends_at <= clock.now():
        return set()
    what = f"moved to {one.moved_to:%d %b %H:%M} UTC" if one.moved_to else "skipped"
    held = holding.hold(
        [window],
        source=source,
        digest=one.revision.digest,
        reason=f"The opening of {one.run_at:%d %b %H:%M} UTC is {what}",
        starts_at=one.run_at,
        ends_at=ends_at,
    )
    return held | {one.account_region}
