"""Narrowing: an exemption in force gets fewer instances, fewer patches or an earlier end. Never more of anything."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from exemptions import permissions
from exemptions.asked import SHORTEST_STAY
from exemptions.models import Exemption
from exemptions.waiving import narrow_waivers
from exemptions.workflow import effective_state, tell_authors
from patching.models import ManagedInstance
from patching.words import listed
from portal.governance import audit, clock
from portal.governance.errors import FieldProblem, InvalidInput, NotAllowed, WrongState
from portal.governance.models import User
from portal.governance.states import locked


@transaction.atomic
def narrow(
    exemption: Exemption,
    *,
    by: User,
    reason: str,
    instances: Sequence[ManagedInstance] | None = None,
    patches: Sequence[str] | None = None,
    ends_at: datetime | None = None,
) -> Exemption:
    """Take back part of what was approved; what is not given stays as it is. It needs nobody's approval.

    The approved revision stays what it was: the row and its waivers say what is left of it. Raises NotAllowed,
    WrongState when it is not in force, InvalidInput for what is not less.
    """
    exemption = locked(exemption)
    if not permissions.may_revoke(by, exemption):
        raise NotAllowed(f"The CISO, security operations or {exemption.team} narrow {exemption.number}.")
    if effective_state(exemption) not in ("active", "expiring"):
        raise WrongState(f"{exemption.number} is {effective_state(exemption)}; there is nothing to narrow.")
    before = list(exemption.instances.all())
    kept = before if instances is None else list(instances)
    left = exemption.patches if patches is None else sorted({one.strip() for one in patches if one.strip()})
    end = ends_at or exemption.ends_at
    if problems := [*_scope_problems(exemption, before, kept, left, end), *_reason_problems(reason)]:
        raise InvalidInput(problems)
    freed = sorted(str(one) for one in before if one not in kept)
    freed_patches = sorted(set(exemption.patches) - set(left))
    if not freed and not freed_patches and end == exemption.ends_at:
        message = "Nothing would change. Leave out instances or patches, or choose an earlier end."
        raise InvalidInput([FieldProblem("instances", "unchanged", message)])
    Exemption.objects.filter(pk=exemption.pk).update(patches=left, ends_at=end)
    exemption.instances.set(kept)
    exemption.refresh_from_db()
    narrow_waivers(exemption, kept)
    detail: dict[str, Any] = {"instances": freed, "patches": freed_patches, "ends_at": end.isoformat()}
    audit.record(
        "exemptions.exemption.narrowed",
        exemption,
        by=by,
        team=exemption.team,
        reason=reason.strip(),
        detail=detail,
    )
    tell_authors(
        exemption, "narrowed", f"{by} narrowed it: {reason.strip()} {_told(freed, freed_patches, end)}"
    )
    return exemption


def _scope_problems(
    exemption: Exemption,
    before: Sequence[ManagedInstance],
    kept: Sequence[ManagedInstance],
    patches: Sequence[str],
    end: datetime,
) -> list[FieldProblem]:
    found = []
    if not kept:
        message = f"At least one instance stays; revoke {exemption.number} to end it."
        found.append(FieldProblem("instances", "length", message))
    if strangers := sorted(str(one) for one in kept if one not in before):
        message = (
            f"{exemption.number} does not cover {listed(strangers)}; narrowing names fewer, never others."
        )
        found.append(FieldProblem("instances", "not_narrower", message))
    if more := sorted(set(patches) - set(exemption.patches)):
        message = (
            f"{exemption.number} does not leave off {listed(more)}; narrowing names fewer, never others."
        )
        found.append(FieldProblem("patches", "not_narrower", message))
    if exemption.patches and not patches:
        message = f"At least one patch stays; revoke {exemption.number} to end it."
        found.append(FieldProblem("patches", "length", message))
    if end > exemption.ends_at:
        message = f"It ends on {exemption.ends_at:%d %b %Y %H:%M} UTC; a later end is a renewal."
        found.append(FieldProblem("ends_at", "not_earlier", message))
    elif end <= clock.now() + SHORTEST_STAY and end != exemption.ends_at:
        message = "The end must be at least an hour ahead; revoke it to end it now."
        found.append(FieldProblem("ends_at", "past", message))
    return found


def _reason_problems(reason: str) -> list[FieldProblem]:
    if reason.strip():
        return []
    return [
        FieldProblem("reason", "required", "Say why it is narrowed, such as “the fix is on two of them”.")
    ]


def _told(freed: Sequence[str], patches: Sequence[str], end: datetime) -> str:
    parts = []
    if freed:
        parts.append(f"{listed(freed)} can be patched again.")
    if patches:
        parts.append(f"{listed(patches)} can be installed again.")
    return " ".join([*parts, f"It ends on {end:%d %b %Y %H:%M} UTC."])
