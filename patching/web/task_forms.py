"""The tasks of a window in its form: one small form each, added, removed and moved without a script."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.http import QueryDict

from patching import documents
from patching.items import MOST_TASKS

PREFIX = "tasks"
LONGEST_NAME = 60
Row = dict[str, Any]

KINDS = [
    ("pre", "Before patching"),
    ("install", "Install patches"),
    ("scan", "Scan, install nothing"),
    ("post", "After patching"),
]
# what can be added with one button: its words, and the task to begin with
READY_MADE: dict[str, tuple[str, Row]] = {
    "snapshot": (
        "Snapshot",
        {
            "name": "Snapshot",
            "kind": "pre",
            "document": "AWS-CreateImage",
            "priority": 1,
            "parameters": f"InstanceId={documents.TARGET}\nNoReboot=true",
        },
    ),
    "pre": ("Task before", {"name": "Before", "kind": "pre", "priority": 5}),
    "install": ("Installation", {"name": "Install", "kind": "install", "document": "AWS-RunPatchBaseline"}),
    "hooks": (
        "Installation with hooks",
        {
            "name": "Install",
            "kind": "install",
            "document": "AWS-RunPatchBaselineWithHooks",
            "parameters": "PreInstallHookDocName=AWS-Noop\nPostInstallHookDocName=AWS-Noop",
        },
    ),
    "ams": (
        "AMS installation with snapshot",
        {
            "name": "Install",
            "kind": "install",
            "document": "AWSManagedServices-PatchInstance",
            "parameters": f"InstanceId={documents.TARGET}",
        },
    ),
    "post": ("Task after", {"name": "After", "kind": "post", "priority": 20}),
    "scan": (
        "Scan at the end",
        {
            "name": "Scan",
            "kind": "scan",
            "document": "AWS-RunPatchBaseline",
            "priority": 15,
            "max_concurrency": "50%",
            "max_errors": "100%",
        },
    ),
}
USUAL = ("install", "scan")


class TaskForm(forms.Form):
    """One task."""

    name = forms.CharField(max_length=LONGEST_NAME, label="Name")
    kind = forms.ChoiceField(choices=KINDS, label="What it is for")
    document = forms.CharField(
        max_length=300,
        label="Document",
        widget=forms.TextInput(attrs={"list": "documents", "autocomplete": "off", "spellcheck": "false"}),
        help_text="An SSM document by its name or ARN.",
    )
    max_concurrency = forms.CharField(max_length=7, initial="25%", label="Instances at once")
    max_errors = forms.CharField(max_length=7, initial="10%", label="Failures that stop it")
    reboot = forms.ChoiceField(
        required=False,
        label="Restart",
        choices=[
            ("", "As the document has it"),
            ("RebootIfNeeded", "If a patch needs it"),
            ("NoReboot", "Never in this window"),
        ],
        help_text="For an installation.",
    )
    priority = forms.IntegerField(
        initial=10, label="Priority", help_text="0 to 100; lower runs first, equal ones run together."
    )
    type = forms.ChoiceField(
        required=False,
        label="Run by",
        choices=[
            ("", "As the document needs"),
            (documents.RUN_COMMAND, "Run Command"),
            (documents.AUTOMATION, "Automation"),
        ],
    )
    cutoff_behavior = forms.ChoiceField(
        label="At the cutoff",
        choices=[("CONTINUE_TASK", "What has begun goes on"), ("CANCEL_TASK", "What has begun is cancelled")],
    )
    parameters = forms.CharField(
        required=False,
        label="Parameters",
        widget=forms.Textarea(attrs={"rows": 3, "class": "mono", "spellcheck": "false"}),
        help_text="One a line, such as executionTimeout=3600; a name may come several times.",
    )

    def clean_parameters(self) -> dict[str, list[str]]:
        return read_parameters(self.cleaned_data["parameters"])

    def spec(self) -> Row:
        """The task as an item has it; what follows from its document is left out. Only after ``is_valid``."""
        said = dict(self.cleaned_data)
        if not said["type"]:
            del said["type"]
        if not said["reboot"]:
            del said["reboot"]
        return said

    @property
    def main(self) -> list[forms.BoundField]:
        names = ("name", "kind", "document", "max_concurrency", "max_errors", "reboot")
        return [self[name] for name in names]

    @property
    def further(self) -> list[forms.BoundField]:
        return [self[name] for name in ("priority", "type", "cutoff_behavior", "parameters")]

    @property
    def is_open(self) -> bool:
        """Whether what is further must be seen: it is wrong, or says something."""
        names = ("priority", "type", "cutoff_behavior", "parameters")
        return bool(self["parameters"].value()) or (
            self.is_bound and any(name in self.errors for name in names)
        )


class BaseTaskForms(forms.BaseFormSet):
    """Every one of them is meant, however little it says."""

    def get_form_kwargs(self, index: int | None) -> dict[str, Any]:
        return {**super().get_form_kwargs(index), "empty_permitted": False}


TaskForms = forms.formset_factory(
    TaskForm,
    formset=BaseTaskForms,
    extra=0,
    min_num=0,
    max_num=MOST_TASKS,
    absolute_max=MOST_TASKS + 1,
    validate_max=True,
)


def rows_of(tasks: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Tasks of a spec as the forms show them, in the order in which they run."""
    ordered = sorted(tasks, key=lambda task: task["priority"])
    return [{**task, "parameters": written_parameters(task["parameters"])} for task in ordered]


def usual_rows() -> list[Row]:
    """What a new window does."""
    return [dict(READY_MADE[name][1]) for name in USUAL]


def data_of(forms_: "forms.BaseFormSet[TaskForm]") -> dict[str, Any]:
    """What they would send as they are shown first."""
    total = len(forms_.forms)
    sent: dict[str, Any] = {f"{PREFIX}-TOTAL_FORMS": total, f"{PREFIX}-INITIAL_FORMS": total}
    for form in forms_.forms:
        for name, field in form.fields.items():
            value = form[name].initial
            if value is None and isinstance(field, forms.ChoiceField):
                value = next(iter(field.choices))[0]
            sent[form.add_prefix(name)] = "" if value is None else value
    return sent


def rows_in(data: QueryDict) -> list[Row]:
    """What was filled in, as it was, whether right or wrong."""
    total = data.get(f"{PREFIX}-TOTAL_FORMS", "")
    number = min(int(total), MOST_TASKS) if total.isdecimal() else 0
    return [
        {name: data.get(f"{PREFIX}-{at}-{name}", "") for name in TaskForm.base_fields} for at in range(number)
    ]


def rearranged(rows: list[Row], do: str) -> list[Row]:
    """The rows with one more, one less or one moved: add:NAME, remove:N, up:N or down:N, counted from 0."""
    what, _, which = do.partition(":")
    if what == "add" and which in READY_MADE and len(rows) < MOST_TASKS:
        new = dict(READY_MADE[which][1])
        new["name"] = _free(new["name"], {str(row["name"]) for row in rows})
        return sorted([*rows, new], key=_priority)
    at = int(which) if which.isdecimal() else len(rows)
    if at >= len(rows):
        return rows
    if what == "remove":
        return rows[:at] + rows[at + 1 :]
    other = at - 1 if what == "up" else at + 1
    if what not in ("up", "down") or not 0 <= other < len(rows):
        return rows
    return _swapped(rows, min(at, other))


def _swapped(rows: list[Row], at: int) -> list[Row]:
    """The row at a place and the next one change places and priorities; equal ones are set apart."""
    first, second = dict(rows[at]), dict(rows[at + 1])
    low, high = sorted((_priority(first), _priority(second)))
    if low == high:
        low, high = (low - 1, high) if low else (low, high + 1)
    second["priority"], first["priority"] = low, high
    return [*rows[:at], second, first, *rows[at + 2 :]]


def _priority(row: Row) -> int:
    text = str(row.get("priority", TaskForm.base_fields["priority"].initial)).strip()
    return int(text) if text.isdecimal() else TaskForm.base_fields["priority"].initial


def _free(name: str, taken: set[str]) -> str:
    number, free = 2, name
    while free in taken:
        free, number = f"{name} {number}", number + 1
    return free


def read_parameters(text: str) -> dict[str, list[str]]:
    """Name=value lines, or a JSON object of lists of text, which alone can hold values of several lines."""
    if text.strip().startswith("{"):
        return _read_json(text)
    found: dict[str, list[str]] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        name, is_said, value = line.partition("=")
        if not is_said or not name.strip():
            raise forms.ValidationError(f"Line {number} says no Name=value, such as executionTimeout=3600.")
        found.setdefault(name.strip(), []).append(value.strip())
    return found


def _read_json(text: str) -> dict[str, list[str]]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    is_lists = isinstance(found, dict) and all(
        isinstance(values, list) and all(isinstance(one, str) for one in values) for values in found.values()
    )
    if not is_lists:
        raise forms.ValidationError(
            'Write Name=value lines, or lists of text such as {"commands": ["uptime"]}.'
        )
    return dict(found)


def written_parameters(parameters: Mapping[str, Sequence[str]]) -> str:
    """The same as text."""
    values = [(name, value) for name, given in parameters.items() for value in given]
    if any("\n" in value or value != value.strip() for _, value in values):
        return json.dumps(parameters, indent=2, ensure_ascii=False)
    return "\n".join(f"{name}={value}" for name, value in values)
