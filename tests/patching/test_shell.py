"""What waits for whom, as the number in the frame."""

from datetime import timedelta

import pytest

from patching import permissions, shell, tasks, workflow
from patching.models import ChangeRequest
from portal.governance import clock
from portal.governance.models import Heartbeat
from tests import asks, factories


def waiting(cast):
    return {name for name, person in cast.items() if shell.counts(person)["requests"]}


def test_a_request_waits_for_those_who_may_decide_on_it(cast):
    asks.submitted(cast["rita"], asks.ha_items(asks.fleet()))
    assert waiting(cast) == {"omar", "ines", "ivan", "clara", "dora"}


def test_asked_for_changes_wait_for_who_asked(cast):
    request = asks.submitted(cast["rita"], asks.ha_items(asks.fleet()))
    workflow.request_changes(request, by=cast["ines"], reason="Zones overlap.", **asks.reading(request))
    assert waiting(cast) == {"rita"}


def test_a_failed_push_waits_for_the_operator(cast):
    request = factories.change_request(cast["rita"])
    ChangeRequest.objects.filter(pk=request.pk).update(state="failed")
    assert waiting(cast) == {"opal"}


def test_a_draft_waits_for_nobody_and_is_found_by_its_author(cast):
    request = asks.drafted(cast["rita"], asks.ha_items(asks.fleet()))
    assert waiting(cast) == set()
    assert list(shell.drafts(cast["rita"])) == [request]
    assert not shell.drafts(cast["omar"]).exists()


@pytest.mark.parametrize("decided", [(), ("omar",), ("ines",), ("omar", "ivan"), ("omar", "ines", "clara")])
def test_what_waits_is_what_somebody_has_a_slot_for(decided, cast):
    large = asks.submitted(cast["rita"], asks.ha_items(asks.fleet()))
    small = asks.submitted(cast["omar"], [asks.window_item([], name="payments-dev-x")])
    asks.approve(large, *(cast[name] for name in decided))
    for person in cast.values():
        waiting = set(permissions.waiting_for(person))
        assert waiting == {one for one in ChangeRequest.objects.all() if permissions.slot_for(person, one)}
    assert small in permissions.waiting_for(cast["ines"])


def test_asking_what_waits_costs_the_same_however_much_waits(cast, django_assert_max_num_queries):
    asks.fleet()
    for number in range(5):
        asks.submitted(cast["rita"], [asks.window_item([], name=f"payments-{number}")])
    with django_assert_max_num_queries(15):
        assert shell.counts(cast["ines"])["requests"] == 5


def test_the_frame_says_when_no_worker_has_been_seen(db, settings):
    assert shell.silence().startswith("No worker has been seen yet")
    tasks.tick()
    assert shell.silence() == ""
    long_ago = clock.real_now() - timedelta(seconds=settings.TICK_SECONDS * 13)
    Heartbeat.objects.filter(name="tick").update(at=long_ago)
    assert "Nothing is lost" in shell.silence()


def heard(settings, **ticks_ago):
    """Beat and tick were last heard so many ticks ago; None is never."""
    Heartbeat.objects.all().delete()
    for name, ticks in ticks_ago.items():
        if ticks is not None:
            at = clock.real_now() - timedelta(seconds=settings.TICK_SECONDS * ticks)
            Heartbeat.objects.create(name=name, at=at)
    return shell.silence()


@pytest.mark.parametrize(
    ("beat", "tick", "begins"),
    [
        (0, 0, ""),
        (None, 0, ""),  # somebody ticks without our beat
        (13, 11, ""),
        (0, 13, "Beat sends its ticks, but no worker has done one since"),
        (0, None, "Beat sends its ticks, but no worker has done one yet"),
        (13, 13, "No worker has been seen since"),
        (None, 13, "No worker has been seen since"),
        (None, None, "No worker has been seen yet"),
        (13, None, "No worker has been seen yet"),
    ],
)
def test_a_silent_beat_and_silent_workers_are_told_apart(db, settings, beat, tick, begins):
    said = heard(settings, beat=beat, tick=tick)
    assert said.startswith(begins)
    assert bool(said) == bool(begins)
    assert ("Beat has" in said) == begins.startswith("No worker has been seen since")


def test_the_frame_costs_one_query_for_it(db, django_assert_num_queries):
    with django_assert_num_queries(1):
        shell.silence()


def test_the_sentence_stands_on_every_page(rita, browse):
    assert "No worker has been seen yet" in browse(rita).get("/requests/").content.decode()
