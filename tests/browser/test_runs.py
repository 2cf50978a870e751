"""After a patch night over hundreds of servers: what its owner, security and an operator look at and press."""

from datetime import timedelta

import pytest
from django.urls import reverse

from patching import openings
from patching.models import MaintenanceWindow
from portal.governance import clock
from portal.governance.models import Heartbeat
from tests import patch_nights, people

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LOOKS = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}, "color_scheme": "light"},
    "dark-phone": {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"},
}


@pytest.fixture
def windows(transactional_db):
    Heartbeat.objects.create(name="tick", at=clock.real_now())
    return patch_nights.build()


def last_opening(window: MaintenanceWindow):
    start = patch_nights.NOW - timedelta(days=30)
    return openings.between(window.spec, start, patch_nights.NOW, since=window.created_at)[-1]


@pytest.fixture
def pages(windows):
    """The pages of runs by name, each with who looks at it."""
    test_a, prod_a, prod_b = (
        windows[name] for name in ("payments-test-a", "payments-prod-a", "payments-prod-b")
    )
    bad = patch_nights.ran(test_a, last_opening(test_a))
    for number in range(1, 12):
        patch_nights.ran(test_a, last_opening(test_a) - timedelta(days=28 * number), well=True)
    began = last_opening(windows["payments-dev-a"])
    record = patch_nights.problem(patch_nights.ran(windows["payments-dev-a"], began))
    patch_nights.disabled(prod_b)
    judged = record.review.run
    return {
        "run": (reverse("patching:run-detail", args=[bad.pk]), "rita"),
        "run-reported": (reverse("patching:run-detail", args=[judged.pk]), "rita"),
        "failure": (reverse("patching:failure-detail", args=[record.pk]), "omar"),
        "failures": (reverse("patching:failure-list"), "ines"),
        "prepare": (reverse("patching:window-prepare", args=[test_a.pk]), "rita"),
        "window-partial": (reverse("patching:window-detail", args=[test_a.pk]), "rita"),
        "window-missed": (reverse("patching:window-detail", args=[prod_a.pk]), "rita"),
        "window-disabled": (reverse("patching:window-detail", args=[prod_b.pk]), "opal"),
        "window-disabled-owner": (reverse("patching:window-detail", args=[prod_b.pk]), "rita"),
        "extra-opening": (
            reverse("patching:window-occurrence", args=[prod_a.pk]) + "?alert=missed",
            "rita",
        ),
    }


@pytest.mark.parametrize("how", LOOKS)
def test_nobody_is_kept_out_of_what_becomes_of_a_night(pages, visit, look, subtests, how):
    for name, (address, who) in pages.items():
        with subtests.test(page=name):
            page = visit(address, as_=people.person(who), **LOOKS[how])
            look(page, f"runs-{name}-{how}")
