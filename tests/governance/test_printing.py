"""Tables on paper."""

import io
from datetime import UTC, datetime

import pytest
from pypdf import PdfReader

from portal.governance.printing import LONGEST_CELL, as_pdf, plain
from portal.governance.sheet import Sheet

AT = datetime(2026, 6, 1, 9, 30, tzinfo=UTC)


def sheet(**changes):
    given = {
        "title": "Exemptions",
        "facts": [("As of", "today")],
        "heads": ["Title", "Days"],
        "rows": [["Payment switch", "12"]],
        "right": frozenset({1}),
        "closing": [("Digest", "abc")],
    }
    return Sheet(**{**given, **changes})


def pages(content):
    return PdfReader(io.BytesIO(content)).pages


def test_the_same_sheet_gives_the_same_bytes():
    assert as_pdf(sheet(), at=AT) == as_pdf(sheet(), at=AT)


def test_paper_lies_across_and_has_its_title():
    (page,) = pages(as_pdf(sheet(), at=AT))
    assert page.mediabox.width > page.mediabox.height
    assert "Exemptions" in page.extract_text()


def test_a_table_without_rows_is_a_page_with_its_heads():
    assert "Title" in pages(as_pdf(sheet(rows=[]), at=AT))[0].extract_text()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "漢字 🎉 العربية עברית",
        "x" * 5000,
        "a b " * 3000,
        "{nb}",
        "**bold** __x__",
        "\x00\x1b[31m",
        "\u202egnp.exe",
    ],
)
def test_whatever_people_write_can_be_printed(text):
    assert pages(as_pdf(sheet(title=text, rows=[[text, text]] * 3), at=AT))


@pytest.mark.parametrize(
    ("text", "shown"),
    [("a\nb\tc", "a b c"), ("\u202egnp.exe", "gnp.exe"), ("x" * 500, "x" * (LONGEST_CELL - 1) + "…")],
)
def test_a_cell_is_one_line_of_what_can_be_seen(text, shown):
    assert plain(text) == shown
