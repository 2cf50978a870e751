"""When somebody last proved who they are: a decision wants that to be recent."""

from datetime import UTC, datetime, timedelta

from allauth.account.authentication import get_authentication_records
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode

from portal.governance import clock
from portal.governance.errors import SignInAgain
from portal.governance.models import ApiToken, User


class SignedInRequest(HttpRequest):
    """What a view behind ``login_required`` gets."""

    user: User


def signed_in_at(request: HttpRequest) -> datetime | None:
    """When this session last signed in or re-authenticated; for a token that may decide, when it was minted."""
    token = getattr(request, "auth", None)
    if isinstance(token, ApiToken):
        return token.created
    records = get_authentication_records(request, request.user)
    if not records:
        return None
    return datetime.fromtimestamp(max(record["at"] for record in records), UTC)


def raise_unless_recent(moment: datetime | None) -> None:
    """Raises SignInAgain unless the sign-in is younger than DECISION_SIGN_IN_MAX_AGE."""
    limit = timedelta(seconds=settings.DECISION_SIGN_IN_MAX_AGE)
    if moment is None or clock.real_now() - moment > limit:
        raise SignInAgain("Deciding needs a recent sign-in. Sign in again, then decide.")


def sign_in_again(request: HttpRequest, problem: SignInAgain, back: str) -> HttpResponse:
    """To where somebody proves anew who they are, and from there to an address of ours."""
    messages.warning(request, str(problem))
    return redirect(f"{reverse('account_reauthenticate')}?{urlencode({'next': back})}")
