"""Pages that ask: choose an application, name its instances, say why and until when, attach evidence. Also edits."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from exemptions import overlaps, permissions, workflow
from exemptions.asked import Ask, ask_of
from exemptions.models import Exemption
from exemptions.web.entries import Entry, entry_of
from exemptions.web.forms import AskForm, first_words, starting_words, typed_words
from exemptions.web.views import refused, visible
from patching.models import Application
from patching.words import listed
from portal.governance import roles
from portal.governance.errors import DomainError, InvalidInput, StaleRevision

State = Exemption.State


@login_required
@require_http_methods(["GET", "POST"])
def exemption_ask(request: HttpRequest) -> HttpResponse:
    """Ask for a new exemption: of a chosen application, or from an instance, a patch, a finding or a group."""
    # what was sent says by itself what it is about, even if the patch has been installed meanwhile
    entry = entry_of(request) if request.method == "GET" else None
    mine: QuerySet[Application] = Application.objects.filter(team__in=roles.teams_of(request.user))
    if entry is not None:
        mine = _owned(mine, entry)
    slug = request.POST.get("application") or request.GET.get("application") or ""
    application = _chosen(mine, slug)
    context: dict[str, Any] = {"applications": mine, "application": application, "entry": entry}
    if application is None:
        context["asked_from"] = [
            (name, value) for name, value in request.GET.items() if name != "application"
        ]
        return render(request, "exemptions/ask.html", context, status=200 if mine else 403)
    about: dict[str, Any] = {"application": application, "user": request.user}
    if request.method == "GET":
        known = entry.words(application) if entry else {}
        return _show(request, AskForm(initial=first_words(**known), **about), context)
    return _answer(request, about, context)


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
        return _show(request, AskForm(initial=starting_words(exemption), **about), context)
    return _answer(request, about, context)


def _owned(mine: QuerySet[Application], entry: Entry) -> QuerySet[Application]:
    """Those of my applications that an address is about; no page where it is about none of them."""
    mine = mine.filter(pk__in=entry.applications)
    if not mine:
        raise Http404
    return mine


def _chosen(mine: QuerySet[Application], slug: str) -> Application | None:
    """The application that was named, or the only one there is."""
    if slug:
        return get_object_or_404(mine, slug=slug)
    return mine.get() if mine.count() == 1 else None


def _answer(request: HttpRequest, about: dict[str, Any], context: dict[str, Any]) -> HttpResponse:
    """Look at what was typed so far, or save it."""
    if request.POST.get("do") == "look":
        return _show(request, AskForm(initial=typed_words(request.POST), **about), context)
    return _take(request, AskForm(request.POST, request.FILES, **about), context)


def _show(request: HttpRequest, form: AskForm, context: dict[str, Any], status: int = 200) -> HttpResponse:
    """The form, with the other exemptions on what is chosen in it."""
    others = overlaps.overlaps_with(form.scope(), request.user, but=form.exemption)
    shown = {
        "form": form,
        "overlaps": others,
        "had_files": bool(request.FILES.getlist("documents")),
        "patch_choices": form.patch_choices(),
    }
    return render(request, "exemptions/ask.html", context | shown, status=status)


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
    return _show(request, form, context, status)


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
    before = ask_of(exemption)
    words = {**form.asked(), "conditions": before.conditions}
    if words["ends_at"] == exemption.ends_at.replace(second=0, microsecond=0):
        words["ends_at"] = exemption.ends_at  # a browser sends no seconds
    application = exemption.application
    return Ask.of(**words).content(application) != before.content(application)


def _what_happened(exemption: Exemption) -> str:
    assert exemption.current is not None
    if exemption.state != State.SUBMITTED:
        saved = f"{exemption.number} is saved as revision {exemption.current.number}."
        return f"{saved} Nobody is asked before you submit it."
    who = listed(permissions.SLOT_NAMES[slot] for slot in exemption.needs)
    return f"{exemption.number} is submitted. It waits for {who}."
