"""Lists as files: CSV, a workbook or paper, each safe to open, each told to the audit log."""

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import django_filters
from django.db import transaction
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils.module_loading import import_string

from portal.governance import audit, clock, spreadsheets
from portal.governance.canonical import digest_of
from portal.governance.models import User
from portal.governance.sheet import MOST_ROWS as MOST_ON_PAPER
from portal.governance.sheet import Sheet

# what an export is called, and how many rows it may have; CSV is written line by line and has no limit
FORMATS = {"csv": "CSV", "xlsx": "Excel", "pdf": "PDF"}
MOST_ROWS = {"xlsx": spreadsheets.MOST_ROWS, "pdf": MOST_ON_PAPER}
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@dataclass(frozen=True)
class Column:
    """One column: its head, its value in an export, and the field that it sorts by."""

    head: str
    value: Callable[[Any], Any]
    sort: str = ""
    css: str = ""
    shown: bool = True  # False: in exports only
    paper: bool | None = None  # whether it is in a PDF, which has room for few; as shown unless said


@dataclass(frozen=True)
class Table:
    """All rows that a list's filters leave, to be taken out as a file."""

    name: str
    columns: Sequence[Column]
    rows: Iterable[Any]
    chosen: django_filters.FilterSet | None
    count: int

    @property
    def title(self) -> str:
        return self.name.replace("-", " ").capitalize()

    @property
    def narrowed_by(self) -> list[tuple[str, str]]:
        """The filters that are set, in the words of their form."""
        if self.chosen is None or not self.chosen.form.is_valid():
            return []
        form = self.chosen.form
        return [
            (str(form[name].label), _in_words(form.fields[name], form.cleaned_data[name]))
            for name in form.changed_data
            if form.cleaned_data.get(name) not in (None, "", False)
        ]


def digest_of_rows(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """SHA-256 of the canonical JSON of a table as its CSV reads back: a list of lines, the heads first."""
    return digest_of([list(heads), *(list(row) for row in rows)])


def exported(request: HttpRequest, wanted: str, table: Table) -> HttpResponse:
    """The file, and the entry in the audit log that says who took out what."""
    at = clock.now()
    filename = f"{table.name}-{at:%Y-%m-%d}.{wanted}"
    detail: dict[str, Any] = {
        "list": table.name,
        "format": wanted,
        "rows": table.count,
        "filters": dict(table.narrowed_by),
    }
    if wanted == "csv":
        _note(request, detail)
        # views say HttpResponse, of which a stream is only a cousin
        return cast(HttpResponse, export(filename, table.columns, table.rows))
    heads = [column.head for column in table.columns]
    values = [[column.value(row) for column in table.columns] for row in table.rows]
    detail["sha256"] = digest_of_rows(heads, ([_cell(value) for value in row] for row in values))
    if wanted == "xlsx":
        content, kind = spreadsheets.as_xlsx(table.title, heads, values, at=at), XLSX
    else:
        sheet = _sheet(table, values, by=str(request.user), at=at, sha256=detail["sha256"])
        # its fonts take a second to load, and few processes ever print
        as_pdf = import_string("portal.governance.printing.as_pdf")
        content, kind = as_pdf(sheet, at=at), "application/pdf"
    _note(request, detail)
    response = HttpResponse(content, content_type=kind)
    response["Content-Disposition"] = f'attachment; filename="{filename}"'
    return response


def _note(request: HttpRequest, detail: dict[str, Any]) -> None:
    with transaction.atomic():
        person = cast(User, request.user)
        audit.record("list.exported", person, by=person, detail=detail)


def too_large(wanted: str, count: int, most: int) -> str:
    """Why there is no such file, and what to do instead."""
    return (
        f"{FORMATS[wanted]} takes {most:,} rows at most, and this list has {count:,}. "
        "Narrow it with a filter, or export it as CSV."
    )


def _sheet(table: Table, values: Sequence[Sequence[Any]], *, by: str, at: datetime, sha256: str) -> Sheet:
    narrowed = "; ".join(f"{label}: {value}" for label, value in table.narrowed_by)
    kept = [
        number
        for number, column in enumerate(table.columns)
        if (column.shown if column.paper is None else column.paper)
    ]
    return Sheet(
        title=table.title,
        facts=[
            ("Filter", narrowed or "None: everything that this person may see"),
            ("As of", f"{at:%d %b %Y %H:%M} UTC"),
            ("Exported by", by),
            ("Rows", f"{len(values):,}"),
        ],
        heads=[table.columns[number].head for number in kept],
        rows=[[_on_paper(row[number]) for number in kept] for row in values],
        right=frozenset(place for place, number in enumerate(kept) if table.columns[number].css == "r"),
        closing=[
            ("SHA-256 of the rows", sha256),
            (
                "How to check it",
                "Export the same list as CSV, read it into a list of lines, each a list of texts with the heads "
                "first, write that as JSON without spaces, and take the SHA-256 of its UTF-8 bytes.",
            ),
        ],
    )


def _on_paper(value: Any) -> str:
    return f"{value:%d %b %Y %H:%M} UTC" if isinstance(value, datetime) else spreadsheets.plain(value)


def _in_words(field: Any, value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(_in_words(field, one) for one in value)
    choices = getattr(field, "choices", None)
    if choices is None or not isinstance(value, str):
        return "yes" if value is True else str(value)
    return str(dict(choices).get(value, value))


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
