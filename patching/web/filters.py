"""What the lists of the nouns are narrowed by; every choice offers only what its reader may see."""

from typing import Any

import django_filters
from django import forms
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from patching.models import AccountRegion, Application, Environment
from patching.words import SYSTEM_NAMES


def applications(request: HttpRequest | None) -> QuerySet[Application]:
    return Application.objects.visible_to(request.user) if request else Application.objects.none()


def places(request: HttpRequest | None) -> QuerySet[AccountRegion]:
    if request is None:
        return AccountRegion.objects.none()
    return AccountRegion.objects.visible_to(request.user).select_related("account")


def search(label: str, **more: Any) -> django_filters.CharFilter:
    """A text that narrows the list while it is typed."""
    widget = forms.TextInput(attrs={"type": "search"})
    return django_filters.CharFilter(label=label, widget=widget, **more)


class WhoseFilter(django_filters.FilterSet):
    """By application and environment."""

    application = django_filters.ModelChoiceFilter(
        queryset=applications, to_field_name="slug", label="Application", empty_label="All applications"
    )
    environment = django_filters.ModelChoiceFilter(
        queryset=Environment.objects.all(),
        to_field_name="slug",
        label="Environment",
        empty_label="All environments",
    )


class NamedFilter(django_filters.FilterSet):
    """By name."""

    q = search("Name", field_name="name", lookup_expr="icontains")


class OwnedFilter(NamedFilter, WhoseFilter):
    """By name, application and environment."""


class PlacedFilter(OwnedFilter):
    """The same, and by account and Region."""

    place = django_filters.ModelChoiceFilter(
        field_name="account_region", queryset=places, label="Account and Region", empty_label="All places"
    )


class BaselineFilter(OwnedFilter):
    system = django_filters.ChoiceFilter(
        field_name="operating_system",
        choices=list(SYSTEM_NAMES.items()),
        label="Operating system",
        empty_label="All systems",
    )


class InstanceFilter(PlacedFilter):
    """Instances by what inventory says of them; the compliance pages narrow by how they stand."""

    q = search("Name or id", method="by_name")
    system = django_filters.ChoiceFilter(
        field_name="operating_system",
        choices=list(SYSTEM_NAMES.items()),
        label="Operating system",
        empty_label="All systems",
    )
    agent = django_filters.ChoiceFilter(
        method="by_agent",
        choices=[
            ("online", "Agent online"),
            ("offline", "Agent does not answer"),
            ("unmanaged", "Not managed"),
        ],
        label="Agent",
        empty_label="Any",
    )
    there = django_filters.ChoiceFilter(
        method="by_presence",
        choices=[("all", "With those that are gone")],
        label="Seen",
        empty_label="There now",
    )

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        found = super().filter_queryset(queryset)
        return found if self.form.cleaned_data.get("there") == "all" else found.filter(gone_at=None)

    def by_name(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return rows.filter(Q(name__icontains=value) | Q(instance_id__icontains=value))

    def by_agent(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        if value == "unmanaged":
            return rows.filter(is_managed=False)
        online = Q(is_managed=True, ping_status="Online")
        return rows.filter(online) if value == "online" else rows.filter(is_managed=True).exclude(online)

    def by_presence(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return rows
