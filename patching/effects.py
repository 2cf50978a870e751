"""An approved revision becomes rows that ``desired`` reads; taking it back puts the earlier rows in their place."""

import json
from collections.abc import Mapping
from typing import Any

from django.db.models import F

from patching import desired, rules
from patching.models import (
    AccountRegion,
    Application,
    ChangeRequest,
    Environment,
    PatchBaseline,
    ResourceState,
    Revision,
    Tombstone,
)
from patching.models.governed import Governed
from patching.permissions import ROWS
from patching.specs import Key
from portal.governance import clock, nudge
from portal.governance.canonical import digest_of

Item = Mapping[str, Any]


def items_of(revision: Revision) -> list[dict[str, Any]]:
    """The items that a revision asks for."""
    return list(json.loads(revision.content)["items"])


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
    places |= set(rules.account_regions(items))
    before = {"rows": kept, "made": [_name(row) for item, row in made if item["action"] == "create"]}
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
    want_push(places, f"undoing of {request.number}")


def want_push(places: set[AccountRegion], why: str) -> None:
    """Raise the wanted generation of each place and wake a worker for it."""
    for place in sorted(places, key=lambda place: place.pk):
        AccountRegion.objects.filter(pk=place.pk).update(push_wanted=F("push_wanted") + 1, backoff_until=None)
        nudge.wake("patching.push_account_region", place.pk, why)


def allow_removal(place: AccountRegion, key: Key, source: Mapping[str, str]) -> None:
    """Leave to delete one resource of ours, on this decision."""
    Tombstone.objects.get_or_create(
        account_region=place,
        kind=key.kind,
        key=key.name,
        buried_at=None,
        defaults={"source": dict(source), "created_at": clock.now()},
    )


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
        return item, row
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
    else:
        values["account_region"] = rules.place_of(spec)
        values["availability_zone"] = spec["az"]
    if item["action"] == "change":
        model.objects.filter(pk=item["target"]).update(**values)
        return item, model.objects.get(pk=item["target"])
    return item, model.objects.create(**values, created_at=now)


def _name(row: Governed) -> tuple[str, int]:
    kind = next(kind for kind, model in ROWS.items() if isinstance(row, model))
    return kind, row.pk


def _remember(row: Governed) -> dict[str, Any]:
    kind, pk = _name(row)
    fields = ["name", "spec", "spec_digest", "revision_id", "application_id", "environment_id", "retired_at"]
    fields += (
        ["operating_system"] if isinstance(row, PatchBaseline) else ["account_region_id", "availability_zone"]
    )
    return {"kind": kind, "id": pk, "values": {field: getattr(row, field) for field in fields}}


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
    source = {"kind": "revision", "id": str(revision.pk), "digest": revision.digest}
    gone = keys_before - set(desired.now_for(place))
    for key in sorted(gone):
        if ResourceState.objects.filter(account_region=place, kind=key.kind, key=key.name).exists():
            allow_removal(place, key, source)
