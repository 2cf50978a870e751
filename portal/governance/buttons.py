"""What a button of a page does: it calls a verb, and the page says what came of it."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from portal.governance.errors import DomainError


def press(
    request: HttpRequest,
    thing: Any,
    verb: Callable[..., Any],
    *,
    told: Callable[[Any], str],
    refused: Callable[[HttpRequest, Any, DomainError], HttpResponse],
    **words: Any,
) -> HttpResponse:
    """Call a verb on a thing for who asks: then its page with ``told`` of it, or the page as it is now with why not."""
    try:
        thing = verb(thing, by=request.user, **words)
    except DomainError as problem:
        return refused(request, thing, problem)
    messages.success(request, told(thing))
    return redirect(thing.address)
