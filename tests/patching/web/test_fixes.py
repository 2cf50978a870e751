"""A finding's fix is one click away: the form opens with it filled in, and nothing is asked for before it is saved."""

import json

import pytest
from django.urls import reverse

from patching import findings
from patching.contents import items_of
from patching.models import ChangeRequest, MaintenanceWindow, PatchBaseline
from tests import asks


@pytest.fixture
def short(cast):
    """A draft for a window of one hour in one zone, with every instance at once."""
    task = {"name": "Install", "kind": "install", "max_concurrency": "100%"}
    return asks.drafted(
        cast["rita"], [asks.window_item(asks.fleet()[:2], duration=1, cutoff=0, tasks=[task])]
    )


@pytest.fixture
def approved(cast):
    return asks.in_effect(
        cast["rita"], asks.ha_items(asks.fleet()), cast["omar"], cast["ines"], cast["clara"]
    )


def test_a_draft_offers_the_recommended_length_and_the_form_begins_with_it(short, cast, browse):
    rita = browse(cast["rita"])
    page = rita.get(short.address).content.decode()
    edit = reverse("patching:request-edit", args=[short.pk])
    assert f"{edit}?fix=too_short%3Apayments-dev" in page
    form = rita.get(f"{edit}?fix=too_short%3Apayments-dev").context["form"]
    assert (form.initial["duration"], form.initial["cutoff"]) == (4, 1)
    short.refresh_from_db()
    assert items_of(short.current)[0]["spec"]["duration"] == 1


def test_the_table_of_sizes_offers_what_it_says(short, cast, browse):
    rita = browse(cast["rita"])
    page = rita.get(short.address).content.decode()
    assert "How long it should be" in page
    edit = reverse("patching:request-edit", args=[short.pk])
    assert f"{edit}?fix=hours:payments-dev:4" in page
    assert rita.get(f"{edit}?fix=hours:payments-dev:4").context["form"].initial["duration"] == 4


def test_who_may_not_edit_sees_the_finding_without_its_button(short, cast, browse):
    asks.workflow.submit(short, by=cast["rita"])
    page = browse(cast["ines"]).get(short.address).content.decode()
    assert "payments-dev is 1 h long, 4 h are recommended" in page
    assert "?fix=" not in page


@pytest.mark.parametrize("fix", ["too_short%3Anothing", "hours:payments-dev:99", "hours", "late%3A"])
def test_a_fix_that_is_no_longer_there_leaves_the_form_as_it_was(fix, short, cast, browse):
    edit = reverse("patching:request-edit", args=[short.pk])
    form = browse(cast["rita"]).get(f"{edit}?fix={fix}").context["form"]
    assert form.initial["duration"] == 1


def test_the_late_baseline_of_a_window_is_changed_from_the_window_s_page(approved, cast, browse):
    rita = browse(cast["rita"])
    window = MaintenanceWindow.objects.get(name="payments-prod-a")
    (one,) = findings.of_window(window)
    page = rita.get(reverse("patching:window-detail", args=[window.pk])).content.decode()
    change = reverse("patching:window-change", args=[window.pk])
    assert f"{change}?{one.query}" in page
    items = json.loads(rita.get(f"{change}?{one.query}").context["form"].initial["items_json"])
    baseline = PatchBaseline.objects.get(name="payments-prod-win")
    assert [(item["kind"], item["target"]) for item in items] == [("baseline", baseline.pk)]
    response = rita.post(
        f"{change}?{one.query}",
        {
            "title": "Approve important patches sooner",
            "reason": "They are late in every month.",
            "items_json": json.dumps(items),
            "do": "draft",
        },
    )
    assert response.status_code == 302
    rules = items_of(ChangeRequest.objects.latest("pk").current)[0]["spec"]["definition"]["ApprovalRules"]
    assert rules["PatchRules"][1]["ApproveAfterDays"] == 11


def test_a_baseline_s_page_says_which_windows_it_makes_late(approved, cast, browse):
    baseline = PatchBaseline.objects.get(name="payments-prod-win")
    page = browse(cast["rita"]).get(reverse("patching:baseline-detail", args=[baseline.pk])).content.decode()
    assert "An important patch is late on payments-prod-a and payments-prod-b in 12 of 12 months" in page
    assert reverse("patching:baseline-change", args=[baseline.pk]) + "?fix=" in page
