"""One search over all that a person may see, by the same filters as the lists it leads to, so that counts agree."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import django_filters
from django import forms
from django.contrib.auth.decorators import login_required
from django.db.models import Count, Max, QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_GET

from exemptions.models import Exemption
from exemptions.web.register import ExemptionFilter
from patching import posture, workflow
from patching.models import (
    AccountRegion,
    Application,
    ChangeRequest,
    Cve,
    MaintenanceWindow,
    ManagedInstance,
    Patch,
    PatchBaseline,
    PatchGroup,
    ResourceState,
)
from patching.web.accounts import AccountFilter
from patching.web.catalogue import CveFilter, PatchFilter
from patching.web.filters import BaselineFilter, InstanceFilter, PlacedFilter
from patching.web.requests import RequestFilter
from patching.web.setup import ApplicationFilter
from patching.words import system_name
from portal.governance import clock
from portal.governance.models import User
from portal.governance.signing_in import SignedInRequest

SHOWN = 5
LONGEST = 100
INSTANCE_ID = re.compile(r"i-[0-9a-f]{8}(?:[0-9a-f]{9})?", re.ASCII)
AWS_ID = re.compile(r"(mw|pb)-[0-9a-f]{17}", re.ASCII)
CVE = re.compile(r"CVE-[0-9]{4}-[0-9]{4,19}", re.ASCII)
NUMBER = re.compile(r"(CR|EX)-([0-9]{1,14})", re.ASCII)


@dataclass(frozen=True)
class Hit:
    """One thing found: its name, where it opens, and what else tells it from others."""

    name: str
    url: str
    about: str = ""
    environment: Any = None
    state: str = ""


@dataclass(frozen=True)
class Found:
    """What was found of one kind: the first few, how many in all, and the list that shows them all."""

    key: str
    noun: str
    many: str
    hits: Sequence[Hit]
    count: int
    url: str


@dataclass(frozen=True)
class Kind:
    """A noun that has a list: whose rows, narrowed by which filter, each said how."""

    key: str
    noun: str
    many: str
    rows: Callable[[User], QuerySet[Any]]
    filters: type[django_filters.FilterSet]
    to_list: str
    to_one: str
    hit: Callable[[Any, str], Hit]

    def find(self, request: SignedInRequest, text: str) -> Found:
        found = self.filters({"q": text}, queryset=self.rows(request.user), request=request).qs
        hits = [self.hit(row, reverse(self.to_one, args=[row.pk])) for row in found[:SHOWN]]
        count = len(hits) if len(hits) < SHOWN else found.count()
        url = f"{reverse(self.to_list)}?{urlencode({'q': text})}"
        return Found(self.key, self.noun, self.many, hits, count, url)


def _instance(row: ManagedInstance, url: str) -> Hit:
    about = f"{row.instance_id}, {row.application or 'belongs to nobody'}"
    return Hit(str(row), url, about, row.environment, "" if row.run_state == "running" else row.run_state)


def _owned(row: Any, url: str) -> Hit:
    place = f", {row.account_region.account.name} {row.account_region.region}" if row.account_region else ""
    return Hit(row.name, url, f"{row.application or 'shared'}{place}", row.environment)


def _baseline(row: PatchBaseline, url: str) -> Hit:
    return Hit(row.name, url, f"{row.application or 'shared'}, {row.operating_system}", row.environment)


def _request(row: ChangeRequest, url: str) -> Hit:
    return Hit(row.title, url, f"{row.number}, {row.team}", state=workflow.effective_state(row))


def _exemption(row: Exemption, url: str) -> Hit:
    return Hit(row.title, url, f"{row.number}, {row.team}", state=row.state_at(clock.now()))


def _application(row: Application, url: str) -> Hit:
    return Hit(row.name, url, f"{row.slug}, {row.team}")


def _account(row: AccountRegion, url: str) -> Hit:
    return Hit(row.account.name, url, f"{row.account.account_id}, {row.region}")


def _patch(row: Patch, url: str) -> Hit:
    return Hit(row.ref, url, f"{system_name(row.operating_system)}, {row.severity or 'severity not known'}")


def _cve(row: Cve, url: str) -> Hit:
    state = "known_exploited" if row.known_exploited else ""
    return Hit(row.cve, reverse("patching:cve-detail", args=[row.cve]), row.title, state=state)


def _placed(model: Any) -> Callable[[User], QuerySet[Any]]:
    related = ("application", "environment", "account_region__account")
    return lambda user: model.objects.visible_to(user).live().select_related(*related)


KINDS = (
    Kind(
        "instances",
        "instance",
        "instances",
        lambda user: ManagedInstance.objects.visible_to(user).select_related("application", "environment"),
        InstanceFilter,
        "patching:instance-list",
        "patching:instance-detail",
        _instance,
    ),
    Kind(
        "requests",
        "request",
        "requests",
        lambda user: ChangeRequest.objects.visible_to(user).select_related("team"),
        RequestFilter,
        "patching:request-list",
        "patching:request-detail",
        _request,
    ),
    Kind(
        "exemptions",
        "exemption",
        "exemptions",
        lambda user: (
            Exemption.objects.visible_to(user).with_effective_state(clock.now()).select_related("team")
        ),
        ExemptionFilter,
        "exemptions:exemption-list",
        "exemptions:exemption-detail",
        _exemption,
    ),
    Kind(
        "windows",
        "window",
        "windows",
        _placed(MaintenanceWindow),
        PlacedFilter,
        "patching:window-list",
        "patching:window-detail",
        _owned,
    ),
    Kind(
        "groups",
        "patch group",
        "patch groups",
        _placed(PatchGroup),
        PlacedFilter,
        "patching:group-list",
        "patching:group-detail",
        _owned,
    ),
    Kind(
        "baselines",
        "baseline",
        "baselines",
        lambda user: (
            PatchBaseline.objects.visible_to(user).live().select_related("application", "environment")
        ),
        BaselineFilter,
        "patching:baseline-list",
        "patching:baseline-detail",
        _baseline,
    ),
    Kind(
        "applications",
        "application",
        "applications",
        lambda user: Application.objects.visible_to(user).select_related("team"),
        ApplicationFilter,
        "patching:application-list",
        "patching:application-detail",
        _application,
    ),
    Kind(
        "accounts",
        "account-region",
        "account-regions",
        lambda user: AccountRegion.objects.visible_to(user).select_related("account"),
        AccountFilter,
        "patching:account-list",
        "patching:account-detail",
        _account,
    ),
    Kind(
        "catalogue",
        "patch of the catalogue",
        "patches of the catalogue",
        lambda user: Patch.objects.visible_to(user).with_exploited(),
        PatchFilter,
        "patching:patch-list",
        "patching:patch-detail",
        _patch,
    ),
    Kind(
        "cves",
        "CVE",
        "CVEs",
        lambda user: Cve.objects.visible_to(user),
        CveFilter,
        "patching:cve-list",
        "patching:cve-detail",
        _cve,
    ),
)


class SearchForm(forms.Form):
    """What is looked for."""

    q = forms.CharField(label="Search", max_length=LONGEST, required=False)


@login_required
@require_GET
def search(request: SignedInRequest) -> HttpResponse:
    """What is called so, kind by kind; an exact number or id opens its page at once."""
    form = SearchForm(request.GET)
    text = form.cleaned_data["q"] if form.is_valid() else ""
    if text and (straight := _straight_to(request.user, text)):
        return redirect(straight)
    found = [_findings(request.user, text), *(kind.find(request, text) for kind in KINDS)] if text else []
    context = {
        "form": form,
        "text": text,
        "found": [one for one in found if one.count],
        "without": [one.many for one in found if not one.count],
        "longest": LONGEST,
    }
    return render(request, "dashboards/search.html", context, status=400 if form.errors else 200)


def _findings(user: User, text: str) -> Found:
    """Patches that somebody lacks, by KB, package, title or CVE; each with how many instances lack it."""
    lacking = posture.findings_matching(user, text=text)
    patches = lacking.order_by().values("patch_id").annotate(title=Max("title"), on=Count("pk"))
    address = reverse("dashboards:compliance-findings")
    hits = [
        Hit(
            one["patch_id"],
            f"{address}?{urlencode({'patch': one['patch_id']})}",
            f"{one['title']}, " * bool(one["title"]) + f"open on {one['on']:,}",
        )
        for one in patches.order_by("-on", "patch_id")[:SHOWN]
    ]
    count = lacking.count() if hits else 0
    url = f"{address}?{urlencode({'text': text})}"
    return Found("patches", "open finding of a patch", "open findings of patches", hits, count, url)


def _straight_to(user: User, text: str) -> str:
    """The page of what has exactly this number or id and may be seen; else nothing."""
    if number := NUMBER.fullmatch(text.upper()):
        model, page = (
            (ChangeRequest, "patching:request-detail")
            if number[1] == "CR"
            else (Exemption, "exemptions:exemption-detail")
        )
        return _page_of(model.objects.visible_to(user).filter(pk=int(number[2])), page)
    if CVE.fullmatch(text.upper()):
        found = Cve.objects.visible_to(user).filter(cve=text.upper()).first()
        return reverse("patching:cve-detail", args=[found.cve]) if found else ""
    if INSTANCE_ID.fullmatch(text.lower()):
        found = ManagedInstance.objects.visible_to(user).filter(instance_id=text.lower())
        return _page_of(found, "patching:instance-detail")
    if AWS_ID.fullmatch(text.lower()):
        return _page_of_ours(user, text.lower())
    return ""


def _page_of_ours(user: User, aws_id: str) -> str:
    """A window or baseline by the id that AWS gave it."""
    uids = ResourceState.objects.filter(aws_id=aws_id, kind__in=["window", "baseline"]).values_list(
        "kind", "key"
    )
    for kind, uid in uids:
        if not re.fullmatch(r"[0-9a-f-]{36}", uid):
            continue  # the daily scan window is nobody's row
        model: Any = MaintenanceWindow if kind == "window" else PatchBaseline
        return _page_of(model.objects.visible_to(user).filter(uid=uid), f"patching:{kind}-detail")
    return ""


def _page_of(rows: QuerySet[Any], page: str) -> str:
    """The page of the one row; several, or none, are a matter for the list."""
    found = list(rows[:2])
    return reverse(page, args=[found[0].pk]) if len(found) == 1 else ""
