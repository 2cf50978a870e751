"""Filters that several lists share: by the names that people use, never by a user's pattern."""

from typing import Any

import django_filters
from django.db.models import QuerySet

from patching.posture import NOBODY


class SlugFilter(django_filters.CharFilter):
    """By an application's or environment's slug; ``none`` finds what belongs to none."""

    def filter(self, qs: QuerySet[Any], value: str) -> QuerySet[Any]:
        if value == NOBODY:
            return qs.filter(**{f"{self.field_name}": None})
        return super().filter(qs, value)


class PlaceFilter(django_filters.FilterSet):
    """By account and Region of the row's account-region."""

    account = django_filters.CharFilter("account_region__account__account_id", help_text="12 digits.")
    region = django_filters.CharFilter("account_region__region", help_text="Such as eu-central-1.")


class LiveFilter(django_filters.FilterSet):
    """By whether it is in effect."""

    live = django_filters.BooleanFilter(
        "retired_at", lookup_expr="isnull", help_text="false lists retired ones."
    )


class OwnerFilter(django_filters.FilterSet):
    """By whose it is."""

    application = SlugFilter("application__slug", help_text="An application's slug, or none.")
    environment = SlugFilter("environment__slug", help_text="An environment's slug, or none.")
