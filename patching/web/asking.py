"""Forms that ask for something: each turns what was filled in into the items of one request.

They say what a field is; whether its value is allowed is said by ``items`` and ``rules``, and ``forms.tell`` puts
those answers under the fields.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
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
from portal.governance import roles, strict_json
from portal.governance.errors import FieldProblem
from portal.governance.models import User

Item = dict[str, Any]


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
    """Fields that stand together, in one column, two or as many as fit, and a template for what follows them."""

    legend: str
    fields: list[forms.BoundField]
    layout: str = ""
    more: str = ""


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

    # whether it is a long form of rules, beside which the preview stays in sight and begins at once
    has_rules: ClassVar[bool] = False
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

    def part_of(self, path: str) -> tuple[forms.BaseForm, str] | None:
        """A form inside this one and its field that a path of the spec is about, such as tasks[1].document."""
        return None

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

    def _part(self, legend: str, *names: str, layout: str = "", more: str = "") -> Part:
        return Part(legend, [self[name] for name in names if name in self.fields], layout, more)

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


class FromFileForm(AskForm):
    """What a file describes: what rules say of an item is said of the object by its name."""

    def add_error(self, field: str | None, error: Any) -> None:
        if isinstance(error, str):
            error = re.sub(r"^items\[(\d+)\]\.(spec\.)?", self._name_of, error)
        super().add_error(field, error)

    def _name_of(self, path: re.Match[str]) -> str:
        return f"{self.items()[int(path[1])]['spec']['name']}, "


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
        return strict_json.loads(text)
    except json.JSONDecodeError as mistake:
        raise forms.ValidationError(
            f"This is not JSON: {mistake.msg}, line {mistake.lineno}, column {mistake.colno}."
        ) from mistake
    except (ValueError, RecursionError) as mistake:
        why = "it is nested too deeply" if isinstance(mistake, RecursionError) else mistake
        raise forms.ValidationError(f"This JSON cannot be taken: {why}.") from mistake
