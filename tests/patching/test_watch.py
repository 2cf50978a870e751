"""What an operator should look at first: every trouble is a concern with something to do, the worst first."""

from datetime import timedelta

import pytest

from patching import watch
from patching.models import AccountRegion, Drift, PushRun, ResourceState, Unmanaged
from portal.governance import clock
from tests import factories, many_places
from tests.patching.api import fleet


@pytest.fixture
def well(db):
    """An account-region that does well."""
    now = clock.now()
    place = factories.account_region(last_pulled_at=now, identity_at=now, identity_arn="arn:aws:sts::1:x")
    fleet.run(place)
    return place


def seen(place):
    (found,) = watch.over([AccountRegion.objects.select_related("account").get(pk=place.pk)])
    return found


def codes(place):
    return [one.code for one in seen(place).concerns]


def test_who_does_well_has_no_concern(well):
    assert codes(well) == []
    assert (seen(well).breaker, seen(well).queue_age, seen(well).next_try) == ("closed", None, None)


REAL = {
    "denied": {"health": "denied", "circuit_opens": 3},
    "clock": {"health": "clock"},
    "unreachable": {"health": "unreachable", "circuit_opens": 2},
    "throttled": {"health": "throttled"},
    "unproved": {"identity_at": None},
    "off": {"is_active": False},
}


@pytest.mark.parametrize("code", REAL)
def test_what_the_row_says_is_a_concern(well, code):
    AccountRegion.objects.update(**REAL[code])
    (only,) = seen(well).concerns
    assert (only.code, bool(only.what), bool(only.todo)) == (code, True, True)


def test_an_open_breaker_says_when_it_is_tried_again(well):
    AccountRegion.objects.update(
        health="denied", circuit_opens=2, circuit_until=clock.real_now() + timedelta(minutes=45)
    )
    one = seen(well)
    assert (one.breaker, one.is_shut) == ("open", True)
    assert "2 times in a row. Tried again in 45 min." in one.worst.what
    AccountRegion.objects.update(circuit_until=clock.real_now() - timedelta(minutes=1))
    assert seen(well).breaker == "trying"


def test_an_approved_change_may_wait_a_quarter_of_an_hour(well):
    AccountRegion.objects.update(
        push_wanted=2, push_done=1, wanted_at=clock.real_now() - timedelta(minutes=14)
    )
    assert codes(well) == []
    AccountRegion.objects.update(wanted_at=clock.real_now() - timedelta(minutes=40))
    assert seen(well).worst.what == "An approved change has waited for 40 min."
    AccountRegion.objects.update(push_done=2)
    assert codes(well) == []


def test_a_push_that_refused_itself_and_none_that_went_well_are_told(well):
    fleet.run(well, state=PushRun.State.REFUSED)
    assert codes(well) == ["refused"]
    PushRun.objects.filter(state="succeeded").update(finished_at=clock.now() - timedelta(hours=3))
    assert codes(well) == ["refused", "no_good_push"]
    PushRun.objects.filter(state="refused").update(error_code="paused")
    assert codes(well) == ["no_good_push"]


def resource(place, **fields):
    given = {
        "kind": "window",
        "key": "w",
        "label": "w",
        "uid": "w",
        "aws_id": "mw-1",
        "changed_at": clock.now(),
    }
    return ResourceState.objects.create(account_region=place, **{**given, **fields})


def test_parked_and_failed_resources_are_counted(well):
    resource(well, condition="parked")
    resource(well, key="x", condition="parked")
    resource(well, key="y", condition="failed")
    told = {one.code: (one.what, one.tab) for one in seen(well).concerns}
    assert told["parked"] == ("2 resources parked: nothing more is tried.", "resources")
    assert told["failed"] == ("1 resource failed and will be tried again.", "resources")


def test_what_drift_means_depends_on_the_policy(well):
    drift = Drift.objects.create(
        resource=resource(well, condition="drifted"), live_digest="d", found_at=clock.now()
    )
    assert codes(well) == ["drift"]
    AccountRegion.objects.update(drift_policy="pause")
    assert codes(well) == ["paused"]
    Drift.objects.update(paused=True)
    assert codes(well) == ["paused", "fought"]
    Drift.objects.filter(pk=drift.pk).update(state="passed")
    assert codes(well) == []


def test_readings_that_were_missed_are_a_concern(well, settings):
    AccountRegion.objects.update(
        last_pulled_at=clock.now() - timedelta(seconds=settings.PULL_EVERY_SECONDS * 5)
    )
    assert codes(well) == ["unread"]


def test_a_quota_counts_what_others_use_as_well(well):
    resource(well, condition="in_sync")
    resource(well, key="gone", condition="removed")
    resource(well, key="new", aws_id="", condition="pending")
    many_places.strangers(well, 90)
    windows, baselines = seen(well).uses
    assert (windows.used, windows.others, windows.limit) == (46, 45, 50)
    assert windows.text == "46 of 50, 45 not ours"
    assert codes(well) == ["quota", "quota"]
    Unmanaged.objects.update(gone_at=clock.now())
    assert codes(well) == []


def test_the_worst_of_forty_come_first_in_a_few_queries(db, django_assert_max_num_queries):
    many_places.build()
    places = list(AccountRegion.objects.select_related("account"))
    with django_assert_max_num_queries(10):
        found = watch.worst_first(watch.over(places))
    assert len(found) == 40
    first = [one.worst.code for one in found if one.worst]
    assert first[:4] == ["denied", "clock", "refused", "waiting"]
    assert first == sorted(first, key=watch.ORDER.index)
    assert not any(one.concerns for one in found[len(first) :])
    assert {code: number for code, _, number in watch.counts(found)}["parked"] == 2


def test_every_concern_has_its_words():
    assert set(watch.ORDER) == set(watch.WORDS)
