"""What exemptions add up to, and how well they are decided; every number opens the register on what it counts."""

from typing import NamedTuple

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from exemptions import debt, quality
from exemptions.models import Exemption
from exemptions.web.tabs import tabs_for
from portal.governance import clock, roles

# what became of exemptions, in the order of the table
SHOWN = (
    "approved",
    "overdue",
    "revoked",
    "ended",
    "repeated",
    "lapsed",
    "offers",
    "accepted",
    "refused",
    "unanswered",
)


class Counted(NamedTuple):
    """A measure, in words, and how many exemptions it lists."""

    key: str
    words: str
    number: int


@login_required
@require_GET
def debt_page(request: HttpRequest) -> HttpResponse:
    """Exemption debt of what this person may see: all of it, by age, team, reason and renewal."""
    report = debt.report(Exemption.objects.visible_to(request.user), clock.now())
    return render(
        request,
        "exemptions/debt.html",
        {"report": report, "formula": debt.FORMULA, "tabs": tabs_for(request.user)},
    )


@login_required
@require_GET
def quality_page(request: HttpRequest) -> HttpResponse:
    """Decision quality over 30, 90 or 365 days, for those who read all."""
    if not roles.reads_all(request.user):
        raise PermissionDenied("Decision quality is for those who read everything.")
    asked = request.GET.get("days", "")
    days = int(asked) if asked in {str(one) for one in quality.PERIODS} else quality.PERIODS[1]
    report = quality.report(Exemption.objects.visible_to(request.user), clock.now(), days)
    return render(
        request,
        "exemptions/quality.html",
        {
            "report": report,
            "rows": [Counted(one, quality.MEASURES[one], len(report.lists[one])) for one in SHOWN],
            "periods": quality.PERIODS,
            "tabs": tabs_for(request.user),
        },
    )
