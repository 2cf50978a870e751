"""Other exemptions on the same instances: which ones, what they make of this one, and which of them it repeats."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet

from exemptions.models import Exemption
from patching.models import ManagedInstance
from patching.words import counted, listed
from portal.governance import clock
from portal.governance.errors import FieldProblem
from portal.governance.models import User

Kind = Exemption.Kind
State = Exemption.State
NAMED = 3  # instances or patches named in a sentence before the rest is counted


@dataclass(frozen=True)
class Scope:
    """What an exemption is about, as far as it is known: which instances × which patches × until when."""

    kind: str
    instances: frozenset[int]
    patches: frozenset[str] = frozenset()
    ends_at: datetime | None = None

    @classmethod
    def of(cls, exemption: Exemption) -> "Scope":
        """The scope of a stored one."""
        return cls(
            exemption.kind,
            frozenset(one.pk for one in exemption.instances.all()),
            frozenset(exemption.patches),
            exemption.ends_at,
        )

    def leaves_off(self, other: "Scope") -> bool:
        """Whether this leaves off every patch that the other one does, on an instance that both name."""
        if self.kind == Kind.NODE_DEFERRAL:
            return True
        mine = {one.lower() for one in self.patches}
        return other.kind == Kind.PATCH_EXCLUSION and {one.lower() for one in other.patches} <= mine


@dataclass(frozen=True)
class Overlap:
    """Another exemption on some of the same instances, and in words what that means for this one."""

    exemption: Exemption
    instances: tuple[ManagedInstance, ...]  # those that both name
    changes_nothing: bool  # it covers this one for these instances, to its end
    text: str


def overlaps_of(exemption: Exemption, user: User) -> list[Overlap]:
    """Other open or in-force exemptions on its instances that this person may see, the last to end first."""
    return overlaps_with(Scope.of(exemption), user, but=exemption)


def overlaps_with(scope: Scope, user: User, *, but: Exemption | None = None) -> list[Overlap]:
    """The same for what is not written down yet. A renewal and what it renews are no overlap."""
    rows = _others(scope, but).filter(pk__in=Exemption.objects.visible_to(user).values("pk"))
    return [_overlap(other, scope) for other in rows]


def duplicate_problems(exemption: Exemption) -> list[FieldProblem]:
    """Why it need not be decided: one of the same team, asked for or in force, has the same kind and covers it all.

    Drafts do not count: nobody may have read them yet.
    """
    scope = Scope.of(exemption)
    rows = _others(scope, exemption).filter(team=exemption.team_id).exclude(state=State.DRAFT)
    for other in rows:
        theirs = Scope.of(other)
        if other.kind == exemption.kind and scope.instances <= theirs.instances and _covers(theirs, scope):
            message = (
                f"{other.number} {_does(other)} the same until {_day(other.ends_at)}. "
                f"Follow {other.number}, or ask for other instances, other patches or a later end."
            )
            return [FieldProblem("instances", "duplicate", message)]
    return []


def _others(scope: Scope, but: Exemption | None) -> QuerySet[Exemption]:
    now = clock.now()
    asked = Q(state__in=Exemption.OPEN) & ~Q(state=State.SUBMITTED, lapses_at__lte=now)
    rows = Exemption.objects.filter(asked | Q(state=State.APPROVED), ends_at__gt=now)
    rows = rows.filter(pk__in=_naming(scope.instances))
    if but is not None:
        rows = rows.exclude(pk__in=[but.pk, but.renews_id or but.pk]).exclude(renews=but)
    rows = rows.select_related("application", "team").prefetch_related("instances__account_region__account")
    return rows.order_by("-ends_at", "pk")


def _naming(instances: Iterable[int]) -> QuerySet[Any]:
    links = Exemption.instances.through.objects.filter(managedinstance__in=list(instances))
    return links.values("exemption")


def _covers(other: Scope, scope: Scope) -> bool:
    """Whether this one adds neither a patch nor a day to the other."""
    lasts = scope.ends_at is None or (other.ends_at is not None and scope.ends_at <= other.ends_at)
    return lasts and other.leaves_off(scope)


def _overlap(other: Exemption, scope: Scope) -> Overlap:
    theirs = Scope.of(other)
    shared = tuple(one for one in other.instances.all() if one.pk in scope.instances)
    nothing = _covers(theirs, scope)
    text = f"{other.number} {_what(other, shared)} until {_day(other.ends_at)}; {_therefore(other, theirs, scope)}"
    return Overlap(other, shared, nothing, text)


def _what(other: Exemption, shared: tuple[ManagedInstance, ...]) -> str:
    names = _named([str(one) for one in shared], "instance")
    if other.kind == Kind.PATCH_EXCLUSION:
        verb = "leaves" if other.state == State.APPROVED else "asks to leave"
        return f"{verb} {_named(other.patches, 'patch', 'patches')} off {names}"
    verb = "keeps" if other.state == State.APPROVED else "asks to keep"
    return f"{verb} {names} out of {'its' if len(shared) == 1 else 'their'} window"


def _therefore(other: Exemption, theirs: Scope, scope: Scope) -> str:
    approved = other.state == State.APPROVED
    if _covers(theirs, scope):
        return "this one would change nothing there" + ("." if approved else " once that is approved.")
    if theirs.leaves_off(scope):
        return "this one would add only the time after that."
    if scope.leaves_off(theirs):
        more = "every other patch" if scope.kind == Kind.NODE_DEFERRAL else _added(theirs, scope)
        return f"this one covers that and adds {more}."
    return f"this one would leave off {_added(theirs, scope)} as well."


def _added(theirs: Scope, scope: Scope) -> str:
    known = {one.lower() for one in theirs.patches}
    more = sorted(one for one in scope.patches if one.lower() not in known)
    return _named(more, "patch", "patches") if more else "nothing but time"


def _does(other: Exemption) -> str:
    return "allows" if other.state == State.APPROVED else "asks for"


def _named(names: Iterable[str], noun: str, many: str = "") -> str:
    names = list(names)
    if len(names) > NAMED:
        names = [
            *names[: NAMED - 1],
            counted(len(names) - NAMED + 1, f"other {noun}", many and f"other {many}"),
        ]
    return listed(names)


def _day(moment: datetime) -> str:
    return f"{moment:%-d %b %Y, %H:%M} UTC"
