"""Tables that people open in a spreadsheet: CSV and XLSX in which no cell becomes a formula. Pure."""

import csv
import io
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import dropwhile
from typing import Any

import xlsxwriter

STARTS_A_FORMULA = ("=", "+", "-", "@")
BREAKS_A_CELL = ("\t", "\r", "\n")
MOST_ROWS = 100_000  # of a workbook, which is built in memory
NARROWEST, WIDEST = 8, 60  # characters


def as_csv(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """RFC 4180, with a header line; lists are joined, and what is not there is empty."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([cell(row.get(column)) for column in columns])
    return text.getvalue()


def as_xlsx(
    name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], *, at: datetime | None = None
) -> bytes:
    """One sheet with a frozen head row and a filter: numbers as numbers, all else as text.

    ``name`` is cut to the 31 characters that a sheet's name may have; ``at`` is when the file says it was made.
    """
    stored = io.BytesIO()
    with xlsxwriter.Workbook(stored, {"in_memory": True}) as book:
        book.set_properties({"title": name, "created": at} if at else {"title": name})
        sheet = book.add_worksheet(name[:31])
        bold = book.add_format({"bold": True})
        for number, column in enumerate(columns):
            sheet.write_string(0, number, column, bold)
            sheet.set_column(number, number, _width(column, [row[number] for row in rows]))
        for line, row in enumerate(rows, start=1):
            for number, value in enumerate(row):
                if isinstance(value, int | float) and not isinstance(value, bool):
                    sheet.write_number(line, number, value)
                elif value not in (None, ""):
                    sheet.write_string(line, number, plain(value))
        sheet.freeze_panes(1, 0)
        sheet.autofilter(0, 0, max(len(rows), 1), max(len(columns) - 1, 0))
    return stored.getvalue()


def _width(head: str, values: Iterable[Any]) -> int:
    longest = max((len(plain(value)) for value in values), default=0)
    return min(WIDEST, max(NARROWEST, len(head) + 4, longest + 1))


def plain(value: Any) -> str:
    """One value as text, as it is; lists are joined, and what is not there is empty."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, list | tuple):
        return " ".join(map(str, value))
    return str(value)


def cell(value: Any) -> str:
    """One value as text; an apostrophe goes before what a spreadsheet would calculate."""
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        value = " ".join(map(str, value))
    text = str(value)
    if isinstance(value, int | float):
        return text
    return f"'{text}" if _is_formula(text) else text


def _is_formula(text: str) -> bool:
    """Full-width signs count as signs, and spreadsheets look past spaces and what nobody sees."""
    shown = unicodedata.normalize("NFKC", text)
    begins = "".join(dropwhile(_is_invisible, shown))
    return begins.startswith(STARTS_A_FORMULA) or shown.lstrip(" ").startswith(BREAKS_A_CELL)


def _is_invisible(sign: str) -> bool:
    return unicodedata.category(sign)[0] in "ZC"
