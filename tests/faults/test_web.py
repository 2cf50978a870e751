"""The web is killed, starved and flooded: what it said it had saved is saved, and it goes on answering."""

import os
import signal
import time
from collections import Counter

import pytest

from patching.models import ChangeRequest
from portal.governance.models import AuditEntry
from tests import asks, factories, people
from tests.faults.rig import load, matrix, oracle, processes
from tests.faults.rig.client import API, CUT, Browser, Caller, Visit, broken, times
from tests.faults.rig.proxy import CALM, Proxy, Weather

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

HERE = "tests/faults/test_web.py"
REQUESTS = f"{API}/change-requests/"
VISITORS = 3
PAGES = ("/", "/requests/", "/windows/", f"{API}/change-requests/", f"{API}/windows/")
DOWN = matrix.rounds(6, 300)  # seconds without AWS
BREATH = 0.1 if matrix.LONG else 0.3  # seconds between two pages; a short run leaves the processor to others


def wish(title):
    instances = list(factories.ManagedInstance.objects.order_by("pk")[:2])
    return {"title": title, "reason": asks.REASON, "items": [asks.window_item(instances)]}


def test_a_web_worker_killed_in_a_post_has_saved_all_that_it_said(simulated_aws, install, figures, settings):
    (seed,) = matrix.seeds()
    chance = matrix.announce(seed, f"{HERE} -k killed_in_a_post")
    tally = figures("F1", "kill -9 of the gunicorn worker 0 to 200 ms into POSTs of three clients")
    rita = people.person("rita")
    factories.payments()
    for _ in range(2):
        factories.instance(env="dev")
    web = install().web(workers=1)
    said: dict[str, int] = {}

    def ask(caller: Caller, name: str):
        def once(number: int) -> None:
            title = f"Patch {name} {number}"
            answer = caller.post(REQUESTS, body | {"title": title})
            said[title] = answer.status
            if answer.status == CUT:
                web.wait()

        return once

    body = wish("")
    callers = [Caller(web.port, rita) for _ in range(VISITORS)]
    kills = matrix.rounds(6, 200)
    visits = [Visit(ask(caller, f"v{number}")) for number, caller in enumerate(callers)]
    for _ in range(kills):
        known = len(said)
        processes.until(lambda known=known: len(said) > known + VISITORS, 30, "clients post again")
        time.sleep(chance.uniform(0, 0.2))
        for pid in web.workers():
            os.kill(pid, signal.SIGKILL)
        tally.worst("web back after s", web.wait())
    for visit in visits:
        visit.end()
    rows = {row.title: row for row in ChangeRequest.objects.select_related("current")}
    saved = {title for title, status in said.items() if status == 201}
    half = [row for row in rows.values() if row.current is None or row.current.number != 1]
    tellers = Counter(
        AuditEntry.objects.filter(object_type="patching.changerequest").values_list("object_id", flat=True)
    )
    tally.rounds += kills
    tally.seeds.append(seed)
    tally.lost += len(saved - rows.keys())
    tally.count("posts", len(said))
    tally.count("posts cut", sum(status == CUT for status in said.values()))
    tally.count("half saved", len(half) + sum(tellers[str(row.pk)] != 1 for row in rows.values()))
    tally.tell()
    assert set(said.values()) <= {CUT, 201}
    assert (tally.lost, tally.other["half saved"]) == (0, 0)
    assert oracle.chain() == ""


def test_the_web_does_not_notice_that_aws_is_down(simulated_aws, install, figures):
    tally = figures("F18", f"AWS refuses and swallows connections for {DOWN} s while three people work")
    company = load.company(simulated_aws, cells=2, places=2)
    proxy = Proxy(int(simulated_aws.url.rpartition(":")[2]))
    installation = install(aws=f"http://127.0.0.1:{proxy.port}", PUSH_LEASE_SECONDS="30")
    of_the_web = Proxy(proxy.target[1])
    web = installation.web(AWS_ENDPOINT_URL=f"http://127.0.0.1:{of_the_web.port}")
    worker, beat = installation.worker("worker"), installation.beat()
    company.begin()
    oracle.settles(90)
    chance = matrix.announce(1, f"{HERE} -k aws_is_down")

    def work(seconds: float) -> list[Caller]:
        """People read pages, and one has something approved now and then."""
        readers = [Browser(web.port, people.person(name)) for name in ("rita", "ines", "clara")]
        visits = [
            Visit(lambda number, one=one: one.get(PAGES[number % len(PAGES)]), BREATH) for one in readers
        ]
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            tally.count("approved meanwhile", bool(company.edit(chance)))
            time.sleep(1)
        for visit in visits:
            visit.end()
        return readers

    before = work(DOWN / 2)
    threads = {pid: processes.threads(pid) for pid in web.workers()}
    proxy.turn(Weather(refuses=True))
    proxy.reset_all()
    refused = work(DOWN / 2)
    proxy.turn(Weather(is_black_hole=True))
    swallowed = work(DOWN / 2)
    tally.worst(
        "threads more in the web", max(processes.threads(pid) - threads[pid] for pid in web.workers())
    )
    proxy.turn(CALM)
    proxy.reset_all()
    tally.worst("in sync after s", oracle.settles(300))
    proxy.stop()
    of_the_web.stop()
    meanwhile = [*refused, *swallowed]
    tally.rounds += len(times(meanwhile))
    tally.other["p95 ms with AWS"] = round(matrix.p95(times(before)) * 1000)
    tally.other["p95 ms without"] = round(matrix.p95(times(meanwhile)) * 1000)
    tally.count("5xx", len(broken(meanwhile)))
    tally.lost += len(oracle.unlike(simulated_aws))
    tally.double += len(oracle.doubles(simulated_aws))
    tally.tell()
    assert (worker.lives, beat is None or beat.lives) == (True, True)
    assert tally.other["5xx"] == 0, web.failures()
    assert proxy.taken > 0
    assert of_the_web.taken == 0, "A page waits for AWS."
    assert tally.other["threads more in the web"] <= 4
    oracle.raise_unless_whole(simulated_aws, company.places)
