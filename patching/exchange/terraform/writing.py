"""From parts to Terraform's language. Pure."""

import re
from collections.abc import Mapping
from typing import Any

import hcl2

from patching.exchange import belongings, shapes
from patching.exchange.parts import BaselinePart, GroupPart, Setup, TaskPart, WindowPart
from patching.exchange.terraform.reading import INVOCATIONS, PLAIN, RULE, SOURCE
from patching.exchange.terraform.resources import BASELINE, GROUP, TARGET, TASK, WINDOW

THEIRS = {aws: name for name, aws in PLAIN.items()}
RULES = {aws: name for name, aws in RULE.items()}
SOURCES = {aws: name for name, aws in SOURCE.items()}
WAYS = {aws: name for name, aws in INVOCATIONS.items()}


def write(setup: Setup) -> str:
    """One file: what is Patchwarden's alone as a local and an output, then baselines, groups and windows."""
    document, names = hcl2.Builder(), _Names()
    section = belongings.SECTION.lower()
    document.block("locals", [], **{section: _literal(belongings.section(setup))})
    document.block("output", [_quoted(section)], value=f"${{local.{section}}}")
    addresses = {part.name: _baseline(document, part, names) for part in setup.baselines}
    for group in setup.groups:
        _group(document, group, addresses, names)
    for window in setup.windows:
        _window(document, window, names)
    text = hcl2.dumps(document.build())
    return re.sub(r"\n{3,}", "\n\n", re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE)).strip() + "\n"


class _Names:
    """Names of resources: letters, digits, _ and -, each once for its type."""

    def __init__(self) -> None:
        self._taken: set[tuple[str, str]] = set()

    def of(self, kind: str, name: str) -> str:
        base = re.sub(r"[^A-Za-z0-9_-]", "_", name)
        base = base if re.match(r"[A-Za-z_]", base) else f"_{base}"
        found, number = base, 2
        while (kind, found) in self._taken:
            found, number = f"{base}_{number}", number + 1
        self._taken.add((kind, found))
        return found


def _baseline(document: Any, part: BaselinePart, names: _Names) -> str:
    name = names.of(BASELINE, part.name)
    plain = {THEIRS[key]: _literal(value) for key, value in part.request.items() if key in THEIRS}
    block = _resource(document, BASELINE, name, plain)
    for one in (part.request.get("GlobalFilters") or {}).get("PatchFilters", []):
        block.block("global_filter", [], key=_quoted(one["Key"]), values=_literal(one["Values"]))
    for rule in (part.request.get("ApprovalRules") or {}).get("PatchRules", []):
        kept = {RULES[key]: _literal(value) for key, value in rule.items() if key in RULES}
        inner = block.block("approval_rule", [], **kept)
        for one in rule["PatchFilterGroup"]["PatchFilters"]:
            inner.block("patch_filter", [], key=_quoted(one["Key"]), values=_literal(one["Values"]))
    for source in part.request.get("Sources") or []:
        block.block("source", [], **{SOURCES[key]: _literal(value) for key, value in source.items()})
    return f"{BASELINE}.{name}"


def _group(document: Any, part: GroupPart, addresses: Mapping[str, str], names: _Names) -> None:
    for system, baseline in sorted(part.baselines.items()):
        if baseline in addresses:
            content = {"baseline_id": f"${{{addresses[baseline]}.id}}", "patch_group": _quoted(part.name)}
            _resource(document, GROUP, names.of(GROUP, f"{part.name}_{system.lower()}"), content)


def _window(document: Any, part: WindowPart, names: _Names) -> None:
    name = names.of(WINDOW, part.name)
    plain = {THEIRS[key]: _literal(value) for key, value in part.request.items() if key in THEIRS}
    _resource(document, WINDOW, name, {**plain, "allow_unassociated_targets": False})
    window = f"${{{WINDOW}.{name}.id}}"
    targets = {}
    for target in part.targets:
        targets[target.where] = names.of(TARGET, part.name)
        content = {"window_id": window, "resource_type": _quoted("INSTANCE")}
        block = _resource(document, TARGET, targets[target.where], content)
        for entry in target.entries:
            block.block("targets", [], key=_quoted(entry["Key"]), values=_literal(entry["Values"]))
    for task in part.tasks:
        _task(document, task, window, targets, names.of(TASK, f"{part.name}_{task.where}"))


def _task(document: Any, part: TaskPart, window: str, targets: Mapping[str, str], name: str) -> None:
    plain = {THEIRS[key]: _literal(value) for key, value in part.request.items() if key in THEIRS}
    block = _resource(document, TASK, name, {"window_id": window, **plain})
    values = [f"${{{TARGET}.{targets[one]}.id}}" for one in part.targets]
    block.block("targets", [], key=_quoted("WindowTargetIds"), values=values)
    for ours, content in (part.request.get("TaskInvocationParameters") or {}).items():
        if not content.get("Parameters"):
            continue
        inner = block.block("task_invocation_parameters", []).block(WAYS[ours], [])
        for key, entries in sorted(content["Parameters"].items()):
            inner.block("parameter", [], name=_quoted(key), values=_literal(shapes.texts(entries)))


def _resource(document: Any, kind: str, name: str, content: Mapping[str, Any]) -> Any:
    # content by name, since a field may be called as one of the builder's own arguments
    return document.block("resource", [_quoted(kind), _quoted(name)], None, **content)


def _literal(value: Any) -> Any:
    """A plain value as the library wants it: text in quotes, keys in quotes."""
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, Mapping):
        return {_quoted(str(key)): _literal(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_literal(one) for one in value]
    return value


def _quoted(text: str) -> str:
    """Text as Terraform writes it, with a code for the brace of what is no template.

    python-hcl2 8.1 reads ``$${`` and ``%%{`` only where a closing brace follows, and loses an escape before them.
    """
    for plain, escaped in (
        ("\\", "\\\\"),
        ('"', '\\"'),
        ("\n", "\\n"),
        ("\r", "\\r"),
        ("\t", "\\t"),
        ("${", "$\\u007b"),
        ("%{", "%\\u007b"),
    ):
        text = text.replace(plain, escaped)
    return f'"{text}"'
