"""What differs between two revisions of an exemption, in words."""

from datetime import date, timedelta

import pytest

from exemptions import workflow
from exemptions.models import Exemption
from exemptions.moved import moved_between
from portal.governance import clock
from portal.governance.looks import Moved
from tests.exemptions import asks

END = clock.real_now().replace(microsecond=0) + timedelta(days=9)


@pytest.fixture
def servers(cast):
    return asks.servers()


def between(by, servers, **changes):
    """The fields that a revision with these changes moves."""
    exemption = asks.drafted(by, servers, ends_at=END)
    read = exemption.current
    exemption = workflow.revise(exemption, by=by, **asks.wish(servers, **{"ends_at": END, **changes}))
    return moved_between(read, exemption.current)


def test_what_stays_is_not_told(cast, servers):
    assert between(cast["rita"], servers) == []


@pytest.mark.parametrize(
    ("changes", "moved"),
    [
        ({"title": "Keep it out"}, Moved("Title", asks.TITLE, "Keep it out")),
        ({"ends_at": END - timedelta(days=2)}, Moved("Ends", END, END - timedelta(days=2))),
        (
            {"root_cause": Exemption.RootCause.REPLACED},
            Moved(
                "Why they cannot be patched",
                "The patch breaks what runs there",
                "The system is being replaced",
            ),
        ),
        (
            {"exposure": Exemption.Exposure.INTERNET},
            Moved("Exposure", "Reachable inside the organisation", "Reachable from the internet"),
        ),
        (
            {"data_class": Exemption.DataClass.RESTRICTED},
            Moved("Data", "Confidential data", "Restricted data (cards, health, secrets)"),
        ),
        ({"fix_expected_on": date(2031, 2, 3)}, Moved("Fixed by", "", date(2031, 2, 3))),
    ],
)
def test_each_field_is_told_in_words(cast, servers, changes, moved):
    assert between(cast["rita"], servers, **changes) == [moved]


def test_a_control_is_told_with_its_kind_its_evidence_and_its_date(cast, servers):
    control = {
        "what": "A rule of the web firewall stops it.",
        "kind": "virtual_patch",
        "evidence": "waf.pdf",
        "valid_until": "2031-01-31",
    }

    (moved,) = between(cast["rita"], servers, compensating_controls=[control])

    assert moved.read == [f"{asks.CONTROLS} (Other)"]
    assert moved.now == [
        "A rule of the web firewall stops it. (Virtual patch (WAF, IPS), shown by waf.pdf until 2031-01-31)"
    ]


def test_instances_and_documents_are_named(cast, servers):
    exemption = asks.drafted(cast["rita"], servers, ends_at=END)
    read = exemption.current
    workflow.attach(exemption, asks.document("vendor.pdf"), by=cast["rita"])
    exemption = workflow.revise(exemption, by=cast["rita"], **asks.wish(servers[:1], ends_at=END))

    moved = {one.field: (one.read, one.now) for one in moved_between(read, exemption.current)}

    both = sorted(one.instance_id for one in servers)
    assert moved == {
        "Instances": (both, [servers[0].instance_id]),
        "Documents": ([], ["vendor.pdf"]),
    }
