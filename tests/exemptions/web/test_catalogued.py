"""What an exemption names leads to the catalogue, where the catalogue knows it."""

import pytest
from django.template.loader import render_to_string

from exemptions.web import catalogued
from patching.cataloguing import import_file
from patching.models import Patch, PatchFinding
from portal.governance import clock
from tests import factories
from tests.patching.catalogue import files

pytestmark = pytest.mark.django_db


@pytest.fixture
def server(db):
    import_file(files.WINDOWS_KBS, name="kbs.jsonl", format_name="windows-kbs", by=None)
    return factories.instance(factories.payments())


def test_names_of_patches_lead_to_their_pages(server):
    named = catalogued.pages_of([server], ["KB5039217", "KB5999999"])
    key = Patch.objects.get(name="KB5039217").pk
    assert named == [("KB5039217", key), ("KB5999999", None)]
    text = render_to_string("exemptions/_named.html", {"named": named})
    assert text == f'<a href="/patches/{key}/">KB5039217</a>, KB5999999'


def test_a_row_of_patches_has_its_page_and_the_cves_that_it_fixes(server):
    now = clock.now()
    PatchFinding.objects.create(
        instance=server,
        patch_id="KB5039217",
        state="missing",
        cves=["CVE-2026-1001", "CVE-2026-9999"],
        first_seen_at=now,
        last_seen_at=now,
    )
    rows = [{"patch_id": "KB5039217"}, {"patch_id": "KB5999999"}]
    catalogued.add_pages(rows, [server])
    assert rows[0]["page"] == Patch.objects.get(name="KB5039217").pk
    assert rows[0]["cves"] == [("CVE-2026-9999", False), ("CVE-2026-1001", True)]
    assert rows[1] == {"patch_id": "KB5999999", "page": None, "cves": []}
