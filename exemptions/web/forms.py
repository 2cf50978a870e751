"""The form that asks for an exemption: shape and words only; what is allowed is said by the workflow."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db.models import Count, Q
from django.utils import timezone
from django.utils.html import format_html

from exemptions import documents, permissions, workflow
from exemptions.models import Exemption
from patching import posture
from patching.models import Application, ManagedInstance, PatchFinding
from portal.governance import clock
from portal.governance.errors import InvalidInput
from portal.governance.models import User
from portal.governance.templatetags.governance import display_zone, when

USUAL = timedelta(days=14)


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


class AskForm(forms.Form):
    """What is asked for: which instances, until when, why, and what protects them meanwhile."""

    title = forms.CharField(
        max_length=120,
        label="Title",
        widget=forms.TextInput({"placeholder": "What stays unpatched, in short"}),
    )
    instances = Instances(label="Instances")
    ends_at = Moment(label="Ends")
    reason = forms.CharField(label="Why they cannot be patched", widget=forms.Textarea({"rows": 4}))
    compensating_controls = forms.CharField(
        label="What protects them meanwhile", widget=forms.Textarea({"rows": 3})
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
        seen = ManagedInstance.objects.visible_to(user).present().filter(application=application)
        self.instances_by_id = _in_a_window(seen)
        field = self.fields["instances"]
        assert isinstance(field, Instances)
        field.queryset = ManagedInstance.objects.filter(pk__in=self.instances_by_id)
        self._explain()
        if exemption is None:
            del self.fields["note"], self.fields["based_on"]
        elif exemption.state == Exemption.State.SUBMITTED:
            del self.fields["documents"]  # what is being decided keeps its evidence

    def _explain(self) -> None:
        now = clock.now()
        longest = timedelta(days=settings.EXEMPTION_LONGEST_DAYS)
        zone = now.astimezone(display_zone())
        self.fields["ends_at"].help_text = format_html(
            "{} time ({}). At most {} days, to {}; more than {} days also needs security operations.",
            display_zone().key,
            f"{zone:%Z}",
            longest.days,
            when(now + longest, day=True),
            permissions.LONG.days,
        )
        self.fields["ends_at"].widget.attrs["max"] = _local(now + longest)
        self.fields["ends_at"].widget.attrs["min"] = _local(now + timedelta(hours=1))
        megabytes = settings.DOCUMENT_MAX_BYTES // (1024 * 1024)
        kinds = ", ".join(one.removeprefix(".").upper() for one in documents.KINDS)
        self.fields["documents"].help_text = (
            f"{kinds}; at most {documents.MOST_DOCUMENTS}, {megabytes} MB each. "
            "At least one is needed to submit, such as the vendor's statement."
        )

    def choices(self) -> Iterator[dict[str, Any]]:
        """Each instance that may be named: its check box, its window, and what it lacks now."""
        lacks = _open_findings(self.instances_by_id)
        options = {int(str(option.data["value"])): option for option in self["instances"].subwidgets}
        for pk, instance in self.instances_by_id.items():
            option = options[pk]
            option.data["attrs"] = {**option.data["attrs"], "class": "form-check-input"}
            yield {"option": option, "instance": instance, **lacks.get(pk, {"open": 0, "critical": 0})}

    def asked(self) -> dict[str, Any]:
        """The words as the workflow takes them."""
        said = self.cleaned_data
        return {
            "title": said["title"],
            "reason": said["reason"],
            "compensating_controls": said["compensating_controls"],
            "instances": list(said["instances"].select_related("account_region__account")),
            "ends_at": said["ends_at"],
        }

    def tell(self, problem: InvalidInput) -> None:
        """Put each problem of the workflow under its field."""
        for one in problem.problems:
            name = {"document": "documents"}.get(one.field, one.field)
            self.add_error(name if name in self.fields else None, one.message)


def starting_words(exemption: Exemption) -> Mapping[str, Any]:
    """An exemption's current revision as the form's first values."""
    assert exemption.current is not None
    said = workflow.content_of(exemption.current)
    return {
        "title": said["title"],
        "reason": said["reason"],
        "compensating_controls": said["compensating_controls"],
        "ends_at": exemption.ends_at,
        "instances": [one.pk for one in exemption.instances.all()],
        "based_on": exemption.current.number,
    }


def first_words(instance: ManagedInstance | None) -> Mapping[str, Any]:
    """Two weeks from now at noon, and the instance from whose page somebody came."""
    noon = (
        (clock.now() + USUAL).astimezone(display_zone()).replace(hour=12, minute=0, second=0, microsecond=0)
    )
    return {"ends_at": noon, "instances": [instance.pk] if instance else []}


def _local(moment: datetime) -> str:
    return f"{moment.astimezone(display_zone()):%Y-%m-%dT%H:%M}"


def _in_a_window(instances: Any) -> dict[int, ManagedInstance]:
    """Instances that a live window patches, production first, each with its ``window``."""
    rows = list(
        instances.select_related("environment", "account_region__account").order_by(
            "-environment__rank", "name", "pk"
        )
    )
    windows = workflow.windows_of(rows)
    for one in rows:
        one.window = windows.get(one.pk)
    return {one.pk: one for one in rows if one.window}


def _open_findings(instances: Mapping[int, ManagedInstance]) -> dict[int, dict[str, int]]:
    rows = (
        posture.with_step(PatchFinding.objects.open().filter(instance__in=list(instances)))
        .values("instance")
        .annotate(open=Count("pk"), critical=Count("pk", filter=Q(step=posture.Step.CRITICAL)))
        .order_by()
    )
    return {row.pop("instance"): row for row in rows}
