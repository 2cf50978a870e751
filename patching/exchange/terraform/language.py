"""Terraform's own language: its text by a library, its expressions as far as variables and locals allow. Pure."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import hcl2
from lark.exceptions import LarkError, UnexpectedInput

from patching.exchange import belongings
from patching.exchange.parts import CannotReadError, Note, Parameter, Refusal
from patching.exchange.terraform.resources import KINDS, Found, Resource
from patching.exchange.unresolved import Reference, Unresolved, first_unresolved

OPTIONS = hcl2.SerializationOptions(with_comments=False, preserve_heredocs=False)
LOCALS = belongings.SECTION.lower()
PLAN = "Terraform works it out; give `terraform show -json` of a plan instead."
NAME = r"[A-Za-z_][A-Za-z0-9_-]*"
STEP = re.compile(rf'\.({NAME})|\[\s*(?:"([^"]*)"|([0-9]{{1,9}}))\s*\]')
ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}
CODE = re.compile(r"\\u([0-9a-fA-F]{4})|\\U(00[01][0-9a-fA-F]{5})")
DEEPEST = 20


def load(text: str, given: Mapping[str, str]) -> Found:
    """Resources of a ``.tf`` file. Raises CannotReadError with the line where it is not Terraform."""
    try:
        document = hcl2.loads(text if text.endswith("\n") else f"{text}\n", serialization_options=OPTIONS)
    except UnexpectedInput as problem:
        raise CannotReadError(
            f"Line {problem.line}, column {problem.column} is not Terraform's language."
        ) from None
    except (LarkError, RecursionError, ValueError, AttributeError, TypeError, KeyError, IndexError):
        raise CannotReadError("The file is not Terraform's language.") from None
    module = _Module(document, given)
    found = Found(parameters=module.parameters(), belongings=module.local(LOCALS, 0))
    if isinstance(found.belongings, Unresolved):
        found.belongings = None
    for kind, name, body in module.resources():
        address = f"{kind}.{name}"
        if kind not in KINDS:
            continue
        repeated = next((one for one in ("count", "for_each") if one in body), None)
        if repeated:
            found.refused.append(Refusal(address, f"It is repeated by {repeated}. {PLAN}"))
        elif "dynamic" in body:
            found.refused.append(Refusal(address, f"It has dynamic blocks. {PLAN}"))
        else:
            found.resources.append(Resource(address, kind, module.body(body)))
    if module.modules:
        names = ", ".join(module.modules)
        found.notes.append(Note("module", f"Modules are not followed: {names}. {PLAN}"))
    return found


@dataclass
class _Module:
    """One file's variables, locals and resources."""

    document: Mapping[str, Any]
    given: Mapping[str, str]
    modules: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.modules = [name for block in self._blocks("module") for name in map(_bare, block)]
        self.variables = {
            _bare(name): body for block in self._blocks("variable") for name, body in block.items()
        }
        self.locals = {
            _bare(name): value
            for block in self._blocks("locals")
            for name, value in block.items()
            if name != "__is_block__"
        }

    def _blocks(self, kind: str) -> Iterator[dict[str, Any]]:
        for block in self.document.get(kind) or []:
            if isinstance(block, dict):
                yield {name: body for name, body in block.items() if name != "__is_block__"}

    def parameters(self) -> list[Parameter]:
        found = []
        for name, body in self.variables.items():
            default = self.expression(body["default"]) if "default" in body else None
            text = None if default is None or isinstance(default, Unresolved) else _shown(default)
            about = self.expression(body.get("description", '""'))
            value = self.given.get(name, text)
            found.append(Parameter(name, text, value, about if isinstance(about, str) else ""))
        return found

    def resources(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        for block in self._blocks("resource"):
            for kind, named in block.items():
                for name, body in named.items():
                    if name != "__is_block__":
                        yield _bare(kind), _bare(name), body

    def body(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """A block's attributes and inner blocks with every expression worked out."""
        return {_bare(name): self.expression(value) for name, value in body.items() if name != "__is_block__"}

    def expression(self, value: Any, depth: int = 0) -> Any:
        if depth > DEEPEST:
            return Unresolved("It depends on itself, or through too many steps.")
        if isinstance(value, dict):
            inner = {_bare(name): one for name, one in value.items() if name != "__is_block__"}
            return {name: self.expression(one, depth + 1) for name, one in inner.items()}
        if isinstance(value, list):
            return [self.expression(one, depth + 1) for one in value]
        if not isinstance(value, str):
            return value
        if value.startswith('"') and value.endswith('"') and len(value) > 1:
            return self._template(value[1:-1], depth)
        if value.startswith("${") and value.endswith("}"):
            return self._term(value[2:-1].strip(), depth)
        return self._term(value.strip(), depth)

    def _template(self, text: str, depth: int) -> Any:
        """A quoted text with its escapes and its ``${…}``."""
        pieces: list[str] = []
        at = 0
        while at < len(text):
            two = text[at : at + 2]
            if text[at : at + 3] in ("$${", "%%{"):
                pieces.append(text[at + 1 : at + 3])
                at += 3
            elif two == "%{":
                return Unresolved(f"It has a template directive. {PLAN}")
            elif two == "${":
                end = _closing(text, at + 2)
                part = self._term(text[at + 2 : end].strip(), depth + 1)
                if isinstance(part, Unresolved | Reference):
                    return first_unresolved(part)[1]  # type: ignore[index]
                pieces.append(_shown(part))
                at = end + 1
            elif code := CODE.match(text, at):
                pieces.append(chr(int(code[1] or code[2], 16)))
                at = code.end()
            elif two[:1] == "\\" and two[1:] in ESCAPES:
                pieces.append(ESCAPES[two[1:]])
                at += 2
            else:
                pieces.append(text[at])
                at += 1
        return "".join(pieces)

    def _term(self, term: str, depth: int) -> Any:
        if depth > DEEPEST:
            return Unresolved("It depends on itself, or through too many steps.")
        if term in ("true", "false", "null"):
            return {"true": True, "false": False, "null": None}[term]
        if re.fullmatch(r"-?[0-9]{1,40}", term):
            return int(term)
        if re.fullmatch(r"-?[0-9]{1,40}\.[0-9]{1,40}", term):
            return float(term)
        if re.fullmatch(r'"(?:[^"\\$%]|\\.)*"', term):
            return self._template(term[1:-1], depth)
        root, steps = _path(term)
        if root == "var" and steps:
            return _walk(self.variable(str(steps[0]), depth), steps[1:], term)
        if root == "local" and steps:
            return _walk(self.local(str(steps[0]), depth), steps[1:], term)
        if root in KINDS and len(steps) >= 2:
            return self._of_resource(
                root, str(steps[0]), [one for one in steps[1:] if isinstance(one, str)], depth
            )
        return Unresolved(f"“{term[:60]}” is more than a variable or a local. {PLAN}")

    def variable(self, name: str, depth: int) -> Any:
        body = self.variables.get(name)
        if name in self.given:
            declared = _bare(str((body or {}).get("type", "string"))).removeprefix("${").removesuffix("}")
            return _as_declared(self.given[name], declared)
        if body is None or "default" not in body:
            return Unresolved(f"It depends on the variable {name}, which has no value; give it one.")
        return self.expression(body["default"], depth + 1)

    def local(self, name: str, depth: int) -> Any:
        if name not in self.locals:
            return Unresolved(f"The local {name} is not in this file.")
        return self.expression(self.locals[name], depth + 1)

    def _of_resource(self, kind: str, name: str, steps: list[str], depth: int) -> Any:
        if steps == ["id"]:
            return Reference(f"{kind}.{name}")
        for known_kind, known_name, body in self.resources():
            if (known_kind, known_name) == (kind, name) and len(steps) == 1 and steps[0] in body:
                return self.expression(body[steps[0]], depth + 1)
        return Unresolved(f"{kind}.{name}.{'.'.join(steps)} exists only after it was made.")


def _as_declared(text: str, declared: str) -> Any:
    """A given value in its variable's type: lists as JSON or with commas."""
    if not re.match(r"list|set|tuple", declared):
        return text
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return [one.strip() for one in text.split(",")]
    return found if isinstance(found, list) else [found]


def _walk(value: Any, steps: list[str | int], term: str) -> Any:
    for step in steps:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return (
                value if isinstance(value, Unresolved) else Unresolved(f"“{term[:60]}” is not in this file.")
            )
    return value


def _path(term: str) -> tuple[str, list[str | int]]:
    """``var.a["b"][0]`` as its root and its steps; ("", []) where it is something else."""
    root = re.match(NAME, term)
    if root is None:
        return "", []
    steps: list[str | int] = []
    at = root.end()
    while at < len(term):
        step = STEP.match(term, at)
        if step is None:
            return "", []
        steps.append(int(step[3]) if step[3] else step[1] or step[2])
        at = step.end()
    return root[0], steps


def _closing(text: str, at: int) -> int:
    """Where the brace that was opened before ``at`` closes."""
    depth, quoted = 1, False
    for place in range(at, len(text)):
        one = text[place]
        if one == '"' and text[place - 1] != "\\":
            quoted = not quoted
        elif not quoted and one in "{}":
            depth += 1 if one == "{" else -1
            if depth == 0:
                return place
    return len(text)


def _bare(name: str) -> str:
    return name[1:-1] if len(name) > 1 and name.startswith('"') and name.endswith('"') else name


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else str(value)
