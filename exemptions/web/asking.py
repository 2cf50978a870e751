"""Pages that ask: choose an application, name its instances, say why and until when, attach evidence. Also edits."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from exemptions import permissions, workflow
from exemptions.models import Exemption
from exemptions.web.forms import AskForm, first_words, starting_words
from exemptions.web.views import refused, visible
from patching.models import Application, ManagedInstance
from patching.words import listed
from portal.governance import roles
from portal.governance.errors import DomainError, InvalidInput, StaleRevision

State = Exemption.State


@login_required
@require_http_methods(["GET", "POST"])
def exemption_ask(request: HttpRequest) -> HttpResponse:
    """Ask for a new exemption, of a chosen application or from an instance's page."""
    mine = Application.objects.filter(team__in=roles.teams_of(request.user))
    instance = _named_instance(request)
    slug = request.POST.get("application") or request.GET.get("application") or ""
    if instance is not None and not slug:
        slug = instance.application.slug if instance.application else "none"
    application = _chosen(mine, slug)
    context: dict[str, Any] = {"applications": mine, "application": application, "instance": instance}
    if application is None:
        return render(request, "exemptions/ask.html", context, status=200 if mine else 403)
    about: dict[str, Any] = {"application": application, "user": request.user}
    if request.method == "GET":
        form = AskForm(initial=first_words(instance), **about)
        return render(request, "exemptions/ask.html", context | {"form": form})
    form = AskForm(request.POST, request.FILES, **about)
    return _take(request, form, context)


@login_required
@require_http_methods(["GET", "POST"])
def exemption_edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Write a new revision of an open one."""
    exemption = visible(request, pk)
    if exemption.state not in Exemption.OPEN or not permissions.may_edit(request.user, exemption):
        message = f"Members of {exemption.team} edit {exemption.number} as long as it is open."
        return refused(request, exemption, DomainError(message))
    about: dict[str, Any] = {
        "application": exemption.application,
        "user": request.user,
        "exemption": exemption,
    }
    context: dict[str, Any] = {"exemption": exemption, "application": exemption.application}
    if request.method == "GET":
        form = AskForm(initial=starting_words(exemption), **about)
        return render(request, "exemptions/ask.html", context | {"form": form})
    return _take(request, AskForm(request.POST, request.FILES, **about), context)


def _named_instance(request: HttpRequest) -> ManagedInstance | None:
    """The instance from whose page somebody came: one that they may see, or no page at all."""
    pk = request.GET.get("instance", "")
    if not pk:
        return None
    rows = ManagedInstance.objects.visible_to(request.user).present().select_related("application")
    return get_object_or_404(rows, pk=int(pk) if pk.isascii() and pk.isdecimal() and len(pk) < 15 else 0)


def _chosen(mine: QuerySet[Application], slug: str) -> Application | None:
    """The application that was named, or the only one there is."""
    if slug:
        return get_object_or_404(mine, slug=slug)
    return mine.get() if mine.count() == 1 else None


def _take(request: HttpRequest, form: AskForm, context: dict[str, Any]) -> HttpResponse:
    """Save it, and submit it where that was asked for: all of it or nothing."""
    status, wants_to_submit = 400, request.POST.get("do") == "submit"
    if form.is_valid():
        try:
            with transaction.atomic():
                exemption = _save(request, form, context["application"])
                if wants_to_submit:
                    exemption = workflow.submit(exemption, by=request.user)
        except InvalidInput as problem:
            form.tell(problem)
        except StaleRevision as problem:
            assert form.exemption is not None
            stale = (form.cleaned_data["based_on"] or 0, str(problem))
            return refused(request, form.exemption, problem, stale=stale)
        except DomainError as problem:
            form.add_error(None, str(problem))
            status = problem.http_status
        else:
            messages.success(request, _what_happened(exemption))
            return redirect("exemptions:exemption-detail", exemption.pk)
    had_files = bool(request.FILES.getlist("documents"))
    return render(
        request, "exemptions/ask.html", context | {"form": form, "had_files": had_files}, status=status
    )


def _save(request: HttpRequest, form: AskForm, application: Application) -> Exemption:
    asked, exemption = form.asked(), form.exemption
    if exemption is None:
        exemption = workflow.draft(by=request.user, application=application, **asked)
    elif _changes_anything(form, exemption):
        exemption = workflow.revise(
            exemption,
            by=request.user,
            note=form.cleaned_data["note"],
            based_on=form.cleaned_data["based_on"],
            **asked,
        )
    for upload in form.cleaned_data.get("documents", []):
        workflow.attach(exemption, upload, by=request.user)
    exemption.refresh_from_db()
    return exemption


def _changes_anything(form: AskForm, exemption: Exemption) -> bool:
    """A document alone makes its own revision; words that stayed the same make none."""
    if not form.cleaned_data.get("documents"):
        return True
    before = starting_words(exemption)
    asked = {**form.asked(), "instances": sorted(one.pk for one in form.cleaned_data["instances"])}
    asked["ends_at"] = asked["ends_at"].replace(second=0, microsecond=0)
    kept = {**before, "instances": sorted(before["instances"])}
    kept["ends_at"] = kept["ends_at"].replace(second=0, microsecond=0)
    return any(asked[name] != kept[name] for name in asked)


def _what_happened(exemption: Exemption) -> str:
    assert exemption.current is not None
    if exemption.state != State.SUBMITTED:
        saved = f"{exemption.number} is saved as revision {exemption.current.number}."
        return f"{saved} Nobody is asked before you submit it."
    who = listed(permissions.SLOT_NAMES[slot] for slot in exemption.needs)
    return f"{exemption.number} is submitted. It waits for {who}."
