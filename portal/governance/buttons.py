"""What a button or a form of a page does: it calls a verb, and the page says what came of it."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from portal.governance.errors import DomainError, InvalidInput, SignInAgain, StaleRevision
from portal.governance.signing_in import sign_in_again

Answer = Callable[[Any], HttpResponse]


def press(
    request: HttpRequest,
    thing: Any,
    verb: Callable[..., Any],
    *,
    told: Callable[[Any], str],
    refused: Callable[[HttpRequest, Any, DomainError], HttpResponse],
    invalid: Answer | None = None,
    stale: Answer | None = None,
    **words: Any,
) -> HttpResponse:
    """Call a verb on a thing for who asks: then its page with ``told`` of it, or the page as it is now with why not.

    A form gives ``invalid``, which answers an InvalidInput with what was typed; a page that shows what moved gives
    ``stale`` for a StaleRevision. Whoever has to sign in again comes back to the thing.
    """
    try:
        thing = verb(thing, by=request.user, **words)
    except SignInAgain as problem:
        return sign_in_again(request, problem, thing.address)
    except DomainError as problem:
        if invalid is not None and isinstance(problem, InvalidInput):
            return invalid(problem)
        if stale is not None and isinstance(problem, StaleRevision):
            return stale(problem)
        return refused(request, thing, problem)
    messages.success(request, told(thing))
    return redirect(thing.address)
