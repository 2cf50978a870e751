"""Which holds stand at a moment, and how they keep each window. Reads rows, writes nothing.

A hold stands as long as the word behind it does: a freeze or an occurrence that is in force, a failure that is open.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from patching import openings, shutting
from patching.models import AccountRegion, FailureRecord, Freeze, MaintenanceWindow, Occurrence, WindowHold
from patching.models.governed import Governed

WORDS: dict[str, type[Governed]] = {"freeze": Freeze, "occurrence": Occurrence}


@dataclass(frozen=True)
class Kept:
    """A window that is kept shut: until when, by which holds, and the approved rows behind them."""

    until: datetime
    holds: tuple[WindowHold, ...]
    words: tuple[Governed, ...]


@dataclass(frozen=True)
class Held:
    """A hold, and the approved row behind it where there is one."""

    hold: WindowHold
    word: Governed | None


@dataclass(frozen=True)
class _Word:
    """What stands behind a hold: its digest, and its row where a revision approved it."""

    digest: str
    row: Governed | None


def ahead(account_region: AccountRegion, at: datetime) -> dict[int, list[Held]]:
    """Holds that have begun or will and whose word stands, by the window's primary key."""
    holds = list(
        WindowHold.objects.ahead(at)
        .filter(window__account_region=account_region, window__retired_at=None)
        .select_related("window")
        .order_by("pk")
    )
    words = _words(one.source for one in holds)
    found: dict[int, list[Held]] = {}
    for one in holds:
        word = words.get(one.source)
        if word is not None and word.digest == one.source_digest:
            found.setdefault(one.window_id, []).append(Held(one, word.row))
    return found


def kept(holds: Sequence[Held], at: datetime) -> Kept | None:
    """How these holds of one window keep it at a moment; None where it is open."""
    if not holds:
        return None
    by_pk = {one.hold.pk: one for one in holds}
    shut = shutting.at_moment([one.hold for one in holds], _openings(holds[0].hold.window), at)
    if shut is None:
        return None
    standing = [by_pk[pk] for pk in shut.holds]
    rows = {one.word.revision_id: one.word for one in standing if one.word is not None}
    return Kept(shut.until, tuple(one.hold for one in standing), tuple(rows[pk] for pk in sorted(rows)))


def moments(account_region: AccountRegion, at: datetime) -> list[datetime]:
    """When windows of an account-region are next shut or opened by holds, or an extra window comes or goes."""
    found = [
        moment
        for holds in ahead(account_region, at).values()
        for moment in shutting.changes([one.hold for one in holds], _openings(holds[0].hold.window))
    ]
    return [one for one in found if one > at]


def stands(pk: str, digest: str, at: datetime) -> bool:
    """Whether a hold is not over, and the word behind it is still good."""
    hold = WindowHold.objects.ahead(at).filter(pk=pk, source_digest=digest).first()
    if hold is None:
        return False
    word = _words([hold.source]).get(hold.source)
    return word is not None and word.digest == digest


def _openings(window: MaintenanceWindow) -> shutting.Openings:
    return partial(openings.between, window.spec, since=window.created_at)


def _words(sources: Iterable[str]) -> Mapping[str, _Word]:
    """The words that still stand, by what holds name them."""
    ids: dict[str, set[int]] = {}
    for source in sources:
        kind, _, pk = source.partition(":")
        ids.setdefault(kind, set()).add(int(pk))
    found: dict[str, _Word] = {}
    for kind, model in WORDS.items():
        for row in model.objects.live().filter(pk__in=ids.get(kind, ())).select_related("revision"):
            found[f"{kind}:{row.pk}"] = _Word(row.revision.digest, row)
    failures = FailureRecord.objects.open().filter(pk__in=ids.get("failure", ())).exclude(holds_until=None)
    return found | {
        f"failure:{pk}": _Word(digest, None) for pk, digest in failures.values_list("pk", "digest")
    }
