"""Reviews: raised once, told to those concerned, closed by those who decide and by nobody who wrote it."""

from datetime import timedelta

import pytest

from exemptions import reviewing, workflow
from exemptions.models import Exemption, Review
from patching.models import ManagedInstance
from portal.governance import audit, clock
from portal.governance.errors import InvalidInput, NotAllowed, SignInAgain, WrongState
from portal.governance.models import OutboxMessage
from tests import factories
from tests.exemptions import asks

Cause, Outcome = Review.Cause, Review.Outcome
REASON = "The new environment is decommissioned in May."


@pytest.fixture
def exemption(cast):
    """Two production servers for ten days, with omar as backup."""
    return asks.approved(cast["rita"], backup=cast["omar"])


@pytest.fixture
def review(exemption):
    """Its instances changed their environment."""
    ManagedInstance.objects.update(environment=factories.environment("dev"))
    assert reviewing.find() == 1
    return Review.objects.get()


def close(review, by, outcome=Outcome.KEPT, **words):
    given = {"reason": REASON, "signed_in_at": clock.real_now(), **words}
    return reviewing.close(review, by=by, outcome=outcome, **given)


def told(event):
    rows = OutboxMessage.objects.filter(event=event).order_by("pk")
    return sorted(one.recipient.username for one in rows)


EVERYBODY = ["clara", "dora", "ines", "ivan", "omar", "rita"]


# raising


def test_a_change_is_raised_once_told_once_and_written_down(exemption, review):
    assert reviewing.find() == 0
    assert (review.cause, review.due_at - review.raised_at) == (Cause.ENVIRONMENT, timedelta(days=7))
    assert told("exemption.review") == EVERYBODY
    mail = OutboxMessage.objects.filter(event="exemption.review").first()
    assert review.text in mail.body
    assert mail.url == f"/exemptions/{exemption.pk}/#reviews"
    entry = audit.timeline(exemption).last()
    assert (entry.action, entry.actor, entry.detail["text"]) == (
        "exemptions.exemption.review_raised",
        None,
        review.text,
    )


def test_a_new_change_is_another_review(review):
    ManagedInstance.objects.update(environment=factories.environment("test"))
    assert reviewing.find() == 1


def test_a_review_that_was_closed_is_not_raised_again_for_the_same(cast, review):
    close(review, cast["clara"])
    assert reviewing.find() == 0


def test_nothing_is_raised_for_what_is_not_in_force(cast, exemption, monkeypatch):
    ManagedInstance.objects.update(environment=factories.environment("dev"))
    asks.drafted(cast["rita"], list(ManagedInstance.objects.all()))
    asks.later(monkeypatch, exemption.ends_at)
    assert reviewing.find() == 0
    assert reviewing.raise_for(exemption, Cause.CATALOGUE, "KB5039227", "KB5039227 was recalled.") is None


def test_the_catalogue_raises_a_review_by_its_own_key(exemption):
    text = "KB5039227 is exploited since yesterday."
    first = reviewing.raise_for(exemption, Cause.CATALOGUE, "KB5039227:exploited", text)
    assert (first.text, first.cause) == (text, Cause.CATALOGUE)
    assert reviewing.raise_for(exemption, Cause.CATALOGUE, "KB5039227:exploited", text) is None


def test_an_overdue_review_is_told_once_more(review, monkeypatch):
    asks.later(monkeypatch, review.due_at - timedelta(minutes=1))
    reviewing.find()
    assert told("exemption.review_overdue") == []
    for hours in (0, 1, 30):
        asks.later(monkeypatch, review.due_at + timedelta(hours=hours))
        reviewing.find()
    assert told("exemption.review_overdue") == EVERYBODY


def test_looking_again_asks_a_few_queries(cast, exemption, django_assert_max_num_queries):
    with django_assert_max_num_queries(14):
        reviewing.find()


# closing


@pytest.mark.parametrize("name", ["clara", "dora", "ines", "ivan"])
def test_those_who_decide_let_it_go_on(cast, exemption, review, name):
    closed = close(review, cast[name])
    assert (closed.outcome, closed.closed_by, closed.reason) == (Outcome.KEPT, cast[name], REASON)
    assert not reviewing.open_at(clock.now()).exists()
    exemption.refresh_from_db()
    assert workflow.effective_state(exemption) == "expiring"
    entry = audit.timeline(exemption).last()
    assert (entry.action, entry.actor) == ("exemptions.exemption.review_kept", cast[name])


@pytest.mark.parametrize("name", ["rita", "omar", "axel", "opal", "adam", "noor"])
def test_nobody_else_closes_it(cast, review, name):
    with pytest.raises(NotAllowed):
        close(review, cast[name])


def test_no_author_closes_it_whatever_their_role(cast, exemption, review):
    workflow.Revision.objects.create(
        exemption=exemption, number=9, content="{}", digest="0", author=cast["ivan"], created_at=clock.now()
    )
    with pytest.raises(NotAllowed):
        close(review, cast["ivan"])


def test_closing_wants_a_recent_sign_in(cast, review, settings):
    long_ago = clock.real_now() - timedelta(seconds=settings.DECISION_SIGN_IN_MAX_AGE + 1)
    for moment in (None, long_ago):
        with pytest.raises(SignInAgain):
            close(review, cast["clara"], signed_in_at=moment)


@pytest.mark.parametrize(
    ("words", "field"),
    [({"reason": " "}, "reason"), ({"reason": "x" * 4001}, "reason"), ({"outcome": "later"}, "outcome")],
)
def test_closing_needs_an_outcome_and_a_reason(cast, review, words, field):
    with pytest.raises(InvalidInput) as refused:
        close(review, cast["clara"], **words)
    assert [one.field for one in refused.value.problems] == [field]


def test_ending_revokes_it_and_answers_all_its_reviews(cast, exemption, review):
    reviewing.raise_for(exemption, Cause.CATALOGUE, "KB5039227", "KB5039227 was recalled.")
    close(review, cast["ivan"], Outcome.ENDED)
    exemption.refresh_from_db()
    assert exemption.state == Exemption.State.REVOKED
    assert set(Review.objects.values_list("outcome", flat=True)) == {Outcome.ENDED}
    assert told("exemption.revoked") == ["rita"]


def test_a_review_is_closed_once(cast, review):
    close(review, cast["clara"])
    with pytest.raises(WrongState, match="Clara Weiss closed this review"):
        close(review, cast["ivan"], Outcome.ENDED)


def test_the_end_answers_what_nobody_reviewed(cast, exemption, review, monkeypatch):
    asks.later(monkeypatch, exemption.ends_at)
    assert not reviewing.open_at(clock.now()).exists()
    with pytest.raises(WrongState, match="there is nothing to review"):
        close(review, cast["clara"])
