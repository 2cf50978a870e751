"""What people decide about changes made outside: the policy, restoring what was approved, or asking to keep them."""

import json
import uuid
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import QuerySet

from patching import effects, from_aws, permissions, run_contents, words, workflow
from patching.from_aws import CannotBeAskedForError
from patching.models import (
    AccountRegion,
    ChangeRequest,
    Drift,
    MaintenanceWindow,
    PatchBaseline,
    PatchGroup,
    ResourceState,
)
from patching.models.governed import Governed
from portal.governance import audit, outbox, roles
from portal.governance.deciding import LONGEST_REASON
from portal.governance.errors import (
    DomainError,
    FieldProblem,
    InvalidInput,
    NotAllowed,
    StaleRevision,
    WrongState,
)
from portal.governance.models import AuditEntry, Role, User

Item = dict[str, Any]
Row = dict[str, Any]
SHORTEST_REASON = 10
ASKED_FOR = "patching.drift.adoption_asked"
WISHED = "patching.drift.restore_wished"
KINDS: dict[type[Governed], str] = {
    PatchBaseline: "baseline",
    PatchGroup: "patch-group",
    MaintenanceWindow: "window",
}
INSTEAD = {
    "tag": "Which group and window an instance is in is asked for with the group or window: change its instances by "
    "a request, or restore the tag.",
    "target": "A window patches what carries its tag, and nothing else can be asked for: change the window's "
    "instances by a request, or restore the target.",
    "schedule": "It ends an exemption: end or prolong the exemption, or restore it.",
}
NO_REQUEST = "No request stands behind it, Patchwarden's own settings do; restore it."


def visible_to(user: User) -> QuerySet[Drift]:
    """All of them for those who read all; a team those of what its own requests brought about."""
    rows = Drift.objects.select_related("resource__account_region__account")
    if not user.is_authenticated or not user.is_active:
        return rows.none()
    return run_contents.narrowed(user, rows, "resource__")


def may_decide(user: User) -> bool:
    """Operators and security operations say what becomes of a change made outside."""
    return permissions.may_retry(user)


@transaction.atomic
def set_policy(place: AccountRegion, policy: str, *, reason: str, by: User) -> AccountRegion:
    """What a push does from now on about changes made outside. Raises NotAllowed, InvalidInput."""
    _raise_unless_decider(by)
    problems = _bad_reason(reason)
    if policy not in AccountRegion.DriftPolicy:
        known = ", ".join(AccountRegion.DriftPolicy.values)
        problems.append(FieldProblem("policy", "choice", f"Use one of {known}."))
    if problems:
        raise InvalidInput(problems)
    before = place.drift_policy
    audit.take_turn()
    AccountRegion.objects.filter(pk=place.pk).update(drift_policy=policy)
    detail = {"from": str(before), "to": str(policy)}
    audit.record("patching.accountregion.drift_policy", place, by=by, reason=reason.strip(), detail=detail)
    if policy != before:
        effects.want_push({place}, "operator")  # what was left alone may now be restored
    place.refresh_from_db()
    return place


@transaction.atomic
def restore(drift: Drift, *, reason: str, by: User, digest: str = "") -> Drift:
    """Let the next push overwrite exactly this change, whatever the policy. ``digest``: of what was looked at.

    Raises NotAllowed, InvalidInput, WrongState, StaleRevision.
    """
    _raise_unless_decider(by)
    if problems := _bad_reason(reason):
        raise InvalidInput(problems)
    drift = _open(drift, digest)
    resource = drift.resource
    ResourceState.objects.filter(pk=resource.pk).update(restore_digest=drift.live_digest)
    audit.record(
        "patching.drift.restore_asked",
        drift,
        by=by,
        reason=reason.strip(),
        detail={"resource": str(resource), "digest": drift.live_digest},
    )
    effects.want_push({resource.account_region}, "operator", by_hand=True)
    return drift


@transaction.atomic
def ask_to_restore(drift: Drift, *, reason: str, by: User, digest: str = "") -> Drift:
    """Tell those who decide that the team that owns it wants back what was approved. ``digest`` as in ``restore``.

    Raises NotAllowed, InvalidInput, WrongState, StaleRevision, and DomainError with what to do instead.
    """
    if problems := _bad_reason(reason):
        raise InvalidInput(problems)
    drift = _open(drift, digest)
    resource = drift.resource
    try:
        row = _row_of(resource)
    except CannotBeAskedForError as problem:
        raise DomainError(str(problem)) from problem
    team = row.application.team if row.application else None
    if team is None or not roles.is_member(by, team):
        raise NotAllowed("The team that owns it asks that it is restored.")
    if drift.is_being_restored:
        raise WrongState(f"The next push restores {resource.label} already.")
    if wish := wished([drift]).get(drift.pk):
        raise WrongState(
            f"{wish.actor} has asked for that already; operators and security operations decide."
        )
    why = reason.strip()
    audit.record(WISHED, drift, by=by, team=team, reason=why, detail={"digest": drift.live_digest})
    outbox.tell_all(
        (roles.holders(Role.OPERATOR) | roles.holders(Role.SECURITY_OPERATIONS)).distinct(),
        event="drift.restore_wished",
        key=f"{drift.pk}/{drift.live_digest[:12]}",
        subject=f"{by} asks to restore {resource.label} in {resource.account_region}",
        body=f"{why} Restore what was approved, or leave it as it is.",
        url=f"/aws-accounts/{resource.account_region_id}/?tab=drift",
    )
    return drift


def wished(drifts: Collection[Drift]) -> dict[int, AuditEntry]:
    """Who asked that each of these drifts is restored as it is now, and why, by the drift's id."""
    now = {(str(one.pk), one.live_digest): one.pk for one in drifts}
    entries = audit.timeline(*drifts).filter(action=WISHED).select_related("actor")
    found = {now.get((entry.object_id, entry.detail["digest"])): entry for entry in entries}
    return {pk: entry for pk, entry in found.items() if pk is not None}


@transaction.atomic
def adopt(drift: Drift, *, by: User) -> ChangeRequest:
    """Draft a request for what is live now; it is decided on like any other. Whose it is, the draft itself checks.

    Raises WrongState, DomainError with what to do instead, and what ``workflow.draft`` raises.
    """
    drift = _open(drift, "")
    place, label = drift.resource.account_region, drift.resource.label
    try:
        item = _as_asked(drift, _row_of(drift.resource))
    except CannotBeAskedForError as problem:
        raise DomainError(str(problem)) from problem
    gone = item["action"] == "delete"
    request = workflow.draft(
        by=by,
        title=f"{'Let go of' if gone else 'Keep'} what was changed outside: {label}"[:120],
        reason=_why(drift, place),
        items=[item],
    )
    audit.record(ASKED_FOR, drift, by=by, team=request.team, detail={"request": request.pk})
    return request


def asked_for(drifts: Iterable[Drift]) -> dict[int, ChangeRequest]:
    """The latest request that would adopt each drift, by the drift's id."""
    found = {
        int(entry.object_id): entry.detail["request"]
        for entry in audit.timeline(*drifts).filter(action=ASKED_FOR)
    }
    requests = ChangeRequest.objects.in_bulk(found.values())
    return {drift: requests[pk] for drift, pk in found.items() if pk in requests}


class Asking(NamedTuple):
    """Whether this person could ask to keep a change, and why no request could say it; "" where one can."""

    may: bool
    why_not: str


def asking(user: User, drifts: Iterable[Drift]) -> dict[int, Asking]:
    """For each drift by its id: members of the team that owns it ask, security operations where it is shared."""
    teams = set(roles.teams_of(user).values_list("pk", flat=True))
    shared = bool(teams) and roles.has_role(user, Role.SECURITY_OPERATIONS)
    found = {}
    for drift in drifts:
        try:
            row = _row_of(drift.resource)
            may = row.application.team_id in teams if row.application else shared
            _as_asked(drift, row)
            found[drift.pk] = Asking(may, "")
        except CannotBeAskedForError as problem:
            found[drift.pk] = Asking(False, str(problem))
    return found


# From what is live to an item


def _as_asked(drift: Drift, row: Governed) -> Item:
    return _ITEMS[drift.resource.kind](drift, row)


def _row_of(resource: ResourceState) -> Governed:
    """The governed row that a resource was made from and that a request could change."""
    key = resource.key
    if resource.kind in INSTEAD:
        raise CannotBeAskedForError(INSTEAD[resource.kind])
    rows: Any
    if resource.kind == "baseline":
        rows = PatchBaseline.objects.live().filter(uid=_uid(key))
    elif resource.kind == "registration":
        rows = PatchGroup.objects.live().filter(
            account_region=resource.account_region, name=key.rpartition(":")[0]
        )
    else:
        rows = MaintenanceWindow.objects.live().filter(uid=_uid(key.partition(":")[0]))
    row: Governed | None = rows.select_related("application__team").first()
    if row is None:
        raise CannotBeAskedForError(NO_REQUEST)
    return row


def _window(drift: Drift, row: Governed) -> Item:
    if drift.live is None:
        return _removal(row)
    if {one["field"] for one in drift.changes} <= {"enabled"}:
        raise CannotBeAskedForError(
            "It was switched off, which no request can ask for: restore it, or ask to remove the window."
        )
    return _changed(row, **from_aws.window_fields(drift.live))


def _task(drift: Drift, row: Governed) -> Item:
    name = drift.resource.key.partition(":")[2]
    tasks = [one for one in row.spec["tasks"] if one["name"] != name]
    if drift.live is None:
        if _is_gone(drift.resource.account_region, "window", str(row.uid)):
            raise CannotBeAskedForError("Its window is gone as well; say what becomes of the window.")
        return _changed(row, tasks=tasks)
    if {one["field"] for one in drift.changes} & {"label", "targets", "window"}:
        raise CannotBeAskedForError(
            "Its description and its targets are how Patchwarden knows it; restore it, or ask for another task."
        )
    place = [one["name"] for one in row.spec["tasks"]].index(name)
    known = row.spec["tasks"][place]
    live = from_aws.task(drift.live, name)
    if live["kind"] in ("pre", "post") and known["kind"] in ("pre", "post"):
        live["kind"] = known["kind"]
    return _changed(row, tasks=[*tasks[:place], live, *tasks[place:]])


def _baseline(drift: Drift, row: Governed) -> Item:
    if drift.live is None:
        return _removal(row)
    return _changed(row, name=drift.live["name"], definition=from_aws.definition(drift.live))


def _registration(drift: Drift, row: Governed) -> Item:
    system = drift.resource.key.rpartition(":")[2]
    if drift.live is None:
        raise CannotBeAskedForError(
            f"Without a baseline the group would fall to AWS's own for {system}: restore it, or ask for another."
        )
    baseline = PatchBaseline.objects.live().filter(uid=_uid(drift.live["baseline"])).first()
    if baseline is None:
        raise CannotBeAskedForError(
            f"{drift.live['baseline']} is no baseline of Patchwarden's; bring it under management first, or restore."
        )
    return _changed(row, baselines={**row.spec["baselines"], system: baseline.name})


_ITEMS = {"window": _window, "task": _task, "baseline": _baseline, "registration": _registration}


def _changed(row: Governed, **fields: Any) -> Item:
    return {
        "action": "change",
        "kind": KINDS[type(row)],
        "target": row.pk,
        "spec": {**row.spec, **fields},
    }


def _removal(row: Governed) -> Item:
    return {"action": "delete", "kind": KINDS[type(row)], "target": row.pk, "spec": {}}


def _is_gone(place: AccountRegion, kind: str, key: str) -> bool:
    there = Drift.objects.filter(resource__account_region=place, resource__kind=kind, resource__key=key)
    return there.filter(state=Drift.Outcome.OPEN, live__isnull=True).exists()


def _uid(name: str) -> uuid.UUID | None:
    """A key's name where it is a uid; AWS's own ids are none."""
    try:
        return uuid.UUID(name)
    except ValueError:
        return None


def _why(drift: Drift, place: AccountRegion) -> str:
    told = "; ".join(f"{row['field']}: {row['live']} instead of {row['approved']}" for row in rows_of(drift))
    what = told if drift.live is not None else "It was removed from AWS."
    text = (
        f"Drift {drift.pk}: somebody changed {drift.resource.label} in {place} outside Patchwarden, found on "
        f"{drift.found_at:%d %b %Y %H:%M} UTC, and it should stay so. {what}"
    )
    return text[:LONGEST_REASON]


# Field by field, for people


def rows_of(drift: Drift, labels: Mapping[str, str] | None = None) -> list[Row]:
    """The change as the diff component takes it; ``labels`` are the names behind keys of other resources."""
    found: list[Row] = []
    for change in drift.changes:
        if change["field"] == "definition":
            found += _rules(change)
        else:
            found.append(
                _row(
                    change["field"].replace("_", " ").capitalize(),
                    _named(change["live"], labels or {}),
                    _named(change["desired"], labels or {}),
                )
            )
    return found


def _row(field: str, live: str, approved: str) -> Row:
    return {"field": field, "live": live, "approved": approved, "proposed": approved}


def _rules(change: Mapping[str, str]) -> list[Row]:
    """What differs in a baseline, in words; the definition itself where words do not tell it."""
    live, approved = (
        words.baseline_in_words({"definition": json.loads(change[side])}) for side in ("live", "desired")
    )
    found = [
        _row(field, live.get(field, "None"), approved.get(field, "None"))
        for field in dict.fromkeys([*approved, *live])
        if live.get(field) != approved.get(field)
    ]
    return found or [_row("Definition", change["live"], change["desired"])]


def _named(text: str, labels: Mapping[str, str]) -> str:
    return ", ".join(labels.get(part, part) for part in text.split(", ")) if labels else text


def _open(drift: Drift, digest: str) -> Drift:
    """The drift as it is now, locked."""
    audit.take_turn()  # before the row, as a push does
    fresh = (
        Drift.objects.select_for_update(of=("self",))
        .select_related("resource__account_region__account")
        .get(pk=drift.pk)
    )
    if fresh.state != Drift.Outcome.OPEN:
        raise WrongState(f"{fresh} is closed: {fresh.get_state_display().lower()}.")
    if digest and digest != fresh.live_digest:
        raise StaleRevision(
            f"{fresh.resource.label} was changed again since you opened the page; look again."
        )
    if not fresh.resource.account_region.is_active:
        raise WrongState(f"{fresh.resource.account_region} is switched off; switch it on first.")
    return fresh


def _bad_reason(reason: str) -> list[FieldProblem]:
    if SHORTEST_REASON <= len(reason.strip()) <= LONGEST_REASON:
        return []
    message = f"Say why in {SHORTEST_REASON} to {LONGEST_REASON} characters."
    return [FieldProblem("reason", "length", message)]


def _raise_unless_decider(by: User) -> None:
    if not may_decide(by):
        raise NotAllowed("Operators and security operations decide about changes made outside.")
