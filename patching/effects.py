"""An approved revision becomes rows that ``desired`` reads; taking it back puts the earlier rows in their place."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from patching import adopting, desired, freezing, rules, shutting_rules, turns
from patching.contents import items_of
from patching.items import is_new
from patching.models import (
    AccountRegion,
    Adoption,
    Application,
    ChangeRequest,
    Environment,
    Freeze,
    Occurrence,
    PatchBaseline,
    ResourceState,
    Revision,
    Tombstone,
    Waiver,
)
from patching.models.governed import Governed
from patching.permissions import ROWS
from patching.shutting_items import ends_of, in_utc, occurrence_name, starts_of
from patching.specs import Key
from portal.governance import clock, nudge
from portal.governance.canonical import digest_of
from portal.governance.errors import WrongState

Item = Mapping[str, Any]
_OWN_FIELDS = {
    "baseline": ["operating_system"],
    "patch-group": ["account_region_id", "availability_zone"],
    "window": ["account_region_id", "availability_zone"],
    "freeze": ["account_region_id", "starts_at", "ends_at"],
    "occurrence": ["account_region_id", "window_id", "run_at", "moved_to"],
}
# kinds of resources that exist for a waiver alone; the tags it changes go back to what they were
MADE_FOR_WAIVERS = ("schedule", "registration", "baseline")


def take(request: ChangeRequest) -> None:
    """Write the rows of the current revision, allow what leaves AWS to leave, and want a push.

    Call it inside the transaction of the approval.
    """
    revision = request.current
    assert revision is not None
    items = items_of(revision)
    places = set(rules.account_regions(items))
    kept = [_remember(row) for row in rules.targets(items)]
    keys_before = {place: set(desired.now_for(place)) for place in places}
    made = [_apply(item, revision) for item in sorted(items, key=_position)]
    places |= freezing.follow(row for _, row in made) | freezing.follow_all()
    places |= set(rules.account_regions(items))
    before = {"rows": kept, "made": [_name(row) for item, row in made if is_new(item)]}
    ChangeRequest.objects.filter(pk=request.pk).update(before=before)
    for place in places:
        _bury(place, keys_before.get(place, set()), revision)
    want_push(places, f"approval of {request.number}")


def undo(request: ChangeRequest) -> None:
    """Put back the rows as they were before the approval. Only before its first push has begun."""
    before, revision = request.before or {"rows": [], "made": []}, request.current
    assert revision is not None
    items = items_of(revision)
    places = set(rules.account_regions(items))
    now = clock.now()
    # a row that a later approval has changed is that approval's
    for kind, pk in before["made"]:
        ROWS[kind].objects.filter(pk=pk, revision=revision).update(retired_at=now, changed_at=now)
    for kept in before["rows"]:
        rows = ROWS[kept["kind"]].objects.filter(pk=kept["id"], revision=revision)
        rows.update(**kept["values"], changed_at=now)
    Tombstone.objects.filter(source__id=str(revision.pk), source__kind="revision", buried_at=None).update(
        buried_at=now
    )
    adopting.take_back(revision)
    places |= freezing.follow(_rows_of(before)) | freezing.follow_all()
    want_push(places, f"undoing of {request.number}")


def _rows_of(before: Mapping[str, Any]) -> list[Governed]:
    """The rows that an approval made or changed, as they are now."""
    names = [*before["made"], *((kept["kind"], kept["id"]) for kept in before["rows"])]
    return [ROWS[kind].objects.get(pk=pk) for kind, pk in names]


def want_push(places: set[AccountRegion], why: str, *, by_hand: bool = False) -> None:
    """Raise the wanted generation of each place and wake a worker for it."""
    for place in sorted(places, key=lambda place: place.pk):
        turns.want(place, by_hand=by_hand)
        nudge.wake("patching.push_account_region", place.pk, why)


def allow_removal(place: AccountRegion, key: Key, source: Mapping[str, str]) -> None:
    """Leave to delete one resource of ours, on this decision."""
    Tombstone.objects.update_or_create(  # the newest decision gives the leave
        account_region=place,
        kind=key.kind,
        key=key.name,
        buried_at=None,
        defaults={"source": dict(source), "created_at": clock.now()},
    )


def let_go_of_waived(place: AccountRegion) -> None:
    """What was made for waivers, and nobody wants any more, may leave AWS. Safe to repeat.

    That is what was made for waivers that have ended, and schedules for moments at which nothing changes any more while
    the last way back still stands: an exemption that comes or is narrowed beside others moves the steps between theirs.
    """
    states = ResourceState.objects.filter(account_region=place, kind__in=MADE_FOR_WAIVERS)
    behind = {
        Key(state.kind, state.key): sources
        for state in states.exclude(condition=ResourceState.Condition.REMOVED).order_by("pk")
        if (sources := _waivers_behind(state))
    }
    if not behind:
        return
    named = {source["id"] for sources in behind.values() for source in sources}
    held = Waiver.objects.in_force(clock.now()).filter(pk__in=named)
    in_force = {str(pk) for pk in held.values_list("pk", flat=True)}
    wanted = desired.now_for(place)
    for key, sources in behind.items():
        if key in wanted:
            continue
        ended = [source for source in sources if source["id"] not in in_force]
        if ended or desired.is_step_of(wanted, key):
            allow_removal(place, key, (ended or sources)[0])


def let_go_of_held(place: AccountRegion) -> None:
    """What was made for holds and moved openings, and nobody wants any more, may leave AWS. Safe to repeat."""
    states = ResourceState.objects.filter(account_region=place)
    states = states.exclude(condition=ResourceState.Condition.REMOVED)
    made = {}
    for state in states.filter(kind="schedule"):
        if of_holds := [source for source in state.sources if source["kind"] == "hold"]:
            made[Key(state.kind, state.key)] = of_holds[0]
    extra = {
        str(one.uid): one.revision
        for one in place.occurrences.exclude(moved_to=None).select_related("revision")
    }
    for state in states.filter(kind__in=("window", "target", "task")) if extra else ():
        revision = extra.get(state.key.partition(":")[0])
        if revision is not None:
            made[Key(state.kind, state.key)] = _as_source(revision)
    if not made:
        return
    wanted = desired.now_for(place)
    decided = set(Tombstone.objects.filter(account_region=place, buried_at=None).values_list("kind", "key"))
    for key, source in made.items():
        if key not in wanted and tuple(key) not in decided:
            allow_removal(place, key, source)


def _as_source(revision: Revision) -> dict[str, str]:
    return {"kind": "revision", "id": str(revision.pk), "digest": revision.digest}


def _waivers_behind(state: ResourceState) -> list[dict[str, str]]:
    """The waivers that it was made for, as a tombstone names its source."""
    return [
        {name: source[name] for name in ("kind", "id", "digest")}
        for source in state.sources
        if source["kind"] == "waiver"
    ]


def _position(item: Item) -> int:
    # deletes last and in reverse, so that nothing is taken from under its user
    order = list(ROWS)
    return (
        order.index(item["kind"])
        if item["action"] != "delete"
        else len(order) * 2 - order.index(item["kind"])
    )


def _apply(item: Item, revision: Revision) -> tuple[Item, Governed]:
    model, now, spec = ROWS[item["kind"]], clock.now(), item["spec"]
    if item["action"] == "delete":
        row = model.objects.get(pk=item["target"])
        model.objects.filter(pk=row.pk).update(retired_at=now, changed_at=now, revision=revision)
        Adoption.objects.filter(key=str(row.uid), done_at=None).delete()  # it was never marked
        return item, model.objects.get(pk=row.pk)
    if item["kind"] == "occurrence":
        return item, _apply_occurrence(item, revision)
    values: dict[str, Any] = {
        "name": spec["name"],
        "spec": spec,
        "spec_digest": digest_of(spec),
        "revision": revision,
        "application": Application.objects.filter(slug=spec["application"]).first(),
        "environment": Environment.objects.filter(slug=spec["environment"]).first(),
        "changed_at": now,
    }
    if model is PatchBaseline:
        values["operating_system"] = spec["definition"].get("OperatingSystem", "WINDOWS")
    elif model is Freeze:
        values["account_region"] = rules.place_of(spec) if spec["account"] else None
        values |= {"starts_at": starts_of(spec), "ends_at": ends_of(spec)}
    else:
        values["account_region"] = rules.place_of(spec)
        values["availability_zone"] = spec["az"]
    if item["action"] == "change":
        model.objects.filter(pk=item["target"]).update(**values)
        return item, model.objects.get(pk=item["target"])
    theirs = adopting.there(item["target"]) if item["action"] == "adopt" else None
    if item["action"] == "adopt" and theirs is None:
        raise WrongState(f"What was to become {spec['name']} is no longer in AWS; there is nothing to adopt.")
    row = model.objects.create(**values, created_at=now)
    if theirs is not None:
        adopting.promise(row, theirs, revision)
    return item, row


def _apply_occurrence(item: Item, revision: Revision) -> Occurrence:
    now, spec = clock.now(), item["spec"]
    window = shutting_rules.window_of(spec)
    if window is None:
        raise WrongState(f"The window {spec['window']} is no longer there.")
    run_at = in_utc(spec["run_at"])
    values: dict[str, Any] = {
        "name": occurrence_name(spec),
        "spec": spec,
        "spec_digest": digest_of(spec),
        "revision": revision,
        "application": window.application,
        "environment": window.environment,
        "window": window,
        "account_region": window.account_region,
        "run_at": run_at,
        "moved_to": in_utc(spec["moved_to"]) if spec["moved_to"] else None,
        "changed_at": now,
    }
    if item["action"] == "change":
        Occurrence.objects.filter(pk=item["target"]).update(**values)
        return Occurrence.objects.get(pk=item["target"])
    return Occurrence.objects.create(**values, created_at=now)


def _name(row: Governed) -> tuple[str, int]:
    kind = next(kind for kind, model in ROWS.items() if isinstance(row, model))
    return kind, row.pk


def _remember(row: Governed) -> dict[str, Any]:
    kind, pk = _name(row)
    fields = ["name", "spec", "spec_digest", "revision_id", "application_id", "environment_id", "retired_at"]
    fields += _OWN_FIELDS[kind]
    values = {field: getattr(row, field) for field in fields}
    plain = {name: one.isoformat() if isinstance(one, datetime) else one for name, one in values.items()}
    return {"kind": kind, "id": pk, "values": plain}


def inherit(request: ChangeRequest, replaced: ChangeRequest) -> None:
    """Taking back the later word also takes back the earlier one, which was never pushed."""
    mine = ChangeRequest.objects.get(pk=request.pk).before or {"rows": [], "made": []}
    theirs = replaced.before or {"rows": [], "made": []}
    older = {(kept["kind"], kept["id"]): kept for kept in theirs["rows"]}
    made = {(kind, pk) for kind, pk in theirs["made"]}
    rows = [older.get((kept["kind"], kept["id"]), kept) for kept in mine["rows"]]
    rows = [kept for kept in rows if (kept["kind"], kept["id"]) not in made]
    before = {"rows": rows, "made": [*mine["made"], *theirs["made"]]}
    ChangeRequest.objects.filter(pk=request.pk).update(before=before)
    _hand_over(replaced.current, request.current)


def _hand_over(earlier: Revision | None, later: Revision | None) -> None:
    """What the earlier word allowed to leave AWS, or to be marked, the later one has not taken back."""
    if earlier is None or later is None:
        return
    source = _as_source(later)
    stones = Tombstone.objects.filter(source__id=str(earlier.pk), source__kind="revision", buried_at=None)
    stones.update(source=source)
    Adoption.objects.filter(revision=earlier, done_at=None).update(revision=later)


def later_words(request: ChangeRequest) -> list[ChangeRequest]:
    """Approved requests that have changed rows of this one since, so that it cannot be taken back alone."""
    before = request.before or {"rows": [], "made": []}
    names = [(kept["kind"], kept["id"]) for kept in before["rows"]] + [
        (kind, pk) for kind, pk in before["made"]
    ]
    found = set()
    for kind, pk in names:
        row = ROWS[kind].objects.filter(pk=pk).select_related("revision__request").first()
        if row is not None and row.revision_id != request.current_id:
            found.add(row.revision.request)
    return sorted(found, key=lambda one: one.pk)


def replaced_by(request: ChangeRequest) -> list[ChangeRequest]:
    """Approved requests, not pushed yet, that were about no other rows than this one: its word replaces theirs."""
    mine = _touched(ChangeRequest.objects.get(pk=request.pk))
    waiting = ChangeRequest.objects.filter(state=ChangeRequest.State.APPROVED).exclude(pk=request.pk)
    return [other for other in waiting if _touched(other) and _touched(other) <= mine]


def _touched(request: ChangeRequest) -> set[tuple[str, int]]:
    before = request.before or {"rows": [], "made": []}
    return {(kept["kind"], kept["id"]) for kept in before["rows"]} | {
        (kind, pk) for kind, pk in before["made"]
    }


def _bury(place: AccountRegion, keys_before: set[Key], revision: Revision) -> None:
    """What this revision takes out of the desired world may leave AWS."""
    source = _as_source(revision)
    gone = keys_before - set(desired.now_for(place))
    # what is not known in AWS yet, a push may be making just now
    if place.push_runs.exists() or place.resources.exists():
        for key in sorted(gone):
            allow_removal(place, key, source)
