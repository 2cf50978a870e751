"""What a request's items would change: live in AWS, last approved and proposed, side by side. Reads, writes nothing."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import F

from patching import alignment, contents, freeze_effects, openings, words
from patching.around import Around
from patching.items import is_new, name_of
from patching.models import ChangeRequest, Environment, ManagedInstance, Revision
from patching.models.governed import Governed
from portal.governance import clock

Item = Mapping[str, Any]
NOT_IN_AWS = "Not in AWS"
EDITED = "edited outside Patchwarden"
GONE = "removed outside Patchwarden"
_KIND_ORDER = ("baseline", "freeze", "window", "occurrence", "patch-group")  # riskiest first
_NAMED = 3  # instances named in a cell before the rest is counted


@dataclass(frozen=True)
class Row:
    """One field: what AWS holds, what was approved last, what is asked for."""

    field: str
    live: str | None
    approved: str | None
    proposed: str | None
    note: str = ""


@dataclass(frozen=True)
class ObjectChange:
    """One object of a request with its diff and what follows from it."""

    kind: str
    name: str
    action: str
    summary: str
    env: Environment | None
    production: bool
    rows: tuple[Row, ...]
    effect: str
    without_live: bool


def changes_of(request: ChangeRequest, around: Around | None = None) -> list[ObjectChange]:
    """Every object of the current revision, riskiest first."""
    if around is None:
        around = Around(contents.items_of(request.current) if request.current else [])
    reader = _Reader(request, around)
    told = [(item, reader.told(item)) for item in around.items]
    told.sort(key=lambda pair: _risk(*pair))
    return [change for _, change in told]


def moved_between(earlier: Revision, later: Revision) -> list[ObjectChange]:
    """What differs between two revisions of one request; "approved" is the earlier one."""
    before = {_identity(item): item for item in contents.items_of(earlier)}
    after = {_identity(item): item for item in contents.items_of(later)}
    environments = Around([]).environments
    told = []
    for identity in [*after, *(one for one in before if one not in after)]:
        old, new = before.get(identity), after.get(identity)
        if old == new:
            continue
        item = new or old
        assert item is not None
        rows = [row for row in _rows(*_between(old, new)) if row.approved != row.proposed]
        rows += _instance_row(old, new)
        env = environments.get(item["spec"].get("environment", ""))
        told.append(
            ObjectChange(
                kind=words.KINDS[item["kind"]],
                name=identity[1],
                action="create" if old is None else "delete" if new is None else "change",
                summary="Added since"
                if old is None
                else "Left out since"
                if new is None
                else "Changed since",
                env=env,
                production=bool(env and env.is_production),
                rows=tuple(rows),
                effect="",
                without_live=True,
            )
        )
    return told


def compared(kind: str, earlier: Mapping[str, Any], later: Mapping[str, Any]) -> list[Row]:
    """Two versions of one object field by field; "approved" is the earlier one, "proposed" the later one."""
    old, new = ({"kind": kind, "spec": spec} for spec in (earlier, later))
    return [*_rows(*_between(old, new)), *_instance_row(old, new)]


class _Reader:
    """Puts the three columns of each item together."""

    def __init__(self, request: ChangeRequest, around: Around) -> None:
        self.request = request
        self.around = around

    def told(self, item: Item) -> ObjectChange:
        """One item with its diff, its line and its effect."""
        kind, row = item["kind"], self.around.row(item)
        approved = self._approved(item, row)
        proposed = item["spec"] if item["action"] != "delete" else None
        spec = proposed or approved or {}
        env = self.around.environments.get(spec.get("environment", ""))
        live, note = self._live(kind, row)
        if kind == "baseline":
            told_live, told_approved, told_proposed = alignment.of_baselines(live or None, approved, proposed)
            rows = _rows(told_approved, told_live if live else live, told_proposed, note)
        else:
            rows = _rows(
                words.in_words(kind, approved) if approved else None,
                live,
                words.in_words(kind, proposed) if proposed else None,
                note,
            )
        rows += self._members(kind, row, approved, proposed)
        return ObjectChange(
            kind=words.KINDS[kind],
            name=_identity({**item, "spec": spec})[1],
            action=item["action"],
            summary=_summary(item, spec, rows),
            env=env,
            production=bool(env and env.is_production),
            rows=tuple(rows),
            effect=self._effect(item, row, approved, proposed),
            without_live=is_new(item),
        )

    def _approved(self, item: Item, row: Governed | None) -> dict[str, Any] | None:
        """The spec in force before this request: the row as it is, or as it was kept at the approval."""
        if row is None:
            return None
        if self.request.state in ChangeRequest.OPEN:
            return row.spec
        for kept in (self.request.before or {}).get("rows", []):
            if (kept["kind"], kept["id"]) == (item["kind"], row.pk):
                return dict(kept["values"]["spec"])
        if row.revision_id != self.request.current_id:
            return row.spec
        return _earlier_spec(item, row, self.request)

    def _live(self, kind: str, row: Governed | None) -> tuple[dict[str, Any] | None, str]:
        """What AWS holds, field by field as in ``words``, and what is to say about it; of a baseline its spec."""
        if row is None:
            return None, ""
        if kind in ("freeze", "occurrence"):
            return None, ""  # AWS knows neither; what they do there is told of their windows
        uid = str(row.uid)
        if kind == "patch-group":
            return self._live_group(row), "differs from what was approved"
        state = next((one for one in self.around.states if one.kind == kind and one.key == uid), None)
        if state is None or not state.applied:
            return {}, ""
        seen, note = self.around.drift.get((kind, uid), state.applied), EDITED
        if not seen:
            return {}, GONE
        if kind == "baseline":
            return {"name": seen["name"], "definition": json.loads(seen["definition"])}, note
        tasks_here = [one for one in self.around.states if one.kind == "task"]
        written = [self.around.drift.get((one.kind, one.key), one.applied or {}) for one in tasks_here]
        tasks = [task for task in written if task.get("window") == uid]
        spec = {**row.spec, **{name: seen[name] for name in row.spec if name in seen}}
        told = words.window_in_words({**spec, "tasks": []})
        told["Tasks"] = words.tasks_in_words({**task, "name": task["label"]} for task in tasks)
        return told, note

    def _live_group(self, row: Governed) -> dict[str, str]:
        names = {one.key: one.label for one in self.around.states if one.kind == "baseline"}
        told = {}
        for one in self.around.states:
            applied = one.applied or {}
            if one.kind == "registration" and applied.get("patch_group") == row.name:
                system = words.system_name(applied["operating_system"])
                told[f"Baseline for {system}"] = names.get(applied["baseline"], applied["baseline"])
        return {"Zone": row.spec["az"] or "All zones", **told} if told else {}

    def _members(
        self, kind: str, row: Governed | None, approved: Item | None, proposed: Item | None
    ) -> list[Row]:
        if kind not in ("window", "patch-group"):
            return []
        before = set(approved["instances"]) if approved else set()
        after = set(proposed["instances"]) if proposed else set()
        live = None
        if row is not None:
            tagged = [one for one in self.around.instances.values() if self._tag(kind, one) == row.name]
            live = words.counted(len(tagged), "instance")
        shown = words.counted(len(after), "instance") if proposed else None
        if approved and proposed:
            came, went = self._named(after - before, "+"), self._named(before - after, "\N{MINUS SIGN}")
            shown = " ".join(filter(None, [shown, came, went]))
        known = words.counted(len(before), "instance") if approved else None
        return [Row("Instances", live, known, shown, "counted by their tags")]

    def _tag(self, kind: str, instance: ManagedInstance) -> str:
        return instance.patch_group if kind == "patch-group" else instance.window_name

    def _named(self, ids: set[str], sign: str) -> str:
        if not ids:
            return ""
        names = sorted(str(self.around.instances.get(one, one)) for one in ids)
        rest = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        return f"({sign}{', '.join(names[:_NAMED])}{rest})"

    def _effect(self, item: Item, row: Governed | None, approved: Item | None, proposed: Item | None) -> str:
        if item["kind"] == "window":
            return _window_effect(row.created_at if row else None, approved, proposed)
        if item["kind"] == "patch-group":
            return _group_effect(approved, proposed)
        if told := freeze_effects.BY_KIND.get(item["kind"]):
            return told(approved, proposed)
        return self._baseline_effect(approved, proposed)

    def _baseline_effect(self, approved: Item | None, proposed: Item | None) -> str:
        name = (proposed or approved or {}).get("name", "")
        if proposed is None:
            return f"{name} is deleted in AWS. No group uses it after this."
        asked = [
            one["spec"]
            for one in self.around.items
            if one["kind"] == "patch-group"
            and one["action"] != "delete"
            and name in one["spec"]["baselines"].values()
        ]
        using = {spec["name"]: len(spec["instances"]) for spec in asked}
        if approved:
            using = {
                row.name: len(row.spec["instances"]) for row in self.around.groups_using(approved["name"])
            } | using
        if not using:
            return "No group uses it yet, so it is not written to AWS until one does."
        many = words.counted(sum(using.values()), "instance")
        return f"Judges {many} in {words.listed(sorted(using))} from the first scan after the push."


def _identity(item: Item) -> tuple[str, str]:
    return item["kind"], name_of(item) or f"{words.KINDS[item['kind']]} {item['target']}"


def _between(old: Item | None, new: Item | None) -> tuple[Any, None, Any]:
    """The words of two versions of an item; of a baseline with its rules matched."""
    both = [one["spec"] for one in (old, new) if one is not None and one["spec"]]
    if len(both) == 2 and old is not None and old["kind"] == "baseline":
        earlier, later = alignment.of_baselines(*both)
        return earlier, None, later
    return _words(old), None, _words(new)


def _words(item: Item | None) -> dict[str, str] | None:
    if item is None:
        return None
    return words.in_words(item["kind"], item["spec"]) if item["spec"] else {"Object": "Removed"}


def _instance_row(old: Item | None, new: Item | None) -> list[Row]:
    """How the instances of an item moved between two revisions, counted."""
    before = set((old or {}).get("spec", {}).get("instances", []))
    after = set((new or {}).get("spec", {}).get("instances", []))
    if before == after:
        return []
    shown = f"{words.counted(len(after), 'instance')} (+{len(after - before)} \N{MINUS SIGN}{len(before - after)})"
    return [Row("Instances", None, words.counted(len(before), "instance"), shown)]


def _rows(
    approved: dict[str, str] | None,
    live: dict[str, str] | None,
    proposed: dict[str, str] | None,
    note: str = "",
) -> list[Row]:
    fields = dict.fromkeys([*(proposed or {}), *(approved or {}), *(live or {})])
    absent = NOT_IN_AWS if live == {} else None
    return [
        Row(
            name,
            absent or (live or {}).get(name),
            (approved or {}).get(name),
            (proposed or {}).get(name),
            note if live else "",
        )
        for name in fields
    ]


def _summary(item: Item, spec: Item, rows: Sequence[Row]) -> str:
    if item["action"] != "change":
        return words.in_a_line(item["kind"], spec) if spec else "Removed"
    moved = [row.field.lower() for row in rows if row.approved != row.proposed]
    drifted = [row for row in rows if row.note == EDITED and row.live != row.approved]
    told = [
        f"{words.listed(moved[:3])} {'changes' if len(moved) == 1 else 'change'}"
        if moved
        else "nothing changes"
    ]
    if len(moved) > 3:
        told = [f"{len(moved)} fields change"]
    if drifted:
        told.append(f"{len(drifted)} {EDITED}")
    text = ", ".join(told)
    return text[:1].upper() + text[1:]


def _window_effect(since: datetime | None, approved: Item | None, proposed: Item | None) -> str:
    if proposed is None:
        count = words.counted(len((approved or {}).get("instances", [])), "instance")
        return f"{count} leave it and are patched by no window afterwards. Daily scans go on."
    at = clock.now()
    runs = openings.next_starts(proposed, start=at, count=3, since=since)
    told = [f"Next runs: {openings.in_words(runs, proposed['timezone'])}."]
    if approved:
        first = openings.next_starts(approved, start=at, count=1, since=since)
        if first == runs[:1]:
            told.append("The next start does not move.")
        elif first:
            told.append(f"Without this the next run is {openings.in_words(first, approved['timezone'])}.")
    work = proposed["duration"] - proposed["cutoff"]
    told.append(f"New work may start for {work} h; the last {proposed['cutoff']} h are for finishing.")
    return " ".join(told)


def _group_effect(approved: Item | None, proposed: Item | None) -> str:
    if proposed is None:
        count = words.counted(len((approved or {}).get("instances", [])), "instance")
        return f"{count} leave it; AWS's default baseline judges them afterwards, and the daily scan leaves them out."
    count = words.counted(len(proposed["instances"]), "instance")
    return f"{count} carry this patch group's tag, are scanned daily and judged by the baseline named here."


def _earlier_spec(item: Item, row: Governed, request: ChangeRequest) -> dict[str, Any] | None:
    """What the request before this one said of the same object, for requests that ended long ago."""
    earlier = (
        Revision.objects.filter(pk__lt=request.current_id, content__contains=row.name)
        .filter(request__state=ChangeRequest.State.APPLIED, request__current=F("pk"))
        .order_by("-pk")
    )
    for revision in earlier[:5]:
        for one in contents.items_of(revision):
            same = (one["target"] == row.pk and not is_new(one)) or (is_new(one) and name_of(one) == row.name)
            if one["kind"] == item["kind"] and same and one["spec"]:
                return dict(one["spec"])
    return None


def _risk(item: Item, change: ObjectChange) -> tuple[Any, ...]:
    return (
        not change.production,
        is_new(item),
        -(change.env.rank if change.env else 0),
        _KIND_ORDER.index(item["kind"]),
        change.name,
    )
