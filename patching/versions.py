"""Every version of a baseline, group or window: what it said, who asked and approved, when it was in force. Reads only.

A version is an approved revision with an item about the row; revisions can neither be changed nor deleted.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q

from patching.contents import items_of
from patching.items import is_new, name_of
from patching.models import ChangeRequest, Decision, Revision
from patching.models.governed import Governed
from patching.permissions import ROWS, called
from portal.governance.canonical import digest_of
from portal.governance.models import Outcome, User

# an approval and the row that it makes are one transaction, though not one moment
TOGETHER = timedelta(seconds=5)
TOOK_EFFECT = (*ChangeRequest.UNDER_WAY, ChangeRequest.State.APPLIED, ChangeRequest.State.SUPERSEDED)


@dataclass(frozen=True)
class Word:
    """One approval of a version."""

    slot: str
    by: User
    at: datetime


@dataclass(frozen=True)
class Version:
    """What was approved of one row at one time. ``spec`` is empty where it was removed."""

    number: int
    revision: Revision
    action: str
    spec: dict[str, Any]
    digest: str
    words: tuple[Word, ...]
    since: datetime
    until: datetime | None

    @property
    def in_force(self) -> bool:
        return self.until is None and self.action != "delete"


def of(row: Governed) -> list[Version]:
    """All versions of a row, the newest first."""
    kind = next(kind for kind, model in ROWS.items() if isinstance(row, model))
    found = [*_approved(row, kind)]
    told = []
    for number, (revision, item, words) in enumerate(found, start=1):
        later = found[number][2] if number < len(found) else ()
        told.append(
            Version(
                number=number,
                revision=revision,
                action=item["action"],
                spec=item["spec"],
                digest=digest_of(item["spec"]) if item["spec"] else "",
                words=words,
                since=words[-1].at,
                until=later[-1].at if later else None,
            )
        )
    return told[::-1]


def at(row: Governed, revision: int) -> Version | None:
    """The version of a row that one revision approved, to begin a request with; None where it said nothing of it."""
    return next((one for one in of(row) if one.revision.pk == revision and one.spec), None)


Found = tuple[Revision, dict[str, Any], tuple[Word, ...]]


def _approved(row: Governed, kind: str) -> Iterator[Found]:
    """Revisions that took effect on a row, in the order in which they did."""
    found = [
        (revision, item, words)
        for revision in _candidates(row)
        if (words := _words(revision)) and (item := _item(revision, row, kind, words)) is not None
    ]
    yield from sorted(found, key=lambda one: one[2][-1].at)


def _candidates(row: Governed) -> Sequence[Revision]:
    made = Q(
        decisions__closes=True,
        decisions__outcome=Outcome.APPROVE,
        decisions__decided_at__range=(row.created_at - TOGETHER, row.created_at + TOGETHER),
    )
    changed = Q(content__contains=f'"target":{row.pk}}}')
    rows = Revision.objects.filter(made | changed, request__state__in=TOOK_EFFECT).distinct()
    return list(
        rows.select_related("request__requested_by", "author").prefetch_related("decisions__decided_by")
    )


def _words(revision: Revision) -> tuple[Word, ...]:
    """Its approvals where they are all there, the closing one last; nothing for a revision that was edited again."""
    approvals = [one for one in revision.decisions.all() if one.outcome == Outcome.APPROVE]
    if not any(one.closes for one in approvals):
        return ()
    return tuple(_word(one) for one in sorted(approvals, key=lambda one: (one.decided_at, one.pk)))


def _word(decision: Decision) -> Word:
    return Word(called(decision.slot), decision.decided_by, decision.decided_at)


def _item(revision: Revision, row: Governed, kind: str, words: Sequence[Word]) -> dict[str, Any] | None:
    """What a revision says of a row: it changes or deletes it, or it made it."""
    made_it = abs(words[-1].at - row.created_at) <= TOGETHER
    of_kind = [one for one in items_of(revision) if one["kind"] == kind]
    for one in of_kind:
        if one["target"] == row.pk and not is_new(one):
            return one
    new = [one for one in of_kind if is_new(one) and made_it and _same_place(one["spec"], row)]
    named = [one for one in new if name_of(one) == row.name]
    return next(iter(named or (new if len(new) == 1 else [])), None)


def _same_place(spec: dict[str, Any], row: Governed) -> bool:
    """A row may be renamed later; where it is, and whose, it does not change by itself."""
    return all(spec.get(name) == row.spec.get(name) for name in ("account", "region"))
