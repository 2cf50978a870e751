"""What every list page does: filter, sort, page and export, all of it in its address."""

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import django_filters
from django.core.paginator import Paginator
from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render

from portal.governance import clock, spreadsheets

PER_PAGE = 25
PER_CHUNK = 500


@dataclass(frozen=True)
class Column:
    """One column: its head, its value in an export, and the field that it sorts by."""

    head: str
    value: Callable[[Any], Any]
    sort: str = ""
    css: str = ""
    shown: bool = True  # False: in exports only


@dataclass(frozen=True)
class Head:
    """The head of a column on the page: a link where the column sorts."""

    label: str
    css: str
    next_sort: str
    direction: str  # ascending, descending or nothing: aria-sort's words


def show(
    request: HttpRequest,
    template: str,
    *,
    rows: QuerySet[Any],
    columns: Sequence[Column],
    name: str,
    filters: type[django_filters.FilterSet] | None = None,
    decorate: Callable[[list[Any]], None] | None = None,
    context: Mapping[str, Any] | None = None,
) -> HttpResponse:
    """One page of the list, or all that the filters leave as a file.

    ``decorate`` gets the rows of a page at once, so that what is reckoned for each needs no query for each.
    """
    chosen = filters(request.GET, queryset=rows, request=request) if filters else None
    found = chosen.qs if chosen else rows
    sort = request.GET.get("sort", "")
    found = _sorted(found, columns, sort)
    if request.GET.get("format") == "csv":
        lines = export(f"{name}-{clock.now():%Y-%m-%d}.csv", columns, _in_chunks(found, decorate))
        return cast(HttpResponse, lines)  # views say HttpResponse, of which a stream is only a cousin
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    page.object_list = list(page.object_list)
    if decorate:
        decorate(page.object_list)
    return render(
        request,
        template,
        {
            "page": page,
            "filter": chosen,
            "heads": _heads(columns, sort),
            "is_filtered": bool(chosen and chosen.form.has_changed()),
            **(context or {}),
        },
    )


def export(filename: str, columns: Sequence[Column], rows: Iterable[Any]) -> StreamingHttpResponse:
    """Rows as CSV, one line at a time, with nothing that a spreadsheet would run."""
    response = StreamingHttpResponse(_lines(columns, rows), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{filename}"'
    return response


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return spreadsheets.cell(value.isoformat(timespec="seconds") if isinstance(value, datetime) else value)


class _Echo:
    """A file that hands each line back."""

    def write(self, line: str) -> str:
        return line


def _lines(columns: Sequence[Column], rows: Iterable[Any]) -> Iterator[str]:
    writer = csv.writer(_Echo())
    yield writer.writerow([column.head for column in columns])
    for row in rows:
        yield writer.writerow([_cell(column.value(row)) for column in columns])


def _in_chunks(rows: QuerySet[Any], decorate: Callable[[list[Any]], None] | None) -> Iterator[Any]:
    pages = Paginator(rows, PER_CHUNK)
    for number in pages.page_range:
        chunk = list(pages.page(number).object_list)
        if decorate:
            decorate(chunk)
        yield from chunk


def _sorted(rows: QuerySet[Any], columns: Sequence[Column], sort: str) -> QuerySet[Any]:
    """By the column asked for, absent values last, and by primary key where values are equal."""
    field = sort.removeprefix("-")
    if field not in {column.sort for column in columns if column.sort}:
        return rows if rows.ordered else rows.order_by("pk")
    way = F(field).desc(nulls_last=True) if sort.startswith("-") else F(field).asc(nulls_last=True)
    return rows.order_by(way, "pk")


def _heads(columns: Sequence[Column], sort: str) -> list[Head]:
    heads = []
    for column in columns:
        if not column.shown:
            continue
        direction = ""
        if column.sort and sort.removeprefix("-") == column.sort:
            direction = "descending" if sort.startswith("-") else "ascending"
        next_sort = f"-{column.sort}" if direction == "ascending" else column.sort
        heads.append(Head(column.head, column.css, next_sort, direction))
    return heads
