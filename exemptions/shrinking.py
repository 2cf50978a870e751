"""What a renewal may be: later than what it renews, shorter, narrower, and not too often. Rules only, no writes."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from exemptions import policy
from exemptions.asked import Ask
from exemptions.models import Exemption
from portal.governance import clock
from portal.governance.errors import FieldProblem

ASK_WITHIN = timedelta(days=7)  # after the end of what is renewed
SHARE = 2  # a renewal lasts at most one part in so many of the one before
SHORTEST = timedelta(days=1)
ORDINALS = {1: "1st", 2: "2nd", 3: "3rd"}


def end_of(exemption: Exemption) -> datetime:
    """When it ends or ended: its date, or earlier by hand."""
    return min(exemption.ends_at, exemption.closed_at or exemption.ends_at)


def was_revoked(exemption: Exemption) -> bool:
    """Whether somebody ended it before its date; then it is asked for anew, not renewed."""
    return exemption.closed_at is not None and exemption.approved_at is not None


def own_time(exemption: Exemption) -> timedelta:
    """For how long it was approved, without the time in which what it renews still held."""
    assert exemption.approved_at is not None
    start = exemption.approved_at
    if exemption.renews is not None:
        start = max(start, end_of(exemption.renews))
    return exemption.ends_at - start


def longest(renews: Exemption) -> timedelta:
    """How long a renewal of this one may go on after it."""
    return max(own_time(renews) / SHARE, SHORTEST)


def start_of_renewal(renews: Exemption) -> datetime:
    """From when the own time of a renewal counts: the end of what it renews, or now when that has passed."""
    return max(clock.now(), end_of(renews))


def ordinal(renewal: int) -> str:
    """1 → 1st, for words about renewals."""
    return ORDINALS.get(renewal, f"{renewal}th")


def problems(ask: Ask, renews: Exemption | None, limit: policy.Limit) -> list[FieldProblem]:
    """Everything that makes it no renewal, each with its numbers; nothing for a first exemption."""
    if renews is None:
        return []
    found = list(_scope_problems(ask, renews))
    if was_revoked(renews):
        message = f"{renews.number} was revoked; what was ended is asked for anew, not renewed."
        found.append(FieldProblem("renews", "revoked", message))
    if renews.renewal + 1 > limit.renewals:
        message = (
            f"An exemption like this may be renewed {_times(limit.renewals)}, because {limit.why}; "
            f"this would be the {ordinal(renews.renewal + 1)} renewal. Plan the fix instead."
        )
        found.append(FieldProblem("renews", "too_often", message))
    start = start_of_renewal(renews)
    if ask.ends_at > start + longest(renews):
        days = _days(longest(renews))
        message = (
            f"A renewal goes on for at most half as long as what it renews: {days} after "
            f"{start:%d %b %Y %H:%M}, to {start + longest(renews):%d %b %Y %H:%M} UTC."
        )
        found.append(FieldProblem("ends_at", "not_shorter", message))
    if ask.ends_at <= renews.ends_at:
        message = f"{renews.number} holds until {renews.ends_at:%d %b %Y %H:%M} UTC; a renewal ends after it."
        found.append(FieldProblem("ends_at", "not_later", message))
    return found


def missing_evidence(ask: Ask, exemption: Exemption) -> list[FieldProblem]:
    """What a renewal has to show anew before it is submitted: evidence that has lapsed or was not carried over."""
    if exemption.renews is None:
        return []
    today, found = f"{clock.now():%Y-%m-%d}", []
    attached = set(exemption.documents.values_list("name", flat=True))
    for number, control in enumerate(ask.compensating_controls, start=1):
        if control.valid_until and control.valid_until < today:
            text = f"Control {number}: its evidence was valid until {control.valid_until}; show it anew."
            found.append(FieldProblem("compensating_controls", "lapsed", text))
        elif control.evidence and control.evidence not in attached:
            text = f"Control {number}: attach “{control.evidence}” anew, or name another document."
            found.append(FieldProblem("compensating_controls", "missing", text))
    return found


def _scope_problems(ask: Ask, renews: Exemption) -> Iterable[FieldProblem]:
    if ask.kind != renews.kind:
        message = f"{renews.number} is to {renews.get_kind_display().lower()}; a renewal is of the same kind."
        yield FieldProblem("kind", "fixed", message)
    known = set(renews.instances.values_list("pk", flat=True))
    if strangers := sorted({str(one) for one in ask.instances if one.pk not in known}):
        message = (
            f"{renews.number} does not cover {', '.join(strangers)}; a renewal names fewer, never others."
        )
        yield FieldProblem("instances", "not_narrower", message)
    if more := sorted(set(ask.patches) - set(renews.patches)):
        message = (
            f"{renews.number} does not leave off {', '.join(more)}; a renewal names fewer, never others."
        )
        yield FieldProblem("patches", "not_narrower", message)


def _times(number: int) -> str:
    return {0: "never", 1: "once", 2: "twice"}.get(number, f"{number} times")


def _days(length: timedelta) -> str:
    days = length / timedelta(days=1)
    return f"{days:.1f}".removesuffix(".0") + (" day" if days == 1 else " days")
