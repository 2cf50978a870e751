"""Tables that people open in a spreadsheet: CSV in which no cell becomes a formula. Pure."""

import csv
import io
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def as_csv(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """RFC 4180, with a header line; lists are joined, and what is not there is empty."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([cell(row.get(column)) for column in columns])
    return text.getvalue()


def cell(value: Any) -> str:
    """One value as text; an apostrophe goes before what a spreadsheet would calculate."""
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        value = " ".join(map(str, value))
    text = str(value)
    if isinstance(value, int | float):
        return text
    # full-width signs count as signs, and spreadsheets look past spaces
    begins = unicodedata.normalize("NFKC", text).lstrip(" ")
    return f"'{text}" if begins.startswith(STARTS_A_FORMULA) else text
