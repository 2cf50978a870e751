"""Baselines in a real browser: written by choosing, read side by side with what is live, and compared by version."""

import pytest
from playwright.sync_api import expect

from patching.cataloguing import import_file
from patching.contents import items_of
from patching.models import ChangeRequest, PatchBaseline, ResourceState
from patching.specs import canonical_definition
from tests import asks
from tests.browser.looks import LOOKS, PHONE
from tests.patching import tested
from tests.patching.catalogue import files
from tests.patching.web.conftest import pushed_to_aws

pytestmark = pytest.mark.browser


def in_effect(cast):
    asks.in_effect(cast["rita"], asks.ha_items(asks.fleet()), cast["omar"], cast["ivan"], cast["clara"])


def test_rita_writes_a_baseline_by_choosing(visit, cast, look):
    asks.fleet()
    page = visit("/requests/new/baseline/?system=WINDOWS&preset=prod", as_=cast["rita"])
    page.get_by_role("group", name="Rule 2").wait_for()
    look(page, "baseline-editor")
    page.reload()  # what looking leaves behind in a page is not the page's own
    page.get_by_role("button", name="Add a rule").click()
    rule = page.get_by_role("group", name="Rule 3")
    rule.get_by_label("Drivers").check()
    rule.get_by_label("Approve after days").fill("40")
    page.get_by_role("button", name="Move up rule 3").click()
    moved = page.get_by_role("group", name="Rule 2")
    moved.get_by_label("Drivers").and_(page.locator(":checked")).wait_for()
    page.get_by_role("button", name="Remove rule 1").click()
    page.get_by_role("group", name="Rule 3").wait_for(state="detached")
    page.get_by_text("waits longer than Windows updates live").wait_for()
    page.get_by_label("Title").fill("Drivers for production")
    page.get_by_label("Why it is needed").fill("The vendor wants current drivers.")
    page.get_by_role("button", name="Submit request").click()
    page.get_by_role("heading", name="Drivers for production").wait_for()
    (item,) = items_of(ChangeRequest.objects.get().current)
    rules = item["spec"]["definition"]["ApprovalRules"]["PatchRules"]
    assert [rule["ApproveAfterDays"] for rule in rules] == [40, 14]


def test_the_effect_follows_the_rules_while_they_are_written(visit, cast, look):
    in_effect(cast)
    import_file(files.WINDOWS_KBS, name="kbs.jsonl", format_name="windows-kbs", by=None)
    row = PatchBaseline.objects.get(name="payments-prod-win")
    page = visit(f"/baselines/{row.pk}/change/", as_=cast["rita"])
    page.get_by_text("approved on the day on which it is approved already").wait_for()
    days = page.get_by_role("group", name="Rule 2").get_by_label("Approve after days")
    days.fill("360")  # the cursor stays in the field: nothing is left, sent or saved
    page.get_by_role("heading", name="No longer approved").wait_for()
    look(page, "baseline-editor-effect")


def test_another_system_shows_its_own_words_on_a_phone(visit, cast, look):
    asks.fleet()
    page = visit("/requests/new/baseline/", as_=cast["rita"], viewport=PHONE, color_scheme="dark")
    page.get_by_label("Operating system").select_option("DEBIAN")
    page.get_by_text("publish no release dates").first.wait_for()
    expect(page.get_by_label("Approve after days")).to_have_count(0)
    look(page, "baseline-editor-phone")


def test_ines_reads_what_is_live_what_was_approved_and_what_is_proposed(visit, cast, look):
    in_effect(cast)
    pushed_to_aws()
    row = PatchBaseline.objects.get(name="payments-prod-win")
    definition = row.spec["definition"]
    rules = definition["ApprovalRules"]["PatchRules"]
    asked = {**definition, "ApprovalRules": {"PatchRules": [{**rules[1], "ApproveAfterDays": 21}, rules[0]]}}
    item = {
        "action": "change",
        "kind": "baseline",
        "target": row.pk,
        "spec": {**row.spec, "definition": asked},
    }
    request = asks.submitted(cast["rita"], [item])
    state = ResourceState.objects.get(kind="baseline", key=str(row.uid))
    ResourceState.objects.filter(pk=state.pk).update(
        applied={
            **state.applied,
            "definition": canonical_definition({**definition, "RejectedPatches": ["KB5034441"]}),
        }
    )
    page = visit(f"/requests/{request.pk}/", as_=cast["ines"])
    page.get_by_role("cell", name="After 21 days, counts as High").wait_for()
    expect(page.locator("tr:not(.same) th", has_text="Critical security updates")).to_have_count(0)
    look(page, "baseline-changes")


def test_omar_compares_two_versions(visit, cast, look):
    in_effect(cast)
    row = PatchBaseline.objects.get(name="payments-prod-win")
    definition = {**row.spec["definition"], "RejectedPatches": ["KB5034441"]}
    item = {
        "action": "change",
        "kind": "baseline",
        "target": row.pk,
        "spec": {**row.spec, "definition": definition},
    }
    asks.in_effect(cast["rita"], [item], cast["ines"], cast["clara"])
    page = visit(f"/baselines/{row.pk}/versions/", as_=cast["omar"])
    page.get_by_role("cell", name="KB5034441").first.wait_for()
    look(page, "baseline-versions")
    page.get_by_role("link", name="Ask to restore version 1").click()
    page.get_by_label("Title").wait_for()
    expect(page.get_by_label("Rejected by name")).to_have_value("")


@pytest.mark.slow
@pytest.mark.parametrize("how", LOOKS)
def test_rita_pins_into_production_what_was_tested(visit, cast, look, how):
    tested.run_in_test(cast)
    production = PatchBaseline.objects.get(name="payments-prod-win")
    page = visit(f"/baselines/{production.pk}/", as_=cast["rita"], **LOOKS[how])
    expect(page.get_by_role("heading", name="Tested before it")).to_be_visible()
    look(page, f"baseline-tested-{how}")
    page.get_by_role("region", name="Tested before it").get_by_role("link").last.click()
    expect(page.get_by_role("heading", name="What it makes")).to_be_visible()
    look(page, f"promotion-{how}")
