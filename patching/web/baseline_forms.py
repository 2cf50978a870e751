"""The form that asks for a patch baseline: written by choosing, in the words of one operating system."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS
from django.forms.utils import ErrorDict
from django.http import QueryDict

from patching import presets, system_facts, words
from patching.approval import DEBIAN_FAMILY, WINDOWS
from patching.baseline_rules import vocabularies
from patching.models import Application, Environment
from patching.specs import canonical_definition
from patching.web import repeated
from patching.web.asking import ObjectForm, choices_of
from patching.web.asking import Part as Legend
from patching.web.baseline_parts import (
    LEVEL_CHOICES,
    WITHOUT_NON_SECURITY,
    FiltersForm,
    Part,
    RuleForm,
    SourceForm,
    split,
)
from portal.governance import roles
from portal.governance.errors import FieldProblem
from portal.governance.models import Role, User

SHOWN_AT_MOST = 20  # rules or sources; AWS takes 10 rules, so that one too many can be told
PATCHES_APART = r"[\s,;]+"
SIMPLE = {
    # a field of the form → the definition's
    "description": "Description",
    "approved_level": "ApprovedPatchesComplianceLevel",
    "approved_non_security": "ApprovedPatchesEnableNonSecurity",
    "rejected_action": "RejectedPatchesAction",
    "security_updates": "AvailableSecurityUpdatesComplianceStatus",
}
LISTS = {"approved": "ApprovedPatches", "rejected": "RejectedPatches"}
_IN_RULE = {
    "ApproveAfterDays": "days",
    "ApproveUntilDate": "until",
    "ComplianceLevel": "level",
    "EnableNonSecurity": "non_security",
}


class BaselineForm(ObjectForm):
    """A baseline. Rules, global filters and sources are parts of their own, numbered in the names of their fields."""

    kind = "baseline"
    has_rules = True

    name = forms.CharField(max_length=128, label="Name")
    application = forms.ChoiceField(required=False, label="For")
    environment = forms.ChoiceField(
        required=False, label="Meant for", help_text="Production asks for the CISO's word as well."
    )
    operating_system = forms.ChoiceField(
        label="Operating system", choices=list(words.SYSTEM_NAMES.items()), initial=WINDOWS
    )
    description = forms.CharField(required=False, label="Description")
    approved = forms.CharField(
        required=False, label="Approved by name", widget=forms.Textarea(attrs={"rows": 4, "class": "mono"})
    )
    approved_level = forms.ChoiceField(
        required=False, label="When missing, these count as", choices=LEVEL_CHOICES
    )
    approved_non_security = forms.BooleanField(
        required=False, label="Approve these also where they are not about security"
    )
    rejected = forms.CharField(
        required=False, label="Rejected by name", widget=forms.Textarea(attrs={"rows": 4, "class": "mono"})
    )
    rejected_action = forms.ChoiceField(
        required=False,
        label="Rejected patches that others need",
        choices=[("", "Are installed with those"), ("BLOCK", "Are blocked too")],
        help_text="Blocked patches that are there already make an instance non-compliant.",
    )
    security_updates = forms.ChoiceField(
        required=False,
        label="Security updates that no rule approves yet",
        choices=[
            ("", "As AWS decides"),
            ("COMPLIANT", "Leave an instance compliant"),
            ("NON_COMPLIANT", "Make an instance non-compliant"),
        ],
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        data = args[0] if args else kwargs.pop("data", None)
        self.quiet = isinstance(data, QueryDict) and repeated.EDIT in data
        if self.quiet:
            assert data is not None
            data = repeated.edited(data, SHOWN_AT_MOST)
        super().__init__(data, *args[1:], **kwargs)
        self._offer_owners(user)
        self.system = self._system()
        self.listed = system_facts.listed(self.system)
        self._fit_system()
        vocabulary = self.listed.vocabulary
        common = {"quiet": self.quiet, "vocabulary": vocabulary}
        initial = self.initial.get("parts", {})
        self.only = FiltersForm(data, prefix="only", initial=initial.get("only"), **common)
        rules = initial.get("rules", [])
        self.rules = [
            RuleForm(data, prefix=f"rule-{number}", initial=_at(rules, number), **common)
            for number in range(self._count("rule", len(rules)))
        ]
        sources = initial.get("sources", [])
        self.sources = [
            SourceForm(data, prefix=f"source-{number}", initial=_at(sources, number), quiet=self.quiet)
            for number in range(self._count("source", len(sources)))
        ]
        self.takes_sources = self.system not in WITHOUT_NON_SECURITY
        self.without_delay = self.system in DEBIAN_FAMILY

    def _offer_owners(self, user: User) -> None:
        mine = Application.objects.filter(team__in=roles.teams_of(user))
        owners = [(one.slug, one.name) for one in mine]
        if roles.has_role(user, Role.SECURITY_OPERATIONS):
            owners.append(("", "All teams, shared"))
        choices_of(self, "application").choices = owners
        choices_of(self, "environment").choices = [
            ("", "No environment in particular"),
            *((one.slug, one.name) for one in Environment.objects.all()),
        ]

    def _system(self) -> str:
        given = self.data.get("operating_system") if self.is_bound else None
        given = given or self.initial.get("operating_system") or WINDOWS
        return given if given in vocabularies() else WINDOWS

    def _fit_system(self) -> None:
        """Only the fields that mean something there, with its own examples."""
        if self.target is not None:
            self.fields[
                "operating_system"
            ].help_text = "AWS cannot change it; ask for a new baseline instead."
        if self.system != WINDOWS:
            del self.fields["security_updates"]
        if self.system in WITHOUT_NON_SECURITY:
            del self.fields["approved_non_security"]
        approved, rejected = _name_hints(self.system)
        self.fields["approved"].help_text = f"{approved} At most 50, one a line."
        self.fields["rejected"].help_text = f"{rejected} At most 50, one a line."

    def _count(self, part: str, without_data: int) -> int:
        return repeated.count(self.data, part, SHOWN_AT_MOST) if self.is_bound else without_data

    @property
    def pieces(self) -> list[Part]:
        """Every part that is a form of its own."""
        return [self.only, *self.rules, *(self.sources if self.takes_sources else [])]

    @property
    def errors(self) -> ErrorDict:
        return ErrorDict() if self.quiet else super().errors

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        for piece in self.pieces:
            for name, messages in piece.errors.items():
                for message in messages:
                    self.add_error(None, f"{self._called(piece, name)}: {message}")
        return said

    def answers(self) -> dict[str, Any]:
        told = super().answers() | {"rules": str(len(self.rules)), "sources": str(len(self.sources))}
        for piece in self.pieces:
            told |= piece.answers()
        return told

    @property
    def presets(self) -> list[presets.Preset]:
        """What a new baseline can begin with."""
        return presets.of_system(self.system) if self.target is None else []

    @property
    def parts(self) -> list[Legend]:
        return [self._yours()]

    @property
    def naming(self) -> Legend:
        names = ("name", "application", "environment", "operating_system", "description")
        return self._part("What it is called", *names)

    @property
    def lists(self) -> Legend:
        names = ("approved", "rejected", "approved_level", "rejected_action", "approved_non_security")
        return self._part("Patches by name", *names, "security_updates", layout="two")

    # What it says

    def spec(self) -> dict[str, Any]:
        said = self.cleaned_data
        named = {name: said.get(name, "") for name in ("name", "application", "environment")}
        return {**named, "definition": self.definition()}

    def definition(self) -> dict[str, Any]:
        """The CreatePatchBaseline request without its name; what was left empty is left out."""
        said = self.cleaned_data
        told: dict[str, Any] = {"OperatingSystem": self.system}
        told |= {field: said[name] for name, field in SIMPLE.items() if said.get(name)}
        told |= {field: split(said[name], PATCHES_APART) for name, field in LISTS.items() if said.get(name)}
        if only := self.only.group():
            told["GlobalFilters"] = {"PatchFilters": only}
        if self.rules:
            told["ApprovalRules"] = {"PatchRules": [one.rule() for one in self.rules]}
        if self.takes_sources and self.sources:
            told["Sources"] = [one.source() for one in self.sources]
        return told

    @classmethod
    def filled_from(cls, spec: Mapping[str, Any]) -> dict[str, Any] | None:
        """Initial values for a spec; None where its definition says more than the fields can."""
        definition = spec["definition"]
        system = definition.get("OperatingSystem") or WINDOWS
        vocabulary = vocabularies()[system]
        only = FiltersForm.filled_from(
            (definition.get("GlobalFilters") or {}).get("PatchFilters", []), vocabulary
        )
        given = (definition.get("ApprovalRules") or {}).get("PatchRules", [])
        rules = [RuleForm.filled_from_rule(one, vocabulary) for one in given]
        if only is None or None in rules or not canonical_definition(definition):
            return None
        sources = [SourceForm.filled_from(one) for one in definition.get("Sources") or []]
        initial = {name: definition.get(field, "") for name, field in SIMPLE.items()}
        if initial["approved_level"] == "UNSPECIFIED":
            initial["approved_level"] = ""
        if initial["rejected_action"] == "ALLOW_AS_DEPENDENCY":
            initial["rejected_action"] = ""
        initial |= {name: "\n".join(definition.get(field) or []) for name, field in LISTS.items()}
        return {
            **initial,
            **{name: spec.get(name, "") for name in ("name", "application", "environment")},
            "operating_system": system,
            "parts": {"only": only, "rules": rules, "sources": sources},
        }

    # Where an answer belongs

    def tell(self, problems: Iterable[FieldProblem]) -> None:
        """Put each problem under the field it is about, also inside rules, filters and sources."""
        rest = []
        for problem in problems:
            path = re.sub(r"^items\[\d+\]\.spec\.definition\.?", "", problem.field)
            if path == problem.field:
                rest.append(problem)
                continue
            piece, name = self._place(path)
            if piece is None:
                place = name if name in self.fields else None
                if problem.message not in self.errors.get(place or NON_FIELD_ERRORS, []):
                    self.add_error(place, problem.message)
                continue
            piece.add_error(name, problem.message)
            self.add_error(None, f"{self._called(piece, name)}: {problem.message}")
        super().tell(rest)

    def _place(self, path: str) -> tuple[Part | None, str | None]:
        """The piece and its field for a path such as ``ApprovalRules.PatchRules[0].ApproveAfterDays``."""
        first, _, rest = path.partition(".")
        name = re.split(r"\[", first)[0]
        if found := re.fullmatch(r"PatchRules\[(\d+)\](?:\.(.*))?", rest if first == "ApprovalRules" else ""):
            rule = _at(self.rules, int(found[1]))
            if rule is not None:
                return rule, self._in_filters(rule, found[2] or "")
        if first == "GlobalFilters":
            return self.only, self._in_filters(self.only, rest)
        if found := re.fullmatch(r"Sources\[(\d+)\]", first):
            source = _at(self.sources, int(found[1]))
            if source is not None and rest.lower() in source.fields:
                return source, rest.lower()
        back = {field: name for name, field in (SIMPLE | LISTS).items()}
        if name == "OperatingSystem":
            return None, "operating_system"
        return None, back.get(name)

    def _in_filters(self, piece: FiltersForm, path: str) -> str | None:
        if found := re.match(r"(?:PatchFilterGroup\.)?PatchFilters\[(\d+)\]", path):
            filters = piece.group()
            one = _at(filters, int(found[1]))
            return piece.field_for(one["Key"]) if one else None
        name = _IN_RULE.get(path)
        return name if name in piece.fields else None

    def _called(self, piece: Part, name: str | None) -> str:
        label = piece.fields[name].label if name in piece.fields else ""
        if piece is self.only:
            return f"Only patches that match, {label}".rstrip(", ")
        among = self.rules if isinstance(piece, RuleForm) else self.sources
        noun = "Rule" if isinstance(piece, RuleForm) else "Source"
        return f"{noun} {among.index(piece) + 1}, {label}".rstrip(", ")


def _at(among: list[Any], number: int) -> Any:
    return among[number] if number < len(among) else None


def _name_hints(system: str) -> tuple[str, str]:
    """How patches are named in the two lists, by AWS's "package name formats for approved and rejected lists"."""
    if system == WINDOWS:
        return "KB or bulletin ids, such as KB5039217 or MS10-048.", "KB or bulletin ids, such as KB5039217."
    if system in DEBIAN_FAMILY:
        return "Package names without version, such as openssl.", "Package names, such as linux-image*."
    if system == "MACOS":
        return "Whole names of packages, without *.", "Whole names of packages, without *."
    if system == "SUSE":
        return "Package names with at most one *, such as openssl*.", "Package names with at most one *."
    return (
        "CVE, advisory or Bugzilla ids, or package names with at most one *, such as openssl*.",
        "Package names with at most one *; no CVE or advisory ids.",
    )
