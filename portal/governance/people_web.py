"""Pages about people: who is here with which roles and teams, and the verbs of administrators and CISOs."""

from collections.abc import Callable
from typing import Any

import django_filters
from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import Case, IntegerField, Q, QuerySet, Value, When
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from portal.governance import audit, audit_words, clock, granting, lists, roles
from portal.governance.errors import DomainError
from portal.governance.models import ApiToken, Delegation, Membership, Role, RoleGrant, Team, User
from portal.governance.people_forms import (
    DelegateForm,
    GrantForm,
    JoinForm,
    PersonForm,
    TeamForm,
    begin_of,
    end_of,
    tell,
    today,
)
from portal.governance.signing_in import SignedInRequest

EVENTS_SHOWN = 20


class PeopleFilter(django_filters.FilterSet):
    """What the list of people is narrowed by."""

    q = django_filters.CharFilter(method="search", label="Name, user name or e-mail")
    role = django_filters.ChoiceFilter(
        choices=Role.choices, method="holding", label="Role", empty_label="All roles"
    )
    team = django_filters.ModelChoiceFilter(
        queryset=Team.objects.all(), field_name="memberships__team", label="Team", empty_label="All teams"
    )
    active = django_filters.ChoiceFilter(
        choices=[("yes", "Active"), ("no", "Deactivated")],
        method="let_in",
        label="Access",
        empty_label="All",
    )

    class Meta:
        model = User
        fields: list[str] = []

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.form.fields["q"].widget.input_type = "search"

    def search(self, rows: QuerySet[User], name: str, value: str) -> QuerySet[User]:
        for word in value.split():
            rows = rows.filter(
                Q(first_name__icontains=word)
                | Q(last_name__icontains=word)
                | Q(username__icontains=word)
                | Q(email__icontains=word)
            )
        return rows

    def holding(self, rows: QuerySet[User], name: str, value: str) -> QuerySet[User]:
        return rows.filter(pk__in=roles.holders(value))

    def let_in(self, rows: QuerySet[User], name: str, value: str) -> QuerySet[User]:
        return rows.filter(is_active=value == "yes")


COLUMNS = (
    lists.Column("Person", str, "first_name"),
    lists.Column("User name", lambda one: one.username, "username", shown=False),
    lists.Column("E-mail", lambda one: one.email, shown=False),
    lists.Column("Roles", lambda one: ", ".join(map(_in_words, one.holds))),
    lists.Column("Teams", lambda one: ", ".join(map(_member_in_words, one.belongs))),
    lists.Column("Last sign-in", lambda one: one.last_login, "last_login"),
    lists.Column("Access", lambda one: "active" if one.is_active else "deactivated", "is_active"),
)


def _in_words(held: dict[str, Any]) -> str:
    return f"{held['label']} until {held['ends_at']:%Y-%m-%d}" if held["ends_at"] else held["label"]


def _member_in_words(membership: Membership) -> str:
    return f"{membership.team} (lead)" if membership.is_lead else str(membership.team)


@login_required
@require_GET
def people(request: SignedInRequest) -> HttpResponse:
    """Everybody, the active first; teams and delegations beside them."""
    _raise_unless_shown(request)
    rows = User.objects.order_by("-is_active", "first_name", "username")
    user = request.user
    return lists.show(
        request,
        "people/list.html",
        rows=rows,
        columns=COLUMNS,
        name="people",
        filters=PeopleFilter,
        decorate=_decorate,
        context={
            "teams": _teams(),
            "delegations": _delegations(Q(ends_at__gt=clock.now())),
            "may_hire": roles.has_role(user, Role.ADMINISTRATOR),
            "may_delegate": granting.may_delegate(user),
        },
    )


def _decorate(rows: list[User]) -> None:
    """Roles that hold now or will, and teams, for a page of people in three queries."""
    at = clock.now()
    by_person: dict[int, dict[str, list[Any]]] = {row.pk: {"holds": [], "belongs": []} for row in rows}
    for given in RoleGrant.objects.filter(Q(ends_at=None) | Q(ends_at__gt=at), user__in=rows).order_by("pk"):
        by_person[given.user_id]["holds"].append(
            {"label": given.get_role_display(), "starts_at": given.starts_at, "ends_at": given.ends_at}
        )
    for delegation in _delegations(Q(ends_at__gt=at, delegate__in=rows)):
        by_person[delegation.delegate_id]["holds"].append(
            {
                "label": f"Delegate of {delegation.giver}",
                "starts_at": delegation.starts_at,
                "ends_at": delegation.ends_at,
            }
        )
    for membership in Membership.objects.filter(user__in=rows).select_related("team").order_by("team__name"):
        by_person[membership.user_id]["belongs"].append(membership)
    for row in rows:
        vars(row).update(by_person[row.pk])


def _teams() -> list[Team]:
    """Teams with their people, leads first."""
    teams = {team.pk: team for team in Team.objects.all()}
    for team in teams.values():
        vars(team).update(leads=[], others=[])
    members = Membership.objects.filter(user__is_active=True).select_related("user")
    for one in members.order_by("user__first_name", "user__username"):
        vars(teams[one.team_id])["leads" if one.is_lead else "others"].append(one.user)
    return list(teams.values())


def _delegations(which: Q) -> QuerySet[Delegation]:
    return Delegation.objects.filter(which).select_related("giver", "delegate").order_by("starts_at")


@login_required
@require_GET
def person(request: SignedInRequest, pk: int) -> HttpResponse:
    """One person: roles, teams, delegations, access, and what was changed of these."""
    return _page(request, _somebody(request, pk))


@login_required
@require_http_methods(["GET", "POST"])
def person_add(request: SignedInRequest) -> HttpResponse:
    """Let somebody in."""
    _raise_unless_administrator(request)
    form = PersonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        try:
            made = granting.hire(said["username"], said["name"], said["email"], by=request.user)
        except DomainError as problem:
            tell(form, problem)
        else:
            messages.success(
                request,
                f"{made} is in. A mail tells them how to choose a password; give them a role or a team.",
            )
            return redirect("people:detail", made.pk)
    return render(request, "people/add.html", {"form": form}, status=400 if form.errors else 200)


@login_required
@require_http_methods(["GET", "POST"])
def team_add(request: SignedInRequest) -> HttpResponse:
    """Found a team."""
    _raise_unless_administrator(request)
    form = TeamForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = granting.add_team(form.cleaned_data["slug"], form.cleaned_data["name"], by=request.user)
        except DomainError as problem:
            tell(form, problem)
        else:
            messages.success(request, f"The team {made} is there. Add its people on their pages.")
            return redirect("people:list")
    return render(request, "people/team_add.html", {"form": form}, status=400 if form.errors else 200)


@login_required
@require_POST
def role_grant(request: SignedInRequest, pk: int) -> HttpResponse:
    """Give a role."""
    who = _somebody(request, pk)
    form = GrantForm(request.POST, auto_id="grant_%s")

    def give(said: dict[str, Any]) -> str:
        until = end_of(said["ends_on"]) if said["ends_on"] else None
        given = granting.grant(who, said["role"], by=request.user, ends_at=until)
        return f"{who} is {given.get_role_display()} now."

    return _done(request, who, give, grant_form=form)


@login_required
@require_POST
def role_end(request: SignedInRequest, pk: int, row: int) -> HttpResponse:
    """Take a role away."""
    who = _somebody(request, pk)
    given = get_object_or_404(RoleGrant.objects.select_related("user"), pk=row, user=who)

    def take(said: dict[str, Any]) -> str:
        granting.end(given, by=request.user)
        return f"{who} is no longer {given.get_role_display()}."

    return _done(request, who, take)


@login_required
@require_POST
def team_join(request: SignedInRequest, pk: int) -> HttpResponse:
    """Add to a team, or say whether they lead it."""
    who = _somebody(request, pk)
    form = JoinForm(request.POST, teams=Team.objects.all(), auto_id="join_%s")

    def add(said: dict[str, Any]) -> str:
        membership = granting.join(who, said["team"], by=request.user, is_lead=said["is_lead"])
        return f"{who} {'leads' if membership.is_lead else 'is a member of'} {membership.team} now."

    return _done(request, who, add, join_form=form)


@login_required
@require_POST
def team_leave(request: SignedInRequest, pk: int, row: int) -> HttpResponse:
    """Take out of a team."""
    who = _somebody(request, pk)
    membership = get_object_or_404(Membership.objects.select_related("team", "user"), pk=row, user=who)

    def remove(said: dict[str, Any]) -> str:
        granting.leave(membership, by=request.user)
        return f"{who} is no longer in {membership.team}."

    return _done(request, who, remove)


@login_required
@require_POST
def person_deactivate(request: SignedInRequest, pk: int) -> HttpResponse:
    """Shut somebody out."""
    who = _somebody(request, pk)

    def shut_out(said: dict[str, Any]) -> str:
        granting.deactivate(who, by=request.user)
        return f"{who} is out: sessions, tokens, password, roles and teams have ended."

    return _done(request, who, shut_out)


@login_required
@require_POST
def person_reactivate(request: SignedInRequest, pk: int) -> HttpResponse:
    """Let somebody in again."""
    who = _somebody(request, pk)

    def let_in(said: dict[str, Any]) -> str:
        granting.reactivate(who, by=request.user)
        return f"{who} is in again, with no role and no team. A mail tells them how to choose a password."

    return _done(request, who, let_in)


@login_required
@require_http_methods(["GET", "POST"])
def delegate(request: SignedInRequest) -> HttpResponse:
    """A CISO puts their decisions into other hands for some days."""
    if not granting.may_delegate(request.user):
        raise PermissionDenied("Only a CISO delegates a CISO's decisions.")
    form = DelegateForm(
        request.POST or None, people=_may_stand_in(request.user), initial={"starts_on": today()}
    )
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        starts_at, ends_at = begin_of(said["starts_on"]), end_of(said["ends_on"])
        try:
            granting.delegate(said["to"], by=request.user, starts_at=starts_at, ends_at=ends_at)
        except DomainError as problem:
            tell(form, problem)
        else:
            until = f"{said['ends_on']:%d %b %Y}"
            messages.success(request, f"{said['to']} decides in your place until the end of {until}.")
            return redirect("people:list")
    return render(request, "people/delegate.html", {"form": form}, status=400 if form.errors else 200)


@login_required
@require_POST
def delegation_end(request: SignedInRequest, pk: int) -> HttpResponse:
    """Take a delegation back."""
    _raise_unless_shown(request)
    delegation = get_object_or_404(_delegations(Q()), pk=pk)
    try:
        granting.end_delegation(delegation, by=request.user)
    except DomainError as problem:
        messages.error(request, str(problem))
        return _page(request, delegation.delegate, status=problem.http_status)
    messages.success(request, f"{delegation.delegate} no longer decides for {delegation.giver}.")
    return redirect("people:list")


def _may_stand_in(user: User) -> QuerySet[User]:
    """People to whom ``granting.delegate`` would let this CISO delegate."""
    apart = roles.holders(Role.ADMINISTRATOR).values("pk").union(roles.holders(Role.AUDITOR).values("pk"))
    return (
        User.objects.filter(is_active=True)
        .exclude(pk=user.pk)
        .exclude(pk__in=[row["pk"] for row in apart])
        .order_by("first_name", "username")
    )


def _raise_unless_shown(request: SignedInRequest) -> None:
    if not granting.may_see_people(request.user):
        raise PermissionDenied("Administrators, CISOs and auditors see people and their roles.")


def _raise_unless_administrator(request: SignedInRequest) -> None:
    if not roles.has_role(request.user, Role.ADMINISTRATOR):
        raise PermissionDenied("Only administrators let people in and grant roles and teams.")


def _somebody(request: SignedInRequest, pk: int) -> User:
    _raise_unless_shown(request)
    return get_object_or_404(User, pk=pk)


def _done(
    request: SignedInRequest, who: User, verb: Callable[[dict[str, Any]], str], **named_form: forms.Form
) -> HttpResponse:
    """Call a verb with what its form says; what it refuses is said on the person's page, input kept."""
    form = next(iter(named_form.values()), None)
    if form is not None and not form.is_valid():
        return _page(request, who, status=400, **named_form)
    try:
        sentence = verb(form.cleaned_data if form is not None else {})
    except DomainError as problem:
        if form is not None and problem.problems:
            tell(form, problem)
        else:
            messages.error(request, str(problem))
        return _page(request, who, status=problem.http_status, **named_form)
    messages.success(request, sentence)
    return redirect("people:detail", who.pk)


def _page(
    request: SignedInRequest,
    who: User,
    *,
    grant_form: forms.Form | None = None,
    join_form: forms.Form | None = None,
    status: int = 200,
) -> HttpResponse:
    at = clock.now()
    grants = list(_grants(who))
    delegations = list(_delegations(Q(giver=who) | Q(delegate=who)).order_by("-ends_at"))
    memberships = list(who.memberships.select_related("team").order_by("team__name"))
    joinable = Team.objects.exclude(memberships__user=who)
    about = (who, *grants, *delegations, *memberships)
    entries = audit.timeline(*about).select_related("actor").order_by("-seq")[:EVENTS_SHOWN]
    context = {
        "who": who,
        "grants": [{"row": one, "state": _state(one, at)} for one in grants],
        "delegations": [{"row": one, "state": _state(one, at)} for one in delegations],
        "memberships": memberships,
        "tokens": ApiToken.objects.filter(user=who, expiry__gt=clock.real_now()).count(),
        "may_manage": granting.may_manage(request.user, who),
        "may_delegate": granting.may_delegate(request.user),
        "is_me": request.user == who,
        "grant_form": grant_form or GrantForm(auto_id="grant_%s"),
        "join_form": join_form or JoinForm(teams=joinable, auto_id="join_%s"),
        "joinable": joinable.exists(),
        "events": [audit_words.event(entry) for entry in entries],
    }
    return render(request, "people/detail.html", context, status=status)


def _grants(who: User) -> QuerySet[RoleGrant]:
    """Roles that hold first, then what ended last."""
    over = Case(
        When(Q(ends_at=None) | Q(ends_at__gt=clock.now()), then=Value(0)),
        default=Value(1),
        output_field=IntegerField(),
    )
    return who.role_grants.select_related("granted_by").order_by(over, "-starts_at", "-pk")


def _state(row: RoleGrant | Delegation, at: Any) -> str:
    """How a dated row stands: upcoming, active or over."""
    if row.starts_at > at:
        return "upcoming"
    return "active" if row.ends_at is None or row.ends_at > at else "over"
