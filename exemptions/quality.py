"""How well exemptions are decided, for governance: how fast, how well read, and what became of them.

Counted by the role that somebody decided in, never by person: it is to find rubber stamps, not to shame. Every count
has its list: ``Report.lists`` names the exemptions behind it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from statistics import median

from django.db.models import Q

from exemptions.models import Decision, Document, Exemption, ExemptionQuerySet, Offer, Review
from exemptions.permissions import SLOT_NAMES
from portal.governance.models import AuditEntry, LastLook, Outcome

PERIODS = (30, 90, 365)  # days
HASTY = timedelta(seconds=60)  # an approval so soon after the first look was hardly read
RESTORED_WITHIN = timedelta(hours=24)
AGAIN_AND_AGAIN = 2  # the renewal from which an exemption is a habit
OBJECT = "exemptions.exemption"
# what is counted → how a list of it is called
MEASURES: Mapping[str, str] = {
    "decided": "Decided",
    "lapsed": "Lapsed undecided",
    "approvals": "With an approval",
    "unread": "Approved without opening a document",
    "hasty": f"Approved within {HASTY.seconds} seconds of the first look",
    "unknown": "Approved, first look not known",
    "approved": "Approved",
    "breached": "Later breached",
    "overdue": "Not restored within 24 hours of the end",
    "revoked": "Revoked",
    "ended": "Reviewed and ended",
    "repeated": "Renewed again and again",
    "offers": "With a counter-offer",
    "accepted": "Counter-offer accepted",
    "refused": "Counter-offer refused",
    "unanswered": "Counter-offer not answered",
}


@dataclass(frozen=True)
class Word:
    """One decision, and all that is measured of it."""

    exemption: int
    slot: str
    outcome: str
    took: timedelta | None  # since that revision was submitted; None where the log does not say
    looked: timedelta | None  # since the decider first had the revision before them; None: not known
    has_documents: bool
    read: bool  # the decider had opened one of its documents before

    @property
    def is_approval(self) -> bool:
        return self.outcome == Outcome.APPROVE

    @property
    def is_unread(self) -> bool:
        return self.is_approval and self.has_documents and not self.read

    @property
    def is_hasty(self) -> bool:
        return self.is_approval and self.looked is not None and self.looked <= HASTY


@dataclass(frozen=True)
class Times:
    """How long decisions took; None where there was none."""

    count: int
    median: timedelta | None
    p90: timedelta | None


@dataclass(frozen=True)
class Slice:
    """The words given in one role, or all of them."""

    key: str
    label: str
    words: Sequence[Word]

    @property
    def times(self) -> Times:
        return times([word.took for word in self.words if word.took is not None])

    @property
    def approvals(self) -> int:
        return sum(word.is_approval for word in self.words)

    @property
    def rejections(self) -> int:
        return sum(word.outcome == Outcome.REJECT for word in self.words)

    @property
    def sent_back(self) -> int:
        return sum(word.outcome == Outcome.REQUEST_CHANGES for word in self.words)

    @property
    def unread(self) -> int:
        return sum(word.is_unread for word in self.words)

    @property
    def hasty(self) -> int:
        return sum(word.is_hasty for word in self.words)

    @property
    def unknown(self) -> int:
        """Approvals of which nobody knows when their decider first looked, such as those by API."""
        return sum(word.is_approval and word.looked is None for word in self.words)


@dataclass(frozen=True)
class Report:
    """Decision quality over a period that ends at ``at``."""

    at: datetime
    days: int
    everybody: Slice
    slots: Sequence[Slice]
    lists: Mapping[str, frozenset[int]]  # measure → the exemptions behind it, by primary key

    @property
    def counts(self) -> dict[str, int]:
        """How many exemptions each measure lists."""
        return {measure: len(found) for measure, found in self.lists.items()}


def times(took: Sequence[timedelta]) -> Times:
    """Median and 90th percentile (the nearest rank): never the mean, which one long wait would bend."""
    if not took:
        return Times(0, None, None)
    ordered = sorted(took)
    middle = timedelta(seconds=median(one.total_seconds() for one in ordered))
    return Times(len(ordered), middle, ordered[ceil(0.9 * len(ordered)) - 1])


def report(rows: ExemptionQuerySet, at: datetime, days: int) -> Report:
    """What was decided of these exemptions in the last so many days. A fixed number of queries."""
    since = at - timedelta(days=days)
    words = _words(rows, since, at)
    asked = rows.filter(state=Exemption.State.SUBMITTED, lapses_at__gt=since, lapses_at__lte=at)
    lists = {
        "decided": _of(words),
        "lapsed": frozenset(asked.values_list("pk", flat=True)),
        "approvals": _of(word for word in words if word.is_approval),
        "unread": _of(word for word in words if word.is_unread),
        "hasty": _of(word for word in words if word.is_hasty),
        "unknown": _of(word for word in words if word.is_approval and word.looked is None),
        **_breaches(rows, since, at),
        **_offers(rows, since, at),
    }
    slots = [
        Slice(slot, name, [word for word in words if word.slot == slot]) for slot, name in SLOT_NAMES.items()
    ]
    return Report(at, days, Slice("", "All", words), slots, lists)


def _of(words: Iterable[Word]) -> frozenset[int]:
    return frozenset(word.exemption for word in words)


def _words(rows: ExemptionQuerySet, since: datetime, at: datetime) -> list[Word]:
    decisions = list(
        Decision.objects.filter(
            revision__exemption__in=rows.order_by().values("pk"), decided_at__gt=since, decided_at__lte=at
        ).select_related("revision")
    )
    about = {one.revision.exemption_id for one in decisions}
    submitted, reads = _log(about)
    looks = {
        (look.user_id, look.object_id, look.revision): look.first_at
        for look in LastLook.objects.filter(object_type=OBJECT, object_id__in=[str(pk) for pk in about])
    }
    documented: dict[int, datetime] = {}
    for pk, added_at in Document.objects.filter(exemption__in=about).values_list("exemption", "added_at"):
        documented[pk] = min(added_at, documented.get(pk, added_at))
    found = []
    for one in decisions:
        pk, number, decider = one.revision.exemption_id, one.revision.number, one.decided_by_id
        asked = [moment for moment in submitted.get((pk, number), ()) if moment <= one.decided_at]
        look = looks.get((decider, str(pk), number))
        opened = reads.get((pk, decider))
        found.append(
            Word(
                exemption=pk,
                slot=one.slot,
                outcome=one.outcome,
                took=one.decided_at - max(asked) if asked else None,
                looked=one.decided_at - look if look and look <= one.decided_at else None,
                has_documents=pk in documented and documented[pk] <= one.decided_at,
                read=opened is not None and opened <= one.decided_at,
            )
        )
    return found


def _log(
    about: Iterable[int],
) -> tuple[dict[tuple[int, int], list[datetime]], dict[tuple[int, int], datetime]]:
    """When each revision was submitted, and when each person first opened a document of an exemption."""
    submitted: dict[tuple[int, int], list[datetime]] = {}
    reads: dict[tuple[int, int], datetime] = {}
    entries = AuditEntry.objects.filter(
        object_type=OBJECT,
        object_id__in=[str(pk) for pk in about],
        action__in=(f"{OBJECT}.submitted", "exemptions.document.read"),
    ).order_by("seq")
    for entry in entries:
        pk = int(entry.object_id)
        if entry.action.endswith(".submitted"):
            submitted.setdefault((pk, entry.detail.get("revision", 0)), []).append(entry.at)
        elif entry.actor_id is not None:
            reads.setdefault((pk, entry.actor_id), entry.at)
    return submitted, reads


def _breaches(rows: ExemptionQuerySet, since: datetime, at: datetime) -> dict[str, frozenset[int]]:
    """What became of those that were approved in the period."""
    approved = list(
        rows.filter(approved_at__gt=since, approved_at__lte=at).only(
            "pk", "ends_at", "closed_at", "restored_at", "renewal"
        )
    )
    reviewed = frozenset(
        Review.objects.filter(
            exemption__in=[one.pk for one in approved], outcome=Review.Outcome.ENDED, closed_at__lte=at
        ).values_list("exemption", flat=True)
    )
    found = {
        "approved": frozenset(one.pk for one in approved),
        "overdue": frozenset(one.pk for one in approved if is_overdue(one, at)),
        "revoked": frozenset(one.pk for one in approved if one.closed_at is not None and one.closed_at <= at),
        "ended": reviewed,
        "repeated": frozenset(one.pk for one in approved if one.renewal >= AGAIN_AND_AGAIN),
    }
    breached = found["overdue"] | found["revoked"] | found["ended"] | found["repeated"]
    return {**found, "breached": breached}


def is_overdue(exemption: Exemption, at: datetime) -> bool:
    """It ended, by date or by hand, and was not proved to be restored within 24 hours."""
    ended = min(exemption.ends_at, exemption.closed_at or exemption.ends_at)
    return min(exemption.restored_at or at, at) > ended + RESTORED_WITHIN


def _offers(rows: ExemptionQuerySet, since: datetime, at: datetime) -> dict[str, frozenset[int]]:
    made = Offer.objects.filter(
        Q(revision__exemption__in=rows.order_by().values("pk")), offered_at__gt=since, offered_at__lte=at
    ).values_list("revision__exemption", "answered_at", "accepted")
    answers = list(made)
    return {
        "offers": frozenset(pk for pk, _, _ in answers),
        "accepted": frozenset(pk for pk, answered, accepted in answers if accepted is not None),
        "refused": frozenset(pk for pk, answered, accepted in answers if answered and accepted is None),
        "unanswered": frozenset(pk for pk, answered, _ in answers if answered is None),
    }
