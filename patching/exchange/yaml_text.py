"""YAML as the files here use it: no aliases, and dates stay the text that AWS takes. Pure."""

from typing import Any, ClassVar

import yaml

from patching.exchange.parts import CannotReadError
from portal.governance.strict_json import LONGEST_NUMBER


class TextLoader(yaml.SafeLoader):
    """Plain values of a document; ``without_aliases`` says why there are none."""

    without_aliases: ClassVar[str] = "Files here have none"

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.events.AliasEvent):
            line = self.peek_event().start_mark.line + 1
            raise CannotReadError(
                f"Line {line} uses a YAML alias. {self.without_aliases}; write the value out there."
            )
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        lines: dict[str, int] = {}
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            line = key.start_mark.line + 1
            if key.value in lines:
                first = lines[key.value]
                raise CannotReadError(
                    f"Line {line} says “{key.value[:40]}” again, which line {first} has said; say it once."
                )
            lines[key.value] = line
        return super().construct_mapping(node, deep)

    def construct_number(self, node: yaml.ScalarNode) -> int:
        digits = len(self.construct_scalar(node))
        if digits > LONGEST_NUMBER:
            line = node.start_mark.line + 1
            raise CannotReadError(
                f"Line {line} has a number of {digits} digits; nothing here counts that far."
            )
        return int(self.construct_yaml_int(node))


TextLoader.add_constructor("tag:yaml.org,2002:int", TextLoader.construct_number)
TextLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class _Writer(yaml.SafeDumper):
    """Writes out what stands in several places, each time: files here have no aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def written(document: Any) -> str:
    """A document as text that ``load`` takes."""
    return yaml.dump(document, Dumper=_Writer, sort_keys=False, allow_unicode=True, width=110)


def load(text: str, loader: type[TextLoader] = TextLoader) -> Any:
    """What the text says. Raises CannotReadError, with line and column where there is one."""
    try:
        return yaml.load(text, loader)  # noqa: S506
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
