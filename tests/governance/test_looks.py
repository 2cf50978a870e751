"""Who had which revision before them, and what is news to them."""

from datetime import timedelta

import pytest

from portal.governance import clock, looks
from portal.governance.models import LastLook
from tests import factories
from tests.exemptions.asks import later, queries_of


@pytest.fixture
def change(cast):
    made = factories.change_request(cast["rita"])
    factories.revision(made)
    return made


def seen(user):
    rows = LastLook.objects.filter(user=user).order_by("revision")
    return [(one.revision, one.first_at, one.last_at) for one in rows]


def test_the_first_look_is_written_down_and_nothing_is_news(change, cast, monkeypatch):
    at = clock.now()
    later(monkeypatch, at)

    assert looks.look(change, cast["ines"]) is None
    assert seen(cast["ines"]) == [(1, at, at)]


def test_within_a_minute_nothing_is_written_again(change, cast, monkeypatch):
    at = clock.now()
    later(monkeypatch, at)
    looks.look(change, cast["ines"])
    later(monkeypatch, at + timedelta(seconds=59))

    assert queries_of(lambda: looks.look(change, cast["ines"])) == 1
    assert seen(cast["ines"]) == [(1, at, at)]


def test_a_later_look_moves_only_its_end(change, cast, monkeypatch):
    at = clock.now()
    later(monkeypatch, at)
    looks.look(change, cast["ines"])
    later(monkeypatch, at + timedelta(minutes=5))

    assert queries_of(lambda: looks.look(change, cast["ines"])) == 2
    assert seen(cast["ines"]) == [(1, at, at + timedelta(minutes=5))]


def test_a_new_revision_is_news_for_an_hour_since_it_was_first_read(change, cast, monkeypatch):
    at = clock.now()
    later(monkeypatch, at)
    looks.look(change, cast["ines"])
    factories.revision(change)
    factories.revision(change)

    later(monkeypatch, at + timedelta(days=1))
    assert looks.look(change, cast["ines"]) == looks.Look(1, at)
    later(monkeypatch, at + timedelta(days=1, minutes=59))
    assert looks.look(change, cast["ines"]) == looks.Look(1, at)
    later(monkeypatch, at + timedelta(days=1, minutes=61))
    assert looks.look(change, cast["ines"]) is None


def test_nobody_is_told_what_they_wrote_themselves(change, cast):
    looks.look(change, cast["rita"])
    factories.revision(change)
    assert looks.look(change, cast["rita"]) is None

    latest = factories.revision(change, by=cast["omar"])
    earlier = looks.look(change, cast["rita"])

    assert latest.number == 3
    assert earlier is not None
    assert earlier.revision == 2


def test_looks_of_others_and_at_other_things_count_for_nothing(change, cast):
    looks.look(change, cast["ivan"])
    other = factories.change_request(cast["rita"])
    factories.revision(other)
    looks.look(other, cast["ines"])
    factories.revision(change)

    assert looks.look(change, cast["ines"]) is None
