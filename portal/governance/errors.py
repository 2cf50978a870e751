"""What can go wrong, in words for the person who asked. Each kind has one HTTP status."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class FieldProblem:
    """One thing wrong with one field: where, a stable code, and a sentence with the limit and an example."""

    field: str
    code: str
    message: str

    def as_dict(self) -> dict[str, str]:
        return {"field": self.field, "code": self.code, "message": self.message}


class DomainError(Exception):
    """A rule says no. The message is for the person who asked."""

    code = "rule_broken"
    http_status = 422

    def __init__(self, message: str, problems: Iterable[FieldProblem] = ()) -> None:
        super().__init__(message)
        self.problems = tuple(problems)


class InvalidInput(DomainError):
    """Fields that cannot be accepted; every bad one is named."""

    code = "invalid"
    http_status = 400

    def __init__(self, problems: Iterable[FieldProblem], message: str = "") -> None:
        problems = tuple(problems)
        super().__init__(message or " ".join(problem.message for problem in problems), problems)


class NotAllowed(DomainError):
    """This person may not do this."""

    code = "not_allowed"
    http_status = 403


class SignInAgain(NotAllowed):
    """A decision needs a recent sign-in."""

    code = "sign_in_again"


class WrongState(DomainError):
    """The thing is no longer, or not yet, in the state this needs."""

    code = "wrong_state"
    http_status = 409


class StaleRevision(WrongState):
    """What was read is not what is there now."""

    code = "stale_revision"
