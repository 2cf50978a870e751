"""What waits for somebody's word, the riskiest first, and several decided at once where they are alike and low risk."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from exemptions import bulk, permissions, risk
from exemptions.models import Exemption
from exemptions.shell import to_answer
from exemptions.web.brief import LOOKS
from exemptions.web.tabs import tabs_for
from portal.governance import clock
from portal.governance.errors import InvalidInput, SignInAgain
from portal.governance.models import User
from portal.governance.signing_in import sign_in_again, signed_in_at


@dataclass(frozen=True)
class Row:
    """One exemption that waits, with what it weighs."""

    exemption: Exemption
    risk: risk.Risk
    look: tuple[str, str]
    lasts: timedelta
    chosen: bool

    @property
    def may_be_bulk(self) -> bool:
        return self.risk.level == risk.Level.LOW


@login_required
@require_http_methods(["GET", "POST"])
def inbox(request: HttpRequest) -> HttpResponse:
    """What waits for this person; a POST approves those that are chosen, each on the revision that was read."""
    if request.method == "GET":
        return _page(request)
    try:
        results = bulk.approve_many(
            _choices(request),
            by=request.user,
            reason=request.POST.get("reason", ""),
            signed_in_at=signed_in_at(request),
        )
    except SignInAgain as problem:
        return sign_in_again(request, problem, reverse("exemptions:inbox"))
    except InvalidInput as problem:
        return _page(request, problem=problem, status=400)
    return _page(request, results=results)


def _choices(request: HttpRequest) -> list[bulk.Choice]:
    """Each ticked box says which revision stood beside it: id, revision and digest."""
    found = []
    for ticked in request.POST.getlist("chosen"):
        pk, _, rest = ticked.partition(":")
        number, _, digest = rest.partition(":")
        if not all(one.isascii() and one.isdecimal() and len(one) < 15 for one in (pk, number)):
            continue
        found.append(bulk.Choice(int(pk), int(number), digest))
    return found


def rows_for(user: User, chosen: set[int]) -> list[Row]:
    """What waits for them, by risk and then by when it lapses."""
    waiting = list(
        permissions.waiting_for(user)
        .select_related("application", "team", "requested_by", "current")
        .prefetch_related("instances")
    )
    risks, now = risk.of_many(waiting), clock.now()
    rows = [
        Row(one, risks[one.pk], LOOKS[risks[one.pk].level], one.ends_at - now, one.pk in chosen)
        for one in waiting
    ]
    return sorted(rows, key=lambda row: (*row.risk.order, row.exemption.lapses_at, row.exemption.pk))


def _page(
    request: HttpRequest,
    *,
    results: list[bulk.Result] | None = None,
    problem: InvalidInput | None = None,
    status: int = 200,
) -> HttpResponse:
    chosen = {one.pk for one in _choices(request)} if problem else set()
    rows = rows_for(request.user, chosen)
    context: dict[str, Any] = {
        "rows": rows,
        "tabs": tabs_for(request.user),
        "several": sum(row.may_be_bulk for row in rows) > 1,
        "results": results,
        "problem": problem,
        "to_answer": to_answer(request.user).select_related("application", "team"),
    }
    return render(request, "exemptions/inbox.html", context, status=status)
