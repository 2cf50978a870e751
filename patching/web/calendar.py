"""The calendar page: openings of windows by month, week or as a list, in the reader's own time zone and in UTC."""

from collections.abc import Callable, Iterable
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import django_filters
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from patching import calendar, limits
from patching.calendar import Entry
from patching.calendar.entries import STAYS_SHUT
from patching.models import Application, MaintenanceWindow
from patching.web import calendar_days
from patching.web.calendar_days import LIST, MONTH, WEEK, Slot
from patching.web.filters import PlacedFilter
from portal.governance import clock, roles
from portal.governance.exports import FORMATS, MOST_ROWS, Column, Table, exported, too_large
from portal.governance.models import Team
from portal.governance.state_looks import look_of

VIEWS = {MONTH: "Month", WEEK: "Week", LIST: "List"}
ZONE_KEPT = "calendar_zone"  # in the session: the zone that this person chose last
PER_PAGE = 60
FIRST_YEAR, LAST_YEAR = 2000, 2150
SHOWN_CONFLICTS = 8


def _installs(entry: Entry) -> bool:
    return any(task["kind"] == "install" for task in entry.window.spec["tasks"])


KINDS: dict[str, tuple[str, Callable[[Entry], bool]]] = {
    "install": ("Installs patches", _installs),
    "scan": ("Only scans", lambda entry: not _installs(entry)),
    "planned": ("Planned", lambda entry: entry.is_ahead and entry.opens),
    "shut": ("Skipped, moved or held", lambda entry: entry.state in STAYS_SHUT or entry.word is not None),
    "past": ("Past runs", lambda entry: entry.run is not None),
}


def _teams(request: HttpRequest | None) -> QuerySet[Team]:
    if request is None:
        return Team.objects.none()
    return Team.objects.filter(applications__in=Application.objects.visible_to(request.user)).distinct()


ZONES = frozenset(available_timezones())


def zone_choices() -> list[tuple[str, str | list[tuple[str, str]]]]:
    usual = list(dict.fromkeys([settings.DISPLAY_TIME_ZONE, "UTC"]))
    others = sorted(ZONES - set(usual) - {"localtime"})
    return [*((name, name) for name in usual), ("All zones", [(name, name) for name in others])]


class CalendarFilter(PlacedFilter):
    """Windows by whose and where they are; their openings by kind and conflict; and the zone of all times."""

    team = django_filters.ModelChoiceFilter(
        field_name="application__team",
        queryset=_teams,
        to_field_name="slug",
        label="Team",
        empty_label="All teams",
    )
    kind = django_filters.ChoiceFilter(
        method="leave",
        choices=[(name, label) for name, (label, _) in KINDS.items()],
        label="Kind",
        empty_label="All kinds",
    )
    conflicts = django_filters.ChoiceFilter(
        method="leave",
        choices=[("only", "Only conflicts")],
        label="Conflicts",
        empty_label="With and without",
    )
    tz = django_filters.ChoiceFilter(
        method="leave", choices=zone_choices, label="Times in", empty_label=None, null_label=None
    )

    def leave(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """What narrows openings or tells the zone is no matter of windows."""
        return rows

    def narrow(self, entries: Iterable[Entry]) -> list[Entry]:
        """The openings that kind and conflicts leave."""
        chosen = self.form.cleaned_data if self.form.is_valid() else {}
        _, fits = KINDS.get(chosen.get("kind") or "", ("", lambda entry: True))
        only = chosen.get("conflicts") == "only"
        return [one for one in entries if fits(one) and (one.conflicts or not only)]


COLUMNS = (
    Column("Day", lambda slot: f"{slot.start:%Y-%m-%d}"),
    Column("Opens", lambda slot: slot.span),
    Column("Opens (UTC)", lambda slot: slot.entry.start),
    Column("Closes (UTC)", lambda slot: slot.entry.end, shown=False),
    Column("Window", lambda slot: slot.entry.window.name),
    Column("Application", lambda slot: slot.entry.window.application),
    Column("Environment", lambda slot: slot.entry.window.row.environment),
    Column("Account and Region", lambda slot: slot.entry.window.row.account_region),
    Column("State", lambda slot: look_of(slot.entry.state, slot.kind).word),
    Column("Note", lambda slot: slot.entry.note, shown=False),
    Column("Conflicts", lambda slot: "; ".join(one.claim for one in slot.entry.conflicts)),
)


@login_required
@require_GET
def calendar_page(request: HttpRequest) -> HttpResponse:
    """What the windows that this person may see do, around one day."""
    view = request.GET.get("view", "")
    view = view if view in VIEWS else MONTH
    zone = _zone(request)
    at = clock.now()
    today = at.astimezone(zone).date()
    day = _day(request, today)
    chosen = _filter(request, zone)
    first, end = calendar_days.span_of(view, day)
    start, stop = calendar_days.moments(first, end, zone)
    found = calendar.between(request.user, start, stop, at=at, shown=chosen.qs)
    found.entries[:] = chosen.narrow(found.entries)
    context: dict[str, Any] = {
        "view": view,
        "views": [{"key": key, "label": label} for key, label in VIEWS.items()],
        "day": day,
        "title": calendar_days.title_of(view, day),
        "first": first,
        "zone": zone.key,
        "filter": chosen,
        "keep": {"view": view, "day": f"{day:%Y-%m-%d}"},
        "before": calendar_days.neighbour(view, day, -1),
        "after": calendar_days.neighbour(view, day, 1),
        "found": found,
        "conflicts": found.conflicts[:SHOWN_CONFLICTS],
        "unsaid": max(0, len(found.conflicts) - SHOWN_CONFLICTS),
        "busiest": (busiest := calendar_days.busiest(found.entries)),
        "at_once": limits.limit(busiest[1], "open_at_once") if busiest else 0,
        "is_filtered": chosen.narrows,
        "teams": set(roles.teams_of(request.user).values_list("pk", flat=True)),
    }
    if view == LIST:
        slots = [Slot(entry, zone) for entry in found.entries]
        wanted = request.GET.get("format", "")
        if wanted in FORMATS:
            most = MOST_ROWS.get(wanted)
            if most is None or len(slots) <= most:
                return exported(request, wanted, Table("calendar", COLUMNS, slots, chosen, len(slots)))
            messages.error(request, too_large(wanted, len(slots), most))
        context["page"] = Paginator(slots, PER_PAGE).get_page(request.GET.get("page"))
    else:
        days = calendar_days.days_of(view, day, found, zone, today)
        context["days"] = days
        context["quiet"] = sum(not one.slots and not one.is_out for one in days)
        context["counted"] = sum(not one.is_out for one in days)
    return render(request, "patching/calendar.html", context)


def _zone(request: HttpRequest) -> ZoneInfo:
    """The zone of the address, else the one chosen last, else the installation's."""
    asked = request.GET.get("tz", "")
    if asked and asked in ZONES:
        if request.session.get(ZONE_KEPT) != asked:
            request.session[ZONE_KEPT] = asked
        return ZoneInfo(asked)
    return ZoneInfo(request.session.get(ZONE_KEPT) or settings.DISPLAY_TIME_ZONE)


def _day(request: HttpRequest, today: date) -> date:
    text = request.GET.get("day", "")
    if not text:
        return today
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = date.min
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        messages.error(request, f"“{text[:20]}” is no day of the calendar; use one such as {today:%Y-%m-%d}.")
        return today
    return day


def _filter(request: HttpRequest, zone: ZoneInfo) -> Any:
    given = request.GET.copy()
    given["tz"] = zone.key
    windows = MaintenanceWindow.objects.visible_to(request.user)
    chosen: Any = CalendarFilter(given, queryset=windows, request=request)
    chosen.narrows = any(
        given.get(name) for name in ("q", "application", "environment", "place", "team", "kind", "conflicts")
    )
    return chosen
