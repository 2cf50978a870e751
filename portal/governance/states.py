"""The only way a state changes: from where it was, counted, and written down."""

from typing import Any, TypeVar

from django.db import models, transaction

from portal.governance import audit
from portal.governance.errors import WrongState
from portal.governance.models import User

Row = TypeVar("Row", bound=models.Model)


@transaction.atomic
def move(
    obj: Row,
    to: str,
    *,
    by: User | None,
    reason: str = "",
    detail: dict[str, Any] | None = None,
    **changes: Any,
) -> Row:
    """Move a row along one edge of its ``TRANSITIONS`` and audit it; ``changes`` are saved with it.

    Raises WrongState when there is no such edge or when somebody else was faster.
    """
    start = obj.state  # type: ignore[attr-defined]
    if to not in obj.TRANSITIONS[start]:  # type: ignore[attr-defined]
        raise WrongState(f"{obj} is {_word(start)}; it cannot become {_word(to)}.")
    rows = type(obj)._default_manager.filter(pk=obj.pk, state=start)
    if rows.update(state=to, **changes) != 1:
        raise WrongState(f"{obj} was changed by someone else. Reload the page and look again.")
    obj.refresh_from_db()
    audit.record(
        f"{obj._meta.label_lower}.{to}",
        obj,
        by=by,
        team=getattr(obj, "team", None),
        reason=reason,
        detail={"from": str(start), "to": str(to), **(detail or {})},
    )
    return obj


def locked(obj: Row) -> Row:
    """The row as it is now, held until the transaction ends, with the turn to write of it into the audit log."""
    audit.take_turn()
    return type(obj)._default_manager.select_for_update().get(pk=obj.pk)


def _word(state: str) -> str:
    return str(state).replace("_", " ")
