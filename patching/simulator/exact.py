"""Replies as moto serialises them, but taken at their word: members have AWS's own names and are looked up once.

moto tries several spellings of each of the hundreds of members a shape may have, which takes most of the time of a
large page.
"""

from functools import cache
from typing import Any

from moto.core.responses import ActionResult


class ExactResult(ActionResult):
    """A reply that fits AWS's model already."""

    def execute_result(self, context: Any) -> Any:
        serializer = _exact(context.serializer_class)(operation_model=context.operation_model)
        serialized = serializer.serialize(self.result)
        return serialized["status_code"], serialized["headers"], serialized["body"]


@cache
def _exact(serializer_class: type[Any]) -> type[Any]:
    return type(f"Exact{serializer_class.__name__}", (serializer_class,), {"get_value": _member})


def _member(serializer: Any, value: dict[str, Any], key: str, shape: Any) -> Any:
    return value.get(key)
