"""Several approvals with one reason: the same kind, low risk, and each decided on its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from exemptions import risk, workflow
from exemptions.models import Exemption
from portal.governance.errors import DomainError, FieldProblem, InvalidInput
from portal.governance.models import User
from portal.governance.signing_in import raise_unless_recent
from portal.governance.states import locked

MOST = 50


@dataclass(frozen=True)
class Choice:
    """One exemption as it was read."""

    pk: int
    revision: int
    digest: str


@dataclass(frozen=True)
class Result:
    """What became of one choice: approved, waits (for another slot), or an error's code with its sentence."""

    pk: int
    outcome: str
    text: str = ""
    exemption: Exemption | None = None


def approve_many(
    choices: Sequence[Choice], *, by: User, reason: str, signed_in_at: datetime | None
) -> list[Result]:
    """Approve each that was chosen, each in a transaction of its own, and tell what became of it.

    Raises SignInAgain, and InvalidInput, before anything is decided: none or too many chosen, one chosen twice, of
    more than one kind, or one that is not of low risk.
    """
    raise_unless_recent(signed_in_at)
    seen = {
        one.pk: one
        for one in Exemption.objects.visible_to(by).filter(pk__in=[choice.pk for choice in choices])
    }
    if problems := _problems(choices, list(seen.values())):
        raise InvalidInput(problems)
    return [_approve(choice, seen.get(choice.pk), by, reason, signed_in_at) for choice in choices]


def _problems(choices: Sequence[Choice], seen: Sequence[Exemption]) -> list[FieldProblem]:
    name = "exemptions"
    if not 1 <= len(choices) <= MOST:
        return [FieldProblem(name, "length", f"Choose 1 to {MOST} exemptions.")]
    if len({choice.pk for choice in choices}) < len(choices):
        return [FieldProblem(name, "twice", "One exemption is named twice.")]
    found = []
    if len({one.kind for one in seen}) > 1:
        message = "Only exemptions of the same kind are approved together; choose deferrals or exclusions."
        found.append(FieldProblem(name, "mixed", message))
    risks = risk.of_many(seen)
    for one in seen:
        if (level := risks[one.pk].level) != risk.Level.LOW:
            message = f"{one.number} is of {level} risk; decide it on its own page."
            found.append(FieldProblem(name, "risk", message))
    return found


def _approve(
    choice: Choice, exemption: Exemption | None, by: User, reason: str, signed_in_at: datetime | None
) -> Result:
    if exemption is None:
        return Result(choice.pk, "not_found", "There is none, or none that you may see.")
    try:
        with transaction.atomic():
            exemption = locked(exemption)
            if risk.of(exemption).level != risk.Level.LOW:
                return Result(choice.pk, "risk", "Its risk has risen; decide it on its own page.", exemption)
            exemption = workflow.approve(
                exemption,
                by=by,
                revision=choice.revision,
                digest=choice.digest,
                signed_in_at=signed_in_at,
                reason=reason,
            )
    except DomainError as problem:
        return Result(choice.pk, problem.code, str(problem), exemption)
    if exemption.state == Exemption.State.APPROVED:
        return Result(choice.pk, "approved", "Approved.", exemption)
    return Result(choice.pk, "waits", "You approved it; it waits for another decision.", exemption)
