"""The page on which somebody says of which applications they want the mail about windows."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from patching import notices
from portal.governance.signing_in import SignedInRequest


@login_required
@require_http_methods(["GET", "POST"])
def notice_choices(request: SignedInRequest) -> HttpResponse:
    """Every application that this person may see, with whether they hear of its windows."""
    if request.method == "POST":
        wanted = [int(pk) for pk in request.POST.getlist("wanted") if pk.isdecimal()]
        notices.choose(request.user, wanted)
        messages.success(request, "Your choice holds from the next notice on.")
        return redirect("patching:notice-choices")
    choices = notices.choices_of(request.user)
    return render(request, "patching/notice_choices.html", {"choices": choices})
