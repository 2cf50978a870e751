"""Lists as files: what is in them, what is not, and the entry that tells of each."""

import csv
import io
import json
from datetime import UTC, datetime
from hashlib import sha256

import django_filters
import pytest
from openpyxl import load_workbook
from pypdf import PdfReader

from portal.governance import audit, clock, exports
from portal.governance.models import AuditEntry, Team

COLUMNS = (
    exports.Column("Team", lambda team: team.name, "name"),
    exports.Column("Letters", lambda team: len(team.name), css="r"),
    exports.Column("Slug", lambda team: team.slug, shown=False),
    exports.Column("Not on paper", lambda team: "nowhere", paper=False),
)


class TeamFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(field_name="name", lookup_expr="icontains", label="Name")
    kind = django_filters.ChoiceFilter(
        method="every", choices=[("own", "Our own"), ("all", "All of them")], label="Kind"
    )

    def every(self, rows, name, value):
        return rows


@pytest.fixture
def export(axel, rf):
    """A file of all teams, taken out by axel."""
    Team.objects.bulk_create(
        Team(slug=f"t-{number}", name=name)
        for number, name in enumerate(["=1+1", "Zürich Ћирилица", "مرحبا 漢字", " @SUM(A1)"])
    )

    def ask(wanted, address="/", columns=COLUMNS):
        request = rf.get(address)
        request.user = axel
        chosen = TeamFilter(request.GET, queryset=Team.objects.order_by("slug"))
        rows = list(chosen.qs)
        return exports.exported(request, wanted, exports.Table("teams", columns, rows, chosen, len(rows)))

    return ask


def body(response):
    return b"".join(response.streaming_content) if response.streaming else response.content


def text_of(response):
    return [page.extract_text() for page in PdfReader(io.BytesIO(body(response))).pages]


@pytest.mark.parametrize("value", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_nothing_in_an_export_runs_in_a_spreadsheet(value):
    response = exports.export("x.csv", [exports.Column("A", lambda row: row)], [value])
    assert b"'" + value.encode()[:1] in b"".join(response.streaming_content)


@pytest.mark.parametrize(
    ("wanted", "kind"),
    [
        ("csv", "text/csv; charset=utf-8"),
        ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        ("pdf", "application/pdf"),
    ],
)
def test_an_export_is_a_file(export, wanted, kind):
    response = export(wanted)
    assert response["Content-Type"] == kind
    assert response["Content-Disposition"] == f'attachment; filename="teams-{clock.now():%Y-%m-%d}.{wanted}"'


@pytest.mark.parametrize("wanted", list(exports.FORMATS))
def test_every_export_is_in_the_audit_log(export, axel, wanted):
    export(wanted, "/?q=u&kind=own")
    entry = AuditEntry.objects.get(action="list.exported")
    assert entry.actor == axel
    assert entry.detail["list"] == "teams"
    assert entry.detail["format"] == wanted
    assert entry.detail["rows"] == Team.objects.filter(name__icontains="u").count()
    assert entry.detail["filters"] == {"Name": "u", "Kind": "Our own"}
    assert audit.verify().holds


def test_a_workbook_holds_what_the_csv_holds(export):
    lines = list(csv.reader(io.StringIO(body(export("csv")).decode(), newline="")))
    sheet = load_workbook(io.BytesIO(body(export("xlsx")))).active
    told = [[str(one.value) for one in row] for row in sheet.iter_rows()]
    assert [[text.removeprefix("'") for text in line] for line in lines] == told


def test_a_pdf_says_what_it_shows_when_and_for_whom(export, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 6, 1, 9, 30, tzinfo=UTC))
    (page,) = text_of(export("pdf", "/?kind=own"))
    for text in ("Teams", "Kind: Our own", "01 Jun 2026 09:30 UTC", "Axel Nowak", "Page 1 of 1"):
        assert text in page
    assert "Zürich Ћирилица" in page
    assert "=1+1" in page
    assert "t-0" not in page  # columns of the spreadsheets alone
    assert "nowhere" not in page


def test_a_pdf_without_a_filter_says_so(export):
    assert "everything that this person may see" in text_of(export("pdf"))[0]


def test_the_digest_on_the_last_page_is_checked_with_the_csv(export):
    lines = list(csv.reader(io.StringIO(body(export("csv")).decode(), newline="")))
    told = sha256(json.dumps(lines, separators=(",", ":"), ensure_ascii=False).encode()).hexdigest()
    assert told in text_of(export("pdf"))[-1]
    assert {entry.detail.get("sha256") for entry in AuditEntry.objects.exclude(detail__format="csv")} == {
        told
    }


def test_a_long_pdf_repeats_its_heads_and_counts_its_pages(export):
    Team.objects.bulk_create(Team(slug=f"more-{n:03}", name=f"Team {n}") for n in range(90))
    pages = text_of(export("pdf"))
    assert len(pages) > 2
    for number, page in enumerate(pages, start=1):
        assert f"Page {number} of {len(pages)}" in page
    assert all("Letters" in page for page in pages[:2])
    assert "SHA-256 of the rows" in pages[-1]
    assert "SHA-256 of the rows" not in pages[0]


def test_the_title_of_a_file_is_the_lists_name_in_words():
    table = exports.Table("change-requests", COLUMNS, [], None, 0)
    assert table.title == "Change requests"
    assert table.narrowed_by == []
