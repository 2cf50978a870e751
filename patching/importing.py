"""From a file's parts to the items of one request: what is new, what differs, what is as it is, what cannot be taken.

Reads rows, writes nothing; the request itself is made by ``workflow.draft``.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from patching import documents, from_aws, system_facts
from patching.exchange.parts import (
    BaselinePart,
    Belonging,
    Note,
    Refusal,
    Setup,
    TargetPart,
    TaskPart,
    WindowPart,
)
from patching.exchange.shapes import PATCH_GROUP_TAGS
from patching.items import FIELDS, INSTANCE_ID, KINDS, check_item, with_defaults
from patching.models import AccountRegion, Application, Environment, ManagedInstance
from patching.models.governed import Governed
from patching.permissions import ROWS
from patching.specs import canonical_definition, shown
from portal.governance.models import User

Item = dict[str, Any]
CREATE, CHANGE, SAME = "create", "change", "same"
FROM_KIND = {"SnapshotId"}  # a parameter that follows from the run itself


@dataclass(frozen=True)
class Into:
    """Where what a file describes is to belong, and who asks."""

    application: Application
    environment: Environment
    place: AccountRegion
    by: User

    @cached_property
    def members(self) -> list[ManagedInstance]:
        """Instances of the application and environment there that can be patched."""
        return list(
            ManagedInstance.objects.present().filter(
                application=self.application,
                environment=self.environment,
                account_region=self.place,
                auto_scaling_group="",
            )
        )


@dataclass(frozen=True)
class Difference:
    """One field of what is there that the file says otherwise, as text for people."""

    field: str
    now: str
    then: str


@dataclass(frozen=True)
class Line:
    """One object of the file: what asking for it would do."""

    kind: str
    name: str
    where: str
    action: str  # create, change or same
    item: Item
    differences: tuple[Difference, ...] = ()


@dataclass
class Import:
    """What came of a file."""

    lines: list[Line] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    @property
    def items(self) -> list[Item]:
        """The items of the request that would bring it here; nothing for what is as the file has it."""
        return [line.item for line in self.lines if line.action != SAME]


def prepare(setup: Setup, into: Into) -> Import:
    """What asking for everything in a file would do here."""
    found = Import(refused=list(setup.refused), notes=list(setup.notes))
    wanted = [
        *_baselines(setup, into),
        *_groups(setup, into),
        *_windows(setup, into, found),
        *((kind, where, _own(kind, spec, into)) for kind, where, spec in setup.specs),
    ]
    seen: dict[tuple[str, str], str] = {}
    for kind, where, spec in sorted(wanted, key=lambda one: KINDS.index(one[0])):
        name = str(spec.get("name", ""))
        key = kind, name.casefold()
        if key in seen:
            why = f"The file has another {kind} called {name}, in {seen[key]}; give it its own name."
            found.refused.append(Refusal(where, why))
            continue
        seen[key] = where
        _add(found, kind, where, spec, into)
    return found


def _add(found: Import, kind: str, where: str, spec: dict[str, Any], into: Into) -> None:
    item: Item = {"action": CREATE, "kind": kind, "target": None, "spec": spec}
    problems = check_item(item, "item", system_facts.allowed())
    if problems:
        told = [f"{one.field.removeprefix('item.spec.')}: {one.message}" for one in problems]
        more = f" And {len(told) - 3} more." if len(told) > 3 else ""
        found.refused.append(Refusal(where, " ".join(told[:3]) + more))
        return
    item = with_defaults(item)
    row = _row(kind, spec, into)
    if row is None:
        found.lines.append(Line(kind, spec["name"], where, CREATE, item))
        return
    item.update(action=CHANGE, target=row.pk)
    differences = tuple(_differences(kind, row, item["spec"]))
    action = CHANGE if differences else SAME
    found.lines.append(Line(kind, spec["name"], where, action, item, differences))


def _row(kind: str, spec: Mapping[str, Any], into: Into) -> Governed | None:
    rows = ROWS[kind].objects.visible_to(into.by).filter(retired_at=None, name=spec.get("name"))
    if kind != "baseline":
        rows = rows.filter(account_region=into.place)
    return rows.first()


def _differences(kind: str, row: Governed, spec: Mapping[str, Any]) -> Iterator[Difference]:
    for name in (one.name for one in FIELDS[kind]):
        now, then = row.spec.get(name), spec.get(name)
        if name == "definition":
            now, then = canonical_definition(now or {}), canonical_definition(then or {})
        if now != then:
            yield Difference(name, _short(now), _short(then))


def _short(value: Any) -> str:
    text = (
        shown(frozenset(value))
        if isinstance(value, list) and all(isinstance(one, str) for one in value)
        else str(value)
    )
    return text if len(text) <= 300 else f"{text[:300]} …"


def _own(kind: str, spec: Mapping[str, Any], into: Into) -> dict[str, Any]:
    """A spec of our own format; where it does not say whose or where, as was chosen."""
    told = {**_belongs(Belonging(), into), **spec}
    if kind == "baseline":
        return {name: value for name, value in told.items() if name not in ("account", "region")}
    return {**told, "account": into.place.account.account_id, "region": into.place.region}


def _belongs(known: Belonging, into: Into) -> dict[str, str]:
    return {
        "application": known.application or into.application.slug,
        "environment": known.environment or into.environment.slug,
    }


def _placed(known: Belonging, into: Into) -> dict[str, str]:
    account = into.place.account.account_id
    return {**_belongs(known, into), "az": known.az, "account": account, "region": into.place.region}


def _baselines(setup: Setup, into: Into) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for part in setup.baselines:
        known = setup.belongings.get(("baseline", part.name))
        # one that says that it is shared stays shared
        whose = (
            {"application": known.application, "environment": known.environment}
            if known is not None
            else _belongs(Belonging(), into)
        )
        yield "baseline", part.where, {"name": part.name, **whose, "definition": _definition(part)}


def _definition(part: BaselinePart) -> dict[str, Any]:
    return {name: value for name, value in part.request.items() if name != "Name"}


def _groups(setup: Setup, into: Into) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for part in setup.groups:
        row = _row("patch-group", {"name": part.name}, into)
        # a file speaks of its own baselines only; those of other operating systems stay
        baselines = {**(row.spec["baselines"] if row else {}), **part.baselines}
        known = setup.belonging("patch-group", part.name)
        instances = known.instances
        if instances is None and row is not None:
            instances = tuple(row.spec["instances"])
        if instances is None:
            tagged = (({"Key": f"tag:{key}", "Values": [part.name]},) for key in PATCH_GROUP_TAGS)
            instances = tuple(sorted({one for entries in tagged for one in _matching(entries, into)}))
        spec = {
            "name": part.name,
            **_placed(known, into),
            "baselines": baselines,
            "instances": list(instances),
        }
        yield "patch-group", f"{part.where} {part.name}".strip(), _as_is(spec, row, known)


def _as_is(spec: dict[str, Any], row: Governed | None, known: Belonging) -> dict[str, Any]:
    """Where the file does not say whose something is, what is there stays somebody's."""
    if row is None:
        return spec
    kept = {
        "application": known.application or row.spec["application"],
        "environment": known.environment or row.spec["environment"],
        "az": known.az or row.spec["az"],
    }
    return {**spec, **kept}


def _windows(setup: Setup, into: Into, found: Import) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for part in setup.windows:
        row = _row("window", {"name": part.name}, into)
        known = setup.belonging("window", part.name)
        where_it_patches = _targets_of_patching(part)
        tasks = _tasks_there(part, where_it_patches, found)
        asked = from_aws.window_as_found(
            {"listed": {**part.request, "Enabled": True}, "tasks": tasks}, known.tasks
        )
        found.notes += [Note(part.where, left) for left in asked.left_out]
        instances = known.instances
        if instances is None and row is not None and _names_our_tag(part, into):
            instances = tuple(row.spec["instances"])
        if instances is None:
            targets = [one for one in part.targets if not where_it_patches or one.where in where_it_patches]
            instances = _instances(part, targets, into, found)
        spec = {**asked.spec, **_placed(known, into), "instances": list(instances)}
        yield "window", part.where, _as_is(spec, row, known)


def _targets_of_patching(part: WindowPart) -> frozenset[str]:
    """Targets of the tasks that patch; empty where they name none, which means all."""
    known = ((one, documents.document_of(str(one.request.get("TaskArn")))) for one in part.tasks)
    patching = [one for one, document in known if document is not None and document.patches]
    return frozenset(target for one in patching for target in one.targets)


def _tasks_there(part: WindowPart, targets: frozenset[str], found: Import) -> list[dict[str, Any]]:
    """Tasks on the instances that are patched, in the shape of AWS's replies."""
    tasks = []
    for one in part.tasks:
        if targets and one.targets and frozenset(one.targets) != targets:
            names = ", ".join(one.targets)
            note = (
                f"Left out: it runs on {names}, not on what is patched; ask for a window of its own for it."
            )
            found.notes.append(Note(one.where, note))
            continue
        tasks.append(_task(one, found))
    return tasks


def _task(one: TaskPart, found: Import) -> dict[str, Any]:
    reply = {"WindowId": "", "MaxConcurrency": "1", "MaxErrors": "1", **one.request}
    for invocation in (reply.get("TaskInvocationParameters") or {}).values():
        parameters = invocation.get("Parameters") or {}
        if left := sorted(FROM_KIND & set(parameters)):
            found.notes.append(Note(one.where, f"{', '.join(left)}: left out, as it follows from each run."))
        invocation["Parameters"] = {
            name: value for name, value in parameters.items() if name not in FROM_KIND
        }
    lacking = [name for name in ("MaxConcurrency", "MaxErrors") if name not in one.request]
    if lacking:
        found.notes.append(
            Note(one.where, f"{', '.join(lacking)}: not said; one instance at a time, as AWS does.")
        )
    return reply


def _names_our_tag(part: WindowPart, into: Into) -> bool:
    """Whether it targets the tag that its own instances carry here."""
    ours = {"Key": f"tag:{into.place.account.window_tag}", "Values": [part.name]}
    return any(dict(entry) == ours for target in part.targets for entry in target.entries)


def _instances(part: WindowPart, targets: Sequence[TargetPart], into: Into, found: Import) -> tuple[str, ...]:
    matched = sorted({one for target in targets for one in _matching(target.entries, into)})
    if not matched:
        what = " or ".join(_in_words(target.entries) for target in targets) or "anything"
        note = f"No instance of {into.application}, {into.environment} in {into.place} matches {what}."
        found.notes.append(Note(part.where, note))
    return tuple(matched)


def _in_words(entries: Iterable[Mapping[str, Any]]) -> str:
    return " and ".join(f"{one['Key']}={','.join(map(str, one.get('Values') or []))}" for one in entries)


def _matching(entries: Iterable[Mapping[str, Any]], into: Into) -> list[str]:
    """Instances of the chosen application and environment that all entries of a target match."""
    entries = list(entries)
    return [
        row.instance_id for row in into.members if entries and all(_matches(row, entry) for entry in entries)
    ]


def _matches(row: ManagedInstance, entry: Mapping[str, Any]) -> bool:
    key, values = str(entry["Key"]), [str(one) for one in entry.get("Values") or []]
    if key == "InstanceIds":
        return row.instance_id in values and bool(INSTANCE_ID.fullmatch(row.instance_id))
    if key == "tag-key":
        return any(value in row.tags for value in values)
    return key.startswith("tag:") and row.tags.get(key.removeprefix("tag:")) in values
