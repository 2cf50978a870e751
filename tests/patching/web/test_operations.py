"""The operators' page: forty account-regions, the worst first, narrowed by address, and as CSV."""

import pytest
from django.urls import reverse

from patching import watch
from tests import many_places
from tests.patching.web.conftest import asked_of_patching, made_once, text_of

ADDRESS = reverse("patching:operations")


@pytest.fixture(scope="module", autouse=True)
def _world(django_db_setup, django_db_blocker):
    with made_once(django_db_blocker):
        many_places.build()
        yield


def test_the_first_thing_is_what_stops_everything(cast, browse):
    answer = browse(cast["opal"]).get(ADDRESS)
    assert [one.worst.code for one in answer.context["first"]] == ["denied", "clock", "refused"]
    assert "13 of 40 account-regions" in text_of(answer).replace("\N{NO-BREAK SPACE}", " ")
    assert "Mend the role in the account, then check the connection." in text_of(answer)


@pytest.mark.parametrize("code", ["denied", "parked", "drift", "quota", "off"])
def test_a_concern_in_the_address_shows_those_who_have_it(cast, browse, code):
    answer = browse(cast["opal"]).get(ADDRESS, {"concern": code})
    shown = answer.context["page"].object_list
    assert shown
    assert all(code in {one.code for one in each.concerns} for each in shown)
    counted = {each: number for each, _, number in watch.counts(watch.over([one.place for one in shown]))}
    assert counted[code] == len(shown)


def test_filters_come_together_and_nonsense_narrows_nothing(cast, browse):
    client = browse(cast["opal"])

    def many(**query):
        return client.get(ADDRESS, query).context["page"].paginator.count

    assert (many(), many(need="yes"), many(q="Mobile", need="yes")) == (40, 13, 3)
    assert many(region="eu-west-1", need="yes") + many(region="eu-central-1", need="yes") == 13
    assert many(q="nobody") == 0
    assert many(concern="?", need="?", page="x") == 40


def test_what_is_seen_is_exported(cast, browse):
    answer = browse(cast["opal"]).get(ADDRESS, {"need": "yes", "format": "csv"})
    lines = b"".join(answer.streaming_content).decode().splitlines()
    assert len(lines) == 14
    assert lines[0].startswith("Account,Id,Region,Concerns,What is wrong,What to do,Breaker")
    assert ",denied," in lines[1]


def test_forty_cost_the_same_few_queries_as_one(cast, browse):
    client = browse(cast["opal"])
    assert asked_of_patching(lambda: client.get(ADDRESS)) < 16


def test_it_is_the_operators_alone_and_in_their_navigation(cast, browse):
    assert ADDRESS in text_of(browse(cast["opal"]).get(reverse("home")))
    for name in ("rita", "omar", "ines", "clara", "axel", "adam", "noor"):
        client = browse(cast[name])
        assert client.get(ADDRESS).status_code == 403
        assert f'href="{ADDRESS}"' not in text_of(client.get(reverse("home")))


def test_the_list_of_accounts_stands_forty_as_well(cast, browse):
    client = browse(cast["axel"])
    assert len(client.get(reverse("patching:account-list")).context["page"].object_list) == 25
    assert asked_of_patching(lambda: client.get(reverse("patching:account-list"))) < 18
