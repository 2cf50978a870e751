"""Reviews on the page of their exemption: shown with the cause, closed by those who may."""

from datetime import timedelta

import pytest
from django.urls import reverse

from exemptions import reviewing
from exemptions.models import Exemption, Review
from portal.governance import clock
from tests.exemptions import asks

TEXT = "KB5039227 was recalled."


@pytest.fixture
def review(cast):
    """The catalogue changed under an exemption in force."""
    return reviewing.raise_for(asks.approved(cast["rita"]), Review.Cause.CATALOGUE, "KB5039227", TEXT)


def page(review):
    return reverse("exemptions:exemption-detail", args=[review.exemption_id])


def close(review, client, outcome="kept", reason="It does not concern these."):
    url = reverse("exemptions:review-close", args=[review.exemption_id, review.pk])
    return client.post(url, {"outcome": outcome, "reason": reason})


def test_everybody_who_sees_the_page_reads_the_cause_and_deciders_answer(cast, review, browse):
    for name, answers in (("rita", False), ("axel", False), ("ines", True), ("dora", True)):
        shown = browse(cast[name]).get(page(review)).content.decode()
        assert TEXT in shown
        assert "Review due" in shown
        assert ("Let it go on" in shown) is answers


def test_an_overdue_one_says_so(cast, review, browse, monkeypatch):
    asks.later(monkeypatch, review.due_at + timedelta(hours=1))
    assert "overdue since" in browse(cast["ines"]).get(page(review)).content.decode()


@pytest.mark.parametrize(("outcome", "state"), [("kept", "approved"), ("ended", "revoked")])
def test_an_answer_is_shown_with_its_reason(cast, review, browse, outcome, state):
    ines = browse(cast["ines"])
    assert close(review, ines, outcome).url == page(review)
    assert Exemption.objects.get().state == state
    shown = ines.get(page(review)).content.decode()
    assert "Review due" not in shown
    assert "It does not concern these." in shown


def test_without_a_reason_nothing_is_closed(cast, review, browse):
    assert close(review, browse(cast["ines"]), reason=" ").status_code == 400
    assert reviewing.open_at(clock.now()).exists()


def test_an_old_sign_in_is_sent_to_sign_in_again(cast, review, browse, settings):
    ines = browse(cast["ines"])
    settings.DECISION_SIGN_IN_MAX_AGE = -1
    assert close(review, ines).url.startswith(reverse("account_reauthenticate"))
    assert reviewing.open_at(clock.now()).exists()
