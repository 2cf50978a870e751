"""The register of exemptions, the page of one, and its verbs."""

from datetime import timedelta
from typing import Any

import django_filters
from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import content_disposition_header, urlencode
from django.views.decorators.http import require_GET, require_POST

from exemptions import documents, permissions, workflow
from exemptions.models import Exemption
from exemptions.web import detail
from patching.models import Application
from patching.web.forms import DecisionForm
from patching.words import listed
from portal.governance import clock, lists, roles
from portal.governance.errors import DomainError, InvalidInput, SignInAgain, StaleRevision
from portal.governance.models import Team
from portal.governance.signing_in import signed_in_at

State = Exemption.State
ENDS_WITHIN = [(str(days), f"{days} days") for days in (7, 14, 30, 90)]


def _applications(request: HttpRequest | None) -> QuerySet[Application]:
    return Application.objects.visible_to(request.user) if request else Application.objects.none()


def _teams(request: HttpRequest | None) -> QuerySet[Team]:
    if request is None:
        return Team.objects.none()
    return Team.objects.all() if roles.reads_all(request.user) else roles.teams_of(request.user)


class CheckFilter(django_filters.Filter):
    """A box that is either ticked or not there: an empty one is no filter."""

    field_class = forms.BooleanField


class ExemptionFilter(django_filters.FilterSet):
    """What the register is narrowed by."""

    q = django_filters.CharFilter(method="search", label="Title, number or instance")
    state = django_filters.ChoiceFilter(
        field_name="effective_state",
        choices=list(Exemption.EFFECTIVE.items()),
        label="State",
        empty_label="All states",
    )
    application = django_filters.ModelChoiceFilter(
        queryset=_applications, to_field_name="slug", label="Application", empty_label="All applications"
    )
    team = django_filters.ModelChoiceFilter(
        queryset=_teams, to_field_name="slug", label="Team", empty_label="All teams"
    )
    ends_within = django_filters.ChoiceFilter(
        method="ending", choices=ENDS_WITHIN, label="In force, ends within", empty_label="Any time"
    )
    waits = CheckFilter(method="waiting", label="Waits for me")

    class Meta:
        model = Exemption
        fields: list[str] = []

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.form.fields["q"].widget.input_type = "search"

    def search(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        number = value.strip().upper().removeprefix("EX-")
        found = Q(title__icontains=value) | Q(
            pk__in=Exemption.instances.through.objects.filter(
                Q(managedinstance__instance_id__iexact=value.strip())
                | Q(managedinstance__name__icontains=value)
            ).values("exemption")
        )
        if number.isascii() and number.isdecimal() and len(number) < 15:
            found |= Q(pk=int(number))
        return rows.filter(found)

    def ending(self, rows: Any, name: str, value: str) -> QuerySet[Any]:
        now = clock.now()
        return rows.holding(now).filter(ends_at__lte=now + timedelta(days=int(value)))

    def waiting(self, rows: QuerySet[Any], name: str, value: bool) -> QuerySet[Any]:
        return rows.filter(pk__in=permissions.waiting_for(self.request.user)) if value else rows


COLUMNS = (
    lists.Column("Exemption", lambda one: one.title, "title"),
    lists.Column("Number", lambda one: one.number, "pk", shown=False),
    lists.Column("Application", lambda one: one.application, "application__slug"),
    lists.Column("Team", lambda one: one.team, shown=False),
    lists.Column("Instances", lambda one: one.size, "size", css="r"),
    lists.Column("Production instances", lambda one: one.in_production, shown=False),
    lists.Column("State", lambda one: Exemption.EFFECTIVE[one.effective_state], "effective_state"),
    lists.Column("Ends", lambda one: one.ends_at, "ends_at"),
    lists.Column("Asked by", lambda one: one.requested_by, "requested_by__username"),
    lists.Column("Asked at", lambda one: one.created_at, shown=False),
    lists.Column("Approved at", lambda one: one.approved_at, shown=False),
    lists.Column("Restored at", lambda one: one.restored_at, shown=False),
)


@login_required
@require_GET
def exemption_list(request: HttpRequest) -> HttpResponse:
    """Every exemption that this person may see."""
    seen = Exemption.objects.visible_to(request.user).with_effective_state(clock.now())
    rows = seen.select_related("application", "team", "requested_by").annotate(
        size=Count("instances"),
        in_production=Count("instances", filter=Q(instances__environment__is_production=True)),
    )
    rows = rows.order_by("-pk")
    counted = dict(seen.order_by().values_list("effective_state").annotate(Count("pk")))
    notable = ("submitted", "active", "expiring", "expired")
    return lists.show(
        request,
        "exemptions/exemption_list.html",
        rows=rows,
        columns=COLUMNS,
        name="exemptions",
        filters=ExemptionFilter,
        context={
            "counts": [(state, counted[state]) for state in notable if counted.get(state)],
            "may_ask": roles.teams_of(request.user).exists(),
        },
    )


@login_required
@require_GET
def exemption_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """One exemption: what to decide first, what it is based on below."""
    return _page(request, visible(request, pk))


@login_required
@require_GET
def exemption_document(request: HttpRequest, pk: int, document: int) -> HttpResponse:
    """One document as a download, never as a page; the reading is audited."""
    exemption = visible(request, pk)
    found = get_object_or_404(exemption.documents, pk=document)
    try:
        content = documents.read(found, by=request.user)
    except DomainError as problem:
        return refused(request, exemption, problem)
    response = HttpResponse(content, content_type=found.content_type)
    response["Content-Disposition"] = content_disposition_header(True, found.name)
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, no-store"
    return response


@login_required
@require_POST
def exemption_decide(request: HttpRequest, pk: int) -> HttpResponse:
    """Approve, ask for changes or reject, on the revision that was read."""
    exemption = visible(request, pk)
    form = DecisionForm(request.POST)
    if not form.is_valid():
        return _page(request, exemption, form=form, status=400)
    said = form.cleaned_data
    try:
        exemption = workflow.decide(
            exemption,
            outcome=said["outcome"],
            by=request.user,
            revision=said["revision"],
            digest=said["digest"],
            signed_in_at=signed_in_at(request),
            reason=said["reason"],
        )
    except SignInAgain as problem:
        messages.warning(request, str(problem))
        back = urlencode({"next": reverse("exemptions:exemption-detail", args=[pk])})
        return redirect(f"{reverse('account_reauthenticate')}?{back}")
    except InvalidInput as problem:
        for one in problem.problems:
            form.add_error("reason" if one.field == "reason" else None, one.message)
        return _page(request, visible(request, pk), form=form, status=400)
    except StaleRevision as problem:
        return refused(request, exemption, problem, stale=(said["revision"], str(problem)))
    except DomainError as problem:
        return refused(request, exemption, problem)
    messages.success(request, _decided(exemption, said["outcome"], said["revision"]))
    return redirect("exemptions:exemption-detail", pk)


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
    exemption = visible(request, pk)
    try:
        exemption = workflow.submit(exemption, by=request.user)
    except DomainError as problem:
        return refused(request, exemption, problem)
    who = listed(permissions.SLOT_NAMES[slot] for slot in exemption.needs)
    messages.success(request, f"{exemption.number} is submitted. It waits for {who}.")
    return redirect("exemptions:exemption-detail", pk)


@login_required
@require_POST
def exemption_withdraw(request: HttpRequest, pk: int) -> HttpResponse:
    """Take it back."""
    exemption = visible(request, pk)
    try:
        workflow.withdraw(exemption, by=request.user, reason=request.POST.get("reason", ""))
    except DomainError as problem:
        return refused(request, exemption, problem)
    messages.success(request, f"{exemption.number} is withdrawn.")
    return redirect("exemptions:exemption-detail", pk)


@login_required
@require_POST
def exemption_revoke(request: HttpRequest, pk: int) -> HttpResponse:
    """End it before its date."""
    exemption = visible(request, pk)
    try:
        workflow.revoke(exemption, by=request.user, reason=request.POST.get("reason", ""))
    except DomainError as problem:
        return refused(request, exemption, problem)
    messages.success(
        request, f"{exemption.number} is revoked. The next push puts its instances back into their window."
    )
    return redirect("exemptions:exemption-detail", pk)


def visible(request: HttpRequest, pk: int) -> Exemption:
    """The exemption, or 404 for what this person may not see."""
    joined = "team", "application", "requested_by", "current__author"
    return get_object_or_404(Exemption.objects.visible_to(request.user).select_related(*joined), pk=pk)


def refused(
    request: HttpRequest, exemption: Exemption, problem: DomainError, *, stale: tuple[int, str] | None = None
) -> HttpResponse:
    """The page as it is now, with why nothing was done."""
    if stale is None:
        messages.error(request, str(problem))
    return _page(request, visible(request, exemption.pk), status=problem.http_status, stale=stale)


def _page(
    request: HttpRequest,
    exemption: Exemption,
    *,
    form: DecisionForm | None = None,
    status: int = 200,
    stale: tuple[int, str] | None = None,
) -> HttpResponse:
    all_patches = request.GET.get("patches") == "all"
    context = detail.of(exemption, request.user, all_patches=all_patches)
    if stale:
        context |= {"stale": detail.moved_since(exemption, *stale), "verdict": None}
    context |= {"form": form or DecisionForm(), "all_patches": all_patches}
    return render(request, "exemptions/exemption_detail.html", context, status=status)
