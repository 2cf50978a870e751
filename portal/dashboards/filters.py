"""What the lists behind the figures are narrowed by. The names stand in addresses; posture does the narrowing."""

from typing import Any

import django_filters
from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest

from patching import posture
from patching.models import Application, Environment

STATUSES = (
    ("ssm_compliant", "Compliant, SSM says"),
    ("compliant", "Compliant, raw"),
    ("net_compliant", "Compliant, net: or excused"),
    ("ssm_non_compliant", "Not compliant, SSM says"),
    ("non_compliant", "Not compliant, raw"),
    ("hidden", "Hidden: compliant only in SSM's words"),
    ("unexcused", "Not compliant, not excused"),
    ("excused", "Excused by an exemption"),
    ("stale_scan", "Old scan"),
    ("unknown", "Unknown"),
)
SEVERITIES = [
    (step.value, "Other" if step is posture.Step.OTHER else step.capitalize()) for step in posture.Step
]
TRUST = {
    "fresh": "Scanned in the last 26 h",
    "stale": "Older scan",
    "other_baseline": "Judged by another baseline",
    "never": "Never scanned",
}
EXEMPTIONS = {
    "any": "In force",
    "node_deferral": "Out of its window",
    "patch_exclusion": "Without named patches",
}
HIDDEN = (("yes", "Hidden by an exclusion"), ("no", "Told by SSM"))
PATCH_STATES = (
    ("missing", "Missing"),
    ("failed", "Failed to install"),
    ("installed_pending_reboot", "Needs a restart"),
    ("installed_rejected", "Installed, but rejected"),
)


def _applications(request: HttpRequest) -> list[tuple[str, str]]:
    seen = Application.objects.visible_to(request.user)
    return [*seen.values_list("slug", "name"), (posture.NOBODY, "Belongs to none")]


def _environments(request: HttpRequest) -> list[tuple[str, str]]:
    return [*Environment.objects.values_list("slug", "name"), (posture.NOBODY, "Belongs to none")]


def _hidden(label: str) -> django_filters.CharFilter:
    """A filter that a link sets and the page says in words."""
    return django_filters.CharFilter(label=label, widget=forms.HiddenInput)


class PostureFilter(django_filters.FilterSet):
    """Hands every value to posture, which counts by the same names."""

    application = django_filters.ChoiceFilter(label="Application", empty_label="All applications")
    environment = django_filters.ChoiceFilter(label="Environment", empty_label="All environments")
    severity = django_filters.ChoiceFilter(label="Severity", choices=SEVERITIES, empty_label="All severities")
    patch = _hidden("Patch")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.filters["application"].extra["choices"] = _applications(self.request)
        self.filters["environment"].extra["choices"] = _environments(self.request)

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """A value that is no choice matches nothing, so that a mistyped address never shows everything."""
        if self.errors:
            return queryset.none()
        return self.matching({name: value or "" for name, value in self.form.cleaned_data.items()})

    def matching(self, wanted: dict[str, str]) -> QuerySet[Any]:
        raise TypeError("A filter of posture says which list it narrows.")

    @property
    def in_words(self) -> list[dict[str, str]]:
        """The hidden filters that are set: {"name", "label", "value"}."""
        return [
            {"name": name, "label": self.filters[name].label, "value": self.say(name, value)}
            for field in self.form.hidden_fields()
            if (name := field.name) and (value := self.form.cleaned_data.get(name))
        ]

    def say(self, name: str, value: str) -> str:
        return value


class InstanceFilter(PostureFilter):
    name = django_filters.CharFilter(label="Name or id", widget=forms.TextInput(attrs={"type": "search"}))
    status = django_filters.ChoiceFilter(label="Status", choices=STATUSES, empty_label="Any status")
    gap = django_filters.ChoiceFilter(
        label="Out of reach because",
        choices=[(gap.name, gap.label) for gap in posture.GAPS],
        empty_label="Any or no reason",
    )
    covered = _hidden("Covered")
    trust = _hidden("Last scan")
    account_region = _hidden("Account and Region")
    exemption = _hidden("Exemption")
    operating_system = _hidden("Operating system")
    group = _hidden("Patch group tag")
    window = _hidden("Window tag")
    home_window = _hidden("Window, with those left out")

    def matching(self, wanted: dict[str, str]) -> QuerySet[Any]:
        found = posture.instances_matching(self.request.user, **wanted)
        return found.select_related("application__team", "environment", "account_region__account")

    def say(self, name: str, value: str) -> str:
        return {"trust": TRUST, "exemption": EXEMPTIONS}.get(name, {}).get(value, value)


class FindingFilter(PostureFilter):
    text = django_filters.CharFilter(
        label="Patch, title or CVE", widget=forms.TextInput(attrs={"type": "search"})
    )
    state = django_filters.ChoiceFilter(label="State", choices=PATCH_STATES, empty_label="Any state")
    age = django_filters.ChoiceFilter(
        label="Known for",
        choices=[(age.name, f"{age.label} days") for age in posture.AGES],
        empty_label="Any time",
    )
    hidden = django_filters.ChoiceFilter(label="Told by", choices=HIDDEN, empty_label="SSM or us")
    cve = _hidden("CVE")
    instance = _hidden("Instance")

    def matching(self, wanted: dict[str, str]) -> QuerySet[Any]:
        found = posture.findings_matching(self.request.user, **wanted)
        return found.select_related("instance__application__team", "instance__environment")
