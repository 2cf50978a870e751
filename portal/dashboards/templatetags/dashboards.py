"""Numbers that open the list they count. Reads no database."""

from typing import Any

from django import template
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString

register = template.Library()

HEAT_STEPS = 4


@register.simple_tag
def instances_url(**filters: Any) -> str:
    """The list of instances, narrowed; an empty filter stays out of the address."""
    return _url("dashboards:compliance-instances", filters)


@register.simple_tag
def findings_url(**filters: Any) -> str:
    """The list of open findings, narrowed."""
    return _url("dashboards:compliance-findings", filters)


@register.simple_tag
def instances_count(count: int, **filters: Any) -> SafeString:
    """So many instances, as a link to exactly these; a zero opens nothing."""
    return _counted(count, instances_url(**filters))


@register.simple_tag
def findings_count(count: int, **filters: Any) -> SafeString:
    """So many findings, as a link to exactly these."""
    return _counted(count, findings_url(**filters))


@register.simple_tag
def heat(count: int, most: int) -> str:
    """The class of a heat cell: the tint follows the number, which always stands in the cell as well."""
    if not count or not most:
        return "z"
    return f"h{max(1, -(-HEAT_STEPS * count // most))}c"


@register.filter
def at_key(values: dict[str, int], key: str) -> int:
    """One value of a mapping by name."""
    return values.get(key, 0)


def _url(name: str, filters: dict[str, Any]) -> str:
    query = urlencode({key: value for key, value in filters.items() if value not in ("", None)})
    return reverse(name) + (f"?{query}" if query else "")


def _counted(count: int, url: str) -> SafeString:
    if not count:
        return format_html('<span class="m">{}</span>', 0)
    return format_html('<a class="n" href="{}">{}</a>', url, f"{count:,}")
