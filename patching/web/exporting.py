"""What is in effect as a file of another tool: one for each account-region, several together as a zip."""

import io
import zipfile
from typing import cast

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_GET

from patching.models import AccountRegion, Application
from patching.taking_out import Choice, NothingInEffect, take_out
from portal.governance.errors import InvalidInput
from portal.governance.models import User


@login_required
@require_GET
def export(request: HttpRequest) -> HttpResponse:
    """``?as=`` a format, and of what: ``place``, ``application`` or ``group``, each by its id."""
    person = cast(User, request.user)
    choice = Choice.all_of(person)
    if "application" in request.GET:
        applications = Application.objects.visible_to(person)
        choice = choice.of_application(get_object_or_404(applications, pk=_number(request, "application")))
    if "place" in request.GET:
        places = AccountRegion.objects.visible_to(person)
        choice = choice.of_place(get_object_or_404(places, pk=_number(request, "place")))
    if "group" in request.GET:
        choice = choice.of_group(get_object_or_404(choice.groups, pk=_number(request, "group")))
    try:
        files = take_out(choice, request.GET.get("as", "cloudformation"), by=person)
    except (InvalidInput, NothingInEffect) as problem:
        raise Http404(str(problem)) from None
    return _answer(files, choice.names or ("patchwarden",))


def _number(request: HttpRequest, name: str) -> int:
    text = request.GET[name]
    if not (text.isascii() and text.isdigit() and len(text) < 12):
        raise Http404
    return int(text)


def _answer(files: dict[str, str], names: tuple[str, ...]) -> HttpResponse:
    if len(files) == 1:
        name, text = next(iter(files.items()))
        return _attached(text.encode(), name, "text/plain; charset=utf-8")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return _attached(packed.getvalue(), f"{'-'.join(names)}.zip", "application/zip")


def _attached(content: bytes, name: str, kind: str) -> HttpResponse:
    response = HttpResponse(content, content_type=kind)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
