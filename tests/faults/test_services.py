"""The services under the portal are killed, restarted, emptied, filled up and silenced."""

import json
import random
import time

import pytest
from django.db import InterfaceError, OperationalError, connection

from patching.models import ChangeRequest
from portal.governance import clock, outbox
from portal.governance.models import Heartbeat, OutboxMessage
from tests import asks, factories, people
from tests.faults.rig import load, matrix, oracle, processes
from tests.faults.rig.client import API, Browser, Caller, Visit, broken, times
from tests.faults.rig.posts import PostOffice
from tests.faults.rig.proxy import CALM, Proxy, Weather
from tests.pushing import baseline_item

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

HERE = "tests/faults/test_services.py"
PAGES = ("/requests/", "/windows/", f"{API}/change-requests/", f"{API}/windows/")
NAMES = ("rita", "ines", "clara")
BREATH = 0.05 if matrix.LONG else 0.3  # seconds between two pages; a short run leaves the processor to others


def readers(web):
    """Three people who read one page after the other."""
    people_ = [Browser(web.port, people.person(name)) for name in NAMES]
    return people_, [Visit(lambda number, one=one: one.get(PAGES[number % 4]), BREATH) for one in people_]


@pytest.mark.postgres
@pytest.mark.redis
def test_a_database_that_crashes_again_and_again_loses_nothing(
    simulated_aws, private_postgres, install, witness, figures
):
    (seed,) = matrix.seeds()
    chance = matrix.announce(seed, f"{HERE} -k crashes_again")
    tally = figures(
        "F9", "pg_ctl restart -m immediate every 3 s while requests are approved, pushed and read"
    )
    company = load.company(simulated_aws, cells=2)
    witness.calls.clear()
    installation = install(PUSH_LEASE_SECONDS="3")
    web = installation.web()
    workers = [installation.worker(f"worker-{n}") for n in range(2)]
    installation.beat()
    company.begin()
    said, visits = readers(web)
    for _ in range(matrix.rounds(3, 20)):
        until = time.monotonic() + 3
        while time.monotonic() < until:
            try:
                tally.count("approved", bool(company.edit(chance)))
            except (OperationalError, InterfaceError):
                tally.count("refused while it was away")
                connection.close()
            time.sleep(0.2)
        private_postgres.restart()
        connection.close()
        tally.worst("web back after s", web.wait(30))
        tally.rounds += 1
    for visit in visits:
        visit.end()
    tally.worst("seconds until in sync", oracle.settles(120))
    assert all(worker.lives for worker in workers)
    installation.stop()
    known = set(ChangeRequest.objects.values_list("pk", flat=True))
    tally.lost += len({request.pk for request in company.asked} - known) + len(oracle.unlike(simulated_aws))
    tally.double += len(oracle.doubles(simulated_aws))
    tally.count("pages answered 500", sum(answer.status == 500 for answer in broken(said)))
    tally.count("pages answered 503", sum(answer.status == 503 for answer in broken(said)))
    tally.seeds.append(seed)
    tally.tell()
    assert tally.other["pages answered 500"] == 0, web.failures()
    assert (tally.lost, tally.double) == (0, 0)
    assert tally.other["web back after s"] < 10
    oracle.raise_unless_whole(simulated_aws, company.places, witness)


@pytest.mark.redis
def test_a_broker_that_is_emptied_killed_or_silent_loses_nothing(
    simulated_aws, install, private_redis, figures
):
    (seed,) = matrix.seeds()
    chance = matrix.announce(seed, f"{HERE} -k emptied_killed")
    tally = figures(
        "F23", "Redis: FLUSHALL, kill -9 and restart, 200 ms slow, black hole, reset; each for 2 s"
    )
    company = load.company(simulated_aws, cells=2)
    proxy = Proxy(private_redis.port)
    installation = install(redis=f"redis://127.0.0.1:{proxy.port}/0", PUSH_LEASE_SECONDS="3")
    web = installation.web()
    workers = [installation.worker(f"worker-{n}") for n in range(2)]
    beat = installation.beat()
    company.begin()
    oracle.settles(90)

    def work(seconds):
        """People read, and Rita writes drafts through the web, each of which may nudge."""
        known, visits = readers(web)
        rita = Caller(web.port, people.person("rita"))
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            tally.count("approved", bool(company.edit(chance)))
            title = f"Draft {len(rita.answers)}"
            body = {"title": title, "reason": asks.REASON, "items": [baseline_item("one-more")]}
            tally.count("drafts", rita.post(f"{API}/change-requests/", body).status == 201)
            time.sleep(0.2)
        for visit in visits:
            visit.end()
        return [*known, rita]

    def kill_and_restart():
        private_redis.kill()
        time.sleep(0.5)
        private_redis.start()

    events = {
        "flushed": private_redis.client.flushall,
        "killed": kill_and_restart,
        "slow": lambda: proxy.turn(Weather(latency=0.2)),
        "black hole": lambda: proxy.turn(Weather(is_black_hole=True)),
        "reset": proxy.reset_all,
    }
    calm = work(matrix.rounds(2, 4))
    stormy = []
    for number in range(matrix.rounds(5, 50)):
        events[list(events)[number % len(events)]]()
        stormy += work(2)
        proxy.turn(CALM)
        tally.rounds += 1
    tally.worst("seconds until in sync", oracle.settles(180))
    assert all(child.lives for child in (*workers, beat))
    tally.other["web p95 ms calm"] = round(matrix.p95(times(calm)) * 1000)
    tally.other["web p95 ms"] = round(matrix.p95(times(stormy)) * 1000)
    tally.count("5xx", len(broken([*calm, *stormy])))
    tally.lost += len(oracle.unlike(simulated_aws))
    tally.double += len(oracle.doubles(simulated_aws))
    tally.seeds.append(seed)
    tally.tell()
    proxy.stop()
    assert tally.other["5xx"] == 0, web.failures()
    assert (tally.lost, tally.double) == (0, 0)


def test_a_mail_server_that_swallows_connections_holds_nobody_up(simulated_aws, install, figures):
    tally = figures("F30", "the mail server takes connections and never answers, then works again")
    office = PostOffice()
    proxy = Proxy(office.port)
    proxy.turn(Weather(is_black_hole=True))
    company = load.company(simulated_aws, cells=1, places=2)
    installation = install(EMAIL_URL=f"smtp://127.0.0.1:{proxy.port}", PUSH_LEASE_SECONDS="30")
    worker, _ = installation.worker("worker"), installation.beat()
    began = time.monotonic()
    company.begin()
    tally.worst("s for the approvals", time.monotonic() - began)
    for _ in range(matrix.rounds(2, 30)):
        company.edit(random.Random(tally.rounds))
        tally.worst("s to sync while silent", oracle.settles(120))
        tally.rounds += 1
    promised = OutboxMessage.objects.count()
    assert not office.events
    proxy.turn(CALM)
    proxy.reset_all()

    def is_delivered():
        Heartbeat.objects.filter(name=outbox.SILENT).delete()  # as if its minute were over
        OutboxMessage.objects.filter(sent_at=None).update(due_at=clock.real_now())
        return not OutboxMessage.objects.filter(sent_at=None).exists()

    tally.worst("s to deliver after", processes.until(is_delivered, 120, "all mail is sent", every=1))
    assert worker.lives
    promised = OutboxMessage.objects.count()
    tally.count("mails", promised)
    tally.count("events received", len(office.events))
    tally.count("received twice", sum(office.events.values()) - len(office.events))
    tally.lost += promised - len(office.events)
    tally.tell()
    office.stop()
    proxy.stop()
    assert tally.lost == 0
    assert "without an event" not in office.events


def test_twelve_writers_at_once_are_never_told_that_the_database_is_locked(simulated_aws, install, figures):
    drafts = matrix.rounds(8, 200)
    tally = figures("F31", "12 processes write drafts at the same time")
    people.person("rita")
    factories.payments()
    for _ in range(2):
        factories.instance(env="dev")
    installation = install()
    before = ChangeRequest.objects.count()
    writers = [installation.writer(f"writer-{number}", drafts) for number in range(12)]
    for one in writers:
        processes.until(lambda one=one: not one.lives, 600, f"{one.name} ends")
    told = [json.loads(one.log.read_text().splitlines()[-1]) for one in writers]
    tally.rounds += sum(one["drafts"] for one in told)
    tally.count("locked", sum(one["refused"] for one in told))
    tally.worst("longest write s", max(one["longest"] for one in told))
    tally.lost += tally.rounds - (ChangeRequest.objects.count() - before)
    tally.tell()
    assert (tally.other["locked"], tally.lost) == (0, 0)
    assert oracle.chain() == ""
