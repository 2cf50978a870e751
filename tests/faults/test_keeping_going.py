"""Deployments, hung workers, floods and people who lose their role in the middle of it."""

import io
import os
import signal
import threading
import time
import zipfile
from datetime import timedelta

import pytest
from django.db import connection

from patching import workflow
from patching.models import ChangeRequest, Decision
from patching.shell import SILENT_AFTER_TICKS, silence
from portal.governance.errors import DomainError
from portal.governance.models import RoleGrant, User
from tests import asks, people
from tests.exemptions import asks as exempt
from tests.faults.rig import load, matrix, oracle, processes
from tests.faults.rig.client import API, CUT, Browser, Caller, Visit, broken
from tests.faults.rig.proxy import CALM, Proxy, Weather
from tests.pushing import baseline_item

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

HERE = "tests/faults/test_keeping_going.py"
MEGABYTE = 1024 * 1024
TICK = 0.5


@pytest.mark.redis
def test_a_worker_that_hangs_or_is_cut_off_is_noticed(
    simulated_aws, install, private_redis, figures, settings
):
    tally = figures(
        "F24", "the only worker is stopped (SIGSTOP), or its connection to Redis and beat's go silent"
    )
    settings.TICK_SECONDS = TICK
    proxy = Proxy(private_redis.port)
    installation = install(redis=f"redis://127.0.0.1:{proxy.port}/0", TICK_SECONDS=str(TICK))
    installation.beat()
    worker = installation.worker("worker")
    patience = SILENT_AFTER_TICKS * TICK
    processes.until(lambda: not silence(), 60, "the worker is heard")
    for number in range(matrix.rounds(2, 10)):
        if number % 2:
            proxy.turn(Weather(is_black_hole=True))
        else:
            worker.send(signal.SIGSTOP)
        tally.worst("s to notice", processes.until(silence, patience * 3, "the silence is told"))
        tally.count("noticed")
        proxy.turn(CALM)
        proxy.reset_all()
        worker.send(signal.SIGCONT)
        tally.worst("s to be heard again", processes.until(lambda: not silence(), 60, "it is heard again"))
        tally.rounds += 1
    tally.tell()
    proxy.stop()
    assert worker.lives
    assert tally.other["noticed"] == tally.rounds


@pytest.mark.redis
def test_a_rolling_deployment_loses_nothing(simulated_aws, install, figures):
    (seed,) = matrix.seeds()
    chance = matrix.announce(seed, f"{HERE} -k rolling")
    tally = figures("F26", "SIGTERM to each worker and HUP to gunicorn, one after the other, under load")
    company = load.company(simulated_aws, cells=2, places=2)
    installation = install(PUSH_LEASE_SECONDS="30")
    web, workers = installation.web(), [installation.worker(f"worker-0-{n}") for n in range(2)]
    beat = installation.beat()
    company.begin()
    reader, writer = Browser(web.port, people.person("ines")), Caller(web.port, people.person("rita"))

    def write(number):
        items = [baseline_item(f"roll-{number}")]
        writer.post(
            f"{API}/change-requests/", {"title": f"Roll {number}", "reason": asks.REASON, "items": items}
        )

    visits = [Visit(lambda number: reader.get("/requests/"), 0.05), Visit(write, 0.1)]
    for number in range(1, matrix.rounds(1, 20) + 1):
        company.edit(chance)
        old = web.workers()
        os.kill(web.process.pid, signal.SIGHUP)
        for place, worker in enumerate(workers):
            workers[place] = installation.worker(f"worker-{number}-{place}")
            tally.worst("s to finish", worker.terminate())
        processes.until(lambda old=old: not set(old) & set(web.workers()), 60, "the old web workers are gone")
        web.wait()
        tally.rounds += 1
    for visit in visits:
        visit.end()
    tally.worst("seconds until in sync", oracle.settles(120))
    assert all(child.lives for child in (*workers, *filter(None, [beat])))
    installation.stop()
    answers = [*reader.answers, *writer.answers]
    tally.count("answers", len(answers))
    tally.count("5xx", len(broken([reader, writer])))
    tally.count("cut", sum(answer.status == CUT for answer in answers))
    said = {answer.json["id"] for answer in writer.answers if answer.status == 201}
    tally.lost += len(said - set(ChangeRequest.objects.values_list("pk", flat=True)))
    tally.lost += len(oracle.unlike(simulated_aws))
    tally.double += len(oracle.doubles(simulated_aws))
    tally.seeds.append(seed)
    tally.tell()
    assert said
    assert tally.other["5xx"] == 0, web.failures()
    assert (tally.lost, tally.double) == (0, 0)


def test_a_flood_is_refused_at_once_and_costs_no_memory(simulated_aws, install, cast, figures):
    tally = figures("F32", "POST of 100 MB JSON and of a document that unpacks to 1 GB")
    rita = cast["rita"]
    draft = exempt.drafted(rita, exempt.servers(env="dev"))
    web = install().web(workers=1)
    (pid,) = web.workers()
    caller = Caller(web.port, rita)
    assert caller.get(f"{API}/change-requests/").status == 200
    before = processes.resident_bytes(pid)
    bomb = io.BytesIO()
    with (
        zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("word/document.xml", "w") as member,
    ):
        for _ in range(1024):
            member.write(bytes(MEGABYTE))
    head = b'--b\r\nContent-Disposition: form-data; name="document"; filename="a.docx"\r\n'
    form = head + b"Content-Type: application/zip\r\n\r\n" + bomb.getvalue() + b"\r\n--b--\r\n"
    huge = b'{"title": "' + bytes(100 * MEGABYTE) + b'"}'
    floods = [
        (f"{API}/change-requests/", huge, "application/json"),
        (f"{API}/exemptions/{draft.pk}/documents/", form, "multipart/form-data; boundary=b"),
    ]
    for _ in range(matrix.rounds(1, 20)):
        for path, body, kind in floods:
            answer = caller.call("POST", path, body, {"Content-Type": kind})
            tally.worst("slowest answer s", answer.seconds)
            # gunicorn may close before all is sent; whoever goes on sending then sees no answer
            tally.count(f"answered {answer.status}" if answer.status else "cut while sending")
            tally.worst("MB more", max(0, processes.resident_bytes(pid) - before) / MEGABYTE)
            tally.rounds += 1
    tally.count("5xx", len(broken([caller])))
    tally.tell()
    assert web.workers() == [pid]
    assert set(tally.other) <= {
        "slowest answer s",
        "MB more",
        "5xx",
        "cut while sending",
        "answered 400",
        "answered 413",
    }
    assert tally.other["5xx"] == 0, web.failures()
    assert tally.other["MB more"] <= 50


def test_an_approver_who_loses_the_role_before_the_click_decides_nothing(cast, figures):
    (seed,) = matrix.seeds()
    chance = matrix.announce(seed, f"{HERE} -k approver")
    tally = figures("F33", "the approver is switched off, or loses the role, between opening and clicking")
    fleet, ivan = asks.fleet(), cast["ivan"]
    for number in range(matrix.rounds(20, 200)):
        request = asks.submitted(cast["rita"], [asks.window_item(fleet[:2], name=f"race-{number}")])
        click = Click(request, ivan, chance.uniform(0, 0.04))
        loss = Loss(ivan, chance.uniform(0, 0.04), for_good=bool(number % 2))
        for one in (click, loss):
            one.start()
        for one in (click, loss):
            one.join()
        accepted = Decision.objects.filter(revision=request.current).exists()
        tally.count("accepted", accepted)
        tally.count("refused", click.refused)
        tally.count("accepted after the role was gone", accepted and click.began > loss.ended)
        loss.give_back()
        workflow.withdraw(ChangeRequest.objects.get(pk=request.pk), by=cast["rita"])
        tally.rounds += 1
    tally.seeds.append(seed)
    tally.tell()
    assert tally.other["accepted after the role was gone"] == 0
    assert tally.other["accepted"] + tally.other["refused"] == tally.rounds


class Click(threading.Thread):
    """Somebody approves what they have read, a moment from now."""

    def __init__(self, request: ChangeRequest, person: User, after: float) -> None:
        super().__init__()
        self.request, self.person, self.after = request, User.objects.get(pk=person.pk), after
        self.reading = asks.reading(request)
        self.began, self.refused = 0.0, False

    def run(self) -> None:
        time.sleep(self.after)
        self.began = time.monotonic()
        try:
            # a page asks anew who somebody is
            workflow.approve(self.request, by=User.objects.get(pk=self.person.pk), **self.reading)
        except DomainError:
            self.refused = True
        finally:
            connection.close()


class Loss(threading.Thread):
    """Somebody is switched off, or loses a role, a moment from now."""

    def __init__(self, person: User, after: float, *, for_good: bool) -> None:
        super().__init__()
        self.person, self.after, self.for_good = person, after, for_good
        self.grants = list(RoleGrant.objects.filter(user=person))
        self.ended = 0.0

    def run(self) -> None:
        time.sleep(self.after)
        if self.for_good:
            User.objects.filter(pk=self.person.pk).update(is_active=False)
        else:
            RoleGrant.objects.filter(user=self.person).update(ends_at=people.LONG_AGO + timedelta(days=1))
        self.ended = time.monotonic()
        connection.close()

    def give_back(self) -> None:
        User.objects.filter(pk=self.person.pk).update(is_active=True)
        RoleGrant.objects.filter(user=self.person).update(ends_at=None)
