"""What somebody weighs before they decide: risk, controls, what is left off, how others like it were decided."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Q

from exemptions import asked, offers, policy, risk
from exemptions.models import Decision, Document, Exemption, Offer, Revision
from exemptions.moved import moved_between
from patching.clones import clone_name, side_group
from patching.models import ManagedInstance
from portal.governance.models import User

State = Exemption.State
MOST_ALIKE = 5
LOOKED_AT = 200  # decided ones among which those with the same patches are looked for
DECIDED = (State.APPROVED, State.REJECTED, State.REVOKED, State.RESTORED)
LOOKS = {  # level → role and word
    risk.Level.HIGH: ("bad", "High risk"),
    risk.Level.ELEVATED: ("warn", "Elevated risk"),
    risk.Level.LOW: ("off", "Low risk"),
}


@dataclass(frozen=True)
class Left:
    """Instances of one group that go without the patches: the group and the baseline they change to."""

    tag: str
    group: str
    side_group: str
    baseline: str
    clone: str
    count: int


@dataclass(frozen=True)
class Alike:
    """A decided exemption like this one: what became of it, for how long, and by whose word."""

    exemption: Exemption
    state: str
    lasts: timedelta
    by: str
    reason: str


def of(
    exemption: Exemption, user: User, instances: Sequence[ManagedInstance], now: datetime
) -> dict[str, Any]:
    """The part of the page's context that is about weighing it."""
    weighed = risk.of(exemption)
    standing = policy.standing_of(instances, exemption.patches, exemption.exposure, exemption.data_class)
    offer = offers.open_offer(exemption)
    return {
        "risk": weighed,
        "risk_look": LOOKS[weighed.level],
        "limit": policy.limit_for(standing),
        "left": left_off(exemption, instances),
        "controls": _controls(exemption),
        "alike": _alike(exemption, user, instances, now),
        "offer": _card(offer, exemption, user, now) if offer else None,
    }


def left_off(exemption: Exemption, instances: Sequence[ManagedInstance]) -> list[Left]:
    """Of a patch exclusion: which groups and baselines its instances change to, by names as the push makes them."""
    if exemption.kind != Exemption.Kind.PATCH_EXCLUSION:
        return []
    groups, patches = asked.groups_of(instances), exemption.patches
    counts = Counter(
        (
            one.account_region.account.patch_group_tag,
            groups[one.pk].name,
            groups[one.pk].spec["baselines"].get(one.operating_system, ""),
        )
        for one in instances
        if one.pk in groups
    )
    return [
        Left(tag, group, side_group(group, patches), name, clone_name(name, patches) if name else "", count)
        for (tag, group, name), count in sorted(counts.items())
    ]


def _controls(exemption: Exemption) -> list[dict[str, Any]]:
    """Each control with its kind in words and the document that shows it, if there is one of that name."""
    said = asked.content_of(exemption.current) if exemption.current else {}
    documents: dict[str, Document] = {one.name: one for one in exemption.documents.all()}
    return [
        {
            **one,
            "label": asked.CONTROL_KINDS.get(one["kind"], one["kind"]),
            "document": documents.get(one["evidence"]),
        }
        for one in said.get("compensating_controls", [])
    ]


def _alike(
    exemption: Exemption, user: User, instances: Sequence[ManagedInstance], now: datetime
) -> list[Alike]:
    """Decided ones of this kind: with one of these patches, or of this application or as near to production."""
    production = any(one.environment and one.environment.is_production for one in instances)
    rows = (
        Exemption.objects.visible_to(user)
        .filter(kind=exemption.kind, state__in=DECIDED)
        .exclude(pk=exemption.pk)
        .annotate(near=Count("instances", filter=Q(instances__environment__is_production=True)))
        .select_related("application", "team")
        .order_by("-pk")[:LOOKED_AT]
    )
    mine = set(exemption.patches)
    chosen = [
        one
        for one in rows
        if mine & set(one.patches)
        or (not mine and (one.application_id == exemption.application_id or bool(one.near) == production))
    ]
    chosen.sort(key=lambda one: (one.application_id != exemption.application_id, -one.pk))
    chosen = chosen[:MOST_ALIKE]
    words = {
        word.revision_id: word
        for word in Decision.objects.filter(
            revision__in=[one.current_id for one in chosen], closes=True
        ).select_related("decided_by")
    }
    return [_told(one, words.get(one.current_id or 0), now) for one in chosen]


def _told(one: Exemption, word: Decision | None, now: datetime) -> Alike:
    start = one.approved_at or one.submitted_at or one.created_at
    return Alike(
        one,
        one.state_at(now),
        one.ends_at - start,
        str(word.decided_by) if word else "",
        word.reason if word else "",
    )


def _card(offer: Offer, exemption: Exemption, user: User, now: datetime) -> dict[str, Any]:
    """The offer as the team reads it: what moves, and whether this person may answer it."""
    open_ = offer.lapses_at > now
    return {
        "offer": offer,
        "moved": moved_between(offer.revision, Revision(content=offer.content)),
        "is_open": open_,
        "may_answer": offers.may_answer(user, exemption, offer),
    }
