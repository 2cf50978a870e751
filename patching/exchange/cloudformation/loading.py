"""A CloudFormation template as plain values: JSON, or YAML with its short forms written out. Pure."""

from typing import Any

import yaml

from patching.exchange import json_text
from patching.exchange.parts import CannotReadError
from patching.exchange.yaml_text import TextLoader
from patching.exchange.yaml_text import load as load_yaml

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


class _Loader(TextLoader):
    """CloudFormation's YAML with its short forms."""

    without_aliases = "CloudFormation knows no aliases"


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
    found = json_text.load(text) if text.lstrip().startswith("{") else load_yaml(text, _Loader)
    if not isinstance(found, dict) or not isinstance(found.get("Resources") or None, dict):
        raise CannotReadError(
            "A CloudFormation template has a section Resources with at least one resource, such as "
            '{"Resources": {"Window": {"Type": "AWS::SSM::MaintenanceWindow", "Properties": {…}}}}.'
        )
    return found
