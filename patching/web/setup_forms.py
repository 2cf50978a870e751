"""Forms of the set-up pages: shape and words only; what is allowed is said by ``onboarding``."""

import re
from typing import Any

from django import forms

from patching.models import AccountRegion, Environment
from portal.governance.errors import DomainError
from portal.governance.models import Team


class AccountForm(forms.Form):
    """An AWS account and where in it we look."""

    account_id = forms.CharField(
        label="Account id",
        max_length=20,
        help_text="12 digits",
        widget=forms.TextInput(attrs={"inputmode": "numeric"}),
    )
    name = forms.CharField(label="Name", max_length=80, help_text="As people here call it: Retail")
    regions = forms.CharField(
        label="Regions",
        max_length=500,
        help_text="One or more, with commas or spaces between: eu-central-1, eu-west-1",
    )

    def clean_account_id(self) -> str:
        return re.sub(r"[\s-]", "", self.cleaned_data["account_id"])

    def clean_regions(self) -> list[str]:
        return [region for region in re.split(r"[\s,]+", self.cleaned_data["regions"]) if region]


class ApplicationForm(forms.Form):
    """Something a team runs."""

    name = forms.CharField(label="Name", max_length=80, help_text="Such as Payments")
    slug = forms.CharField(
        label="Short name",
        max_length=40,
        help_text="Lower-case letters, digits and -; it stands in the names of windows and groups",
    )
    team: Any = forms.ModelChoiceField(Team.objects.all(), label="Owned by", empty_label="Choose a team")


class EnvironmentForm(forms.Form):
    """A stage such as test."""

    name = forms.CharField(label="Name", max_length=40, help_text="Such as Production")
    slug = forms.CharField(label="Short name", max_length=20, help_text="Such as prod")
    is_production = forms.BooleanField(
        label="This is production",
        required=False,
        help_text="What touches production needs more people to decide. It cannot be changed here later.",
    )


class PlaceField(forms.ModelChoiceField):
    """An account-region by the name that people know."""

    def label_from_instance(self, obj: Any) -> str:
        return f"{obj.account}, {obj.region}"


class SelectorForm(forms.Form):
    """Which instances are an application's."""

    environment: Any = forms.ModelChoiceField(
        Environment.objects.all(), label="Environment", empty_label="Choose an environment"
    )
    place: Any = PlaceField(
        AccountRegion.objects.filter(is_active=True).select_related("account"),
        label="Account and Region",
        empty_label="Choose an account and Region",
    )
    tags = forms.CharField(
        label="Tags that all must match",
        help_text="One a line, as KEY=VALUE. Capitals count, in AWS as here.",
        widget=forms.Textarea(attrs={"rows": 3, "placeholder": "App=payments\nEnvironment=prod"}),
    )

    def clean_tags(self) -> dict[str, str]:
        tags: dict[str, str] = {}
        for line in filter(None, map(str.strip, self.cleaned_data["tags"].splitlines())):
            key, equals, value = (part.strip() for part in line.partition("="))
            if not equals or not key or not value:
                raise forms.ValidationError(f"“{line}” is no KEY=VALUE, such as App=payments.")
            if key in tags:
                raise forms.ValidationError(f"{key} stands there twice; all must match, so name it once.")
            tags[key] = value
        return tags


def tell(form: forms.BaseForm, problem: DomainError) -> None:
    """Say what a verb refused: under the field it is about, or above them all."""
    for one in problem.problems:
        form.add_error(one.field if one.field in form.fields else None, one.message)
    if not problem.problems:
        form.add_error(None, str(problem))
