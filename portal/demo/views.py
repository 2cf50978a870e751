"""The demo's pages: be one of the cast, let time pass, read everybody's mail."""

from allauth.account.internal.flows.login import record_authentication
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from portal.demo import passing_time
from portal.demo.cast import BY_USERNAME
from portal.governance import clock
from portal.governance.errors import DomainError
from portal.governance.models import OutboxMessage, User


@require_POST
def sign_in(request: HttpRequest) -> HttpResponse:
    """Be one of the cast; counts as proof of who you are, as a password would."""
    cast = User.objects.filter(username__in=BY_USERNAME, is_active=True)
    user = get_object_or_404(cast, username=request.POST.get("username", ""))
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    record_authentication(request, user, method="demo", username=user.username)
    return redirect(_next(request))


@require_POST
@login_required
def advance(request: HttpRequest) -> HttpResponse:
    """Let an hour, a day, a week pass, or all time until the next window opens."""
    step = request.POST.get("step", "")
    now = clock.now()
    to = passing_time.next_window_start(now) if step == "window" else None
    if step in passing_time.STEPS:
        to = now + passing_time.STEPS[step]
    if to is None:
        messages.info(request, "There is no window yet. Have one approved first, then come back.")
        return redirect(_next(request))
    try:
        passing_time.advance_to(to)
    except DomainError as problem:
        messages.error(request, str(problem))
    return redirect(_next(request))


@require_GET
@login_required
def mail(request: HttpRequest) -> HttpResponse:
    """Mail that the portal has promised: the reader's own, or with ``?of=all`` everybody's."""
    everybody = request.GET.get("of") == "all"
    letters = OutboxMessage.objects.select_related("recipient")
    if not everybody:
        letters = letters.filter(recipient=request.user)
    page = Paginator(letters, 25).get_page(request.GET.get("page"))
    return render(request, "demo/mail.html", {"page": page, "everybody": everybody})


def _next(request: HttpRequest) -> str:
    wanted = request.POST.get("next", "")
    ours = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if ours else "/"
