"""Audit entries in words."""

import pytest

from portal.governance import audit_words
from portal.governance.models import AuditEntry


@pytest.mark.parametrize(
    ("action", "detail", "said"),
    [
        ("patching.changerequest.revised", {"revision": 2}, "wrote revision 2"),
        (
            "patching.changerequest.decision.approve",
            {"revision": 3, "slot": "ciso"},
            "approved revision 3 as CISO",
        ),
        ("patching.changerequest.approved", {"revision": 3}, "approved it: the last decision was made"),
        ("patching.changerequest.partially_applied", {}, "pushed a part of it to AWS"),
        ("token.revoked", {"name": "nightly"}, "revoked the API token nightly"),
        ("exemptions.exemption.revoked", {}, "revoked it"),
        ("patching.accountregion.push_asked", {}, "push asked"),
        (
            "list.exported",
            {"list": "exemptions", "rows": 12, "format": "pdf"},
            "exported 12 rows of the list exemptions as pdf",
        ),
        ("something.new_here", {}, "new here"),
        (
            "patching.failurerecord.held",
            {"until": "2026-06-29T06:30:00.269688+00:00"},
            "kept later windows shut until Mon 29 Jun 2026, 06:30 UTC",
        ),
        (
            "patching.failurerecord.held",
            {"until": "2026-06-29T99:99"},
            "kept later windows shut until 2026-06-29T99:99",
        ),
    ],
)
def test_an_action_is_said_in_the_past_tense(action, detail, said):
    assert audit_words.said(AuditEntry(action=action, detail=detail)) == said


@pytest.mark.parametrize(
    ("action", "role"),
    [
        ("patching.changerequest.applied", "ok"),
        ("patching.changerequest.decision.reject", "bad"),
        ("patching.changerequest.stale", "warn"),
        ("patching.changerequest.submitted", "wait"),
        ("anything.else", "off"),
    ],
)
def test_a_timeline_has_a_colour_for_what_happened(action, role):
    assert audit_words.role(AuditEntry(action=action)) == role
