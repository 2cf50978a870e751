"""Pages that bring AWS accounts, environments and applications in, and show what belongs to nobody yet."""

import json
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import django_filters
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Count, Q, QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from patching import iam, mirrored, onboarding, pull
from patching.models import Application, AwsAccount, Environment, ManagedInstance, Selector
from patching.web.filters import search
from patching.web.setup_forms import AccountForm, ApplicationForm, EnvironmentForm, SelectorForm, tell
from portal.governance import lists, roles
from portal.governance.errors import DomainError
from portal.governance.models import Role
from portal.governance.signing_in import SignedInRequest

PER_PAGE = 25
PREVIEWED = 12  # instances named before the rest is counted


# Accounts


@login_required
@require_http_methods(["GET", "POST"])
def account_connect(request: SignedInRequest) -> HttpResponse:
    """Register an account; what has to be set up on its side is the next page."""
    _raise_unless(request, Role.OPERATOR, "Only operators connect accounts.")
    form = AccountForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        try:
            account = onboarding.connect(said["account_id"], said["name"], said["regions"], by=request.user)
        except DomainError as problem:
            tell(form, problem)
        else:
            messages.success(request, f"{account} is known now. Make the two roles below in it.")
            return redirect("patching:account-setup", account.pk)
    context = {"form": form, "accounts": AwsAccount.objects.prefetch_related("regions")}
    return render(request, "patching/setup_connect.html", context, status=_status(form))


@login_required
@require_GET
def account_setup(request: SignedInRequest, pk: int) -> HttpResponse:
    """What to make in an account: two roles with their policies, ready to copy."""
    _raise_unless(request, Role.OPERATOR, "Only operators see what an account has to trust.")
    account = get_object_or_404(AwsAccount.objects.prefetch_related("regions"), pk=pk)
    hub, restore_role = settings.HUB_ROLE_ARN, settings.RESTORE_ROLE_NAME
    partition = iam.partition_of(hub)
    permissions = iam.permissions_policy(
        account,
        installation=settings.INSTALLATION,
        restore_role=restore_role,
        partition=partition,
        mirrored=mirrored.switched_on(),
    )
    context = {
        "account": account,
        "hub": hub,
        "restore_role": restore_role,
        "trust": _shown(iam.trust_policy(account, hub)) if hub else "",
        "permissions": _shown(permissions),
        "restore_trust": _shown(iam.restore_trust_policy(account)),
        "restore_permissions": _shown(
            iam.restore_policy(account, installation=settings.INSTALLATION, partition=partition)
        ),
        "template": onboarding.template(account, "yaml"),
        "read": [place for place in account.regions.all() if place.last_pulled_at],
    }
    return render(request, "patching/setup_account.html", context)


@login_required
@require_GET
def account_template(request: SignedInRequest, pk: int) -> HttpResponse:
    """Both roles as one CloudFormation template, to be downloaded as YAML or, with ``?format=json``, as JSON."""
    _raise_unless(request, Role.OPERATOR, "Only operators see what an account has to trust.")
    account = get_object_or_404(AwsAccount, pk=pk)
    kind = "json" if request.GET.get("format") == "json" else "yaml"
    text = onboarding.template(account, kind)
    if not text:
        raise Http404("Set HUB_ROLE_ARN first: a template without it would trust nobody.")
    response = HttpResponse(text, content_type=f"application/{kind}; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="patchwarden-{account.account_id}.{kind}"'
    return response


def _shown(policy: dict[str, Any]) -> str:
    return json.dumps(policy, indent=2)


# Applications, environments and selectors


class ApplicationFilter(django_filters.FilterSet):
    """Applications by name."""

    q = search("Name", method="by_name")

    def by_name(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return rows.filter(Q(name__icontains=value) | Q(slug__icontains=value))


COLUMNS = (
    lists.Column("Application", lambda one: one.name, "name"),
    lists.Column("Short name", lambda one: one.slug, "slug", shown=False),
    lists.Column("Team", lambda one: one.team, "team__name"),
    lists.Column("Environments", lambda one: ", ".join(env.name for env in one.environments)),
    lists.Column("Selectors", lambda one: one.selectors_count, "selectors_count", css="r"),
    lists.Column("Instances", lambda one: one.present, "present", css="r"),
)


@login_required
@require_GET
def application_list(request: SignedInRequest) -> HttpResponse:
    """Applications that this person may see; below them, for those who see all, what belongs to none."""
    there = Count("instances", filter=Q(instances__gone_at=None), distinct=True)
    rows = (
        Application.objects.visible_to(request.user)
        .select_related("team")
        .annotate(present=there, selectors_count=Count("selectors", distinct=True))
    )
    return lists.show(
        request,
        "patching/setup_applications.html",
        rows=rows,
        columns=COLUMNS,
        name="applications",
        filters=ApplicationFilter,
        decorate=_add_environments,
        context={
            "may_add": roles.has_role(request.user, Role.SECURITY_OPERATIONS),
            "environments": Environment.objects.all(),
            **_unowned(request),
        },
    )


def _add_environments(rows: list[Any]) -> None:
    found: dict[int, dict[int, Environment]] = defaultdict(dict)
    for selector in Selector.objects.filter(application__in=rows).select_related("environment"):
        found[selector.application_id][selector.environment_id] = selector.environment
    for row in rows:
        row.environments = sorted(found[row.pk].values(), key=lambda one: one.rank)


def _unowned(request: SignedInRequest) -> dict[str, Any]:
    """Instances that no selector gives to an application and environment, with the reason, for those who see all."""
    if not roles.reads_all(request.user):
        return {}
    homeless = ManagedInstance.objects.visible_to(request.user).present()
    homeless = homeless.filter(Q(application=None) | Q(environment=None))
    page = Paginator(homeless.select_related("account_region__account"), PER_PAGE).get_page(
        request.GET.get("unowned")
    )
    selectors = _by_place(Selector.objects.select_related("application", "environment"))
    for one in page:
        owner = pull.owner_of(one.tags, selectors[one.account_region_id])
        if owner.doubt:
            one.why = owner.doubt[:1].upper() + owner.doubt[1:]
        elif owner.application:
            one.why = f"A selector of {owner.application} matches; the next reading hands it over"
        else:
            one.why = "No selector matches its tags"
        one.shown_tags = sorted(one.tags.items())
    return {"unowned": page}


def _by_place(selectors: Iterable[Selector]) -> dict[int, list[Selector]]:
    found = defaultdict(list)
    for selector in selectors:
        found[selector.account_region_id].append(selector)
    return found


@login_required
@require_GET
def application_detail(request: SignedInRequest, pk: int) -> HttpResponse:
    """One application: its selectors with what each matches, and its instances."""
    application = _visible(request, pk)
    selectors = list(
        application.selectors.select_related("environment", "account_region__account").order_by(
            "environment__rank", "account_region"
        )
    )
    there = defaultdict(list)
    places = {one.account_region_id for one in selectors}
    for instance in ManagedInstance.objects.present().filter(account_region__in=places):
        there[instance.account_region_id].append(instance.tags)
    shown = [
        {
            "row": one,
            "tags": sorted(one.tags.items()),
            "matches": sum(one.matches(tags) for tags in there[one.account_region_id]),
        }
        for one in selectors
    ]
    instances = application.instances.filter(gone_at=None).select_related(
        "environment", "account_region__account"
    )
    context = {
        "application": application,
        "selectors": shown,
        "page": Paginator(instances, PER_PAGE).get_page(request.GET.get("page")),
        "may_add": roles.has_role(request.user, Role.SECURITY_OPERATIONS),
    }
    return render(request, "patching/setup_application.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def application_add(request: SignedInRequest) -> HttpResponse:
    """Give a team an application."""
    _raise_unless(request, Role.SECURITY_OPERATIONS, "Only security operations add applications.")
    form = ApplicationForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        try:
            made = onboarding.add_application(said["slug"], said["name"], said["team"], by=request.user)
        except DomainError as problem:
            tell(form, problem)
        else:
            messages.success(request, f"{made.name} is there. Say now which instances are its own.")
            return redirect("patching:selector-add", made.pk)
    return render(request, "patching/setup_application_add.html", {"form": form}, status=_status(form))


@login_required
@require_http_methods(["GET", "POST"])
def environment_add(request: SignedInRequest) -> HttpResponse:
    """Add a stage."""
    _raise_unless(request, Role.SECURITY_OPERATIONS, "Only security operations add environments.")
    form = EnvironmentForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        try:
            made = onboarding.add_environment(
                said["slug"], said["name"], is_production=said["is_production"], by=request.user
            )
        except DomainError as problem:
            tell(form, problem)
        else:
            messages.success(request, f"{made} is there, the last in the order of patching.")
            return redirect("patching:application-list")
    context = {"form": form, "environments": Environment.objects.all()}
    return render(request, "patching/setup_environment_add.html", context, status=_status(form))


@login_required
@require_http_methods(["GET", "POST"])
def selector_add(request: SignedInRequest, pk: int) -> HttpResponse:
    """Say which instances are an application's; what the tags match is shown before it counts."""
    _raise_unless(
        request, Role.SECURITY_OPERATIONS, "Only security operations say whose instances are whose."
    )
    application = _visible(request, pk)
    form = SelectorForm(request.POST or None)
    context: dict[str, Any] = {"application": application, "form": form}
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        found = onboarding.matching(said["place"], said["tags"])
        context |= {"found": found[:PREVIEWED], "matches": len(found), "place": said["place"]}
        if "look" not in request.POST:
            try:
                onboarding.add_selector(
                    application, said["environment"], said["place"], said["tags"], by=request.user
                )
            except DomainError as problem:
                tell(form, problem)
            else:
                many = f"{len(found)} instance{'' if len(found) == 1 else 's'}"
                messages.success(request, f"It matches {many}; the next reading hands them over.")
                return redirect("patching:application-detail", application.pk)
    return render(request, "patching/setup_selector_add.html", context, status=_status(form))


@login_required
@require_POST
def selector_remove(request: SignedInRequest, pk: int, row: int) -> HttpResponse:
    """Let go of what a selector matches."""
    _raise_unless(
        request, Role.SECURITY_OPERATIONS, "Only security operations say whose instances are whose."
    )
    application = _visible(request, pk)
    selector = get_object_or_404(application.selectors.select_related("application__team"), pk=row)
    onboarding.remove_selector(selector, by=request.user)
    messages.success(request, "The selector is gone; the next reading hands its instances to nobody.")
    return redirect("patching:application-detail", application.pk)


def _visible(request: SignedInRequest, pk: int) -> Application:
    found = Application.objects.visible_to(request.user).select_related("team")
    return get_object_or_404(found, pk=pk)


def _raise_unless(request: SignedInRequest, role: Role, sentence: str) -> None:
    if not roles.has_role(request.user, role):
        raise PermissionDenied(sentence)


def _status(form: Any) -> int:
    return 400 if form.errors else 200
