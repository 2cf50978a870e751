"""Tables that people open in a spreadsheet: nothing in them is ever calculated."""

import csv
import io
import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook

from portal.governance.spreadsheets import as_csv, as_xlsx, cell

DANGEROUS = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "  =1+1",
    "\xa0=1",
    "\u3000=1",
    "\u200b=1",
    "\ufeff=1",
    "\x0b=1",
    "＝1",
    " ＋1",
    "－1",
    "＠A1",
    "﹣1",
    "=cmd|' /C calc'!A0",
]
ANYTHING = st.text(st.characters(exclude_categories=["Cs"]))


@pytest.mark.parametrize("text", DANGEROUS)
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


@given(st.lists(ANYTHING, min_size=1))
def test_any_text_reads_back_but_for_the_apostrophe(texts):
    rows = [{"text": text} for text in texts]
    back = [line[0] for line in csv.reader(io.StringIO(as_csv(rows, ("text",)), newline="")) if line][1:]
    kept = [text for text in texts if text]  # a line of one empty cell is written as ""
    assert [one for one in back if one] == [cell(text) for text in kept]


def read(content):
    return load_workbook(io.BytesIO(content)).active


@pytest.mark.parametrize("text", DANGEROUS)
def test_a_workbook_holds_it_as_text_and_unchanged(text):
    one = read(as_xlsx("Exemptions", ["Title"], [[text]]))["A2"]
    assert one.data_type == "s"
    # signs that XML cannot hold are written by their number, as Excel does
    assert re.sub("_x([0-9A-F]{4})_", lambda found: chr(int(found[1], 16)), one.value) == text


def test_a_workbook_keeps_numbers_and_says_the_rest_in_words():
    at = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
    values = [3, 0.5, True, None, at, ["a", "b"]]
    sheet = read(as_xlsx("Exemptions", [f"Head {n}" for n in range(len(values))], [values]))
    assert [one.value for one in sheet[2]] == [3, 0.5, "yes", None, "2026-03-01T09:30:00+00:00", "a b"]


def test_a_workbook_has_a_frozen_head_a_filter_and_columns_wide_enough():
    sheet = read(as_xlsx("Exemptions", ["Title", "n"], [["x" * 40, 1], ["y" * 200, 2]]))
    assert [one.value for one in sheet[1]] == ["Title", "n"]
    assert sheet["A1"].font.b
    assert sheet.freeze_panes == "A2"
    assert sheet.auto_filter.ref == "A1:B3"
    assert 59 < sheet.column_dimensions["A"].width < 62
    assert sheet.max_row == 3


def test_an_empty_workbook_opens():
    assert read(as_xlsx("A name that is longer than a sheet may have", ["Title"], [])).max_row == 1
