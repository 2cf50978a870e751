"""What a revision asks for, as it was sealed. Reads its text; no database."""

import json
from typing import Any

from patching.models import Revision


def content_of(revision: Revision) -> dict[str, Any]:
    """``{"title", "reason", "items"}`` of a revision."""
    return dict(json.loads(revision.content))


def items_of(revision: Revision) -> list[dict[str, Any]]:
    """The items that a revision asks for."""
    return list(content_of(revision)["items"])
