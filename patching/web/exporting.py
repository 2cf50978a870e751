"""What is in effect as a file of another tool: one for each account-region, several together as a zip."""

import io
import zipfile
from typing import Any, cast

from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_GET

from patching import exporting
from patching.exchange.formats import WRITTEN
from patching.models import AccountRegion, Application, MaintenanceWindow, PatchGroup
from portal.governance import audit
from portal.governance.models import User


@login_required
@require_GET
def export(request: HttpRequest) -> HttpResponse:
    """``?as=`` a format, and of what: ``place``, ``application`` or ``group``, each by its id."""
    wanted = request.GET.get("as", "cloudformation")
    if wanted not in WRITTEN:
        raise Http404
    groups = PatchGroup.objects.visible_to(request.user).live()
    windows = MaintenanceWindow.objects.visible_to(request.user).live()
    names: list[str] = []
    if "application" in request.GET:
        application = get_object_or_404(
            Application.objects.visible_to(request.user), pk=_number(request, "application")
        )
        groups, windows = groups.filter(application=application), windows.filter(application=application)
        names.append(application.slug)
    if "place" in request.GET:
        place = get_object_or_404(
            AccountRegion.objects.visible_to(request.user), pk=_number(request, "place")
        )
        groups, windows = groups.filter(account_region=place), windows.filter(account_region=place)
    chosen: Any = windows
    if "group" in request.GET:
        group = get_object_or_404(groups, pk=_number(request, "group"))
        groups = groups.filter(pk=group.pk)
        chosen = exporting.windows_of([group], windows.filter(account_region=group.account_region))
        names.append(group.name.replace(" ", "-"))
    files = _files(list(groups), list(chosen), wanted, names)
    if not files:
        raise Http404("Nothing of it is in effect.")
    _note(request, wanted, sorted(files))
    return _answer(files, names or ["patchwarden"])


def _number(request: HttpRequest, name: str) -> int:
    text = request.GET[name]
    if not (text.isascii() and text.isdigit() and len(text) < 12):
        raise Http404
    return int(text)


def _files(
    groups: list[PatchGroup], windows: list[MaintenanceWindow], wanted: str, names: list[str]
) -> dict[str, str]:
    """Name of the file → its text, one for each account-region that has something of it."""
    ids = {one.account_region_id for one in groups} | {one.account_region_id for one in windows}
    found = {}
    for place in AccountRegion.objects.filter(pk__in=ids).select_related("account"):
        setup = exporting.setup_of(
            place,
            [one for one in groups if one.account_region_id == place.pk],
            [one for one in windows if one.account_region_id == place.pk],
        )
        name = "-".join([*names, place.account.account_id, place.region])
        found[f"{name}.{WRITTEN[wanted].suffix}"] = exporting.text_of(setup, wanted)
    return found


def _note(request: HttpRequest, wanted: str, files: list[str]) -> None:
    person = cast(User, request.user)
    with transaction.atomic():
        detail = {"format": WRITTEN[wanted].title, "files": files}
        audit.record("setup.exported", person, by=person, detail=detail)


def _answer(files: dict[str, str], names: list[str]) -> HttpResponse:
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
