"""What a baseline approves: `manage.py evaluate_baseline baseline.json patches.json --as-of 2026-06-30T12:00:00Z`."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any

from django.core.management.base import CommandParser

from patching.approval import Patch, Verdict, evaluate
from patching.baseline_rules import check
from patching.management.answering import AnsweringCommand, cannot_run, read_json, read_moment
from portal.governance import clock

_SETS = frozenset({"cves", "advisories", "bugs"})
_KNOWN = frozenset(field.name for field in fields(Patch))


class Command(AnsweringCommand):
    help = "Say for each patch whether a baseline approves it at a moment, and at what compliance level."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("baseline", help="JSON of a CreatePatchBaseline request")
        parser.add_argument("patches", help='JSON list of {"id", "severity", "classification", "released"}')
        parser.add_argument("--product", default="", help="product of the node, such as WindowsServer2022")
        parser.add_argument("--as-of", help="ISO 8601 time (default now)")

    def handle(self, *args: Any, **options: Any) -> None:
        baseline = _read_baseline(options["baseline"])
        found = read_json(options["patches"])
        if not isinstance(found, list):
            raise cannot_run('The patches must be a list, such as [{"id": "KB5039217", "released": …}].')
        try:
            as_of = clock.real_now() if options["as_of"] is None else read_moment(options["as_of"])
            patches = [_read_patch(each, options["product"]) for each in found]
        except ValueError as problem:
            raise cannot_run(str(problem)) from None
        verdicts = [(patch, _evaluate(baseline, patch, as_of)) for patch in patches]
        document = [
            {"id": patch.id, "approved": verdict.approved, "compliance_level": verdict.compliance_level}
            for patch, verdict in verdicts
        ]
        lines = [_line(patch, verdict) for patch, verdict in verdicts]
        self.answer(document, lines, as_json=options["json"], findings=False)


def _read_baseline(name: str) -> Mapping[str, Any]:
    baseline = read_json(name)
    if not isinstance(baseline, Mapping):
        raise cannot_run("The baseline must be one CreatePatchBaseline request.")
    return baseline


def _read_patch(found: Any, product: str) -> Patch:
    if not isinstance(found, Mapping) or not isinstance(found.get("id"), str):
        raise ValueError('A patch is an object such as {"id": "KB5039217", "released": "2026-06-09"}.')
    if unknown := sorted(set(found) - _KNOWN):
        raise ValueError(
            f'Patch {found["id"]}: unknown field "{unknown[0]}". Use {", ".join(sorted(_KNOWN))}.'
        )
    given = {name: value for name, value in found.items() if value is not None}
    released = read_moment(given.pop("released")) if "released" in given else None
    for name, value in given.items():
        if not isinstance(value, list if name in _SETS else str):
            raise ValueError(f"Patch {found['id']}: {name} must be a {'list' if name in _SETS else 'text'}.")
    sets = {name: frozenset(given.pop(name)) for name in _SETS & set(given)}
    return Patch(
        **({"severity": "", "classification": "", "product": product} | given | sets), released=released
    )


def _evaluate(baseline: Mapping[str, Any], patch: Patch, as_of: datetime) -> Verdict:
    try:
        return evaluate(baseline, patch, as_of=as_of)
    except (AttributeError, KeyError, TypeError, ValueError):
        # only a baseline of another shape than AWS's comes here, and the check says where it differs
        problems = [f"{problem.field}: {problem.message}" for problem in check(baseline).errors]
        raise cannot_run(f"The baseline cannot be read. {' '.join(problems[:3])}") from None


def _line(patch: Patch, verdict: Verdict) -> str:
    approved = f"approved {verdict.compliance_level}" if verdict.approved else "not approved"
    return f"{patch.id}: {approved}. {verdict.reason}"
