"""The page that turns a file into a request: upload or paste, see what it would do here, ask for it."""

from typing import Any

from django import forms
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from patching import importing
from patching.exchange import formats
from patching.exchange.parts import CannotReadError, Parameter
from patching.web.asking import AskForm, FromFileForm, Item, Part, Scope, scopes_of
from patching.web.asking_pages import answer
from portal.governance.models import User

VALUE = "value-"  # before the name of a parameter in the form


class ImportForm(FromFileForm):
    """A file, where it is to belong, and values for what it leaves open."""

    scope = forms.ChoiceField(
        label="Where it is to belong",
        help_text="For what the file does not say itself: whose it is, and where.",
    )
    file = forms.FileField(
        required=False,
        label="File",
        help_text="A CloudFormation template, Terraform, the JSON of a Terraform plan, AWS's own JSON, "
        "or Patchwarden YAML; 1 MB at most.",
    )
    text = forms.CharField(
        required=False,
        strip=False,
        max_length=formats.LARGEST,
        label="Or its text",
        widget=forms.Textarea(attrs={"rows": 14, "class": "mono", "spellcheck": "false"}),
    )
    file_format = forms.ChoiceField(
        required=False,
        label="Format",
        choices=[
            ("", "Told from the content"),
            *((name, one.title) for name, one in formats.FORMATS.items()),
        ],
    )
    field_of = {"items": "text"}
    beside = "patching/_imported.html"

    def __init__(self, *args: Any, user: User, scopes: list[Scope], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        self.scopes = {one.key: one for one in scopes}
        self.fields["scope"].choices = [(one.key, str(one)) for one in scopes]  # type: ignore[attr-defined]
        self.found: importing.Import | None = None
        self.parameters: list[Parameter] = []

    @property
    def parts(self) -> list[Part]:
        return [
            self._part("The file", "file", "file_format", "text", layout="one"),
            self._part("Where it belongs", "scope", layout="one"),
            self._yours(),
        ]

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        if "scope" not in said or "text" in self.errors:
            return said
        scope = self.scopes[said["scope"]]
        try:
            setup = formats.read(
                said.get("text", ""),
                file_format=said.get("file_format", ""),
                given=self._given(),
                account=scope.place.account.account_id,
                region=scope.place.region,
            )
        except CannotReadError as problem:
            self.add_error("text", str(problem))
            return said
        self.parameters = setup.parameters
        into = importing.Into(scope.application, scope.environment, scope.place, self.user)
        self.found = importing.prepare(setup, into)
        if not self.found.items:
            self.add_error("text", _nothing(self.found))
        return said

    def _given(self) -> dict[str, str]:
        """Values that were filled in for the file's parameters."""
        named = {
            name.removeprefix(VALUE): value for name, value in self.data.items() if name.startswith(VALUE)
        }
        return {name: str(value) for name, value in named.items() if value}

    def items(self) -> list[Item]:
        return self.found.items if self.found else []


def _nothing(found: importing.Import) -> str:
    if found.lines:
        return "Everything that can be taken from this file is here already, exactly as it says."
    return "Nothing in this file can be taken; the reasons stand beside it."


@login_required
@require_http_methods(["GET", "POST"])
def import_new(request: HttpRequest) -> HttpResponse:
    """Ask for what a file describes."""
    scopes = scopes_of(request.user)
    if not scopes:
        return render(request, "patching/choose_scope.html", {"scopes": [], "noun": "file", "kind": "import"})

    def make(data: Any = None) -> AskForm:
        upload = request.FILES.get("file")
        if data is None or upload is None:
            return ImportForm(data, user=request.user, scopes=scopes)
        filled = data.copy()
        problem = ""
        try:
            # one byte more than is allowed, so that what is too large is called so
            filled["text"] = upload.read(formats.LARGEST + 1).decode("utf-8-sig")
        except UnicodeDecodeError:
            problem = f"{upload.name} is not UTF-8 text; save it as UTF-8 and try again."
        form = ImportForm(filled, user=request.user, scopes=scopes)
        if problem:
            form.errors  # noqa: B018
            form.add_error("file", problem)
        return form

    return answer(request, make, heading="Ask for what a file describes")
