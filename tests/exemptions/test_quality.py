"""Decision quality: how fast, how well read, and what became of it."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exemptions import documents, quality, workflow
from exemptions.models import Exemption, Offer, Review
from portal.governance import clock
from portal.governance.models import AuditEntry, LastLook
from tests.exemptions import asks

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture
def passes(monkeypatch):
    """``passes(hours=3)``: so much time goes by on the portal's clock."""
    now = clock.now()

    def go(**much):
        nonlocal now
        now += timedelta(**much)
        asks.later(monkeypatch, now)
        return now

    go()
    return go


def report(days=90):
    return quality.report(Exemption.objects.all(), clock.now(), days)


def looks(person, exemption, *, ago):
    LastLook.objects.create(
        user=person,
        object_type="exemptions.exemption",
        object_id=str(exemption.pk),
        revision=exemption.current.number,
        first_at=clock.now() - ago,
        last_at=clock.now(),
    )


def opens(person, exemption):
    documents.read(exemption.documents.get(), by=person)


def approve(exemption, person):
    return workflow.approve(exemption, by=person, **asks.reading(exemption))


@given(st.lists(st.timedeltas(timedelta(0), timedelta(days=30)), min_size=1))
def test_nine_in_ten_are_as_fast_as_the_ninetieth_percentile(took):
    found = quality.times(took)
    assert found.count == len(took)
    assert min(took) <= found.median <= max(took)
    assert sum(one <= found.p90 for one in took) >= 0.9 * len(took)
    assert found.p90 in took


@pytest.mark.parametrize(
    ("hours", "median", "p90"),
    [([3], 3, 3), ([1, 2, 3], 2, 3), ([1, 2, 3, 4], 2.5, 4), (range(1, 11), 5.5, 9)],
)
def test_times_are_median_and_nearest_rank(hours, median, p90):
    found = quality.times([one * HOUR for one in hours])
    assert (found.median, found.p90) == (median * HOUR, p90 * HOUR)


def longer(days):
    """The words of an ask that lasts so many days longer, since the same again would be refused as a duplicate."""
    return {"ends_at": clock.now() + (10 + days) * DAY}


def test_nothing_decided_has_no_times(rita):
    found = report()
    assert found.everybody.times == quality.Times(0, None, None)
    assert set(found.counts.values()) == {0}
    assert set(found.lists) == set(quality.MEASURES)


def test_the_clock_starts_with_the_submission_of_that_revision(cast, passes):
    asked = asks.submitted(cast["rita"])
    passes(hours=2)
    workflow.request_changes(asked, by=cast["clara"], reason="Narrower.", **asks.reading(asked))
    passes(hours=30)
    servers = list(asked.instances.all())
    asked = workflow.revise(asked, by=cast["rita"], **asks.wish(servers[:1]))
    asked = workflow.submit(asked, by=cast["rita"])
    passes(hours=6)
    approve(asked, cast["clara"])
    assert [word.took for word in report().everybody.words] == [2 * HOUR, 6 * HOUR]
    assert report().everybody.sent_back == 1
    assert report().counts["decided"] == 1


def test_each_role_is_measured_by_itself(cast, passes):
    asked = asks.submitted(cast["rita"], ends_at=clock.now() + 40 * DAY)
    passes(hours=1)
    approve(asked, cast["clara"])
    passes(hours=4)
    approve(asked, cast["ivan"])
    ciso, security = report().slots
    assert (ciso.label, ciso.times.median) == ("CISO", HOUR)
    assert (security.label, security.times.median) == ("Security operations", 5 * HOUR)
    assert report().everybody.times.count == 2


def test_what_was_decided_before_the_period_does_not_count(cast, passes):
    approve(asks.submitted(cast["rita"]), cast["clara"])
    passes(days=31)
    assert report(30).counts["decided"] == 0
    assert report(90).counts["decided"] == 1


def test_an_approval_is_unread_unless_its_decider_opened_a_document_before(cast, passes):
    servers = asks.servers()
    unread, read, by_another, after = (
        asks.submitted(cast["rita"], servers, **longer(more)) for more in range(4)
    )
    opens(cast["clara"], read)
    opens(cast["ines"], by_another)
    for one in (unread, read, by_another, after):
        passes(minutes=5)
        approve(one, cast["clara"])
    passes(minutes=5)
    opens(cast["clara"], after)
    found = report()
    assert found.lists["unread"] == {unread.pk, by_another.pk, after.pk}
    assert (found.everybody.unread, found.everybody.approvals) == (3, 4)


def test_a_rejection_is_never_called_unread(cast, passes):
    asked = asks.submitted(cast["rita"])
    workflow.reject(asked, by=cast["clara"], reason="Patch it.", **asks.reading(asked))
    found = report()
    assert found.lists["unread"] == frozenset()
    assert (found.everybody.rejections, found.counts["approvals"]) == (1, 0)


@pytest.mark.parametrize(("seconds", "hasty"), [(0, True), (60, True), (61, False), (3600, False)])
def test_an_approval_within_a_minute_of_the_first_look_is_hasty(cast, passes, seconds, hasty):
    asked = asks.submitted(cast["rita"])
    passes(hours=2)
    looks(cast["clara"], asked, ago=timedelta(seconds=seconds))
    approve(asked, cast["clara"])
    assert report().lists["hasty"] == ({asked.pk} if hasty else frozenset())
    assert report().counts["unknown"] == 0


def test_without_a_look_nobody_knows_how_long_it_was_read(cast, passes):
    asked = asks.submitted(cast["rita"])
    looks(cast["ines"], asked, ago=timedelta(0))
    approve(asked, cast["clara"])
    assert report().lists["unknown"] == {asked.pk}
    assert report().everybody.unknown == 1
    assert report().counts["hasty"] == 0


def test_what_lapses_undecided_is_overdue(cast, passes):
    asked = asks.submitted(cast["rita"])
    assert report().counts["lapsed"] == 0
    passes(days=60)
    assert report().lists["lapsed"] == {asked.pk}
    passes(days=60)
    assert report(30).counts["lapsed"] == 0


@pytest.mark.parametrize(("restored_after", "overdue"), [(1, False), (24, False), (25, True), (None, True)])
def test_what_is_not_restored_within_a_day_of_its_end_is_breached(cast, passes, restored_after, overdue):
    held = asks.approved(cast["rita"])
    passes(days=20)
    if restored_after is not None:
        Exemption.objects.filter(pk=held.pk).update(
            state="restored", restored_at=held.ends_at + restored_after * HOUR
        )
    assert report().lists["overdue"] == ({held.pk} if overdue else frozenset())
    assert report().lists["breached"] == report().lists["overdue"]
    assert report().lists["approved"] == {held.pk}


def test_what_is_in_force_is_not_breached(cast, passes):
    asks.approved(cast["rita"])
    passes(days=5)
    assert report().counts["breached"] == 0


def test_a_revoked_a_reviewed_and_a_habitual_one_are_breached(cast, passes):
    servers = asks.servers()
    revoked, reviewed, first = (asks.approved(cast["rita"], servers, **longer(more)) for more in range(3))
    workflow.revoke(revoked, by=cast["clara"], reason="The fix is out.")
    Review.objects.create(
        exemption=reviewed,
        cause="owner",
        key="x",
        text="It changed its owner.",
        raised_at=clock.now(),
        due_at=clock.now(),
        closed_at=clock.now(),
        outcome="ended",
        reason="No.",
    )
    again = asks.approved(cast["rita"], servers, **longer(9))
    Exemption.objects.filter(pk=again.pk).update(renews=first, renewal=2)
    found = report()
    assert found.lists["revoked"] == {revoked.pk}
    assert found.lists["ended"] == {reviewed.pk}
    assert found.lists["repeated"] == {again.pk}
    assert found.lists["breached"] == {revoked.pk, reviewed.pk, again.pk}
    assert found.counts["approved"] == 4


def test_offers_are_counted_by_their_answer(cast, passes):
    servers = asks.servers()
    waiting, accepted, refused = (asks.submitted(cast["rita"], servers, **longer(more)) for more in range(3))
    for one in (waiting, accepted, refused):
        answered = {} if one == waiting else {"answered_at": clock.now(), "answered_by": cast["rita"]}
        Offer.objects.create(
            revision=one.current,
            slot="ciso",
            content="{}",
            digest="0" * 64,
            reason="Shorter.",
            offered_by=cast["clara"],
            offered_at=clock.now(),
            lapses_at=clock.now() + DAY,
            accepted=one.current if one == accepted else None,
            **answered,
        )
    lists = report().lists
    assert lists["offers"] == {waiting.pk, accepted.pk, refused.pk}
    assert (lists["accepted"], lists["refused"], lists["unanswered"]) == (
        {accepted.pk},
        {refused.pk},
        {waiting.pk},
    )


def test_many_decisions_cost_as_many_queries_as_one(cast, passes):
    servers = asks.servers()
    approve(asks.submitted(cast["rita"], servers), cast["clara"])
    few = asks.queries_of(report)
    for more in range(1, 5):
        approve(asks.submitted(cast["rita"], servers, **longer(more)), cast["clara"])
    assert asks.queries_of(report) == few
    assert AuditEntry.objects.filter(action="exemptions.exemption.submitted").count() == 5
