"""What changed in a request since somebody looked, as rows of field, read and now. Reads only."""

from typing import Any

from patching import contents, effect_words
from patching.models import ChangeRequest
from portal.governance.looks import Look, Moved

WORDS = {"title": "Title", "reason": "Reason"}
WHOLE = {"create": ("Not asked for", "Asked for"), "delete": ("Asked for", "Left out")}


def of(change: ChangeRequest, earlier: Look) -> dict[str, Any]:
    """Every field that differs from the earlier revision, as ``components/since.html`` takes it."""
    now = change.current
    assert now is not None
    read = change.revisions.get(number=earlier.revision)
    before, after = contents.content_of(read), contents.content_of(now)
    moved = [
        Moved(label, before[name], after[name])
        for name, label in WORDS.items()
        if before[name] != after[name]
    ]
    for one in effect_words.moved_between(read, now):
        moved += _rows(one)
    return {"look": earlier, "now": now, "moved": moved, "url": "?tab=changes#parts"}


def _rows(one: effect_words.ObjectChange) -> list[Moved]:
    """Its fields that differ; an object that came or went is one row."""
    name = f"{one.kind} {one.name}"
    if one.action in WHOLE:
        return [Moved(name, *WHOLE[one.action])]
    return [Moved(f"{name}: {row.field.lower()}", row.approved, row.proposed) for row in one.rows]
