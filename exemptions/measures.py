"""Figures of exemptions for a monitoring system."""

from collections.abc import Iterator

from django.db.models import Count

from exemptions.models import Exemption
from portal.governance.measures import Measure


def measured() -> Iterator[Measure]:
    """How many there are in each stored state."""
    for state, number in Exemption.objects.order_by().values_list("state").annotate(Count("pk")):
        yield Measure("exemptions", "Exemptions by stored state", number, {"state": state})
