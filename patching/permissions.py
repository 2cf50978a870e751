"""Who decides what, from one table; and the reverse, whose word a request waits for. Rules only, no writes."""

from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta
from typing import Any

from django.db.models import Q, QuerySet

from patching.models import ChangeRequest, Decision, Environment, Revision, Unmanaged
from patching.models.baselines import PatchBaseline
from patching.models.governed import Governed
from patching.models.groups import PatchGroup
from patching.models.holds import Freeze, Occurrence
from patching.models.windows import MaintenanceWindow
from patching.reached import instances_reached
from patching.shutting_items import ends_of, starts_of
from portal.governance import clock, roles
from portal.governance.deciding import authors_of
from portal.governance.models import Outcome, Role, RoleGrant, Team, User

LEAD = "team_lead"
SECURITY = "security_operations"
CISO = "ciso"
LEAD_OR_SECURITY = "lead_or_security"
DECIDE_NOTHING = frozenset({Role.ADMINISTRATOR, Role.AUDITOR})
SLOT_NAMES = {
    LEAD: "Team lead",
    SECURITY: "Security operations",
    CISO: "CISO",
    LEAD_OR_SECURITY: "Team lead or security operations",
}


def called(slot: str) -> str:
    """A slot inside a sentence: team lead, CISO."""
    name = SLOT_NAMES.get(slot, slot)
    return name if name.isupper() else name[:1].lower() + name[1:]


# What an item touches → whose word it needs. The floor below which no setting goes.
DECISION_TABLE = {
    ("patch-group", False): {LEAD_OR_SECURITY},
    ("window", False): {LEAD_OR_SECURITY},
    ("patch-group", True): {LEAD, SECURITY},
    ("window", True): {LEAD, SECURITY},
    ("baseline", False): {SECURITY},
    ("baseline", True): {SECURITY, CISO},
    ("freeze", False): {LEAD_OR_SECURITY},
    ("freeze", True): {LEAD, SECURITY},
    ("freeze of several applications", False): {SECURITY},
    ("freeze of several applications", True): {SECURITY, CISO},
    ("freeze longer than 30 days", False): {SECURITY},
    ("freeze longer than 30 days", True): {SECURITY, CISO},
    ("occurrence", False): {LEAD_OR_SECURITY},
    ("occurrence", True): {LEAD, SECURITY},
    ("occurrence in a freeze", False): {LEAD, SECURITY},
    ("occurrence in a freeze", True): {LEAD, SECURITY, CISO},
}
LONG_FREEZE = timedelta(days=30)
ROWS: dict[str, type[Governed]] = {
    "baseline": PatchBaseline,
    "patch-group": PatchGroup,
    "window": MaintenanceWindow,
    "freeze": Freeze,
    "occurrence": Occurrence,
}


def slots_needed(items: Iterable[Mapping[str, Any]]) -> list[str]:
    """Slots that must approve, in the order in which people look at them."""
    items = list(items)
    production = set(Environment.objects.filter(is_production=True).values_list("slug", flat=True))
    needed: set[str] = set()
    if _brings_into_production(items, production):
        needed |= DECISION_TABLE["baseline", True]
    for item in items:
        environments = environments_touched(item)
        # a baseline or freeze for no environment in particular may reach production
        everywhere = item["kind"] in ("baseline", "freeze") and not environments
        risky = bool(environments & production) or everywhere or _brings_sources(item)
        for line in _lines_of_the_table(item):
            needed |= DECISION_TABLE[line, risky]
    if needed & {LEAD, SECURITY}:
        needed.discard(LEAD_OR_SECURITY)
    return [slot for slot in SLOT_NAMES if slot in needed]


def _brings_sources(item: Mapping[str, Any]) -> bool:
    """Whether a baseline would fetch packages from repositories other than an instance's own."""
    return item["kind"] == "baseline" and bool(item["spec"].get("definition", {}).get("Sources"))


def _lines_of_the_table(item: Mapping[str, Any]) -> list[str]:
    """What of the table an item falls under: a freeze also by whom it binds and how long, now and before."""
    row = None if item["target"] is None or item["action"] == "adopt" else _row_of(item)
    specs = [spec for spec in (item["spec"], row.spec if row else None) if spec]
    if item["kind"] == "occurrence":
        return ["occurrence in a freeze" if any(one["override"] for one in specs) else "occurrence"]
    if item["kind"] != "freeze":
        return [item["kind"]]
    wide = any(not one["application"] for one in specs)
    long = any(ends_of(one) - starts_of(one) > LONG_FREEZE for one in specs)
    lines = ["freeze of several applications" if wide else "freeze"]
    return [*lines, "freeze longer than 30 days"] if long and item["action"] != "delete" else lines


def _row_of(item: Mapping[str, Any]) -> Governed | None:
    rows = ROWS[item["kind"]].objects.filter(pk=item["target"])
    return rows.select_related("environment").first()


def _brings_into_production(items: Iterable[Mapping[str, Any]], production: set[str]) -> bool:
    """Whether a production group is to be judged by a baseline that was never decided on for production."""
    named = {
        name
        for item in items
        if item["kind"] == "patch-group"
        and item["action"] != "delete"
        and item["spec"]["environment"] in production
        for name in item["spec"]["baselines"].values()
    }
    # one without an environment is shared, and was decided on as if for production
    cleared = set(
        PatchBaseline.objects.live()
        .filter(Q(environment=None) | Q(environment__slug__in=production), name__in=named)
        .values_list("name", flat=True)
    )
    return bool(named - cleared)


def environments_touched(item: Mapping[str, Any]) -> set[str]:
    """Environments an item names now or is changed away from; a baseline also those of the groups that use it."""
    found = {item["spec"].get("environment", "")}
    if item["action"] == "adopt":
        found |= _environments_reached(item["target"])
    elif item["target"] is not None:
        row = _row_of(item)
        if row is not None:
            found.add(row.environment.slug if row.environment else "")
            if isinstance(row, PatchBaseline):
                users = PatchGroup.objects.live().select_related("environment")
                found |= {
                    group.environment.slug
                    for group in users
                    if group.environment and row.name in group.spec["baselines"].values()
                }
    return found - {""}


def _environments_reached(unmanaged: Any) -> set[str]:
    """Environments of the instances that something made outside touches; where that cannot be told, all of them."""
    row = Unmanaged.objects.filter(pk=unmanaged).select_related("account_region__account").first()
    reached = instances_reached(row) if row is not None else None
    if reached is None or any(one.environment is None for one in reached):
        return set(Environment.objects.values_list("slug", flat=True))
    return {one.environment.slug for one in reached if one.environment is not None}


def candidates(slot: str, team: Team, authors: Collection[int] = ()) -> QuerySet[User]:
    """Active people who may fill a slot for a team's request, before authors themselves are ruled out.

    A delegate does not decide for a CISO who is an author; administrators and auditors decide nothing.
    """
    apart = RoleGrant.objects.filter(roles.in_force(clock.now()), role__in=DECIDE_NOTHING)
    leads = roles.leads_of(team).exclude(pk__in=apart.values("user"))
    security = roles.holders(Role.SECURITY_OPERATIONS)
    if slot == LEAD:
        return leads.distinct()
    if slot == SECURITY:
        return security.distinct()
    if slot == CISO:
        return roles.holders(Role.CISO, not_for=authors).distinct()
    return User.objects.filter(pk__in=leads.values("pk")) | User.objects.filter(pk__in=security.values("pk"))


def eligible(request: ChangeRequest, slot: str) -> QuerySet[User]:
    """People who may fill a slot of this request."""
    authors = authors_of(request)
    return candidates(slot, request.team, authors).exclude(pk__in=authors)


def open_slots(request: ChangeRequest) -> list[str]:
    """Slots of the current revision that nobody has approved yet."""
    filled = set(
        Decision.objects.filter(revision=request.current, outcome=Outcome.APPROVE).values_list(
            "slot", flat=True
        )
    )
    return [slot for slot in request.needs if slot not in filled]


def slot_for(user: User, request: ChangeRequest) -> str | None:
    """The open slot that this person would fill now, or None."""
    if request.lapses_at is not None and request.lapses_at <= clock.now():
        return None
    if not user.is_authenticated or not user.is_active or request.state != ChangeRequest.State.SUBMITTED:
        return None
    authors = authors_of(request)
    if user.pk in authors:
        return None
    if Decision.objects.filter(revision=request.current, decided_by=user).exists():
        return None
    return next(
        (
            slot
            for slot in open_slots(request)
            if candidates(slot, request.team, authors).filter(pk=user.pk).exists()
        ),
        None,
    )


def waiting_for(user: User) -> QuerySet[ChangeRequest]:
    """Submitted requests that wait for this person's word; the same few queries however many wait."""
    if not user.is_authenticated or not user.is_active:
        return ChangeRequest.objects.none()
    held = roles.roles_of(user)
    leads = set(user.memberships.filter(is_lead=True).values_list("team", flat=True))
    leads = set() if held & DECIDE_NOTHING else leads
    giver = roles.delegating_ciso(user)
    if not leads and not held & {Role.SECURITY_OPERATIONS, Role.CISO}:
        return ChangeRequest.objects.none()
    submitted = list(
        ChangeRequest.objects.visible_to(user)
        .filter(Q(lapses_at=None) | Q(lapses_at__gt=clock.now()), state=ChangeRequest.State.SUBMITTED)
        .exclude(requested_by=user)
        .exclude(revisions__author=user)
        .exclude(current__decisions__decided_by=user)
    )
    of_giver = (
        set(ChangeRequest.objects.filter(revisions__author=giver).values_list("pk", flat=True))
        if giver
        else set()
    )
    approvals = Decision.objects.filter(
        revision__in=[request.current_id for request in submitted], outcome=Outcome.APPROVE
    )
    filled = set(approvals.values_list("revision", "slot"))
    mine = [
        request.pk
        for request in submitted
        if any(
            (request.current_id, slot) not in filled
            and _holds(slot, request.team_id in leads, held - {Role.CISO} if request.pk in of_giver else held)
            for slot in request.needs
        )
    ]
    return ChangeRequest.objects.filter(pk__in=mine)


def _holds(slot: str, leads_the_team: bool, held: Collection[str]) -> bool:
    """The reverse of ``candidates``: whether a lead of the team, or a holder of these roles, may fill a slot."""
    secures = Role.SECURITY_OPERATIONS in held
    fits = {
        LEAD: leads_the_team,
        SECURITY: secures,
        CISO: Role.CISO in held,
        LEAD_OR_SECURITY: leads_the_team or secures,
    }
    return fits[slot]


def who_is_missing(request: ChangeRequest, needs: Iterable[str]) -> list[str]:
    """Slots that cannot all be filled by different people who are not authors, in words."""
    choices = {slot: set(eligible(request, slot).values_list("pk", flat=True)) for slot in needs}
    taken: dict[int, str] = {}
    return [called(slot) for slot in choices if not _seat(slot, choices, taken, set())]


def _seat(slot: str, choices: dict[str, set[int]], taken: dict[int, str], tried: set[int]) -> bool:
    for person in choices[slot] - tried:
        tried.add(person)
        if person not in taken or _seat(taken[person], choices, taken, tried):
            taken[person] = slot
            return True
    return False


def is_decided(revision: Revision) -> bool:
    """Whether every slot that this revision needed was approved, on exactly its digest, by no author of it."""
    request = revision.request
    approved = Decision.objects.filter(
        revision=revision, outcome=Outcome.APPROVE, digest=revision.digest
    ).exclude(decided_by__in=authors_of(request))
    return bool(request.needs) and set(request.needs) <= set(approved.values_list("slot", flat=True))


def may_edit(user: User, request: ChangeRequest) -> bool:
    """Members of the team that asks, as long as they have not decided on it."""
    decided = Decision.objects.filter(revision__request=request, decided_by=user).exists()
    return roles.is_member(user, request.team) and not decided


def may_withdraw(user: User, request: ChangeRequest) -> bool:
    """Who asked, and the lead of the team."""
    return user.pk == request.requested_by_id or roles.is_lead(user, request.team)


def may_retry(user: User) -> bool:
    """Operators and security operations."""
    return bool(roles.roles_of(user) & {Role.OPERATOR, Role.SECURITY_OPERATIONS})


def may_operate(user: User) -> bool:
    """Push, pull and look after accounts."""
    return roles.has_role(user, Role.OPERATOR)
