"""Nobody is there for a while: exemptions end all the same, and what fell due meanwhile is done once, not twice."""

import shelve
import time
from collections import Counter
from datetime import timedelta

import pytest
from celery.beat import PersistentScheduler

from exemptions.models import Exemption
from patching.models import AccountRegion, ManagedInstance, PullRun, PushRun
from patching.specs import DEFERRED
from portal.celery import app
from portal.governance import audit, clock
from portal.governance.models import AuditEntry, IdempotencyKey, OutboxMessage
from tests import people
from tests.exemptions import asks as exempt
from tests.faults.rig import load, matrix, oracle, processes
from tests.faults.rig.client import API, Browser
from tests.faults.rig.posts import PostOffice

pytestmark = [pytest.mark.slow, pytest.mark.redis, pytest.mark.django_db(transaction=True)]

A_DAY = timedelta(hours=24)
HOLDS_FOR = timedelta(hours=20)


def tag_of(aws, instance):
    return aws.world.nodes[instance.instance_id].tags["MaintenanceWindow"]


def schedules(aws):
    return [name for region in aws.world.regions.values() for name in region.schedules]


def go_to(aws, moment):
    """Time passes for AWS and for the portal, whoever works there."""
    aws.advance(to=moment)
    clock.set_to(moment)


def exempted(company):
    """One instance of every cell is left out of its window for some hours, in AWS too."""
    rita = people.person("rita")
    ends_at = clock.now() + HOLDS_FOR
    for cell in company.cells:
        instance = ManagedInstance.objects.get(instance_id=cell.instances[0])
        exempt.approved(rita, [instance], ends_at=ends_at, title=f"Leave {cell.name} alone")
    oracle.converge(company.places)
    exemptions = list(Exemption.objects.order_by("pk"))
    instances = [one.instances.get() for one in exemptions]
    assert {tag_of(company.aws, one) for one in instances} == {DEFERRED}
    assert len(schedules(company.aws)) == len(instances)
    return exemptions, instances, ends_at


def test_an_exemption_ends_while_the_broker_and_all_workers_are_down(
    simulated_aws, install, private_redis, figures
):
    tally = figures("F20", "exemptions end while Redis, beat and every worker are down")
    company = load.company(simulated_aws, cells=matrix.rounds(1, 10), places=2)
    company.begin()
    exemptions, instances, ends_at = exempted(company)
    windows = {cell.instances[0]: f"{cell.name}-window" for cell in company.cells}
    installation = install(redis=private_redis.url)
    web = installation.web()
    reader = Browser(web.port, people.person("rita"))
    assert "Expired" not in reader.get(f"/exemptions/{exemptions[0].pk}/").text
    private_redis.kill()

    go_to(simulated_aws, ends_at + timedelta(seconds=1))
    time.sleep(clock._CACHE_SECONDS + 0.1)  # so long the demo's moved clock is remembered; a real one is not
    for exemption in exemptions:
        page = reader.get(f"/exemptions/{exemption.pk}/").text
        shown = reader.get(f"{API}/exemptions/{exemption.pk}/").json["state"]
        tally.count("shown as active after the end", "Expired, not yet restored" not in page)
        tally.count("told as active by the API after the end", shown != "expired")
    # AWS's own schedule did it, and nobody of ours was there
    tally.count("given back by AWS alone", sum(tag_of(simulated_aws, one) != DEFERRED for one in instances))
    assert {one.instance_id: tag_of(simulated_aws, one) for one in instances} == windows

    private_redis.start()
    began = time.monotonic()
    installation.worker("worker")
    installation.beat()
    processes.until(
        lambda: set(Exemption.objects.values_list("state", flat=True)) == {"restored"},
        120,
        lambda: f"restored: {Exemption.objects.values_list('state', flat=True)}",
        every=0.5,
    )
    tally.worst("s from the start of workers until proved", time.monotonic() - began)
    installation.stop()
    tally.rounds += len(exemptions)
    tally.lost += len(oracle.unlike(simulated_aws))
    tally.double += len(oracle.doubles(simulated_aws))
    tally.tell()
    assert (tally.lost, tally.double) == (0, 0)
    assert tally.other["shown as active after the end"] == 0
    assert tally.other["told as active by the API after the end"] == 0
    assert schedules(simulated_aws) == []
    oracle.raise_unless_whole(simulated_aws, company.places)


def schedule_of_yesterday(path):
    """What beat wrote into its file before it stopped a day ago."""
    PersistentScheduler(app, schedule_filename=str(path)).close()
    with shelve.open(str(path), writeback=True) as kept:
        for entry in kept["entries"].values():
            entry.last_run_at -= A_DAY


def test_a_day_without_beat_and_then_two_of_them_do_every_duty_once(
    simulated_aws, install, figures, tmp_path
):
    tally = figures(
        "F21", "beat down for 24 h, then two of them: one with its file of yesterday, one without"
    )
    office = PostOffice()
    company = load.company(simulated_aws, cells=matrix.rounds(1, 10), places=2)
    company.begin()
    exemptions, instances, ends_at = exempted(company)
    places = len(company.places)
    IdempotencyKey.objects.create(
        user=company.rita,
        key="of the day before",
        method="POST",
        path="/",
        body_digest="0" * 64,
        claimed_at=clock.real_now() - 2 * A_DAY,
    )
    installation = install(EMAIL_URL=f"smtp://127.0.0.1:{office.port}")
    workers = [installation.worker(f"worker-{number}") for number in range(2)]
    go_to(simulated_aws, ends_at - HOLDS_FOR + A_DAY)
    AccountRegion.objects.update(next_pull_at=clock.real_now() - A_DAY, pull_nudged_at=None)
    pushes, pulls = PushRun.objects.count(), PullRun.objects.count()
    written = len(simulated_aws.log())
    schedule_of_yesterday(tmp_path / "schedule")

    began = time.monotonic()
    installation.beat(
        "beat-of-yesterday",
        "--scheduler",
        "celery.beat:PersistentScheduler",
        "--schedule",
        str(tmp_path / "schedule"),
        "--pidfile=",
    )
    installation.beat("beat-without-memory")

    def left():
        """Duties that nobody has done yet."""
        duties = {
            "push": PushRun.objects.filter(state__in=("succeeded", "partial")).count() - pushes < places,
            "reading": PullRun.objects.exclude(finished_at=None).count() - pulls < places,
            "mail": OutboxMessage.objects.filter(sent_at=None).exists(),
            "expiry": Exemption.objects.exclude(state="restored").exists(),
            "prune": IdempotencyKey.objects.exists(),
        }
        return [name for name, is_open in duties.items() if is_open]

    processes.until(lambda: not left(), 120, lambda: f"done: {left()}", every=0.5)
    tally.worst("s until all was done", time.monotonic() - began)
    settled = (PullRun.objects.count(), len(simulated_aws.log()))
    time.sleep(4)  # some more ticks of both, in which nothing may happen twice
    assert all(worker.lives for worker in workers)
    installation.stop()
    office.stop()

    readings = Counter(PullRun.objects.order_by("-pk").values_list("account_region", flat=True)[: 2 * places])
    restored = AuditEntry.objects.filter(action="exemptions.exemption.restored")
    tally.rounds += places + len(exemptions)
    tally.count("mails", OutboxMessage.objects.count())
    tally.count("mails twice", sum(office.events.values()) - len(office.events))
    tally.count("readings", PullRun.objects.count() - pulls)
    tally.count("ends told in the audit log", restored.count())
    tally.double += len(oracle.doubles(simulated_aws))
    tally.lost += len(oracle.unlike(simulated_aws)) + OutboxMessage.objects.count() - len(office.events)
    tally.tell()
    assert (tally.lost, tally.double, tally.other["mails twice"]) == (0, 0, 0)
    assert restored.count() == len(exemptions)
    # what a push wrote is read once more at once; nothing else is read twice
    assert set(readings.values()) <= {1, 2}
    assert (PullRun.objects.count(), len(simulated_aws.log())) == settled
    repeated = Counter(repr((one["operation"], one["request"])) for one in simulated_aws.log()[written:])
    assert [what for what, number in repeated.items() if number > 1] == []
    assert {tag_of(simulated_aws, one) for one in instances}.isdisjoint({DEFERRED})
    assert audit.verify().holds
