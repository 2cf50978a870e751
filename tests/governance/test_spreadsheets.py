"""Tables that people open in a spreadsheet: nothing in them is ever calculated."""

import csv
import io

import pytest

from portal.governance.spreadsheets import as_csv, cell


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1+1", "＝1", " ＋1", "=cmd|' /C calc'!A0"],
)
def test_what_begins_like_a_formula_stays_text(text):
    assert cell(text) == f"'{text}"


@pytest.mark.parametrize(
    ("value", "shown"), [(None, ""), (-3, "-3"), (0.5, "0.5"), ("a=b", "a=b"), (["a", "b"], "a b"), ("", "")]
)
def test_everything_else_is_shown_as_it_is(value, shown):
    assert cell(value) == shown


def test_a_table_reads_back_as_it_was_written():
    rows = [{"name": 'say "hi", now', "note": "two\nlines"}, {"name": "ünïcode"}]
    back = list(csv.DictReader(io.StringIO(as_csv(rows, ("name", "note")), newline="")))
    assert back == [rows[0], {"name": "ünïcode", "note": ""}]
