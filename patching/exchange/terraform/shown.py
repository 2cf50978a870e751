"""The JSON that ``terraform show -json`` prints of a plan or a state: every value known that can be. Pure."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from patching.exchange import belongings, json_text
from patching.exchange.parts import CannotReadError, Note, Parameter
from patching.exchange.terraform.resources import KINDS, TASK, Found, Resource
from patching.exchange.unresolved import Reference

# attributes that hold another resource's id
LINKS = ("window_id", "baseline_id", "targets")
MODULES = re.compile(r"(?:module\.[^.\[]+(?:\[[^\]]*\])?\.)+")
OUTPUT = belongings.SECTION.lower()


def load(text: str) -> Found:
    """Resources of a plan or state. Raises CannotReadError where it is neither."""
    document = json_text.load(text)
    planned = document.get("planned_values") or document.get("values") if isinstance(document, dict) else None
    if not isinstance(planned, Mapping) or not isinstance(planned.get("root_module"), Mapping):
        raise CannotReadError(
            "This is no plan or state of Terraform. Make one with `terraform plan -out plan` "
            "and `terraform show -json plan`."
        )
    try:
        return _found(document, planned)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise CannotReadError(
            "The plan or state is not in the form in which `terraform show -json` prints it."
        ) from None


def _found(document: Mapping[str, Any], planned: Mapping[str, Any]) -> Found:
    rows = list(_resources(planned["root_module"]))
    by_id = {row["values"]["id"]: row["address"] for row in rows if row["values"].get("id")}
    configured = dict(_configured(document))
    addresses = {row["address"] for row in rows}
    found = Found(parameters=_parameters(document))
    for row in rows:
        expressions = configured.get(_place(row["address"]), {})
        links = _Links(row["address"], expressions, addresses, by_id)
        values = {name: links.of(name, value) for name, value in row["values"].items()}
        for name in ("window_id", "baseline_id"):
            if name not in values and name in expressions:
                values[name] = links.of(name, None)
        if row["type"] == TASK and "targets" in expressions:
            values["targets"] = links.of("targets", row["values"].get("targets"))
        found.resources.append(Resource(row["address"], row["type"], values))
    outputs = planned.get("outputs")
    if isinstance(outputs, Mapping) and isinstance(outputs.get(OUTPUT), Mapping):
        found.belongings = outputs[OUTPUT].get("value")
    gone = [
        change["address"]
        for change in document.get("resource_changes") or []
        if isinstance(change, Mapping)
        and change.get("type") in KINDS
        and (change.get("change") or {}).get("actions") == ["delete"]
    ]
    found.notes += [Note(str(address), "The plan removes it; ask for that on its page.") for address in gone]
    return found


def _resources(module: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for row in module.get("resources") or []:
        fits = (
            isinstance(row, Mapping) and row.get("type") in KINDS and isinstance(row.get("values"), Mapping)
        )
        if (
            fits
            and row.get("mode", "managed") == "managed"
            and row.get("address")
            and isinstance(row["address"], str)
        ):
            yield dict(row)
    for child in module.get("child_modules") or []:
        if isinstance(child, Mapping):
            yield from _resources(child)


def _configured(document: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Expressions of every resource by its place: its address without indices."""
    root = (document.get("configuration") or {}).get("root_module")
    yield from _of_module(root, "") if isinstance(root, Mapping) else ()


def _of_module(module: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for row in module.get("resources") or []:
        if isinstance(row, Mapping) and isinstance(row.get("expressions"), Mapping):
            yield f"{prefix}{row.get('address')}", row["expressions"]
    for name, call in (module.get("module_calls") or {}).items():
        if isinstance(call, Mapping) and isinstance(call.get("module"), Mapping):
            yield from _of_module(call["module"], f"{prefix}module.{name}.")


def _place(address: str) -> str:
    return re.sub(r"\[[^\]]*\]", "", address)


class _Links:
    """Whose id an attribute of one resource holds: in a state by the id, in a plan by the configuration."""

    def __init__(
        self,
        address: str,
        expressions: Mapping[str, Any],
        addresses: set[str],
        by_id: Mapping[str, str],
    ) -> None:
        self.expressions = expressions
        self.addresses = addresses
        self.by_id = by_id
        inside = MODULES.match(address)
        self.module = inside[0] if inside else ""
        self.index = (re.search(r"(\[[^\]]*\])$", address) or [""])[0]

    def of(self, name: str, value: Any) -> Any:
        if name not in LINKS:
            return value
        if name == "targets":
            return self._targets(value)
        if isinstance(value, str) and value in self.by_id:
            return Reference(self.by_id[value])
        if value is None:
            found = self._referred(self.expressions.get(name))
            return Reference(found[0]) if found else None
        return value

    def _targets(self, value: Any) -> Any:
        """Targets of a task by their ids; what a plan does not know yet is found where it is configured."""
        rows = value if isinstance(value, list) else []
        entries = [dict(row) for row in rows if isinstance(row, Mapping)]
        told = self.expressions.get("targets")
        told = told if isinstance(told, list) else [told] * bool(told)
        for number, entry in enumerate(entries):
            known = entry.get("values")
            if isinstance(known, list) and known and None not in known:
                entry["values"] = [Reference(self.by_id[one]) if one in self.by_id else one for one in known]
            elif number < len(told) and isinstance(told[number], Mapping):
                entry["values"] = [Reference(one) for one in self._referred(told[number].get("values"))]
        return entries

    def _referred(self, expression: Any) -> list[str]:
        """Addresses of the resources that an expression names, the one with our own index where there are several."""
        named = expression.get("references") if isinstance(expression, Mapping) else None
        found: list[str] = []
        for one in named if isinstance(named, list) else []:
            kind, _, rest = str(one).partition(".")
            name = re.split(r"[.\[]", rest)[0]
            if kind not in KINDS or not name:
                continue
            base = f"{self.module}{kind}.{name}"
            own = [base, f"{base}{self.index}"]
            address = next((address for address in own if address in self.addresses), None)
            if address and address not in found:
                found.append(address)
        return found


def _parameters(document: Mapping[str, Any]) -> list[Parameter]:
    variables = document.get("variables")
    if not isinstance(variables, Mapping):
        return []
    return [
        Parameter(str(name), None, json.dumps(body.get("value"), ensure_ascii=False))
        for name, body in variables.items()
        if isinstance(body, Mapping) and body.get("value") is not None
    ]
