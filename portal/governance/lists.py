"""What every list page does: filter, sort, page and export, all of it in its address."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import django_filters
from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from portal.governance.exports import FORMATS, MOST_ROWS, Column, Table, export, exported, too_large

__all__ = ["PER_CHUNK", "PER_PAGE", "Column", "Head", "export", "show"]

PER_PAGE = 25
PER_CHUNK = 500


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
    """One page of the list, or all that the filters leave as a file: CSV, XLSX or PDF by ``?format=``.

    Every export is in the audit log. One that is too large for its format is a page that says so, with 422.
    ``decorate`` gets the rows of a page at once, so that what is reckoned for each needs no query for each.
    """
    chosen = filters(request.GET, queryset=rows, request=request) if filters else None
    found = chosen.qs if chosen else rows
    sort = request.GET.get("sort", "")
    found = _sorted(found, columns, sort)
    status, wanted = 200, request.GET.get("format", "")
    if wanted in FORMATS:
        count, most = found.count(), MOST_ROWS.get(wanted)
        if most is None or count <= most:
            return exported(request, wanted, Table(name, columns, _in_chunks(found, decorate), chosen, count))
        status = 422
        messages.error(request, too_large(wanted, count, most))
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
        status=status,
    )


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
