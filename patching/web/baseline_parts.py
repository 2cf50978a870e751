"""The parts of the form for a baseline: what a rule matches and when it approves, and where Linux fetches packages."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, cast

from django import forms
from django.conf import settings
from django.forms.utils import ErrorDict

from patching.approval import DEBIAN_FAMILY, LEVELS, UNSPECIFIED, WINDOWS
from patching.baseline_rules import Vocabulary

Values = dict[str, list[str]]
LABELS = {
    "PATCH_SET": "Patch set",
    "PRODUCT": "Products",
    "PRODUCT_FAMILY": "Product families",
    "CLASSIFICATION": "Classifications",
    "MSRC_SEVERITY": "Severities as Microsoft rates them",
    "SEVERITY": "Severities",
    "PRIORITY": "Priorities",
    "SECTION": "Sections",
}
WITHOUT_NON_SECURITY = frozenset({WINDOWS, "MACOS"})
LEVEL_CHOICES = [
    ("", "Unspecified"),
    *((level, level.capitalize()) for level in reversed(LEVELS) if level != UNSPECIFIED),
]
ALL = "*"


def split(text: str, by: str = r"[,\n]") -> list[str]:
    """Entries of a text field, by lines and commas: names of products may hold spaces."""
    return [one.strip() for one in re.split(by, text) if one.strip()]


class AnyOf(forms.MultipleChoiceField):
    """Values to choose from. What is not among them is kept: the check says what AWS makes of it."""

    def __init__(self, known: Iterable[str], *, label: str) -> None:
        choices = [(ALL, "All"), *((one, one) for one in known)]
        super().__init__(choices=choices, label=label, required=False, widget=forms.CheckboxSelectMultiple)

    def valid_value(self, value: str) -> bool:
        return True

    def keep(self, values: Iterable[str]) -> None:
        """Offer also what was chosen before and is not listed."""
        offered = list(cast(Iterable[tuple[Any, Any]], self.choices))
        listed = {value for value, _ in offered}
        self.choices = [
            *offered,
            *((one, f"{one}, not in the list") for one in values if one not in listed),
        ]


class Part(forms.Form):
    """A part of a larger form; quiet while it is only rebuilt, so that nobody is told of fields not filled in yet."""

    def __init__(self, *args: Any, quiet: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.quiet = quiet

    @property
    def errors(self) -> ErrorDict:
        return ErrorDict() if self.quiet else super().errors

    def answers(self) -> dict[str, Any]:
        """What it shows before anything was sent, under the names in which a browser sends it."""
        return {self.add_prefix(name): self._sent(name) for name in self.fields}

    def _sent(self, name: str) -> Any:
        """As a browser sends it: nothing for no choice, an empty text for no answer."""
        value = self[name].value()
        if isinstance(self.fields[name], forms.MultipleChoiceField):
            return list(value or [])
        return "" if value is None or value is False else value


class FiltersForm(Part):
    """Filters by key: a patch has to match one value of each key that has any."""

    def __init__(self, *args: Any, vocabulary: Vocabulary, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.vocabulary = vocabulary
        self.keys = [key for key in vocabulary.keys if key != "PATCH_SET" or self._may_choose_set()]
        for key in self.keys:
            self._add(key)

    def _may_choose_set(self) -> bool:
        return settings.ALLOW_APPLICATION_PATCHES or bool(self.initial.get("PATCH_SET"))

    def _add(self, key: str) -> None:
        known = self.vocabulary.known(key)
        if known:
            field = AnyOf(known, label=LABELS[key])
            field.keep(self._chosen(key))
            self.fields[key] = field
        if key == "PRODUCT" or not known:
            self.fields[f"{key}_more"] = forms.CharField(
                required=False,
                label=f"Other {LABELS[key].lower()}" if known else LABELS[key],
                help_text=f"Separated by commas, such as {self.vocabulary.product_example}."
                if key == "PRODUCT"
                else "Separated by commas; * is all of them.",
            )

    def _chosen(self, key: str) -> list[str]:
        name = self.add_prefix(key)
        if not self.is_bound:
            return list(self.initial.get(key, []))
        sent = self.data.getlist(name) if hasattr(self.data, "getlist") else self.data.get(name)
        return [one for one in sent or [] if isinstance(one, str) and not self.quiet]

    def group(self) -> list[dict[str, Any]]:
        """The filters as AWS takes them. Only after ``is_valid``."""
        filters = []
        for key in self.keys:
            values = [*self.cleaned_data.get(key, []), *split(self.cleaned_data.get(f"{key}_more", ""))]
            if values:
                filters.append({"Key": key, "Values": values})
        return filters

    def field_for(self, key: str) -> str:
        return key if key in self.fields else f"{key}_more"

    @property
    def choices(self) -> list[tuple[str, list[forms.BoundField], bool]]:
        """Each key with its fields, and whether anything is chosen there; products fold away, for they are many."""
        told = []
        for key in self.keys:
            fields = [self[name] for name in (key, f"{key}_more") if name in self.fields]
            told.append((key, fields, any(field.value() for field in fields)))
        return told

    @staticmethod
    def filled_from(filters: Iterable[Mapping[str, Any]], vocabulary: Vocabulary) -> Values | None:
        """Initial values for filters; None where the fields cannot say them."""
        values: Values = {}
        for one in filters:
            if one["Key"] in values or one["Key"] not in vocabulary.keys:
                return None
            values[one["Key"]] = list(one["Values"])
        for key in [key for key in values if not vocabulary.known(key)]:
            values[f"{key}_more"] = [", ".join(values.pop(key))]
        return {name: found[0] if name.endswith("_more") else found for name, found in values.items()}


class RuleForm(FiltersForm):
    """One approval rule."""

    days = forms.IntegerField(
        required=False,
        label="Approve after days",
        help_text="Counted from the release, 0 to 360.",
        error_messages={"invalid": "Whole days, 0 to 360, such as 7."},
        widget=forms.NumberInput(attrs={"min": 0, "max": 360, "step": 1}),
    )
    until = forms.CharField(
        required=False,
        label="Or approve what was released until",
        widget=forms.TextInput(attrs={"type": "date"}),
        help_text="Instead of days: nothing released later is approved.",
    )
    level = forms.ChoiceField(
        required=False,
        choices=LEVEL_CHOICES,
        label="Missing patches count as",
        help_text="Security Hub takes its severity from this.",
    )
    non_security = forms.BooleanField(required=False, label="Also updates that are not about security")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        system = self.vocabulary.system
        self.without_delay = system in DEBIAN_FAMILY
        unfit = [("days", self.without_delay), ("until", self.without_delay)]
        unfit.append(("non_security", system in WITHOUT_NON_SECURITY))
        for name in [name for name, gone in unfit if gone]:
            del self.fields[name]

    @property
    def pace(self) -> list[forms.BoundField]:
        return [self[name] for name in ("days", "until", "level") if name in self.fields]

    def rule(self) -> dict[str, Any]:
        """The rule as AWS takes it. Only after ``is_valid``."""
        said = self.cleaned_data
        rule: dict[str, Any] = {"PatchFilterGroup": {"PatchFilters": self.group()}}
        if said.get("days") is not None:
            rule["ApproveAfterDays"] = said["days"]
        if said.get("until"):
            rule["ApproveUntilDate"] = said["until"]
        if said.get("level"):
            rule["ComplianceLevel"] = said["level"]
        if said.get("non_security"):
            rule["EnableNonSecurity"] = True
        return rule

    @classmethod
    def filled_from_rule(cls, rule: Mapping[str, Any], vocabulary: Vocabulary) -> dict[str, Any] | None:
        """Initial values for a rule; None where the fields cannot say it."""
        filters = cls.filled_from((rule.get("PatchFilterGroup") or {}).get("PatchFilters", []), vocabulary)
        if filters is None or (
            vocabulary.system in DEBIAN_FAMILY
            and (rule.get("ApproveAfterDays") or rule.get("ApproveUntilDate"))
        ):
            return None
        return {
            **filters,
            "days": rule.get("ApproveAfterDays"),
            "until": rule.get("ApproveUntilDate", ""),
            "level": rule.get("ComplianceLevel", ""),
            "non_security": bool(rule.get("EnableNonSecurity")),
        }


class SourceForm(Part):
    """One repository from which Linux fetches packages instead of its own."""

    name = forms.CharField(required=False, label="Name", help_text="3 to 50 of A–Z a–z 0–9 _ - .")
    products = forms.CharField(
        required=False, label="For products", help_text="Separated by commas, such as AmazonLinux2023."
    )
    configuration = forms.CharField(
        required=False,
        label="Repository configuration",
        widget=forms.Textarea(attrs={"rows": 4, "class": "mono", "spellcheck": "false"}),
        help_text="As the package manager reads it, up to 1,024 characters, over https and without a password.",
    )

    def source(self) -> dict[str, Any]:
        """The source as AWS takes it. Only after ``is_valid``."""
        said = self.cleaned_data
        return {
            "Name": said["name"],
            "Products": split(said["products"]),
            "Configuration": said["configuration"].replace("\r\n", "\n"),
        }

    @staticmethod
    def filled_from(source: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "name": source["Name"],
            "products": ", ".join(source["Products"]),
            "configuration": source["Configuration"],
        }
