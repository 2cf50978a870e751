"""The wizard for a highly available Windows application: a few answers become one request, shown before it is made."""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from django import forms
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from patching.blueprints import (
    HA_WINDOWS_STAGES,
    PATCH_TUESDAY,
    FirstDay,
    Member,
    Monthly,
    Once,
    Stage,
    Weekly,
    ha_windows_application,
)
from patching.items import with_defaults
from patching.models import AccountRegion, ManagedInstance
from patching.schedules.building import DAYS
from patching.web.asking import AskForm, Item, Part, Scope, ZoneField, choices_of, scopes_of
from patching.web.asking_pages import answer
from patching.web.window_forms import MISSING, WAYS, WEEKDAYS, DayField
from portal.governance import clock
from portal.governance.models import User

_OPENS = re.compile(
    r"cron\(0 (?P<hour>\d{1,2}) \? \* (?P<weekday>[A-Z]{3})(?:#(?P<nth>[1-5]))? \*\)"
    r"|at\((?P<on>\d{4}-\d\d-\d\d)T(?P<at>\d\d):00:00\)"
)
NTH, WEEKLY, ONCE = "nth", "weekly", "once"
NAMES = dict(WAYS)
WEEKLY_DAYS = {"dev": 0, "test": 3, "prod": 6}  # two days between the end of one and the next
TOO_LATE = {
    NTH: "or some months would have no run",
    WEEKLY: "so that every week each environment has its turn, such as 0, 3 and 6",
    ONCE: "so that it is one round of patching",
}


class HaWindowsForm(AskForm):
    """The highly available Windows application: a window per zone, a group and a baseline per environment."""

    application = forms.ChoiceField(label="Application")
    place = forms.ChoiceField(label="Account and Region")
    timezone = ZoneField()
    start_hour = forms.TypedChoiceField(
        label="First zone starts at",
        coerce=int,
        choices=[(hour, f"{hour:02}:00") for hour in range(24)],
        initial=20,
        help_text="Each further zone starts when the one before has ended.",
    )
    way = forms.ChoiceField(
        label="Opens",
        choices=[(WEEKLY, "Every week, on a day that I choose"), (NTH, NAMES[NTH]), (ONCE, NAMES[ONCE])],
        initial=NTH,
        help_text="The days of each environment, below, are counted from that day.",
    )
    nth = forms.TypedChoiceField(
        label="On the",
        coerce=int,
        choices=[(1, "first"), (2, "second"), (3, "third")],
        initial=PATCH_TUESDAY.nth,
        help_text="The second Tuesday is Patch Tuesday.",
    )
    weekday = forms.ChoiceField(label="Day", choices=WEEKDAYS, initial=PATCH_TUESDAY.weekday)
    on = DayField(label="On")
    snapshot_document = forms.CharField(
        required=False,
        max_length=200,
        label="Snapshot before patching",
        help_text="An SSM document that takes one, such as AWS-CreateImage, if you want it.",
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        found = windows_scopes(user)
        self.scopes = found
        choices_of(self, "application").choices = sorted(
            {(one.application.slug, one.application.name) for one in found}
        )
        choices_of(self, "place").choices = sorted({(str(one.place.pk), str(one.place)) for one in found})
        for stage in HA_WINDOWS_STAGES:
            name = stage.environment
            self.fields[f"days_{name}"] = forms.IntegerField(
                min_value=0,
                initial=stage.days_after,
                label=f"{name.capitalize()}: days after that day",
                widget=forms.NumberInput(attrs=_usual_days(stage)),
            )
            self.fields[f"delay_{name}"] = forms.IntegerField(
                min_value=0,
                max_value=360,
                initial=stage.others_after_days,
                label=f"{name.capitalize()}: days until the rest is approved",
            )
        self.order_fields(["application", "place", "way", "nth", "weekday", "on", "timezone", "start_hour"])
        self.fields["on"].bare = True  # type: ignore[attr-defined]

    @property
    def parts(self) -> list[Part]:
        pace = [f"{part}_{stage.environment}" for stage in HA_WINDOWS_STAGES for part in ("days", "delay")]
        return [
            self._part("What is patched", "application", "place"),
            self._part("When", "way", "nth", "weekday", "on", "timezone", "start_hour", layout="two"),
            self._part("How it moves from dev to production", *pace, layout="two"),
            self._part("Before each run", "snapshot_document"),
            self._yours(),
        ]

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        if said.get("application") and said.get("place") and not self._mine(said):
            self.add_error(
                "place", f"{said['application']} has no Windows instances there; choose where it has some."
            )
        way, on = said.get("way"), said.get("on")
        if way == ONCE and "on" not in self.errors and (on is None or on <= clock.now().date()):
            self.add_error("on", MISSING["on"] if on is None else "That day is over; choose one ahead.")
        if way is None or (first := _first_day({"nth": 1, "weekday": "TUE", **said})) is None:
            return said
        for stage in HA_WINDOWS_STAGES:
            days = said.get(f"days_{stage.environment}")
            if days is not None and days > first.latest:
                told = f"At most {first.latest} days after that day, {TOO_LATE[way]}."
                self.add_error(f"days_{stage.environment}", told)
        return said

    def _mine(self, said: Mapping[str, Any]) -> list[Scope]:
        return [
            one
            for one in self.scopes
            if one.application.slug == said["application"] and str(one.place.pk) == said["place"]
        ]

    def items(self) -> list[Item]:
        said = self.cleaned_data
        mine = self._mine(said)
        place = mine[0].place
        members = [
            Member(one.instance_id, scope.environment.slug, one.availability_zone)
            for scope in mine
            for one in scope.instances().filter(operating_system="WINDOWS")
        ]
        there = {member.environment for member in members}
        return ha_windows_application(
            application=said["application"],
            account=place.account.account_id,
            region=place.region,
            timezone=said["timezone"],
            members=members,
            stages=[stage for stage in self.stages() if stage.environment in there],
            start_hour=said["start_hour"],
            snapshot_document=said["snapshot_document"],
            counted_from=_first_day(said) or PATCH_TUESDAY,
        )

    def stages(self) -> list[Stage]:
        said = self.cleaned_data
        return [
            Stage(one.environment, said[f"days_{one.environment}"], said[f"delay_{one.environment}"])
            for one in HA_WINDOWS_STAGES
        ]


def _usual_days(stage: Stage) -> dict[str, Any]:
    """For the script that changes what nobody has changed when another way to open is chosen."""
    monthly, weekly = stage.days_after, WEEKLY_DAYS[stage.environment]
    return {"data-follows": "way", "data-nth": monthly, "data-weekly": weekly, "data-once": monthly}


def _first_day(said: Mapping[str, Any]) -> FirstDay | None:
    """The day from which all stages are counted; None where it was not said."""
    if said["way"] == WEEKLY:
        return Weekly(said["weekday"])
    if said["way"] == ONCE:
        return Once(said["on"]) if said.get("on") else None
    return Monthly(said["nth"], said["weekday"])


def windows_scopes(user: User) -> list[Scope]:
    """Scopes of this person's teams that have Windows instances to patch."""
    found = scopes_of(user)
    there = set(
        ManagedInstance.objects.present()
        .filter(
            operating_system="WINDOWS", auto_scaling_group="", application__in=[s.application for s in found]
        )
        .values_list("application", "environment", "account_region")
    )
    return [one for one in found if (one.application.pk, one.environment.pk, one.place.pk) in there]


@login_required
@require_http_methods(["GET", "POST"])
def ha_windows(request: HttpRequest) -> HttpResponse:
    """Ask for the highly available Windows application."""
    if request.method == "GET" and not windows_scopes(request.user):
        return render(request, "patching/no_windows.html")
    slug = request.GET.get("application", "")

    def make(data: Any = None) -> HaWindowsForm:
        return HaWindowsForm(data, user=request.user, initial=_first_answers(request.user, slug))

    return answer(request, make, heading="A highly available Windows application", about=ABOUT)


ABOUT = (
    "One window per zone and environment, one patch group and one baseline per environment, in one request. "
    "Dev comes first, production last, and the zones of an environment one after the other."
)


def _first_answers(user: User, slug: str) -> dict[str, Any]:
    """Answers to begin with: the application asked for, or the first that has Windows instances."""
    found = windows_scopes(user)
    first = next((one for one in found if one.application.slug == slug), found[0] if found else None)
    if first is None:
        return {}
    return {
        "application": first.application.slug,
        "place": str(first.place.pk),
        "title": f"HA Windows application: {first.application.slug}",
        "reason": f"Patch {first.application.slug} by zone and by environment, test before production.",
    }


def answers_in(items: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """The wizard's answers for items that it wrote; None where somebody wrote or changed them by hand."""
    windows = [one["spec"] for one in items if one["kind"] == "window"]
    groups = [one["spec"] for one in items if one["kind"] == "patch-group"]
    baselines = [one["spec"] for one in items if one["kind"] == "baseline"]
    if not windows or not groups or len(groups) != len(baselines):
        return None
    first = windows[0]
    place = AccountRegion.objects.filter(account__account_id=first["account"], region=first["region"]).first()
    counted_from = _counted_from(windows)
    hour = _hour(first["schedule"])
    if place is None or counted_from is None or hour is None:
        return None
    stages = [
        stage
        for group, baseline in zip(groups, baselines, strict=True)
        if (stage := _stage(group["environment"], windows, baseline, counted_from)) is not None
    ]
    if len(stages) != len(groups):
        return None
    before = [task["document"] for task in first["tasks"] if task["kind"] == "pre"]
    answers: dict[str, Any] = {
        "application": first["application"],
        "timezone": first["timezone"],
        "start_hour": hour,
        "snapshot_document": before[0] if before else "",
    }
    same = ha_windows_application(
        **answers,
        counted_from=counted_from,
        account=first["account"],
        region=first["region"],
        stages=stages,
        members=[
            Member(one, spec["environment"], spec["az"]) for spec in windows for one in spec["instances"]
        ],
    )
    if [with_defaults(one) for one in same] != list(items):
        return None
    for stage in stages:
        answers[f"days_{stage.environment}"] = stage.days_after
        answers[f"delay_{stage.environment}"] = stage.others_after_days
    return {**answers, **_when(counted_from), "place": str(place.pk)}


def _when(counted_from: Monthly | Weekly | Once) -> dict[str, Any]:
    """The answers that stand for a first day."""
    match counted_from:
        case Weekly(weekday=weekday):
            return {"way": WEEKLY, "weekday": weekday}
        case Once(on=on):
            return {"way": ONCE, "on": on}
        case Monthly(nth=nth, weekday=weekday):
            return {"way": NTH, "nth": nth, "weekday": weekday}


def _stage(
    environment: str,
    windows: Sequence[Mapping[str, Any]],
    baseline: Mapping[str, Any],
    counted_from: Monthly | Weekly | Once,
) -> Stage | None:
    first = next((one for one in windows if one["environment"] == environment), None)
    rules = (baseline["definition"].get("ApprovalRules") or {}).get("PatchRules") or [{}]
    delay = rules[-1].get("ApproveAfterDays")
    opens = _OPENS.fullmatch(first["schedule"]) if first else None
    if first is None or opens is None or delay is None:
        return None
    days = _days_after(counted_from, opens, first["offset"])
    return None if days is None else Stage(environment, days, delay)


def _days_after(counted_from: Monthly | Weekly | Once, opens: re.Match[str], offset: int) -> int | None:
    """How many days after the first day something opens; None where it does so in another rhythm."""
    match counted_from:
        case Once(on=on):
            return (date.fromisoformat(opens["on"]) - on).days if opens["on"] else None
        case Weekly(weekday=weekday):
            return (DAYS.index(opens["weekday"]) - DAYS.index(weekday)) % 7 if opens["weekday"] else None
        case Monthly(nth=nth):
            # days are counted from one day, such as the second Tuesday, whichever Tuesday the expression names
            return (int(opens["nth"]) - nth) * 7 + offset if opens["nth"] else None


def _counted_from(windows: Sequence[Mapping[str, Any]]) -> Monthly | Weekly | Once | None:
    """The day from which the windows' days count: Patch Tuesday where it can be, else the first that they name."""
    named = [found for one in windows if (found := _OPENS.fullmatch(one["schedule"]))]
    if not named:
        return None
    if named[0]["on"]:
        days = [date.fromisoformat(one["on"]) for one in named if one["on"]]
        return Once(min(days))
    if not named[0]["nth"]:
        return Weekly(named[0]["weekday"])
    first = Monthly(min(int(one["nth"]) for one in named if one["nth"]), named[0]["weekday"])
    fits = first.weekday == PATCH_TUESDAY.weekday and first.nth >= PATCH_TUESDAY.nth
    return PATCH_TUESDAY if fits else first


def _hour(schedule: str) -> int | None:
    opens = _OPENS.fullmatch(schedule)
    return int(opens["hour"] or opens["at"]) if opens else None
