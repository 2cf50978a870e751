"""Be one of the cast, let time pass, read mail."""

from datetime import timedelta

import pytest
from django.urls import reverse

from portal.demo import passing_time
from portal.governance import clock, outbox
from portal.governance.signing_in import raise_unless_recent, signed_in_at


def test_the_sign_in_page_shows_the_whole_cast(client, cast):
    page = client.get(reverse("account_login")).content.decode()

    assert all(str(person) in page for person in cast.values())


def test_one_click_signs_in_and_counts_as_a_proof(client, clara, rf):
    reply = client.post(reverse("demo:sign-in"), {"username": "clara", "next": "/demo/mail/"})

    assert (reply.status_code, reply.url) == (302, "/demo/mail/")
    request = rf.get("/")
    request.session, request.user = client.session, clara
    raise_unless_recent(signed_in_at(request))


def test_one_click_leads_nowhere_else(client, rita):
    reply = client.post(reverse("demo:sign-in"), {"username": "rita", "next": "https://evil.example/"})

    assert reply.status_code == 302
    assert "evil" not in reply.url


@pytest.mark.parametrize("username", ["root", "", "rita"])
def test_nobody_outside_the_cast_signs_in_by_a_click(client, django_user_model, db, username):
    django_user_model.objects.create_user("root", "root@example.com", is_superuser=True)

    assert client.post(reverse("demo:sign-in"), {"username": username}).status_code == 404


def test_a_person_who_left_does_not_come_back_by_a_click(client, rita):
    type(rita).objects.filter(pk=rita.pk).update(is_active=False)

    assert client.post(reverse("demo:sign-in"), {"username": "rita"}).status_code == 404


def test_signing_in_needs_a_post(client, rita):
    assert client.get(reverse("demo:sign-in"), {"username": "rita"}).status_code == 405


def test_mail_shows_my_own_letters_and_on_request_everybodys(rita, omar, browse):
    outbox.tell(rita, event="e", key="1", subject="For Rita", body="Hello")
    outbox.tell(omar, event="e", key="2", subject="For Omar", body="Hello")
    browser = browse(rita)

    mine = browser.get(reverse("demo:mail")).content.decode()
    everybodys = browser.get(reverse("demo:mail"), {"of": "all"}).content.decode()

    assert ("For Rita" in mine, "For Omar" in mine) == (True, False)
    assert "For Omar" in everybodys


@pytest.fixture
def simulator(monkeypatch):
    """A simulated AWS that only keeps time; the real one is met in management/commands/test_demo.py."""

    class Simulator:
        now = clock.real_now()

    def advance(to):
        Simulator.now = max(to, Simulator.now)
        return Simulator.now

    monkeypatch.setattr(passing_time.simulator, "clock", lambda: Simulator.now)
    monkeypatch.setattr(passing_time.simulator, "advance", advance)
    return Simulator


@pytest.mark.parametrize(
    ("step", "length"),
    [("hour", timedelta(hours=1)), ("day", timedelta(days=1)), ("week", timedelta(days=7))],
)
def test_a_button_lets_time_pass_for_both(rita, browse, simulator, step, length):
    before = clock.now()

    browse(rita).post(reverse("demo:advance"), {"step": step})

    assert clock.now() - before == pytest.approx(length, abs=timedelta(seconds=30))
    assert abs(simulator.now - clock.now()) < timedelta(seconds=30)


def test_without_a_window_there_is_nothing_to_wait_for(rita, browse, simulator):
    before = clock.now()

    browse(rita).post(reverse("demo:advance"), {"step": "window", "next": "/demo/mail/"})

    assert clock.now() - before < timedelta(seconds=30)


def test_the_api_takes_a_moment_or_seconds_and_never_goes_back(rita, call_api, simulator):
    api = call_api(rita, "read")
    before = clock.now()

    later = api.post("/api/v1/demo/advance", {"by": 7200}, format="json")
    back = api.post("/api/v1/demo/advance", {"to": "2020-01-01T00:00:00Z"}, format="json")
    both = api.post("/api/v1/demo/advance", {"to": "2020-01-01T00:00:00Z", "by": 1}, format="json")
    too_far = api.post("/api/v1/demo/advance", {"to": "9000-01-01T00:00:00Z"}, format="json")

    assert later.status_code == 200
    assert clock.now() - before >= timedelta(hours=2)
    assert [back.status_code, both.status_code, too_far.status_code] == [400, 400, 400]
    assert back.json()["errors"][0]["field"] == "to"


def test_whichever_clock_is_behind_catches_up(db, simulator):
    simulator.now = clock.now() + timedelta(days=3)
    passing_time.keep_together()
    assert clock.now() >= simulator.now

    clock.set_to(clock.now() + timedelta(days=1))
    passing_time.keep_together()
    assert abs(simulator.now - clock.now()) < timedelta(seconds=30)


def test_strangers_cannot_let_time_pass(client, db, simulator):
    assert client.post(reverse("demo:advance"), {"step": "week"}).status_code == 302
    assert client.post("/api/v1/demo/advance", {"by": 1}).status_code == 401
    assert clock.offset() == timedelta()
