"""JSON in files, read without what must not be in them. Pure."""

import json
from typing import Any

from patching.exchange.parts import CannotReadError
from portal.governance import strict_json


def load(text: str) -> Any:
    """What the text says. Raises CannotReadError, with line and column where there is one."""
    try:
        return strict_json.loads(text)
    except json.JSONDecodeError as problem:
        raise CannotReadError(
            f"Line {problem.lineno}, column {problem.colno} is not JSON: {problem.msg}."
        ) from None
    except RecursionError:
        raise CannotReadError("The file is not JSON that can be read: it is nested too deeply.") from None
    except ValueError as problem:
        raise CannotReadError(f"The file is not JSON that can be read: {problem}.") from None
