"""The page of one exemption, and its verbs."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET, require_POST

from exemptions import permissions, serving, workflow
from exemptions.models import Exemption
from exemptions.web import detail
from exemptions.web.offer_form import OfferForm, offer_as_asked
from patching.web.forms import DecisionForm
from patching.words import listed
from portal.governance.buttons import press
from portal.governance.conversation_web import CommentForm, panel
from portal.governance.errors import DomainError, InvalidInput
from portal.governance.looks import look
from portal.governance.signing_in import signed_in_at

State = Exemption.State


@login_required
@require_GET
def exemption_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """One exemption: what to decide first, what it is based on below."""
    return page(request, visible(request, pk))


@login_required
@require_GET
def exemption_document(request: HttpRequest, pk: int, document: int) -> HttpResponse:
    """One document as a download, never as a page; the reading is audited."""
    exemption = visible(request, pk)
    found = get_object_or_404(exemption.documents, pk=document)
    try:
        return serving.attachment(found, by=request.user)
    except DomainError as problem:
        return refused(request, exemption, problem)


@login_required
@require_POST
def exemption_decide(request: HttpRequest, pk: int) -> HttpResponse:
    """Approve, ask for changes or reject, on the revision that was read."""
    exemption = visible(request, pk)
    form = DecisionForm(request.POST)
    if not form.is_valid():
        return page(request, exemption, form=form, status=400)
    said = form.cleaned_data

    def invalid(problem: InvalidInput) -> HttpResponse:
        for one in problem.problems:
            form.add_error("reason" if one.field == "reason" else None, one.message)
        return page(request, visible(request, pk), form=form, status=400)

    return press(
        request,
        exemption,
        workflow.decide,
        told=lambda exemption: _decided(exemption, said["outcome"], said["revision"]),
        refused=refused,
        invalid=invalid,
        stale=lambda problem: refused(request, exemption, problem, stale=(said["revision"], str(problem))),
        signed_in_at=signed_in_at(request),
        **said,
    )


def _decided(exemption: Exemption, outcome: str, revision: int) -> str:
    done = {"approve": "approved", "reject": "rejected", "request_changes": "asked for changes to"}
    sentence = f"You {done[outcome]} revision {revision} of {exemption.number}."
    if outcome == "approve" and exemption.state == State.SUBMITTED:
        left = listed(permissions.SLOT_NAMES[slot] for slot in permissions.open_slots(exemption))
        sentence += f" It now waits for {left}."
    return sentence


@login_required
@require_POST
def exemption_submit(request: HttpRequest, pk: int) -> HttpResponse:
    """Put it before those who decide."""

    def told(exemption: Exemption) -> str:
        who = listed(permissions.SLOT_NAMES[slot] for slot in exemption.needs)
        return f"{exemption.number} is submitted. It waits for {who}."

    return press(request, visible(request, pk), workflow.submit, told=told, refused=refused)


@login_required
@require_POST
def exemption_withdraw(request: HttpRequest, pk: int) -> HttpResponse:
    """Take it back."""
    return press(
        request,
        visible(request, pk),
        workflow.withdraw,
        told="{0.number} is withdrawn.".format,
        refused=refused,
        reason=request.POST.get("reason", ""),
    )


@login_required
@require_POST
def exemption_revoke(request: HttpRequest, pk: int) -> HttpResponse:
    """End it before its date."""
    return press(
        request,
        visible(request, pk),
        workflow.revoke,
        told="{0.number} is revoked. The next push puts its instances back into their window.".format,
        refused=refused,
        reason=request.POST.get("reason", ""),
    )


def visible(request: HttpRequest, pk: int) -> Exemption:
    """The exemption, or 404 for what this person may not see."""
    joined = "team", "application", "requested_by", "current__author"
    return get_object_or_404(Exemption.objects.visible_to(request.user).select_related(*joined), pk=pk)


def refused(
    request: HttpRequest,
    exemption: Exemption,
    problem: DomainError,
    *,
    stale: tuple[int, str] | None = None,
    comment: CommentForm | None = None,
) -> HttpResponse:
    """The page as it is now, with why nothing was done; a comment's form says so itself."""
    if stale is None and comment is None:
        messages.error(request, str(problem))
    now = visible(request, exemption.pk)
    return page(request, now, status=problem.http_status, stale=stale, comment=comment)


def page(
    request: HttpRequest,
    exemption: Exemption,
    *,
    form: DecisionForm | None = None,
    status: int = 200,
    stale: tuple[int, str] | None = None,
    comment: CommentForm | None = None,
    offer_form: OfferForm | None = None,
) -> HttpResponse:
    """The page of one exemption; forms that were sent back take the place of empty ones."""
    all_patches = request.GET.get("patches") == "all"
    context = detail.of(exemption, request.user, all_patches=all_patches)
    if stale:
        context |= {"stale": detail.moved_since(exemption, *stale), "verdict": None}
    context |= {"form": form or DecisionForm(), "all_patches": all_patches}
    if context["verdict"]:
        context["offer_form"] = offer_form or offer_as_asked(exemption)
    elif offer_form is not None:
        messages.error(request, f"{exemption.number} does not wait for your offer.")
    context["talk"] = panel(exemption, request.user, comment)
    if request.method == "GET" and (earlier := look(exemption, request.user)):
        context["since"] = detail.since(exemption, earlier)
    return render(request, "exemptions/exemption_detail.html", context, status=status)
