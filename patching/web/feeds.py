"""Calendar addresses: the page to make and revoke them, and what a calendar program reads, without a sign-in."""

import hashlib
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.cache import get_conditional_response
from django.views.decorators.cache import cache_control, never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from rest_framework.throttling import SimpleRateThrottle

from patching.calendar import feeds
from portal.governance import clock, roles
from portal.governance.errors import DomainError, InvalidInput, NotAllowed
from portal.governance.models import Team
from portal.governance.signing_in import SignedInRequest


class FeedForm(forms.Form):
    """Whose windows, and who reads them."""

    label = forms.CharField(
        label="Who reads it", max_length=feeds.LONGEST_LABEL, help_text="Such as “Phone” or “Wall screen”."
    )
    team = forms.ModelChoiceField(
        label="Which windows",
        queryset=Team.objects.none(),
        to_field_name="slug",
        required=False,
        empty_label="All that I may see",
    )

    def __init__(self, *args: Any, teams: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.fields["team"].queryset = teams  # type: ignore[attr-defined]


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
@sensitive_variables("secret", "address")
def feed_list(request: SignedInRequest) -> HttpResponse:
    """One's own addresses and those of one's teams; a POST makes one and shows it, once."""
    form = FeedForm(request.POST or None, teams=roles.teams_of(request.user))
    address, made, status = "", None, 200
    if request.method == "POST":
        status = 400
        if form.is_valid():
            try:
                made, secret = feeds.make(
                    label=form.cleaned_data["label"], team=form.cleaned_data["team"], by=request.user
                )
            except InvalidInput as problem:
                for one in problem.problems:
                    form.add_error(one.field, one.message)
            else:
                address = f"{settings.BASE_URL}{reverse('patching:feed', args=[secret])}"
                form, status = FeedForm(teams=roles.teams_of(request.user)), 200
    rows = feeds.visible_to(request.user)
    context = {
        "form": form,
        "address": address,
        "made": made,
        "working": rows.filter(revoked_at=None),
        "revoked": rows.exclude(revoked_at=None)[:10],
    }
    return render(request, "patching/feed_list.html", context, status=status)


@login_required
@require_POST
def feed_revoke(request: SignedInRequest, pk: int) -> HttpResponse:
    """End an address."""
    feed = get_object_or_404(feeds.visible_to(request.user), pk=pk)
    try:
        feeds.revoke(feed, by=request.user)
    except NotAllowed as problem:
        raise Http404 from problem
    except DomainError as problem:
        messages.error(request, str(problem))
    else:
        messages.success(request, f"The address “{feed}” is revoked. Whoever reads it finds nothing now.")
    return redirect("patching:feed-list")


class Readings(SimpleRateThrottle):
    """How often one address is read, or one caller tries addresses that are none."""

    scope = "calendar"
    rate = "60/min"

    def __init__(self, ident: str) -> None:
        super().__init__()
        self.ident = ident

    def get_cache_key(self, request: Any, view: Any) -> str:
        return self.cache_format % {"scope": self.scope, "ident": self.ident}


@cache_control(private=True, no_cache=True)
@require_safe
@sensitive_variables("secret")
def feed(request: HttpRequest, secret: str) -> HttpResponseBase:
    """The windows as iCalendar, for whoever knows the address."""
    found = feeds.by_secret(secret)
    throttle = Readings(f"feed-{found.pk}" if found else f"stranger-{request.META.get('REMOTE_ADDR', '')}")
    if not throttle.allow_request(request, None):
        wait = str(int(throttle.wait() or 60) + 1)
        return HttpResponse("Too many readings; come back later.", status=429, headers={"Retry-After": wait})
    if found is None:
        raise Http404
    at = clock.now()
    feeds.note_reading(found, at)
    text = feeds.text_of(found, at)
    response = HttpResponse(text, content_type="text/calendar; charset=utf-8")
    response.headers["ETag"] = f'"{hashlib.sha256(text).hexdigest()}"'
    response.headers["Content-Disposition"] = 'inline; filename="patching.ics"'
    return get_conditional_response(request, etag=response.headers["ETag"], response=response) or response
