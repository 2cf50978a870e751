"""The form that asks for a patch baseline."""

from typing import Any

from django import forms

from patching.models import Application, Environment
from patching.web.asking import ObjectForm, Part, choices_of, read_json
from portal.governance import roles
from portal.governance.models import User


class BaselineForm(ObjectForm):
    """A baseline; its definition is written as AWS takes it."""

    kind = "baseline"

    name = forms.CharField(max_length=128, label="Name")
    application = forms.ChoiceField(label="For")
    environment = forms.ChoiceField(
        required=False, label="Meant for", help_text="Production asks for the CISO's word as well."
    )
    definition = forms.CharField(
        label="Definition",
        widget=forms.Textarea(attrs={"rows": 18, "class": "mono", "spellcheck": "false"}),
        help_text="A CreatePatchBaseline request as JSON, without Name, ClientToken and Tags.",
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        mine = Application.objects.filter(team__in=roles.teams_of(user))
        choices_of(self, "application").choices = [(one.slug, one.name) for one in mine]
        choices_of(self, "environment").choices = [
            ("", "No environment in particular"),
            *((one.slug, one.name) for one in Environment.objects.all()),
        ]

    @property
    def parts(self) -> list[Part]:
        return [
            self._part("What it is called", "name", "application", "environment"),
            self._part("What it approves", "definition"),
            self._yours(),
        ]

    def clean_definition(self) -> Any:
        return read_json(self.cleaned_data["definition"])

    def spec(self) -> dict[str, Any]:
        said = self.cleaned_data
        return {name: said[name] for name in ("name", "application", "environment", "definition")}
