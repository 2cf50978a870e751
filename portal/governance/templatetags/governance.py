"""What every page says the same way: states, icons, times, shares. Reads no database."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

from django import forms, template
from django.conf import settings
from django.core.exceptions import NON_FIELD_ERRORS
from django.core.paginator import Page
from django.forms.boundfield import BoundField, BoundWidget
from django.http import QueryDict
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from portal.governance import clock
from portal.governance.state_looks import ICON_OF_ROLE, STATES, Look, look_of, spelled

register = template.Library()

NO_BREAK = "\N{NO-BREAK SPACE}"
NO_VALUE = "\N{EN DASH}"


state_look = register.simple_tag(look_of, name="state_look")


SEVERITIES = {  # SSM's words of all operating systems, on our four steps
    "critical": ("crit", "Critical"),
    "high": ("imp", "High"),
    "important": ("imp", "Important"),
    "medium": ("mod", "Medium"),
    "moderate": ("mod", "Moderate"),
    "low": ("low", "Low"),
    "informational": ("none", "Informational"),
    "none": ("none", "None"),
    "unspecified": ("none", "Unspecified"),
}
SEVERITY_SHAPES = {
    "crit": '<path d="M6 0l6 6-6 6-6-6z" fill="currentColor"/>',
    "imp": '<path d="M6 1l6 10H0z" fill="currentColor"/>',
    "mod": '<circle cx="6" cy="6" r="5" fill="currentColor"/>',
    "low": '<circle cx="6" cy="6" r="4" fill="none" stroke="currentColor" stroke-width="2"/>',
    "none": '<path d="M1 6h10" stroke="currentColor" stroke-width="2"/>',
}


class Severity(NamedTuple):
    role: str
    word: str
    shape: SafeString


@register.simple_tag
def severity_look(severity: Any) -> Severity:
    name = str(severity or "unspecified")
    role, word = SEVERITIES.get(name.lower(), ("none", name.capitalize()))
    return Severity(role, word, mark_safe(SEVERITY_SHAPES[role]))  # noqa: S308 - our own constants


class EnvironmentLook(NamedTuple):
    word: str
    css: str


@register.simple_tag
def environment_look(environment: Any, production: bool | str | None = None) -> EnvironmentLook:
    """Production is a field of the environment; only a bare word is taken by its name."""
    word = str(getattr(environment, "name", environment))
    slug = str(getattr(environment, "slug", word)).lower()
    if production is None or production == "":  # a template that was given none passes ""
        by_name = slug in {"prod", "production"}
        production = getattr(environment, "is_production", getattr(environment, "production", by_name))
    css = "prod" if production else slug if slug in {"test", "dev"} else "other"
    return EnvironmentLook(word[:1].upper() + word[1:], css)


# Icons: drawn inline, so that a page needs no second request and prints as it looks


@cache
def _icons() -> dict[str, str]:
    sprite = ElementTree.parse(Path(__file__).with_name("icons.svg")).getroot()  # noqa: S314 - our own file
    return {
        symbol.attrib["id"]: "".join(f'<path d="{path.attrib["d"]}"/>' for path in symbol)
        for symbol in sprite
        if "id" in symbol.attrib
    }


@register.simple_tag
def icon(name: str, css: str = "") -> SafeString:
    """One outline icon. Decorative always: the word beside it carries the meaning."""
    if name not in _icons():
        raise template.TemplateSyntaxError(f'There is no icon "{name}" in icons.svg.')
    return format_html(
        '<svg class="i{}" viewBox="0 0 24 24" aria-hidden="true">{}</svg>',
        f" {css}" if css else "",
        mark_safe(_icons()[name]),  # noqa: S308 - our own file
    )


# Time: absolute first, with its zone; relative only beside it


def display_zone(zone: str = "") -> ZoneInfo:
    return ZoneInfo(zone or settings.DISPLAY_TIME_ZONE)


def _zone_mark(moment: datetime, zone: ZoneInfo) -> SafeString:
    name = moment.tzname() or "UTC"
    if zone.key == "UTC":
        return SafeString("UTC")
    sign = moment.strftime("%z")
    offset = f"UTC{sign[:3]}:{sign[3:5]}"
    return format_html(
        '<abbr title="{}, {}">{}</abbr>',
        zone.key,
        offset,
        name if name.isalpha() else offset,
    )


def _day(moment: date, *, year: bool) -> str:
    return f"{moment:%a} {moment.day} {moment:%b}" + (f" {moment.year}" if year else "")


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@register.simple_tag
def when(
    moment: datetime | date | None,
    zone: str = "",
    *,
    utc: bool = False,
    short: bool = False,
    day: bool = False,
    missing: str = NO_VALUE,
) -> SafeString:
    """A point in time: "Tue 9 Jun 2026, 02:00 CEST"; `utc` adds it in UTC, `short` drops year and zone,
    `day` drops the time."""
    if not moment:
        return format_html('<span class="m">{}</span>', missing)
    if not isinstance(moment, datetime):
        year = not short or moment.year != clock.now().year
        return format_html('<time datetime="{}">{}</time>', moment.isoformat(), _day(moment, year=year))
    tz = display_zone(zone)
    there = _aware(moment).astimezone(tz)
    in_utc = there.astimezone(UTC)
    year = not short or there.year != clock.now().astimezone(tz).year
    text: str | SafeString = _day(there, year=year)
    if not day:
        text = f"{text}, {there:%H:%M}"
        if not short:
            text = format_html("{} {}", text, _zone_mark(there, tz))
    shown = format_html(
        '<time class="n" datetime="{}">{}</time>',
        in_utc.isoformat(timespec="seconds"),
        text,
    )
    if utc and tz.key != "UTC":
        other_day = "" if in_utc.date() == there.date() else f"{in_utc:%a} "
        shown = format_html(
            '{} <span class="m n">({}{} UTC)</span>',
            shown,
            other_day,
            f"{in_utc:%H:%M}",
        )
    return shown


@register.simple_tag
def ago(moment: datetime | None, zone: str = "", missing: str = "never") -> SafeString:
    """A date with how long ago or how far ahead it is: "Tue 9 Jun, 02:00 (3 days ago)"."""
    if not moment:
        return format_html('<span class="m">{}</span>', missing)
    return format_html(
        '{} <span class="m">({})</span>',
        when(moment, zone, short=True),
        relative(_aware(moment)),
    )


def relative(moment: datetime) -> str:
    gap = moment - clock.now()
    size = abs(gap)
    if size < timedelta(minutes=1):
        return "just now"
    if size >= timedelta(days=1):
        words = count_of(size.days, "day")
    elif size >= timedelta(hours=1):
        words = f"{size.seconds // 3600}{NO_BREAK}h"
    else:
        words = f"{size.seconds // 60}{NO_BREAK}min"
    return f"in {words}" if gap > timedelta(0) else f"{words} ago"


@register.filter
def duration(length: timedelta | float | None) -> str:
    """3 h 06 min, from a timedelta or seconds."""
    if length is None:
        return NO_VALUE
    seconds = int(length.total_seconds() if isinstance(length, timedelta) else length)
    days, rest = divmod(seconds, 86_400)
    hours, rest = divmod(rest, 3600)
    minutes, seconds = divmod(rest, 60)
    if days:
        return count_of(days, "day") + (f" {hours}{NO_BREAK}h" if hours else "")
    if hours:
        return f"{hours}{NO_BREAK}h" + (f" {minutes:02}{NO_BREAK}min" if minutes else "")
    return f"{minutes}{NO_BREAK}min" if minutes else f"{seconds}{NO_BREAK}s"


@register.filter
def days(length: timedelta | None) -> str:
    """60 days: to the nearest day from three days on, since people ask in days; what is shorter as ``duration``."""
    if length is None or length < timedelta(days=3):
        return duration(length)
    return count_of(round(length / timedelta(days=1)), "day")


# Figures: never without what they are counted against


def count_of(number: int, noun: str, many: str = "") -> str:
    return f"{number:,} {noun if number == 1 else many or noun + 's'}"


@register.simple_tag
def plural(number: int | None, noun: str, many: str = "") -> str:
    """1 instance, 1,284 instances, 2 entries."""
    return count_of(number or 0, noun, many)


@register.filter
def number(value: float | str | None) -> str:
    """1284 as 1,284; nothing as a dash, never as zero. A template gives "" for what is not there."""
    return NO_VALUE if value is None or value == "" else f"{value:,}"


@register.simple_tag
def percent(part: int | None, whole: int | None) -> str:
    """85.5 %. Rounding never makes "all" or "none" of what is not: 1,283 of 1,284 stays below 100 %."""
    if part is None or not whole:
        return NO_VALUE
    share = 100 * part / whole
    tenths = round(share, 1)
    if part < whole and tenths >= 100:
        tenths = 99.9
    if part > 0 and tenths <= 0:
        tenths = 0.1
    return f"{tenths:g}{NO_BREAK}%" if part in (0, whole) else f"{tenths:.1f}{NO_BREAK}%"


@register.simple_tag
def share(part: int | None, whole: int | None, noun: str = "", many: str = "") -> str:
    """3 of 611, or 3 of 611 instances."""
    if part is None or whole is None:
        return NO_VALUE
    return f"{part:,} of {count_of(whole, noun, many) if noun else f'{whole:,}'}"


class Stroke(NamedTuple):
    role: str
    start: float
    width: float


@register.simple_tag
def strokes(segments: Iterable[Mapping[str, Any]]) -> list[Stroke]:
    """Segments {role, value} of a bar laid end to end."""
    placed, start = [], 0.0
    for segment in segments:
        placed.append(Stroke(segment["role"], start, float(segment["value"])))
        start += float(segment["value"])
    return placed


@register.simple_tag
def sparkline(values: Sequence[float | None], width: int = 96, height: int = 24) -> SafeString:
    """A trend without axes, beside a figure that says the number; gaps stay gaps."""
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return SafeString("")
    low, span = min(known), (max(known) - min(known)) or 1
    step = (width - 4) / (len(values) - 1)
    lines: list[list[str]] = [[]]
    for place, value in enumerate(values):
        if value is None:
            lines.append([])
        else:
            lines[-1].append(f"{2 + place * step:.1f},{height - 3 - (value - low) / span * (height - 6):.1f}")
    drawn = format_html_join(
        "",
        '<polyline class="k-wait" points="{}"/>',
        ((" ".join(line),) for line in lines if len(line) > 1),
    )
    return format_html(
        '<svg width="{0}" height="{1}" viewBox="0 0 {0} {1}" aria-hidden="true">{2}</svg>',
        width,
        height,
        drawn,
    )


# Values, forms and lists


@register.filter
def shown(value: Any) -> Any:
    """A field's value in a diff or a list of facts: nothing is said as a word, lists with commas."""
    if (
        value is None
        or value == ""
        or (isinstance(value, list | tuple | set | frozenset | dict) and not value)
    ):
        return format_html('<span class="m">{}</span>', "None")
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, datetime | date):
        return when(value)
    if isinstance(value, timedelta):
        return duration(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {shown(item)}" for key, item in value.items())
    if isinstance(value, set | frozenset):
        return ", ".join(sorted(map(str, value)))
    if isinstance(value, list | tuple):
        return ", ".join(str(shown(item)) for item in value)
    return value


class RowMarks(NamedTuple):
    """What a row of a diff points out: what moves, and what somebody changed behind our back."""

    moves: bool
    drifts: bool


@register.simple_tag
def row_marks(row: Any, without_live: bool = False) -> RowMarks:
    live, approved, proposed = (_part(row, name) for name in ("live", "approved", "proposed"))
    return RowMarks(moves=proposed != approved, drifts=not without_live and live != approved)


def _part(row: Any, name: str) -> Any:
    return row.get(name) if isinstance(row, Mapping) else getattr(row, name, None)


@register.simple_tag
def slot_look(slot: Any) -> Look:
    """A slot shows its decision, or that it is still open."""
    state = _part(slot, "state") or "open"
    return state_look(state, "slot" if f"slot.{spelled(str(state))}" in STATES else "decision")


@register.simple_tag
def role_icon(role: str) -> SafeString:
    """The icon that always goes with a colour role."""
    return icon(ICON_OF_ROLE[role], role)


@register.filter
def digest(value: str) -> SafeString:
    """The two ends of a digest, the whole of it in the title."""
    text = str(value or "")
    if len(text) <= 14:
        return format_html("<code>{}</code>", text)
    return format_html('<code title="{}">{}\N{HORIZONTAL ELLIPSIS}{}</code>', text, text[:6], text[-4:])


WIDGET_CLASSES: tuple[tuple[type[forms.Widget], str], ...] = (
    (forms.RadioSelect, "form-check-input"),
    (forms.CheckboxSelectMultiple, "form-check-input"),
    (forms.CheckboxInput, "form-check-input"),
    (forms.Select, "form-select"),
    (forms.Widget, "form-control"),
)
FIELD_SHAPES: tuple[tuple[type[forms.Widget], str], ...] = (
    (forms.RadioSelect, "choices"),
    (forms.CheckboxSelectMultiple, "choices"),
    (forms.CheckboxInput, "check"),
    (forms.Widget, "line"),
)


def _of_widget(field: BoundField, table: tuple[tuple[type[forms.Widget], str], ...]) -> str:
    return next(answer for kind, answer in table if isinstance(field.field.widget, kind))


@register.filter
def field_shape(field: BoundField) -> str:
    """choices (a fieldset), check (label after the box) or line (label above)."""
    return _of_widget(field, FIELD_SHAPES)


@register.simple_tag
def widget(field: BoundField, describedby: str = "") -> SafeString:
    """The control of a form field in our dress, tied to its hint and its errors."""
    css = f"{_of_widget(field, WIDGET_CLASSES)} {field.field.widget.attrs.get('class', '')}".strip()
    attrs: dict[str, str | bool] = {"class": css}
    if describedby:
        attrs["aria-describedby"] = describedby
    return field.as_widget(attrs=attrs)


@register.filter
def options(field: BoundField) -> list[BoundWidget]:
    """The single radio buttons or check boxes of a choice field."""
    choices = list(field.subwidgets)
    for choice in choices:
        choice.data["attrs"] = {**choice.data["attrs"], "class": "form-check-input"}
    return choices


@register.simple_tag
def described_by(field: BoundField, hint: str = "") -> str:
    """Ids of what belongs to a field: its hint first, then its errors."""
    parts = [f"{field.auto_id}_hint"] if hint or field.help_text else []
    if field.errors:
        parts.append(f"{field.auto_id}_error")
    return " ".join(parts)


@register.simple_tag
def control_id(field: BoundField) -> str:
    """Where a link to a field should lead."""
    return field.auto_id if field_shape(field) == "choices" else field.id_for_label


@register.filter
def filter_css(field: BoundField) -> str:
    """A search box takes the room that the other filters of a list leave."""
    return "search" if isinstance(field.field.widget, forms.TextInput) else ""


@register.simple_tag
def error_count(form: forms.BaseForm) -> str:
    """How many fields a form came back for; nothing when its errors are about the whole of it."""
    wrong = len([name for name in form.errors if name != NON_FIELD_ERRORS])
    return f"{count_of(wrong, 'field')} {'needs' if wrong == 1 else 'need'} another look." if wrong else ""


@register.simple_tag
def page_numbers(page: Page) -> list[int | str]:
    """Numbers around the current one, with an ellipsis where some are left out."""
    return list(page.paginator.get_elided_page_range(page.number, on_each_side=2, on_ends=1))


@register.simple_tag(takes_context=True)
def page_url(context: template.RequestContext, name: str, value: Any) -> str:
    """This page's address with one parameter changed; any other change starts at the first page again."""
    query = context.request.GET.copy() if getattr(context, "request", None) else QueryDict(mutable=True)
    for stale in ("page", "cursor"):
        query.pop(stale, None)
    query[name] = str(value)
    return f"?{query.urlencode()}"


@register.simple_tag
def crumbs(*names_and_urls: str) -> SafeString:
    """The way here: name, url, name, url, …; a last name without a url is this page."""
    steps = [names_and_urls[i : i + 2] for i in range(0, len(names_and_urls), 2)]
    items = format_html_join(
        "",
        "<li>{}</li>",
        (
            (
                format_html('<a href="{}">{}</a>', step[1], step[0])
                if len(step) == 2 and step[1]
                else format_html('<span aria-current="page">{}</span>', step[0]),
            )
            for step in steps
        ),
    )
    return format_html('<nav class="crumb" aria-label="Breadcrumb"><ol>{}</ol></nav>', items)


@register.simple_tag
def url_if(name: str, *args: Any, **kwargs: Any) -> str:
    """The url of a name, or nothing where the name is not known here."""
    try:
        return reverse(name, args=args, kwargs=kwargs)
    except NoReverseMatch:
        return ""


@register.simple_tag(takes_context=True)
def nav_current(context: template.RequestContext, url: str) -> SafeString:
    """aria-current for a link to this page, or to the section this page lies in."""
    path = getattr(getattr(context, "request", None), "path", "")
    if path == url:
        return SafeString('aria-current="page"')
    inside = url != "/" and path.startswith(url)
    return SafeString('aria-current="true"' if inside else "")
