"""JSON as strangers send it: strict, and not too deep."""

from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

from portal.governance import strict_json

DEEPEST = 30


class StrictJSONParser(JSONParser):
    """Refuses what Python's reader would quietly accept."""

    def parse(self, stream: IO[bytes], media_type: str | None = None, parser_context: Any = None) -> Any:
        try:
            text = stream.read().decode("utf-8")
            value = strict_json.loads(text)
            _check_depth(value)
        except (ValueError, RecursionError) as problem:
            raise ParseError(f"The body is not acceptable JSON: {problem}") from problem
        return value


def _check_depth(value: Any, depth: int = 0) -> None:
    if depth > DEEPEST:
        raise ValueError(f"it is nested deeper than {DEEPEST} levels")
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for child in children:
        _check_depth(child, depth + 1)
