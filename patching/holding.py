"""Keep windows shut for a time, and let them go: what freezes, moved occurrences and failures do to windows.

A hold is what the reconciler sees. Whoever writes one wants a push for the places that come back from here, in the same
transaction as what allows it.
"""

from collections.abc import Iterable
from datetime import datetime

from patching.models import AccountRegion, MaintenanceWindow, WindowHold
from portal.governance import clock


def hold(
    windows: Iterable[MaintenanceWindow],
    *,
    source: str,
    digest: str,
    reason: str,
    starts_at: datetime,
    ends_at: datetime,
) -> set[AccountRegion]:
    """Keep these windows shut over this time, on this word; what the word said of them before is replaced.

    Safe to repeat. Returns the account-regions in which something changed.
    """
    moved: set[AccountRegion] = set()
    said = {"source_digest": digest, "reason": reason[:300], "starts_at": starts_at, "ends_at": ends_at}
    running = {one.window_id: one for one in WindowHold.objects.filter(source=source, ended_at=None)}
    for window in windows:
        known = running.get(window.pk)
        if known is not None and all(getattr(known, name) == value for name, value in said.items()):
            continue
        WindowHold.objects.update_or_create(window=window, source=source, ended_at=None, defaults=said)
        moved.add(window.account_region)
    return moved


def release_others(source: str, *, kept: Iterable[MaintenanceWindow]) -> set[AccountRegion]:
    """End what this word holds of all windows but these. Returns the account-regions concerned."""
    ids = [window.pk for window in kept]
    others = WindowHold.objects.filter(source=source, ended_at=None).exclude(window__in=ids)
    windows = [one.window for one in others.select_related("window")]
    return release(source, windows=windows) if windows else set()


def release(source: str, *, windows: Iterable[MaintenanceWindow] | None = None) -> set[AccountRegion]:
    """End what this word holds now, of all windows or of these. Returns the account-regions concerned."""
    now = clock.now()
    held = WindowHold.objects.filter(source=source, ended_at=None)
    if windows is not None:
        held = held.filter(window__in=[window.pk for window in windows])
    places = {one.window.account_region for one in held.select_related("window__account_region__account")}
    held.update(ended_at=now)
    return places
