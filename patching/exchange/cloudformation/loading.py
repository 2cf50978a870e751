"""A CloudFormation template as plain values: JSON, or YAML with its short forms written out. Pure."""

import json
from typing import Any

import yaml

from patching.exchange.parts import CannotReadError

# Source: AWS CloudFormation User Guide, "Intrinsic function reference"; Ref and Condition have no prefix.
SHORT_FORMS = (
    "Base64",
    "Cidr",
    "FindInMap",
    "ForEach",
    "GetAZs",
    "GetAtt",
    "If",
    "ImportValue",
    "Join",
    "Length",
    "Or",
    "And",
    "Not",
    "Equals",
    "Select",
    "Split",
    "Sub",
    "ToJsonString",
    "Transform",
)


class _Loader(yaml.SafeLoader):
    """CloudFormation's YAML: no aliases, and dates stay the text that AWS takes."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.events.AliasEvent):
            line = self.peek_event().start_mark.line + 1
            raise CannotReadError(
                f"Line {line} uses a YAML alias. CloudFormation knows no aliases; write the value out there."
            )
        return super().compose_node(parent, index)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _short_form(loader: _Loader, name: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
        if name == "GetAtt":
            value = str(value).split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    if name in ("Ref", "Condition"):
        return {name: value}
    if name in SHORT_FORMS:
        return {f"Fn::{name}": value}
    line = node.start_mark.line + 1
    raise CannotReadError(f"Line {line} uses !{name}, which CloudFormation does not know; did you mean !Sub?")


_Loader.add_multi_constructor("!", _short_form)


def load(text: str) -> dict[str, Any]:
    """The template's top level. Raises CannotReadError with the line where it is neither JSON nor YAML."""
    try:
        found = json.loads(text) if text.lstrip().startswith("{") else yaml.load(text, _Loader)  # noqa: S506
    except json.JSONDecodeError as problem:
        raise CannotReadError(
            f"Line {problem.lineno}, column {problem.colno} is not JSON: {problem.msg}."
        ) from None
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark
        where = f"Line {mark.line + 1}, column {mark.column + 1}" if mark else "The file"
        raise CannotReadError(f"{where} is not YAML: {problem.problem or problem.context}.") from None
    except (yaml.YAMLError, ValueError, TypeError):
        raise CannotReadError(
            "The file is not YAML: it holds a character or key that YAML has not."
        ) from None
    except RecursionError:
        raise CannotReadError(
            "The file is nested too deeply; a template has at most a few dozen levels."
        ) from None
    if not isinstance(found, dict) or not isinstance(found.get("Resources") or None, dict):
        raise CannotReadError(
            "A CloudFormation template has a section Resources with at least one resource, such as "
            '{"Resources": {"Window": {"Type": "AWS::SSM::MaintenanceWindow", "Properties": {…}}}}.'
        )
    return found
