"""Pages of the floor: the audit log, and everybody's own API tokens."""

from datetime import timedelta
from typing import Any

import django_filters
from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from portal.governance import audit, audit_words, clock, lists, tokens
from portal.governance.errors import InvalidInput, SignInAgain
from portal.governance.models import ApiToken, AuditEntry
from portal.governance.signing_in import sign_in_again, signed_in_at

Scope = ApiToken.Scope


# The audit log


class AuditFilter(django_filters.FilterSet):
    """Entries by who, what, on which kind of thing, and when."""

    q = django_filters.CharFilter(
        method="about", label="Object or reason", widget=forms.TextInput(attrs={"type": "search"})
    )
    who = django_filters.CharFilter(
        field_name="actor_name", lookup_expr="icontains", label="Who", widget=forms.TextInput
    )
    action = django_filters.ChoiceFilter(label="What", choices=(), empty_label="Anything")
    object_type = django_filters.ChoiceFilter(label="On", choices=(), empty_label="Anything")
    since = django_filters.DateFilter(
        field_name="at", lookup_expr="date__gte", label="From", widget=forms.DateInput(attrs={"type": "date"})
    )
    until = django_filters.DateFilter(
        field_name="at", lookup_expr="date__lte", label="To", widget=forms.DateInput(attrs={"type": "date"})
    )
    # set by links from one object's page
    object_id = django_filters.CharFilter(widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, said in (("action", _action_in_words), ("object_type", kind_in_words)):
            seen = self.queryset.order_by(name).values_list(name, flat=True).distinct()
            self.filters[name].extra["choices"] = [(value, said(value)) for value in seen]

    def about(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return rows.filter(Q(object_label__icontains=value) | Q(reason__icontains=value))


def kind_in_words(object_type: str) -> str:
    """patching.changerequest as people write it."""
    known = {
        "changerequest": "Request",
        "accountregion": "Account-region",
        "awsaccount": "AWS account",
        "pushrun": "Push",
        "user": "Person",
        "rolegrant": "Role",
        "resourcestate": "Object in AWS",
        "patchgroup": "Patch group",
        "maintenancewindow": "Window",
        "patchbaseline": "Baseline",
        "calendarfeed": "Calendar address",
    }
    name = object_type.rpartition(".")[2]
    return known.get(name, name.capitalize())


def _action_in_words(action: str) -> str:
    parts = action.split(".")
    kind = kind_in_words(parts[1]) if len(parts) > 2 else parts[0].capitalize()
    return f"{kind}: {audit_words.plain(' '.join(parts[2:] or parts[1:]))}"


COLUMNS = (
    lists.Column("When", lambda one: one.at, "at"),
    lists.Column("Who", lambda one: one.actor_name, "actor_name"),
    lists.Column("What", audit_words.said),
    lists.Column("On", lambda one: one.object_label),
    lists.Column("Why", lambda one: one.reason),
    lists.Column("Entry", lambda one: one.seq, "seq", css="r"),
    lists.Column("Action", lambda one: one.action, shown=False),
    lists.Column("Object", lambda one: f"{one.object_type} {one.object_id}", shown=False),
    lists.Column("Real time", lambda one: one.real_at, shown=False),
    lists.Column("Detail", lambda one: one.detail, shown=False),
    lists.Column("Hash", lambda one: one.hash, shown=False),
)
# kinds whose page is at the address that their url name gives
_PAGES = {
    "patching.changerequest": "patching:request-detail",
    "patching.accountregion": "patching:account-detail",
    "patching.pushrun": "patching:push-detail",
    "exemptions.exemption": "exemptions:exemption-detail",
}


@login_required
@require_GET
def audit_list(request: HttpRequest) -> HttpResponse:
    """The part of the audit log that this person may read, newest first."""
    return lists.show(
        request,
        "governance/audit_list.html",
        rows=audit.visible_to(request.user).order_by("-seq"),
        columns=COLUMNS,
        name="audit-log",
        filters=AuditFilter,
        decorate=_decorate,
    )


def _decorate(rows: list[AuditEntry]) -> None:
    for row in rows:
        row.said = audit_words.said(row)  # type: ignore[attr-defined]
        row.kind = kind_in_words(row.object_type)  # type: ignore[attr-defined]
        row.page = _PAGES.get(row.object_type, "")  # type: ignore[attr-defined]


# API tokens


class MintForm(forms.Form):
    """What a new token is for, what it may do and how long."""

    name = forms.CharField(label="Name", max_length=80, help_text="What uses it, such as “nightly export”.")
    scopes = forms.MultipleChoiceField(
        label="What it may do",
        choices=Scope.choices,
        widget=forms.CheckboxSelectMultiple,
        initial=[Scope.READ],
        help_text="Never more than you may do yourself. A token that decides lasts 1 hour at most.",
    )
    lifetime = forms.TypedChoiceField(
        label="Ends after",
        coerce=int,
        choices=[
            (1, "1 hour"),
            (24, "1 day"),
            (24 * 30, "30 days"),
            (24 * 90, "90 days"),
            (24 * 365, "365 days"),
        ],
        initial=24 * 30,
    )


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
@sensitive_variables("text")
def token_list(request: HttpRequest) -> HttpResponse:
    """One's own tokens; a POST makes one and shows its text, once."""
    form, text, minted, status = MintForm(request.POST or None), "", None, 200
    if request.method == "POST":
        status = 400
        if form.is_valid():
            try:
                minted, text = tokens.mint(
                    request.user,
                    name=form.cleaned_data["name"],
                    scopes=form.cleaned_data["scopes"],
                    lifetime=timedelta(hours=form.cleaned_data["lifetime"]),
                    signed_in_at=signed_in_at(request),
                )
            except SignInAgain as problem:
                return sign_in_again(request, problem, reverse("governance:token-list"))
            except InvalidInput as problem:
                for one in problem.problems:
                    form.add_error(one.field, one.message)
            else:
                form, status = MintForm(), 200
    context = {"form": form, "text": text, "minted": minted, "tokens": _own(request)}
    return render(request, "governance/token_list.html", context, status=status)


@login_required
@require_POST
def token_revoke(request: HttpRequest, key: str) -> HttpResponse:
    """End one of one's own tokens."""
    token = get_object_or_404(ApiToken, user=request.user, token_key=key)
    name = token.name
    tokens.revoke(token, by=request.user)
    messages.success(request, f"The token “{name}” is revoked. Whatever uses it is refused from now on.")
    return redirect("governance:token-list")


def _own(request: HttpRequest) -> list[ApiToken]:
    now = clock.real_now()
    found = list(ApiToken.objects.filter(user=request.user))
    words = dict(Scope.choices)
    for token in found:
        ended = token.expiry is not None and token.expiry <= now
        token.state = "expired" if ended else "active"
        token.may = [words.get(scope, scope) for scope in token.scopes]
    return found
