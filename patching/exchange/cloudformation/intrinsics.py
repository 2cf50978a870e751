"""CloudFormation's intrinsic functions, worked out as far as the template and the given parameters allow. Pure.

What cannot be known becomes ``Unresolved`` with the reason, and only there: the rest of the value is kept.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from patching.exchange.parts import Parameter
from patching.exchange.unresolved import Reference, Unresolved, first_unresolved

NOTHING = object()  # AWS::NoValue: the property is not there
REFERRED = ("AWS::SSM::MaintenanceWindow", "AWS::SSM::MaintenanceWindowTarget", "AWS::SSM::PatchBaseline")
# resources whose Ref is the name that the template gives them
NAMED = {"AWS::SSM::Document": "Name", "AWS::S3::Bucket": "BucketName"}
VARIABLE = re.compile(r"\$\{(!?[^}]*)\}")
LONGEST = (
    20_000  # no field of AWS takes as much text; a template that joins its parameters again and again might
)


@dataclass
class Scope:
    """A template and the values it is read with."""

    template: Mapping[str, Any]
    given: Mapping[str, str]
    account: str = ""
    region: str = ""
    _conditions: dict[str, bool | Unresolved] = field(default_factory=dict)
    _under_way: set[str] = field(default_factory=set)  # resources whose name is being worked out
    _of_stacks: set[str] = field(default_factory=set)  # AWS's own parameters that only a stack has

    def parameters(self) -> list[Parameter]:
        """Every parameter with what it was read as."""
        found = []
        for name, declared in _section(self.template, "Parameters").items():
            default = declared.get("Default") if isinstance(declared, Mapping) else None
            text = None if default is None else _text(default)
            value = self.given.get(name, text)
            about = str(declared.get("Description", ""))[:200] if isinstance(declared, Mapping) else ""
            found.append(Parameter(name, text, value, about))
        found += [Parameter(name, None, self.given.get(name)) for name in sorted(self._of_stacks)]
        return found

    def value(self, node: Any) -> Any:
        """A node with every function in it worked out."""
        if isinstance(node, Mapping):
            function = next(iter(node)) if len(node) == 1 else ""
            if function in _FUNCTIONS:
                return _FUNCTIONS[function](self, node[function])
            if isinstance(function, str) and function.startswith("Fn::"):
                return Unresolved(f"{function} is worked out by AWS; write its value out.")
            worked = {str(key): self.value(one) for key, one in node.items()}
            return {key: one for key, one in worked.items() if one is not NOTHING}
        if isinstance(node, list):
            return [one for one in map(self.value, node) if one is not NOTHING]
        return node

    def holds(self, name: str) -> bool | Unresolved:
        """Whether a condition of the template holds."""
        if name not in self._conditions:
            declared = _section(self.template, "Conditions")
            if name not in declared:
                return Unresolved(f"The condition {name} is not in the template.")
            self._conditions[name] = Unresolved(f"The condition {name} depends on itself.")
            self._conditions[name] = self._truth(declared[name])
        return self._conditions[name]

    def _truth(self, node: Any) -> bool | Unresolved:
        if isinstance(node, Mapping) and set(node) == {"Condition"}:
            return self.holds(str(node["Condition"]))
        value = self.value(node)
        if isinstance(value, bool | Unresolved):
            return value
        return Unresolved("A condition compares values with Fn::Equals, Fn::And, Fn::Or or Fn::Not.")

    def resource_type(self, name: str) -> str:
        resource = _section(self.template, "Resources").get(name)
        return str(resource.get("Type", "")) if isinstance(resource, Mapping) else ""


def _section(template: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = template.get(name)
    return found if isinstance(found, Mapping) else {}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _ref(scope: Scope, name: Any) -> Any:
    name = str(name)
    pseudo = {
        "AWS::AccountId": scope.account,
        "AWS::Region": scope.region,
        "AWS::Partition": "aws",
        "AWS::URLSuffix": "amazonaws.com",
    }
    if name == "AWS::NoValue":
        return NOTHING
    if name in pseudo:
        return pseudo[name] or Unresolved(
            f"It depends on {name}; say into which account and Region this goes."
        )
    if name.startswith("AWS::"):
        scope._of_stacks.add(name)
        return scope.given.get(name) or Unresolved(
            f"{name} is known only when a stack is made; give it a value."
        )
    declared = _section(scope.template, "Parameters").get(name)
    if isinstance(declared, Mapping):
        return _parameter(scope, name, declared)
    kind = scope.resource_type(name)
    if kind in REFERRED:
        return Reference(name)
    if kind in NAMED:
        properties = _section(_section(scope.template, "Resources")[name], "Properties")
        if NAMED[kind] in properties and name not in scope._under_way:
            scope._under_way.add(name)
            named = scope.value(properties[NAMED[kind]])
            scope._under_way.discard(name)
            return named
    if kind:
        return Unresolved(f"It names {name} ({kind}), which exists only after the template was deployed.")
    return Unresolved(f"It names {name}, which is neither a parameter nor a resource of this template.")


def _parameter(scope: Scope, name: str, declared: Mapping[str, Any]) -> Any:
    given = scope.given.get(name, declared.get("Default"))
    kind = str(declared.get("Type", "String"))
    if given is None or kind.startswith("AWS::SSM::Parameter::Value"):
        if kind.startswith("AWS::SSM::Parameter::Value") and name in scope.given:
            return scope.given[name]
        return Unresolved(f"It depends on the parameter {name}, which has no value; give it one.")
    allowed = declared.get("AllowedValues")
    if isinstance(allowed, list) and _text(given) not in map(_text, allowed):
        shown = ", ".join(map(_text, allowed[:6]))
        return Unresolved(f"The parameter {name} is “{_text(given)[:40]}”; the template allows {shown}.")
    if kind == "CommaDelimitedList" or kind.startswith("List<"):
        return given if isinstance(given, list) else [one.strip() for one in _text(given).split(",")]
    return given if isinstance(given, int | float) and not isinstance(given, bool) else _text(given)


def _sub(scope: Scope, argument: Any) -> Any:
    own: Mapping[str, Any] = {}
    if isinstance(argument, list) and len(argument) == 2 and isinstance(argument[1], Mapping):
        argument, own = argument[0], argument[1]
    if not isinstance(argument, str):
        return Unresolved("Fn::Sub takes a text, or a text and its variables.")
    values: dict[str, Any] = {}
    for name in VARIABLE.findall(argument):
        if name.startswith("!"):
            continue
        name = name.strip()
        if name in own:
            values[name] = scope.value(own[name])
        elif "." in name:
            values[name] = _get_att(scope, name.split(".", 1))
        else:
            values[name] = _ref(scope, name)
    missing = first_unresolved(values)
    if missing:
        return missing[1]

    def put(match: re.Match[str]) -> str:
        name = match[1]
        return f"${{{name[1:]}}}" if name.startswith("!") else _text(values[name.strip()])

    if len(argument) + sum(len(_text(one)) for one in values.values()) * argument.count("${") > LONGEST:
        return Unresolved(f"Fn::Sub makes a text of more than {LONGEST} characters.")
    return VARIABLE.sub(put, argument)


def _join(scope: Scope, argument: Any) -> Any:
    if not isinstance(argument, list) or len(argument) != 2:
        return Unresolved('Fn::Join takes a delimiter and a list, such as ["-", ["a", "b"]].')
    delimiter, parts = scope.value(argument[0]), scope.value(argument[1])
    missing = first_unresolved([delimiter, parts])
    if missing:
        return missing[1]
    if not isinstance(parts, list):
        return Unresolved('Fn::Join takes a delimiter and a list, such as ["-", ["a", "b"]].')
    joined = list(map(_text, parts))
    if sum(map(len, joined)) + len(_text(delimiter)) * len(joined) > LONGEST:
        return Unresolved(f"Fn::Join makes a text of more than {LONGEST} characters.")
    return _text(delimiter).join(joined)


def _split(scope: Scope, argument: Any) -> Any:
    if not isinstance(argument, list) or len(argument) != 2:
        return Unresolved('Fn::Split takes a delimiter and a text, such as [",", "a,b"].')
    delimiter, source = scope.value(argument[0]), scope.value(argument[1])
    missing = first_unresolved([delimiter, source])
    if missing:
        return missing[1]
    return _text(source).split(_text(delimiter)) if delimiter else [_text(source)]


def _select(scope: Scope, argument: Any) -> Any:
    index, entries = (scope.value(one) for one in argument) if _pair(argument) else (None, None)
    missing = first_unresolved([index, entries])
    if missing:
        return missing[1]
    try:
        return entries[int(index)]  # type: ignore[index, arg-type]
    except (IndexError, TypeError, ValueError):
        return Unresolved('Fn::Select takes a number and a list that is long enough, such as [0, ["a"]].')


def _pair(argument: Any) -> bool:
    return isinstance(argument, list) and len(argument) == 2


def _find_in_map(scope: Scope, argument: Any) -> Any:
    keys = scope.value(argument)
    missing = first_unresolved(keys)
    if missing:
        return missing[1]
    found: Any = _section(scope.template, "Mappings")
    for key in keys[:3] if isinstance(keys, list) else ():
        found = found.get(_text(key)) if isinstance(found, Mapping) else None
    if found is None or isinstance(found, Mapping):
        return Unresolved(f"Fn::FindInMap finds nothing under {keys}.")
    return found


def _get_att(scope: Scope, argument: Any) -> Any:
    parts = argument if isinstance(argument, list) else str(argument).split(".", 1)
    name, attribute = str(parts[0]), ".".join(map(str, parts[1:]))
    kind = scope.resource_type(name)
    if kind in REFERRED and attribute in ("WindowId", "WindowTargetId", "Id"):
        return Reference(name)
    return Unresolved(f"It needs {name}.{attribute}, which exists only after the template was deployed.")


def _import_value(scope: Scope, argument: Any) -> Any:
    return Unresolved("It comes from another stack by Fn::ImportValue; write its value out.")


def _if(scope: Scope, argument: Any) -> Any:
    if not isinstance(argument, list) or len(argument) != 3:
        return Unresolved("Fn::If takes a condition and two values.")
    holds = scope.holds(str(argument[0]))
    if isinstance(holds, Unresolved):
        return holds
    return scope.value(argument[1] if holds else argument[2])


def _equals(scope: Scope, argument: Any) -> Any:
    if not _pair(argument):
        return Unresolved("Fn::Equals takes two values.")
    one, other = (scope.value(side) for side in argument)
    missing = first_unresolved([one, other])
    return missing[1] if missing else _text(one) == _text(other)


def _all(scope: Scope, argument: Any) -> bool | Unresolved:
    truths = [scope._truth(one) for one in argument] if isinstance(argument, list) else []
    if any(one is False for one in truths):
        return False
    return next((one for one in truths if isinstance(one, Unresolved)), True)


def _any(scope: Scope, argument: Any) -> bool | Unresolved:
    truths = [scope._truth(one) for one in argument] if isinstance(argument, list) else []
    if any(one is True for one in truths):
        return True
    return next((one for one in truths if isinstance(one, Unresolved)), False)


def _not(scope: Scope, argument: Any) -> bool | Unresolved:
    truth = scope._truth(argument[0] if isinstance(argument, list) and argument else argument)
    return truth if isinstance(truth, Unresolved) else not truth


_FUNCTIONS: dict[str, Callable[[Scope, Any], Any]] = {
    "Ref": _ref,
    "Fn::And": _all,
    "Fn::Equals": _equals,
    "Fn::FindInMap": _find_in_map,
    "Fn::GetAtt": _get_att,
    "Fn::If": _if,
    "Fn::ImportValue": _import_value,
    "Fn::Join": _join,
    "Fn::Not": _not,
    "Fn::Or": _any,
    "Fn::Select": _select,
    "Fn::Split": _split,
    "Fn::Sub": _sub,
}
