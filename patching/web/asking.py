"""Forms that ask for something: each turns what was filled in into the items of one request.

They say what a field is; whether its value is allowed is said by ``items`` and ``rules``, and ``forms.tell`` puts
those answers under the fields.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import time
from typing import Any, ClassVar, NamedTuple
from zoneinfo import available_timezones

from django import forms
from django.conf import settings
from django.db.models import QuerySet

from patching import words
from patching.models import (
    AccountRegion,
    Application,
    Environment,
    ManagedInstance,
    PatchBaseline,
    Selector,
)
from patching.models.governed import Governed
from patching.permissions import ROWS
from patching.web.forms import tell
from portal.governance import roles
from portal.governance.errors import FieldProblem
from portal.governance.models import User

Item = dict[str, Any]
OWN = "own"


@dataclass(frozen=True)
class Scope:
    """Where a window or group belongs: an application's environment in one account-region."""

    application: Application
    environment: Environment
    place: AccountRegion

    @property
    def key(self) -> str:
        return f"{self.application.slug}:{self.environment.slug}:{self.place.pk}"

    def __str__(self) -> str:
        return f"{self.application}, {self.environment}, {self.place}"

    def spec(self) -> dict[str, str]:
        return {
            "application": self.application.slug,
            "environment": self.environment.slug,
            "account": self.place.account.account_id,
            "region": self.place.region,
        }

    def instances(self) -> QuerySet[ManagedInstance]:
        """Instances that can be patched: there, and not Auto Scaling's to replace."""
        return ManagedInstance.objects.present().filter(
            application=self.application,
            environment=self.environment,
            account_region=self.place,
            auto_scaling_group="",
        )


def scopes_of(user: User) -> list[Scope]:
    """Everywhere this person's teams have instances, by their selectors."""
    selectors = Selector.objects.filter(
        application__team__in=roles.teams_of(user), account_region__is_active=True
    ).select_related("application", "environment", "account_region__account")
    found = {
        scope.key: scope
        for scope in (Scope(one.application, one.environment, one.account_region) for one in selectors)
    }
    return sorted(
        found.values(), key=lambda scope: (scope.application.slug, scope.environment.rank, scope.key)
    )


def zones() -> list[str]:
    """Time zones as IANA names them, for the list beside a text field."""
    return sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith("Etc/")) + [
        "UTC"
    ]


class ZoneField(forms.CharField):
    """A time zone: free text with a list to choose from."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("label", "Time zone")
        kwargs.setdefault("initial", settings.DISPLAY_TIME_ZONE)
        widget = forms.TextInput(attrs={"list": "zones", "autocomplete": "off"})
        super().__init__(max_length=64, widget=widget, **kwargs)


class Part(NamedTuple):
    """Fields that stand together, and in how many columns: one, two, or as many as fit."""

    legend: str
    fields: list[forms.BoundField]
    layout: str = ""


class AskForm(forms.Form):
    """What every request has: a title and a reason."""

    title = forms.CharField(
        min_length=3, max_length=120, label="Title", help_text="What it is about, as a list shows it."
    )
    reason = forms.CharField(
        min_length=10,
        max_length=4000,
        label="Why it is needed",
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Who decides reads this first.",
    )
    note = forms.CharField(
        required=False,
        max_length=500,
        label="What you changed",
        help_text="Shown beside the new revision, for those who read the one before.",
    )

    # a template for what the fields alone do not show, below them
    beside: ClassVar[str] = ""
    # where the answers to a part of a spec belong
    field_of: ClassVar[Mapping[str, str]] = {}

    def __init__(self, *args: Any, editing: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not editing:
            del self.fields["note"]

    def items(self) -> list[Item]:
        """What is asked for. Only after ``is_valid``."""
        raise AssertionError("A form of its own says what it asks for.")

    def tell(self, problems: Iterable[FieldProblem]) -> None:
        """Put each problem under the field that it is about."""
        tell(self, problems, self.field_of)

    def answers(self) -> dict[str, Any]:
        """The answers to begin with, under the names in which a browser would send them."""
        return {name: self._answer(name) for name in self.fields}

    def _answer(self, name: str) -> Any:
        field, value = self.fields[name], self[name].initial
        if value is None and field.required and isinstance(field, forms.ChoiceField) and field.choices:
            return next(iter(field.choices))[0]  # what a list shows while nothing is chosen
        return "" if value is None else value

    @property
    def parts(self) -> list[Part]:
        """Fields in the groups in which the page shows them."""
        return [self._yours()]

    def _part(self, legend: str, *names: str, layout: str = "") -> Part:
        return Part(legend, [self[name] for name in names if name in self.fields], layout)

    def _yours(self) -> Part:
        return self._part("Your request", "title", "reason", "note", layout="one")


class ObjectForm(AskForm):
    """One object, new or changed."""

    kind: ClassVar[str]

    def __init__(self, *args: Any, target: int | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.target = target

    def spec(self) -> dict[str, Any]:
        raise AssertionError("A form of its own says what it asks for.")

    def items(self) -> list[Item]:
        action = "create" if self.target is None else "change"
        return [{"action": action, "kind": self.kind, "target": self.target, "spec": self.spec()}]


class PlacedForm(ObjectForm):
    """A window or a group: it has a scope, and instances chosen from it."""

    name = forms.CharField(max_length=256, label="Name")
    az = forms.ChoiceField(required=False, label="Zone")
    instances = forms.MultipleChoiceField(
        required=False, label="Instances", widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, *args: Any, scope: Scope, kept: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.scope = scope
        self.members = list(scope.instances())
        self.held = held_elsewhere(self.kind, scope, except_for=self.target)
        known = {one.instance_id for one in self.members}
        gone = [(one, f"{one}, no longer there") for one in kept if one not in known]
        zones_ = sorted({one.availability_zone for one in self.members})
        choices_of(self, "az").choices = [("", "All zones"), *((zone, zone) for zone in zones_)]
        choices_of(self, "instances").choices = [
            (one.instance_id, self._label(one)) for one in self.members
        ] + gone

    def _label(self, instance: ManagedInstance) -> str:
        told = [str(instance), instance.availability_zone, words.system_name(instance.operating_system)]
        if not instance.is_online:
            told.append("agent does not answer")
        if holder := self.held.get(instance.instance_id):
            told.append(f"already in {holder}")
        return ", ".join(told)

    def spec(self) -> dict[str, Any]:
        said = self.cleaned_data
        return {
            **self.scope.spec(),
            "name": said["name"],
            "az": said["az"],
            "instances": sorted(said["instances"]),
        }


def choices_of(form: forms.BaseForm, name: str) -> forms.ChoiceField:
    """A field of choices that depend on who asks."""
    field = form.fields[name]
    assert isinstance(field, forms.ChoiceField)
    return field


def held_elsewhere(kind: str, scope: Scope, except_for: int | None = None) -> dict[str, str]:
    """Instances of a place by the window (or group) that has them; an instance is in one only."""
    rows = ROWS[kind].objects.live().filter(account_region=scope.place).exclude(pk=except_for)
    return {one: name for name, spec in rows.values_list("name", "spec") for one in spec["instances"]}


class WindowForm(PlacedForm):
    """A maintenance window with its usual tasks."""

    kind = "window"
    field_of = {"schedule": "expression", "start_date": "expression", "end_date": "expression"}

    description = forms.CharField(required=False, max_length=128, label="Description")
    week = forms.ChoiceField(
        label="Opens",
        choices=[
            ("2", "In the second week of the month"),
            ("1", "In the first week of the month"),
            ("3", "In the third week of the month"),
            ("4", "In the fourth week of the month"),
            ("L", "In the last week of the month"),
            ("every", "Every week"),
            (OWN, "By an expression of my own"),
        ],
        help_text="Microsoft publishes on the second Tuesday of the month.",
    )
    weekday = forms.ChoiceField(
        label="On",
        choices=[
            ("MON", "Monday"),
            ("TUE", "Tuesday"),
            ("WED", "Wednesday"),
            ("THU", "Thursday"),
            ("FRI", "Friday"),
            ("SAT", "Saturday"),
            ("SUN", "Sunday"),
        ],
        initial="TUE",
    )
    at = forms.TimeField(
        label="At", initial=time(20), widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    )
    offset = forms.IntegerField(
        label="Days later",
        initial=0,
        help_text="0 to 6 days after that day, such as 4 days after Patch Tuesday.",
    )
    expression = forms.CharField(
        required=False,
        max_length=256,
        label="Expression of your own",
        help_text="AWS's dialect, such as cron(0 2 ? * SAT#3 *) or rate(7 days).",
    )
    timezone = ZoneField()
    duration = forms.IntegerField(
        label="Duration in hours", initial=4, help_text="4 h, and 1 h more for every 50 instances."
    )
    cutoff = forms.IntegerField(
        label="Cutoff in hours", initial=1, help_text="Nothing new starts in the last hours."
    )
    max_concurrency = forms.CharField(
        label="Instances at once", initial="25%", max_length=7, help_text="A count or a percentage."
    )
    max_errors = forms.CharField(
        label="Failures that stop it", initial="10%", max_length=7, help_text="A count or a percentage."
    )
    reboot = forms.ChoiceField(
        label="Restart",
        choices=[("RebootIfNeeded", "If a patch needs it"), ("NoReboot", "Never in this window")],
    )
    before = forms.CharField(
        required=False,
        max_length=200,
        label="Automation before",
        help_text="An SSM document, such as a snapshot.",
    )
    after = forms.CharField(
        required=False,
        max_length=200,
        label="Automation after",
        help_text="An SSM document, such as a health check.",
    )
    scan = forms.BooleanField(required=False, label="Scan once more at the end", initial=True)
    tasks = forms.CharField(
        required=False,
        label="Tasks",
        widget=forms.Textarea(attrs={"rows": 12, "class": "mono", "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, own_tasks: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.own_tasks = own_tasks
        usual = ("max_concurrency", "max_errors", "reboot", "before", "after", "scan")
        for name in usual if own_tasks else ("tasks",):
            del self.fields[name]

    @property
    def parts(self) -> list[Part]:
        return [
            self._part("When it opens", "week", "weekday", "at", "offset", "timezone", "expression"),
            self._part("How long", "duration", "cutoff"),
            self._part(
                "What it does", "max_concurrency", "max_errors", "reboot", "before", "after", "scan", "tasks"
            ),
            self._part("What it is called", "name", "description"),
            self._part("What it patches", "az", "instances"),
            self._yours(),
        ]

    def clean_tasks(self) -> Any:
        return read_json(self.cleaned_data["tasks"])

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        if said.get("week") == OWN and not said.get("expression"):
            self.add_error(
                "expression", "Write an expression, such as cron(0 2 ? * SAT#3 *), or choose a week above."
            )
        return said

    def spec(self) -> dict[str, Any]:
        said = self.cleaned_data
        own = said["week"] == OWN
        return {
            **super().spec(),
            "description": said["description"],
            "schedule": said["expression"] if own else _cron(said["week"], said["weekday"], said["at"]),
            "timezone": said["timezone"],
            "offset": said["offset"],
            "duration": said["duration"],
            "cutoff": said["cutoff"],
            "tasks": said["tasks"] if self.own_tasks else self._usual_tasks(),
        }

    def _usual_tasks(self) -> list[dict[str, Any]]:
        said = self.cleaned_data
        rates = {"max_concurrency": said["max_concurrency"], "max_errors": said["max_errors"]}
        tasks: list[dict[str, Any]] = [
            {"name": "Install", "kind": "install", "reboot": said["reboot"], **rates}
        ]
        if said["before"]:
            tasks.insert(
                0, {"name": "Before", "kind": "pre", "type": "AUTOMATION", "document": said["before"]}
            )
        if said["scan"]:
            tasks.append({"name": "Scan", "kind": "scan", "max_concurrency": "50%", "max_errors": "100%"})
        if said["after"]:
            tasks.append({"name": "After", "kind": "post", "type": "AUTOMATION", "document": said["after"]})
        return tasks

    @classmethod
    def filled_from(cls, spec: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
        """Initial values for a spec, and whether its tasks are beyond the usual ones."""
        initial = {
            name: spec[name] for name in ("name", "description", "az", "timezone", "offset", "duration")
        }
        initial |= {"cutoff": spec["cutoff"], "instances": spec["instances"], **_opens(spec["schedule"])}
        usual = _usual(spec["tasks"])
        if usual is None:
            return initial | {"tasks": json.dumps(spec["tasks"], indent=2)}, True
        return initial | usual, False


def _cron(week: str, weekday: str, at: time) -> str:
    day = {"every": weekday, "L": f"{weekday}L"}.get(week, f"{weekday}#{week}")
    return f"cron({at.minute} {at.hour} ? * {day} *)"


def _opens(schedule: str) -> dict[str, Any]:
    """The form's fields for a schedule; what the fields cannot say stays an expression."""
    found = re.fullmatch(
        r"cron\((\d{1,2}) (\d{1,2}) \? \* (MON|TUE|WED|THU|FRI|SAT|SUN)(#[1-4]|L)? \*\)", schedule
    )
    if found is None:
        return {"week": OWN, "expression": schedule}
    minute, hour, weekday, which = found.groups()
    week = {None: "every", "L": "L"}.get(which) or which[1:]
    return {"week": week, "weekday": weekday, "at": time(int(hour), int(minute))}


def _usual(tasks: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """The form's fields for the tasks that it would write itself, or None."""
    by_kind = {task["kind"]: task for task in tasks}
    install = by_kind.get("install")
    if install is None or len(by_kind) != len(tasks):
        return None
    found = {
        "max_concurrency": install["max_concurrency"],
        "max_errors": install["max_errors"],
        "reboot": install["reboot"],
        "before": by_kind["pre"]["document"] if "pre" in by_kind else "",
        "after": by_kind["post"]["document"] if "post" in by_kind else "",
        "scan": "scan" in by_kind,
    }
    known = {"pre": ("Before", "Snapshot"), "install": ("Install",), "scan": ("Scan",), "post": ("After",)}
    plain = all(
        task["name"] in known[kind]
        and not task["parameters"]
        and task["cutoff_behavior"] == "CONTINUE_TASK"
        and (kind in ("install", "scan")) == (task["type"] == "RUN_COMMAND")
        and (kind != "scan" or (task["max_concurrency"], task["max_errors"]) == ("50%", "100%"))
        for kind, task in by_kind.items()
    )
    return found if plain else None


class GroupForm(PlacedForm):
    """A patch group: instances, and the baseline of each operating system among them."""

    kind = "patch-group"

    def __init__(self, *args: Any, user: User, also: Mapping[str, str] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.systems = sorted({one.operating_system for one in self.members} | set(also or {}) - {""})
        live = PatchBaseline.objects.visible_to(user).live()
        for system in filter(None, self.systems):
            fitting = live.filter(operating_system=system)
            choices = [
                (one.name, f"{one.name}: {words.baseline_in_a_line(one.spec['definition'])}")
                for one in fitting
            ]
            self.fields[f"baseline_{system}"] = forms.ChoiceField(
                required=False,
                label=f"Baseline for {words.system_name(system)}",
                choices=[("", "None"), *choices],
                initial=(also or {}).get(system, ""),
            )

    @property
    def parts(self) -> list[Part]:
        baselines = [name for name in self.fields if name.startswith("baseline_")]
        return [
            self._part("What it is called", "name"),
            self._part("What judges it", *baselines),
            self._part("Who is in it", "az", "instances"),
            self._yours(),
        ]

    @property
    def field_of(self) -> Mapping[str, str]:  # type: ignore[override]
        first = next((name for name in self.fields if name.startswith("baseline_")), "name")
        return {"baselines": first}

    def spec(self) -> dict[str, Any]:
        chosen = {system: self.cleaned_data.get(f"baseline_{system}", "") for system in self.systems}
        return {**super().spec(), "baselines": {system: name for system, name in chosen.items() if name}}


class RemovalForm(AskForm):
    """One object that should go."""

    def __init__(self, *args: Any, kind: str, row: Governed, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kind, self.row = kind, row

    def items(self) -> list[Item]:
        return [{"action": "delete", "kind": self.kind, "target": self.row.pk, "spec": {}}]


class SeveralForm(AskForm):
    """Several changes at once, written as the API takes them."""

    items_json = forms.CharField(
        label="Items",
        widget=forms.Textarea(attrs={"rows": 24, "class": "mono", "spellcheck": "false"}),
        help_text="A JSON list of items with action, kind, target and spec, as the API takes them.",
    )
    field_of = {"items": "items_json"}

    @property
    def parts(self) -> list[Part]:
        return [
            self._part("What it asks for", "items_json"),
            self._yours(),
        ]

    def clean_items_json(self) -> Any:
        return read_json(self.cleaned_data["items_json"])

    def items(self) -> list[Item]:
        found = self.cleaned_data["items_json"]
        return found if isinstance(found, list) else [found]


def read_json(text: str) -> Any:
    """JSON from a text field; says where it stops being JSON."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as mistake:
        raise forms.ValidationError(
            f"This is not JSON: {mistake.msg}, line {mistake.lineno}, column {mistake.colno}."
        ) from mistake
