"""The register's filters and files, and the pages that count: each number opens as many rows."""

import csv
import io
from datetime import timedelta

import pytest
from django.urls import reverse

from exemptions.models import Exemption, Review
from patching.models import PatchFinding
from portal.governance import clock
from portal.governance.models import AuditEntry
from tests.exemptions import asks

LIST, DEBT, QUALITY = (reverse(f"exemptions:exemption-{name}") for name in ("list", "debt", "quality"))


@pytest.fixture
def held(cast):
    """One server in force since an instant, for a reason of its own, lacking a critical patch; another is asked for."""
    first, second = asks.servers()
    PatchFinding.objects.create(
        instance=first,
        patch_id="KB1",
        severity="Critical",
        state="missing",
        first_seen_at=clock.now(),
        last_seen_at=clock.now(),
    )
    asks.submitted(cast["rita"], [second], title="Asked for only", exposure="partner")
    return asks.approved(cast["rita"], [first], reason="The ledger's driver halts after this update.")


def numbers(reply):
    return {row.number for row in reply.context["page"]}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"in_force": "on"}, True),
        ({"kind": "node_deferral"}, None),
        ({"kind": "patch_exclusion"}, False),
        ({"root_cause": "breaks"}, None),
        ({"root_cause": "vendor"}, False),
        ({"root_cause": "none"}, False),
        ({"exposure": "internal"}, True),
        ({"exposure": "internet"}, False),
        ({"exposure": "none"}, False),
        ({"data_class": "confidential"}, None),
        ({"renewal": "0"}, None),
        ({"renewal": "2"}, False),
        ({"age": "0-7"}, True),
        ({"age": "over-90"}, False),
        ({"review": "open"}, True),
        ({"review": "overdue"}, False),
        ({"reason": "LEDGER"}, True),
        ({"reason": "compensating"}, False),
        ({"quality": "approved-30"}, True),
        ({"quality": "revoked-30"}, False),
    ],
)
def test_every_filter_finds_its_own(cast, held, browse, query, found):
    """``found``: the one in force, all (None) or none."""
    now = clock.now()
    Review.objects.create(
        exemption=held, cause="owner", key="x", text="Moved.", raised_at=now, due_at=now + timedelta(days=7)
    )
    every = {one.number for one in Exemption.objects.all()}
    wanted = {True: {held.number}, None: every, False: set()}[found]
    assert numbers(browse(cast["clara"]).get(LIST, query)) == wanted


def test_the_lists_of_decision_quality_are_for_those_who_read_all(cast, held, browse):
    assert numbers(browse(cast["rita"]).get(LIST, {"quality": "approved-30"})) == set()
    page = browse(cast["axel"]).get(LIST, {"quality": "approved-30"}).content.decode()
    assert "Decision quality: Approved, last 30 days" in page


def test_a_row_shows_its_worst_severity_its_debt_and_its_reviews(cast, held, browse):
    now = clock.now()
    Review.objects.create(exemption=held, cause="owner", key="x", text="Moved.", raised_at=now, due_at=now)
    (row,) = browse(cast["rita"]).get(LIST, {"in_force": "on"}).context["page"]
    assert (row.debt.worst, row.debt.total, row.open_reviews) == ("critical", 10, 1)


def test_the_register_asks_no_query_for_each_exemption(cast, held, browse):
    browser = browse(cast["clara"])
    few = asks.queries_of(lambda: browser.get(LIST))
    for _ in range(5):
        asks.submitted(cast["rita"], list(held.instances.all()))
    assert asks.queries_of(lambda: browser.get(LIST)) == few


def test_private_notes_and_documents_are_in_no_export(cast, held, browse):
    held.comments.create(
        author=cast["ivan"], at=clock.now(), about_revision=1, text="secret-note", is_private=True
    )
    for wanted in ("csv", "xlsx", "pdf"):
        reply = browse(cast["clara"]).get(LIST, {"format": wanted})
        content = b"".join(reply.streaming_content) if reply.streaming else reply.content
        assert reply.status_code == 200
        assert b"secret-note" not in content
        assert b"vendor-statement" not in content
    assert AuditEntry.objects.filter(action="list.exported", actor=cast["clara"]).count() == 3


def test_the_csv_has_what_the_register_counts(cast, held, browse):
    reply = browse(cast["clara"]).get(LIST, {"format": "csv", "in_force": "on"})
    (row,) = csv.DictReader(io.StringIO(b"".join(reply.streaming_content).decode(), newline=""))
    assert (row["Number"], row["Debt"], row["Worst severity"]) == (held.number, "10", "critical")


def test_every_number_of_debt_opens_as_many_rows(cast, held, browse):
    browser = browse(cast["clara"])
    page = browser.get(DEBT)
    report = page.context["report"]
    assert "What exemptions in force leave off" in page.content.decode()
    for groups in (report.ages, report.renewals, *(cut.groups for cut in report.groupings)):
        for group in groups:
            assert len(numbers(browser.get(f"{LIST}?{group.query}"))) == group.exemptions


def test_every_number_of_quality_opens_as_many_rows(cast, held, browse):
    browser = browse(cast["axel"])
    counts = browser.get(QUALITY, {"days": 30}).context["report"].counts
    assert counts["unread"] == counts["approved"] == 1
    for measure, count in counts.items():
        assert len(numbers(browser.get(LIST, {"quality": f"{measure}-30"}))) == count


@pytest.mark.parametrize("days", ["", "7", "x", "90"])
def test_quality_is_over_ninety_days_unless_another_period_is_asked_for(cast, browse, days):
    assert browse(cast["axel"]).get(QUALITY, {"days": days}).context["report"].days == 90


def test_without_exemptions_there_is_no_debt(cast, browse):
    assert "No exemption is in force" in browse(cast["noor"]).get(DEBT).content.decode()
