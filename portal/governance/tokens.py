"""API tokens: minted with scopes and an end, and ended at once when revoked."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction

from portal.governance import audit
from portal.governance.errors import FieldProblem, InvalidInput
from portal.governance.models import ApiToken, User
from portal.governance.signing_in import raise_unless_recent

Scope = ApiToken.Scope
LONGEST = timedelta(days=365)
LONGEST_DECIDE = timedelta(hours=1)


@transaction.atomic
def mint(
    owner: User,
    *,
    name: str,
    scopes: Iterable[str],
    lifetime: timedelta,
    signed_in_at: datetime | None,
) -> tuple[ApiToken, str]:
    """A new token and its plain text, which is never seen again.

    ``decide`` needs a recent sign-in and lasts an hour at most. Raises InvalidInput, SignInAgain.
    """
    wanted = sorted(set(scopes))
    problems = []
    if not name.strip() or len(name) > 80:
        problems.append(
            FieldProblem(
                "name", "length", "Give the token a name of 1 to 80 characters, such as “nightly export”."
            )
        )
    unknown = [scope for scope in wanted if scope not in Scope.values]
    if unknown or not wanted:
        problems.append(FieldProblem("scopes", "unknown", f"Choose from {', '.join(Scope.values)}."))
    if Scope.DECIDE in wanted and lifetime > LONGEST_DECIDE:
        problems.append(FieldProblem("lifetime", "too_long", "A token that may decide lasts at most 1 hour."))
    if not timedelta() < lifetime <= LONGEST:
        problems.append(FieldProblem("lifetime", "range", "A token lasts between 1 minute and 365 days."))
    if problems:
        raise InvalidInput(problems)
    if Scope.DECIDE in wanted:
        raise_unless_recent(signed_in_at)
    token, text = ApiToken.objects.create(owner, expiry=lifetime, name=name.strip(), scopes=wanted)
    audit.record(
        "token.minted", owner, by=owner, detail={"name": token.name, "scopes": wanted, "key": token.token_key}
    )
    return token, text


@transaction.atomic
def revoke(token: ApiToken, *, by: User) -> None:
    """End a token at once."""
    audit.record("token.revoked", token.user, by=by, detail={"name": token.name, "key": token.token_key})
    token.delete()
