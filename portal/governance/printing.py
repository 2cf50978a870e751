"""Tables on paper: a PDF that says what it shows, how things stood when, and who took it out. No database."""

import unicodedata
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from fpdf import FPDF
from fpdf.enums import Align, TableBordersLayout, XPos, YPos
from fpdf.fonts import FontFace

from portal.governance.sheet import Sheet

FONTS = Path(__file__).with_name("fonts")
FACE = "DejaVu"  # Latin, Greek, Cyrillic, Hebrew and Arabic letters; others show as an empty box
SMALL, BODY, TITLE = 6.5, 7.5, 14  # points
LINE = 4.0  # mm
MARGIN = 10.0  # mm
LONGEST_CELL = 400  # characters; the spreadsheets hold the rest
NARROWEST, WIDEST = 7, 34  # characters that a column's share of the width is reckoned from


def as_pdf(sheet: Sheet, *, at: datetime) -> bytes:
    """A4 landscape with heads, title and page numbers on every page. The same sheet gives the same bytes."""
    paper = _Paper(sheet.title)
    paper.set_creation_date(at)
    paper.add_page()
    paper.set_font(FACE, "B", TITLE)
    paper.multi_cell(0, 8, plain(sheet.title), new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    _facts(paper, sheet.facts)
    paper.ln(2)
    _table(paper, sheet)
    paper.ln(3)
    _facts(paper, sheet.closing)
    return bytes(paper.output())


def plain(text: str) -> str:
    """One line without anything invisible, cut where a cell would fill a page."""
    seen = "".join(one if unicodedata.category(one)[0] != "C" else " " for one in text)
    line = " ".join(seen.split())
    return line if len(line) <= LONGEST_CELL else f"{line[: LONGEST_CELL - 1]}…"


class _Paper(FPDF):
    def __init__(self, title: str) -> None:
        super().__init__(orientation="landscape", format="A4")
        self.add_font(FACE, "", FONTS / "DejaVuSansCondensed.ttf")
        self.add_font(FACE, "B", FONTS / "DejaVuSansCondensed-Bold.ttf")
        self.set_title(title)
        self.set_creator("Patchwarden")
        self.set_lang("en")
        self.set_margin(MARGIN)
        self.set_auto_page_break(True, margin=MARGIN + 6)
        self.of = plain(title)

    def footer(self) -> None:
        self.set_y(-MARGIN - 2)
        self.set_font(FACE, "", SMALL)
        self.cell(self.epw / 2, LINE, f"Patchwarden: {self.of}")
        self.cell(0, LINE, f"Page {self.page_no()} of {{nb}}", align=Align.R)


def _facts(paper: FPDF, facts: Sequence[tuple[str, str]]) -> None:
    for label, value in facts:
        paper.set_font(FACE, "B", BODY)
        paper.cell(42, LINE, plain(label))
        paper.set_font(FACE, "", BODY)
        paper.multi_cell(0, LINE, plain(value), new_x=XPos.LMARGIN, new_y=YPos.NEXT, align=Align.L)


def _table(paper: FPDF, sheet: Sheet) -> None:
    paper.set_font(FACE, "", BODY)
    rows = [[plain(text) for text in row] for row in sheet.rows]
    with paper.table(
        col_widths=_widths(sheet.heads, rows),
        text_align=tuple(Align.R if n in sheet.right else Align.L for n in range(len(sheet.heads))),
        line_height=LINE,
        padding=0.6,
        borders_layout=TableBordersLayout.HORIZONTAL_LINES,
        headings_style=FontFace(emphasis="BOLD", fill_color=(236, 239, 243)),
    ) as table:
        table.row([plain(head) for head in sheet.heads])
        for row in rows:
            table.row(row)


def _widths(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> tuple[int, ...]:
    """Shares of the width: as much as the longest text of a column asks for, within bounds."""
    longest = [max((len(row[n]) for row in rows), default=0) for n in range(len(heads))]
    words = [max(map(len, head.split()), default=0) + 2 for head in heads]
    return tuple(max(NARROWEST, word, min(WIDEST, long)) for word, long in zip(words, longest, strict=True))
