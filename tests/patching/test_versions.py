"""Every version of a row: what was approved, by whom, when it was in force, and back to one of them."""

import pytest
from django.urls import reverse

from patching import versions
from patching.contents import items_of
from patching.models import ChangeRequest, MaintenanceWindow, PatchBaseline
from portal.governance.canonical import digest_of
from tests import asks
from tests.patching.web.conftest import text_of


@pytest.fixture
def baseline(cast):
    """The production baseline of payments in its second version, under another name."""
    asks.in_effect(cast["rita"], asks.ha_items(asks.fleet()), cast["omar"], cast["ivan"], cast["clara"])
    row = PatchBaseline.objects.get(name="payments-prod-win")
    definition = {**row.spec["definition"], "RejectedPatches": ["KB5034441"]}
    spec = {**row.spec, "definition": definition}
    asks.in_effect(cast["omar"], [_change(row, spec)], cast["ines"], cast["clara"])
    row.refresh_from_db()
    return row


def _change(row, spec, kind="baseline"):
    return {"action": "change", "kind": kind, "target": row.pk, "spec": spec}


def test_each_version_says_who_asked_who_approved_and_when_it_was_in_force(baseline, cast):
    newest, oldest = versions.of(baseline)
    assert (newest.number, newest.action, newest.in_force, newest.until) == (2, "change", True, None)
    assert (oldest.number, oldest.action, oldest.in_force, oldest.until) == (1, "create", False, newest.since)
    assert newest.digest == digest_of(baseline.spec) == baseline.spec_digest
    assert newest.revision.request.requested_by == cast["omar"]
    assert [(word.slot, word.by) for word in newest.words] == [
        ("security operations", cast["ines"]),
        ("CISO", cast["clara"]),
    ]


def test_what_was_never_approved_is_no_version(baseline, cast):
    spec = {**baseline.spec, "name": "payments-prod-windows"}
    asks.submitted(cast["rita"], [_change(baseline, {**baseline.spec, "environment": ""})])
    assert len(versions.of(baseline)) == 2
    assert spec["name"] not in {one.spec["name"] for one in versions.of(baseline)}


def test_a_window_has_versions_by_the_same_rules(baseline, cast):
    window = MaintenanceWindow.objects.get(name="payments-prod-a")
    assert [one.action for one in versions.of(window)] == ["create"]
    assert versions.of(window)[0].spec["name"] == "payments-prod-a"


def test_the_page_compares_two_versions_and_leads_back_by_request(baseline, cast, browse):
    client = browse(cast["rita"])
    page = client.get(reverse("patching:baseline-versions", args=[baseline.pk]))
    moved = [
        (row.field, row.approved, row.proposed)
        for row in page.context["rows"]
        if row.approved != row.proposed
    ]
    assert moved == [
        ("Rejected by name", "None", "KB5034441"),
    ]
    oldest = versions.of(baseline)[-1]
    address = f"{reverse('patching:baseline-change', args=[baseline.pk])}?version={oldest.revision.pk}"
    assert address in text_of(page)
    form = client.get(address).context["form"]
    response = client.post(address, {**form.answers(), "do": "draft"})
    assert response.status_code == 302, response.context["form"].errors
    (item,) = items_of(ChangeRequest.objects.latest("pk").current)
    assert item["spec"] == oldest.spec


def test_a_stranger_reads_no_versions(baseline, cast, browse):
    assert (
        browse(cast["noor"]).get(reverse("patching:baseline-versions", args=[baseline.pk])).status_code == 404
    )


def test_the_api_tells_the_same(baseline, cast, call_api):
    found = call_api(cast["axel"]).get(f"/api/v1/baselines/{baseline.pk}/versions/").json()
    assert [
        (one["number"], one["asked_by"], one["spec_digest"] == baseline.spec_digest) for one in found
    ] == [
        (2, "omar", True),
        (1, "rita", False),
    ]
    assert [one["by"] for one in found[0]["approvals"]] == ["ines", "clara"]
