"""Forms of the flow: shape and words only; what is allowed is said by ``items``, ``rules`` and the workflow."""

import re
from collections.abc import Iterable, Mapping

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS

from portal.governance.errors import FieldProblem
from portal.governance.models import Outcome


class DecisionForm(forms.Form):
    """One word on the revision that was read."""

    outcome = forms.ChoiceField(
        choices=Outcome.choices,
        widget=forms.HiddenInput,
        error_messages={
            "required": "Choose: approve, ask for changes, or reject.",
            "invalid_choice": "Choose: approve, ask for changes, or reject.",
        },
    )
    revision = forms.IntegerField(min_value=1, widget=forms.HiddenInput)
    digest = forms.CharField(max_length=64, widget=forms.HiddenInput)
    reason = forms.CharField(
        required=False,
        label="Reason",
        widget=forms.Textarea(attrs={"rows": 2, "placeholder": "What convinced you, or what has to change"}),
    )


def tell(form: forms.BaseForm, problems: Iterable[FieldProblem], fields: Mapping[str, str]) -> None:
    """Put each problem under the field it is about; ``fields`` maps the first part of a path to a form's field."""
    for problem in problems:
        whole = fields.get("items")
        path = problem.field if whole else re.sub(r"^items\[\d+\]\.(spec\.)?", "", problem.field)
        if inside := _part_of(form, path):
            inner, name = inside
            inner.add_error(name, problem.message)
            form.add_error(None, f"{_place(inner)}, {inner.fields[name].label}: {problem.message}")
            continue
        first = re.split(r"[.\[]", path)[0]
        name = fields.get(first, first)
        rest = path if whole else path[len(first) :].lstrip(".")
        message = f"{rest}: {problem.message}" if rest and name in (whole, "definition") else problem.message
        place = name if name in form.fields else None
        if message not in form.errors.get(place or NON_FIELD_ERRORS, []):
            form.add_error(place, message)


def _part_of(form: forms.BaseForm, path: str) -> tuple[forms.BaseForm, str] | None:
    find = getattr(form, "part_of", None)
    return find(path) if find else None


def _place(inner: forms.BaseForm) -> str:
    """Task 2, for the form with the prefix tasks-1."""
    word, _, number = str(inner.prefix).rpartition("-")
    return f"{word.rstrip('s').capitalize()} {int(number) + 1}"
