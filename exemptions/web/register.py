"""The register: every exemption that somebody may see, filtered, counted and taken out as a file."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import django_filters
from django import forms
from django.contrib.auth.decorators import login_required
from django.db.models import Count, Exists, JSONField, OuterRef, Q, QuerySet
from django.db.models.functions import Cast
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from exemptions import debt, permissions, quality
from exemptions.models import Exemption, Review
from exemptions.web.tabs import tabs_for
from patching.models import Application
from portal.governance import clock, lists, roles
from portal.governance.models import Team

ENDS_WITHIN = [(str(days), f"{days} days") for days in (7, 14, 30, 90)]
KINDS = {"node_deferral": "Out of the window", "patch_exclusion": "Patches left off"}
NOT_SAID = (debt.NOT_SAID, "Not said")
RENEWALS = [(str(number), words) for number, words in enumerate(debt.RENEWALS)]
REVIEWS = [("open", "Open"), ("overdue", "Overdue")]
QUALITY = [
    (f"{measure}-{days}", f"{words}, last {days} days")
    for measure, words in quality.MEASURES.items()
    for days in quality.PERIODS
]


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
    kind = django_filters.ChoiceFilter(choices=list(KINDS.items()), label="Kind", empty_label="Both kinds")
    root_cause = django_filters.ChoiceFilter(
        method="answered",
        choices=[*Exemption.RootCause.choices, NOT_SAID],
        label="Why not patched",
        empty_label="Any reason",
    )
    exposure = django_filters.ChoiceFilter(
        method="answered",
        choices=[*Exemption.Exposure.choices, NOT_SAID],
        label="Who can reach it",
        empty_label="Anybody",
    )
    data_class = django_filters.ChoiceFilter(
        method="answered",
        choices=[*Exemption.DataClass.choices, NOT_SAID],
        label="Data",
        empty_label="Any data",
    )
    renewal = django_filters.ChoiceFilter(
        method="renewed", choices=RENEWALS, label="Renewal", empty_label="Any"
    )
    age = django_filters.ChoiceFilter(
        method="aged",
        choices=[(one.key, one.label) for one in debt.AGES],
        label="Approved since",
        empty_label="Any time",
    )
    ends_within = django_filters.ChoiceFilter(
        method="ending", choices=ENDS_WITHIN, label="In force, ends within", empty_label="Any time"
    )
    review = django_filters.ChoiceFilter(
        method="reviewed", choices=REVIEWS, label="Review", empty_label="Any or none"
    )
    reason = django_filters.CharFilter(method="said", label="Words of the reason")
    in_force = CheckFilter(method="holding", label="In force")
    waits = CheckFilter(method="waiting", label="Waits for me")
    # set by links from the page of decision quality
    quality = django_filters.ChoiceFilter(
        method="counted", choices=QUALITY, label="Decision quality", widget=forms.HiddenInput
    )

    class Meta:
        model = Exemption
        fields: list[str] = []

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.form.fields["q"].widget.input_type = "search"

    @property
    def in_words(self) -> list[dict[str, str]]:
        """What a link has set that no field shows: {"label", "value"}."""
        value = self.form.cleaned_data.get("quality") if self.form.is_valid() else ""
        return [{"label": "Decision quality", "value": dict(QUALITY)[value]}] if value else []

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

    def answered(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return rows.filter(**{name: "" if value == debt.NOT_SAID else value})

    def aged(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return debt.aged(rows, value, clock.now())

    def renewed(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return debt.renewed(rows, value)

    def ending(self, rows: Any, name: str, value: str) -> QuerySet[Any]:
        now = clock.now()
        return rows.holding(now).filter(ends_at__lte=now + timedelta(days=int(value)))

    def reviewed(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        found = Review.objects.filter(exemption=OuterRef("pk"), closed_at=None)
        return rows.filter(Exists(found.filter(due_at__lte=clock.now()) if value == "overdue" else found))

    def said(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """In the questionnaire's long answers, as the current revision has them."""
        told = Q()
        for answer in ("reason", "tried", "fix_plan"):
            told |= Q(**{f"told__{answer}__icontains": value})
        return rows.annotate(told=Cast("current__content", JSONField())).filter(told)

    def holding(self, rows: Any, name: str, value: bool) -> QuerySet[Any]:
        found: QuerySet[Any] = rows.holding(clock.now()) if value else rows
        return found

    def waiting(self, rows: QuerySet[Any], name: str, value: bool) -> QuerySet[Any]:
        return rows.filter(pk__in=permissions.waiting_for(self.request.user)) if value else rows

    def counted(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """The exemptions behind a number of the page of decision quality, for who may open it."""
        if not roles.reads_all(self.request.user):
            return rows.none()
        measure, _, days = value.rpartition("-")
        seen = Exemption.objects.visible_to(self.request.user)
        return rows.filter(pk__in=quality.report(seen, clock.now(), int(days)).lists[measure])


COLUMNS = (
    lists.Column("Exemption", lambda one: one.title, "title"),
    lists.Column("Number", lambda one: one.number, "pk", shown=False, paper=True),
    lists.Column("Application", lambda one: one.application, "application__slug"),
    lists.Column("Team", lambda one: one.team, shown=False, paper=True),
    lists.Column("Kind", lambda one: KINDS[one.kind], shown=False, paper=True),
    lists.Column("Patches", lambda one: one.patches, shown=False, paper=True),
    lists.Column("Instances", lambda one: one.size, "size", css="r"),
    lists.Column("Production instances", lambda one: one.in_production, shown=False),
    lists.Column("Worst severity", lambda one: one.debt.worst),
    lists.Column("Open findings", lambda one: sum(one.debt.findings.values()), shown=False),
    lists.Column("Debt", lambda one: one.debt.total, css="r"),
    lists.Column("Days excused", lambda one: one.debt.days, shown=False),
    lists.Column("State", lambda one: Exemption.EFFECTIVE[one.effective_state], "effective_state"),
    lists.Column("Ends", lambda one: one.ends_at, "ends_at"),
    lists.Column("Asked by", lambda one: one.requested_by, "requested_by__username"),
    lists.Column("Renewal", lambda one: one.renewal, "renewal", shown=False, paper=True),
    lists.Column("Renews", lambda one: f"EX-{one.renews_id}" if one.renews_id else "", shown=False),
    lists.Column("Open reviews", lambda one: one.open_reviews, shown=False),
    lists.Column("Why not patched", lambda one: one.get_root_cause_display(), shown=False),
    lists.Column("Who can reach it", lambda one: one.get_exposure_display(), shown=False),
    lists.Column("Data", lambda one: one.get_data_class_display(), shown=False),
    lists.Column("Asked at", lambda one: one.created_at, shown=False),
    lists.Column("Submitted at", lambda one: one.submitted_at, shown=False),
    lists.Column("Approved at", lambda one: one.approved_at, shown=False),
    lists.Column("Closed at", lambda one: one.closed_at, shown=False),
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
        decorate=_weigh,
        context={
            "counts": [(state, counted[state]) for state in notable if counted.get(state)],
            "may_ask": roles.teams_of(request.user).exists(),
            "tabs": tabs_for(request.user),
        },
    )


def _weigh(rows: Sequence[Exemption]) -> None:
    """Give each exemption of a page its debt and its open reviews, in four queries."""
    debts = debt.of(rows, clock.now())
    waiting = Review.objects.filter(exemption__in=rows, closed_at=None).order_by()
    reviews = dict(waiting.values_list("exemption").annotate(Count("pk")))
    for one in rows:
        one.debt = debts[one.pk]  # type: ignore[attr-defined]
        one.open_reviews = reviews.get(one.pk, 0)  # type: ignore[attr-defined]
