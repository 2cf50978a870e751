"""The wizard for a highly available Windows application: a few answers become one request, shown before it is made."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from patching.blueprints import (
    HA_WINDOWS_STAGES,
    PATCH_TUESDAY,
    Member,
    Stage,
    ha_windows_application,
    latest_day,
)
from patching.items import with_defaults
from patching.models import AccountRegion, ManagedInstance
from patching.web.asking import AskForm, Item, Part, Scope, ZoneField, choices_of, scopes_of
from patching.web.asking_pages import answer
from patching.web.window_forms import WEEKDAYS
from portal.governance.models import User

_OPENS = re.compile(r"cron\(0 (?P<hour>\d{1,2}) \? \* (?P<weekday>[A-Z]{3})#(?P<nth>[1-5]) \*\)")


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
    nth = forms.TypedChoiceField(
        label="Days are counted from the",
        coerce=int,
        choices=[(1, "first"), (2, "second"), (3, "third")],
        initial=PATCH_TUESDAY[0],
        help_text="The second Tuesday is Patch Tuesday.",
    )
    weekday = forms.ChoiceField(label="Day of the month", choices=WEEKDAYS, initial=PATCH_TUESDAY[1])
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
                initial=stage.days_after_patch_tuesday,
                label=f"{name.capitalize()}: days after that day",
            )
            self.fields[f"delay_{name}"] = forms.IntegerField(
                min_value=0,
                max_value=360,
                initial=stage.others_after_days,
                label=f"{name.capitalize()}: days until the rest is approved",
            )
        self.order_fields(["application", "place", "timezone", "start_hour", "nth", "weekday"])

    @property
    def parts(self) -> list[Part]:
        pace = [f"{part}_{stage.environment}" for stage in HA_WINDOWS_STAGES for part in ("days", "delay")]
        return [
            self._part("What is patched", "application", "place"),
            self._part("When", "nth", "weekday", "timezone", "start_hour"),
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
        for stage in HA_WINDOWS_STAGES:
            days, latest = said.get(f"days_{stage.environment}"), latest_day(said.get("nth") or 1)
            if days is not None and days > latest:
                self.add_error(
                    f"days_{stage.environment}",
                    f"At most {latest} days after that day, or some months would have no run.",
                )
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
            counted_from=(said["nth"], said["weekday"]),
        )

    def stages(self) -> list[Stage]:
        said = self.cleaned_data
        return [
            Stage(one.environment, said[f"days_{one.environment}"], said[f"delay_{one.environment}"])
            for one in HA_WINDOWS_STAGES
        ]


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
    stages = [
        stage
        for group, baseline in zip(groups, baselines, strict=True)
        if (stage := _stage(group["environment"], windows, baseline, counted_from[0])) is not None
    ]
    before = [task["document"] for task in first["tasks"] if task["kind"] == "pre"]
    answers: dict[str, Any] = {
        "application": first["application"],
        "timezone": first["timezone"],
        "start_hour": _hour(first["schedule"]),
        "snapshot_document": before[0] if before else "",
    }
    if place is None or len(stages) != len(groups) or answers["start_hour"] is None:
        return None
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
        answers[f"days_{stage.environment}"] = stage.days_after_patch_tuesday
        answers[f"delay_{stage.environment}"] = stage.others_after_days
    return {**answers, "place": str(place.pk), "nth": counted_from[0], "weekday": counted_from[1]}


def _stage(
    environment: str, windows: Sequence[Mapping[str, Any]], baseline: Mapping[str, Any], from_nth: int
) -> Stage | None:
    first = next((one for one in windows if one["environment"] == environment), None)
    rules = (baseline["definition"].get("ApprovalRules") or {}).get("PatchRules") or [{}]
    delay = rules[-1].get("ApproveAfterDays")
    opens = _OPENS.fullmatch(first["schedule"]) if first else None
    if first is None or opens is None or delay is None:
        return None
    # days are counted from one day, such as the second Tuesday, whichever Tuesday the expression names
    return Stage(environment, (int(opens["nth"]) - from_nth) * 7 + first["offset"], delay)


def _counted_from(windows: Sequence[Mapping[str, Any]]) -> tuple[int, str]:
    """The day from which the windows' days count: Patch Tuesday where it can be, else the first that they name."""
    named = [found for one in windows if (found := _OPENS.fullmatch(one["schedule"]))]
    if not named:
        return PATCH_TUESDAY
    first, weekday = min(int(one["nth"]) for one in named), named[0]["weekday"]
    return PATCH_TUESDAY if weekday == PATCH_TUESDAY[1] and first >= PATCH_TUESDAY[0] else (first, weekday)


def _hour(schedule: str) -> int | None:
    opens = _OPENS.fullmatch(schedule)
    return int(opens["hour"]) if opens else None
