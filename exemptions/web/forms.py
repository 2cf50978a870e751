"""The form that asks for an exemption: shape and words only; what is allowed is said by the workflow."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from exemptions import asked, documents, permissions, policy
from exemptions.asked import CONTROL_KINDS, MOST_CONTROLS, Control
from exemptions.models import Exemption
from exemptions.overlaps import Scope
from exemptions.web import choices
from patching.models import Application, ManagedInstance
from patching.words import listed
from portal.governance import clock
from portal.governance.errors import InvalidInput
from portal.governance.models import User
from portal.governance.templatetags.governance import display_zone, when

Kind = Exemption.Kind
USUAL = timedelta(days=14)
CONTROL_ROWS = 4
CONTROL_PARTS = ("kind", "what", "evidence", "valid_until")
# the order of the page, for the list of what is wrong; the rest follows
BEFORE_CONTROLS = (
    *("kind", "title", "instances", "open_patches", "patches", "ends_at"),
    *("root_cause", "reason", "tried", "fix_plan", "fix_expected_on", "exploited_override"),
)
ABOUT_RISK = ("exploited_override", "exposure", "data_class")
# what a field is called here → what the workflow calls it
WORKFLOW_NAMES = {"document": "documents", "compensating_controls": "control_1_what"}


class Moment(forms.DateTimeField):
    """A date and time in the zone that every page shows."""

    def __init__(self, **options: Any) -> None:
        widget = forms.DateTimeInput({"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
        super().__init__(widget=widget, **options)

    def to_python(self, value: Any) -> datetime | None:
        with timezone.override(display_zone()):
            return super().to_python(value)

    def prepare_value(self, value: Any) -> Any:
        return value.astimezone(display_zone()) if isinstance(value, datetime) else value


class Day(forms.DateField):
    """A date, as browsers send it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"), **options)


class ManyFiles(forms.ClearableFileInput):
    allow_multiple_selected = True


class Documents(forms.FileField):
    """Any number of files, each looked at before anything is saved."""

    def clean(self, data: Any, initial: Any = None) -> list[UploadedFile]:
        problems, kept = [], []
        for one in data or []:
            try:
                documents.raise_unless_allowed(one)
                kept.append(one)
            except InvalidInput as problem:
                problems.append(str(problem))
        if problems:
            raise forms.ValidationError(problems)
        return kept


class Instances(forms.ModelMultipleChoiceField):
    """Instances by primary key, shown by the template as rows of a table."""

    def __init__(self, **options: Any) -> None:
        super().__init__(ManagedInstance.objects.none(), widget=forms.CheckboxSelectMultiple, **options)


class Patches(forms.MultipleChoiceField):
    """Patches that were ticked; whether they can be left off is said by the workflow."""

    def valid_value(self, value: str) -> bool:
        return len(value) <= 200


class AskForm(forms.Form):
    """The questionnaire: what stays unpatched until when, why, and what protects it meanwhile."""

    kind = forms.ChoiceField(
        label="What you ask for", choices=Kind.choices, initial=Kind.NODE_DEFERRAL, widget=forms.RadioSelect
    )
    title = forms.CharField(
        max_length=120,
        label="Title",
        widget=forms.TextInput({"placeholder": "What stays unpatched, in short"}),
    )
    instances = Instances(label="Instances")
    open_patches = Patches(label="Patches", required=False)
    patches = forms.CharField(
        label="Other patches",
        required=False,
        max_length=4000,
        widget=forms.TextInput({"placeholder": "KB5039227, openssl"}),
    )
    ends_at = Moment(label="Ends")
    root_cause = forms.ChoiceField(
        label="Why they cannot be patched",
        required=False,
        choices=[("", "Choose"), *Exemption.RootCause.choices],
    )
    reason = forms.CharField(
        label="What breaks when they are patched",
        widget=forms.Textarea({"rows": 3}),
        help_text="At least 20 characters, such as what fails, where it was seen, and whom it stops.",
    )
    tried = forms.CharField(
        label="What was tried",
        required=False,
        widget=forms.Textarea({"rows": 3}),
        help_text="Such as a newer driver, or a test on a clone.",
    )
    fix_plan = forms.CharField(
        label="How it will be fixed",
        required=False,
        widget=forms.Textarea({"rows": 3}),
        help_text="Such as the vendor's release, or the move to another system.",
    )
    fix_expected_on = Day(label="Fix expected on", required=False)
    exploited_override = forms.CharField(
        label="Known to be exploited: why it may stay open all the same",
        required=False,
        max_length=4000,
        widget=forms.Textarea({"rows": 2}),
        help_text="Only where CISA lists what stays open. It is recorded, and security operations decide too.",
    )
    exposure = forms.ChoiceField(
        label="Who can reach them", required=False, choices=[("", "Choose"), *Exemption.Exposure.choices]
    )
    data_class = forms.ChoiceField(
        label="What data they hold", required=False, choices=[("", "Choose"), *Exemption.DataClass.choices]
    )
    backup = forms.ModelChoiceField(
        User.objects.none(),
        label="Reminded as well",
        required=False,
        empty_label="Nobody",
        help_text="Somebody of the team who hears of its end when you are away.",
    )
    documents = Documents(label="Documents", required=False, widget=ManyFiles)
    note = forms.CharField(
        label="What you changed", required=False, max_length=500, help_text="Shown to those who decide."
    )
    based_on = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(
        self,
        *args: Any,
        application: Application,
        user: User,
        exemption: Exemption | None = None,
        **options: Any,
    ) -> None:
        super().__init__(*args, **options)
        self.exemption = exemption
        self.instances_by_id = choices.choosable(user, application)
        field = self.fields["instances"]
        assert isinstance(field, Instances)
        field.queryset = ManagedInstance.objects.filter(pk__in=self.instances_by_id)
        people = self.fields["backup"]
        assert isinstance(people, forms.ModelChoiceField)
        members = User.objects.filter(memberships__team=application.team, is_active=True)
        asks = exemption.requested_by_id if exemption else user.pk
        people.queryset = members.exclude(pk=asks).order_by("first_name", "last_name", "username")
        self._add_controls()
        self.order_fields([*BEFORE_CONTROLS, *(name for name in self.fields if name.startswith("control_"))])
        self._explain()
        if exemption is None:
            del self.fields["note"], self.fields["based_on"]
        elif exemption.state == Exemption.State.SUBMITTED:
            del self.fields["documents"]  # what is being decided keeps its evidence

    # What the page shows beside the fields

    def chosen(self) -> list[ManagedInstance]:
        """The instances that are ticked, of a form sent or fresh."""
        ticked = {str(one) for one in self["instances"].value() or ()}
        return [one for pk, one in self.instances_by_id.items() if str(pk) in ticked]

    def named(self) -> list[str]:
        """The patches that are ticked or written, where patches are asked for."""
        if self["kind"].value() != Kind.PATCH_EXCLUSION:
            return []
        return sorted({*(self["open_patches"].value() or ()), *_split(self["patches"].value())})

    def limit(self) -> policy.Limit:
        """How long the policy lets it last, as far as it is filled in."""
        exposure, data_class = self["exposure"].value() or "", self["data_class"].value() or ""
        standing = policy.standing_of(self.chosen(), self.named(), exposure, data_class)
        return policy.limit_for(standing)

    def scope(self) -> Scope:
        """What is ticked so far, for comparing it with other exemptions."""
        return Scope(
            kind=self["kind"].value(),
            instances=frozenset(one.pk for one in self.chosen()),
            patches=frozenset(self.named()),
            ends_at=self._end(),
        )

    def choices(self) -> Iterator[dict[str, Any]]:
        """Each instance that may be named: its check box, its window, and what it lacks now."""
        lacks = choices.lacking(self.instances_by_id)
        options = {int(str(option.data["value"])): option for option in self["instances"].subwidgets}
        for pk, instance in self.instances_by_id.items():
            option = options[pk]
            option.data["attrs"] = {**option.data["attrs"], "class": "form-check-input"}
            yield {"option": option, "instance": instance, **lacks.get(pk, {"open": 0, "critical": 0})}

    def patch_choices(self) -> dict[str, Any]:
        """Patches to tick: of the chosen instances, or of all that may be chosen; and how many are not listed."""
        ticked = set(self["open_patches"].value() or ())
        of = self.chosen() or list(self.instances_by_id.values())
        rows, more = choices.open_patches([one.pk for one in of], ticked)
        return {"rows": rows, "more": more, "ticked": ticked, "of": len(of)}

    def package_note(self) -> str:
        """What a package name means on the Linux systems among the chosen instances; "" where there are none."""
        systems = choices.linux_among(self.chosen() or list(self.instances_by_id.values()))
        if not systems:
            return ""
        return f"On {listed(systems)} none is installed until the end, whatever it fixes."

    def control_rows(self) -> list[dict[str, Any]]:
        """The compensating controls, one row of fields each."""
        return [
            {part: self[f"control_{number}_{part}"] for part in CONTROL_PARTS} | {"number": number}
            for number in range(1, self.controls + 1)
        ]

    def _add_controls(self) -> None:
        given: set[str] = {*self.data, *self.initial}
        used = [int(found[1]) for one in given if (found := re.fullmatch(r"control_(\d{1,2})_what", one))]
        self.controls = min(MOST_CONTROLS, max([CONTROL_ROWS, *used]))
        for number in range(1, self.controls + 1):
            told = f"Control {number}"
            parts: dict[str, forms.Field] = {
                "kind": forms.ChoiceField(
                    label=f"{told}: kind", required=False, choices=[("", "Choose"), *CONTROL_KINDS.items()]
                ),
                "what": forms.CharField(
                    label=f"{told}: what it does",
                    required=False,
                    min_length=10,
                    max_length=1000,
                    widget=forms.Textarea({"rows": 2}),
                ),
                "evidence": forms.CharField(
                    label=f"{told}: shown by document",
                    required=False,
                    max_length=200,
                    widget=forms.TextInput({"list": "attached", "placeholder": "Name of a document below"}),
                ),
                "valid_until": Day(label=f"{told}: shown until", required=False),
            }
            self.fields |= {f"control_{number}_{part}": field for part, field in parts.items()}

    def _explain(self) -> None:
        end, now = self.fields["ends_at"], clock.now()
        longest, why = self._longest()
        zone = now.astimezone(display_zone())
        end.help_text = format_html(
            "{} time ({}). At most {} days, to {}{}; more than {} days also needs security operations.",
            display_zone().key,
            f"{zone:%Z}",
            longest.days,
            when(now + longest, day=True),
            why,
            permissions.LONG.days,
        )
        end.widget.attrs["max"] = _local(now + longest)
        end.widget.attrs["min"] = _local(now + timedelta(hours=1))
        megabytes = settings.DOCUMENT_MAX_BYTES // (1024 * 1024)
        kinds = ", ".join(one.removeprefix(".").upper() for one in documents.KINDS)
        self.fields["documents"].help_text = (
            f"{kinds}; at most {documents.MOST_DOCUMENTS}, {megabytes} MB each. "
            "At least one is needed to submit, such as the vendor's statement."
        )

    def _longest(self) -> tuple[timedelta, str | SafeString]:
        if not self.chosen():
            return timedelta(days=settings.EXEMPTION_LONGEST_DAYS), ", less where a critical patch is missing"
        limit = self.limit()
        return limit.longest, format_html(", because {}", limit.why)

    def _end(self) -> datetime | None:
        value = self["ends_at"].value()
        if isinstance(value, datetime):
            return value
        try:
            return self.fields["ends_at"].clean(value)
        except forms.ValidationError:
            return None

    # What it says

    def clean(self) -> None:
        attached = set(self.exemption.documents.values_list("name", flat=True)) if self.exemption else set()
        attached |= (
            {documents.name_of(one) for one in self.files.getlist("documents")} if self.files else set()
        )
        for number in range(1, self.controls + 1):
            row = {part: self.cleaned_data.get(f"control_{number}_{part}") for part in CONTROL_PARTS}
            what = f"control_{number}_what"
            if any(row.values()) and not row["what"] and what not in self.errors:
                self.add_error(what, "Say what this control does, or leave its whole row empty.")
            if row["evidence"] and row["evidence"] not in attached:
                message = f"No document is called “{row['evidence']}”. Attach it below, or leave this empty."
                self.add_error(f"control_{number}_evidence", message)

    def asked(self) -> dict[str, Any]:
        """The words as the workflow takes them."""
        said = self.cleaned_data
        excludes = said["kind"] == Kind.PATCH_EXCLUSION
        plain = ("kind", "title", "root_cause", "reason", "tried", "fix_plan", "fix_expected_on")
        return {
            **{name: said[name] for name in (*plain, *ABOUT_RISK, "backup", "ends_at")},
            "patches": [*said["open_patches"], *_split(said["patches"])] if excludes else [],
            "compensating_controls": self._controls(),
            "instances": list(said["instances"].select_related("account_region__account", "environment")),
        }

    def _controls(self) -> list[Control]:
        rows = [
            {part: self.cleaned_data[f"control_{number}_{part}"] for part in CONTROL_PARTS}
            for number in range(1, self.controls + 1)
        ]
        return [
            Control(
                what=row["what"],
                kind=row["kind"] or "other",
                evidence=row["evidence"],
                valid_until=row["valid_until"].isoformat() if row["valid_until"] else "",
            )
            for row in rows
            if row["what"]
        ]

    def tell(self, problem: InvalidInput) -> None:
        """Put each problem of the workflow under its field."""
        for one in problem.problems:
            name = WORKFLOW_NAMES.get(one.field, one.field)
            self.add_error(name if name in self.fields else None, one.message)


def starting_words(exemption: Exemption) -> dict[str, Any]:
    """An exemption's current revision as the form's first values."""
    assert exemption.current is not None
    said = asked.content_of(exemption.current)
    plain = ("title", "reason", "tried", "fix_plan", "fix_expected_on", "exploited_override")
    return {
        **{name: said.get(name, "") for name in plain},
        **_control_words(said["compensating_controls"]),
        "kind": exemption.kind,
        "root_cause": exemption.root_cause,
        "exposure": exemption.exposure,
        "data_class": exemption.data_class,
        "backup": exemption.backup_id,
        "open_patches": list(exemption.patches),
        "ends_at": exemption.ends_at,
        "instances": [one.pk for one in exemption.instances.all()],
        "based_on": exemption.current.number,
    }


def first_words(**given: Any) -> dict[str, Any]:
    """Two weeks from now at noon, and what is known from where somebody came."""
    noon = (
        (clock.now() + USUAL).astimezone(display_zone()).replace(hour=12, minute=0, second=0, microsecond=0)
    )
    return {"ends_at": noon, "instances": [], **given}


def typed_words(data: Any) -> dict[str, Any]:
    """What somebody has typed so far, as first values of the form: to look at it, nothing checked."""
    many = ("instances", "open_patches")
    return {name: data.getlist(name) if name in many else data[name] for name in {*data, *many}}


def _control_words(controls: Sequence[Mapping[str, str]]) -> dict[str, str]:
    return {
        f"control_{number}_{part}": control.get(part, "")
        for number, control in enumerate(controls, start=1)
        for part in CONTROL_PARTS
    }


def _split(text: Any) -> list[str]:
    return [one for one in re.split(r"[\s,;]+", text or "") if one]


def _local(moment: datetime) -> str:
    return f"{moment.astimezone(display_zone()):%Y-%m-%dT%H:%M}"
