"""Workers that are killed, stopped, doubled or sent away lose nothing and do nothing twice."""

import os
import random
import signal
import time

import pytest

from patching.models import AccountRegion, PushRun
from tests.faults.rig import load, matrix, oracle
from tests.faults.rig.children import Child
from tests.faults.rig.installation import Installation

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

WORKERS = 3
AIMED = 0.7  # share of the kills that look for a worker in a push
CALM = 180.0  # seconds within which everything is in sync once the faults are over
HERE = "tests/faults/test_workers.py"
LOST_SHARE = THROTTLED_SHARE = 0.02
LAG = 0.8  # seconds until a list shows what was made; the settle wait is 1 s


class Crew:
    """Some workers with their beat; whoever dies is replaced."""

    def __init__(self, installation: Installation, number: int = WORKERS) -> None:
        self.installation = installation
        self.hired = 0
        self.beat = installation.beat()
        self.workers = [self.hire() for _ in range(number)]

    def hire(self) -> Child:
        self.hired += 1
        return self.installation.worker(f"worker-{self.hired}")

    def kill_one(self, chance: random.Random) -> bool:
        """Kill one, most often one that is in a push: all of it, its task's process or its parent. True if it was."""
        owners = AccountRegion.objects.exclude(lease_owner="").values_list("lease_owner", flat=True)
        pushing = {int(owner.split(":")[1]) for owner in owners}
        pools = [worker.pool() for worker in self.workers]
        busy = [place for place, one in enumerate(self.workers) if pushing & {one.pid, *pools[place]}]
        anywhere = range(len(self.workers))
        place = chance.choice(busy if busy and chance.random() < AIMED else anywhere)
        victim, how = self.workers[place], chance.choice(("all", "all", "task", "parent"))
        if how == "task" and pools[place]:
            for pid in pools[place]:
                kill(pid)
        elif how == "parent":
            kill(victim.pid)
            self.workers[place] = self.hire()
        else:
            for pid in (victim.pid, *pools[place]):
                kill(pid)
            self.workers[place] = self.hire()
        return place in busy

    def dismiss(self) -> None:
        for child in filter(None, (*self.workers, self.beat)):
            child.kill()


def kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


@pytest.mark.parametrize("run", range(matrix.rounds(1, 5)))
def test_workers_killed_at_random_lose_nothing_and_double_nothing(
    simulated_aws, install, witness, figures, run
):
    (seed,) = matrix.seeds()
    chance = matrix.announce(seed, f"{HERE} -k killed_at_random")
    tally = figures(
        "F2",
        "kill -9 of 3 workers while requests are edited; 2 % lost replies, 2 % throttled, lists late by 0.8 s",
    )
    company = load.company(simulated_aws, cells=matrix.rounds(2, 12))
    before = oracle.foreign(simulated_aws)
    witness.calls.clear()
    installation = install(PUSH_LEASE_SECONDS="1.5")
    company.begin()
    simulated_aws.inject("lost-reply", share=LOST_SHARE, seed=seed)
    simulated_aws.inject("throttle", share=THROTTLED_SHARE, seed=seed)
    simulated_aws.lag(LAG)
    crew = Crew(installation)
    kills = matrix.rounds(12, 200)
    for number in range(kills):
        time.sleep(chance.uniform(0.1, 1.2))
        tally.count("killed in a push", crew.kill_one(chance))
        tally.count("edits approved", bool(company.edit(chance)))
        if number % 5 == 4:
            tally.count("deleted outside", bool(load.delete_behind_our_back(simulated_aws, chance)))
    simulated_aws.clear_faults()
    tally.worst("seconds until in sync", oracle.settles(CALM))
    crew.dismiss()
    installation.stop()
    tally.count("pushes abandoned", PushRun.objects.filter(state="abandoned").count())
    oracle.converge(company.places)
    tally.rounds += kills
    tally.seeds.append(seed)
    lost, double = [*oracle.unsettled(), *oracle.unlike(simulated_aws)], oracle.doubles(simulated_aws)
    tally.lost += len(lost)
    tally.double += len(double)
    tally.count("writes in AWS", len(witness.calls))
    unbidden = oracle.unbidden(witness)
    changed = {name: row for name, row in oracle.foreign(simulated_aws).items() if before.get(name) != row}
    tally.count("writes without an approved operation before them", len(unbidden))
    tally.count("foreign objects touched", len(changed))
    tally.tell()
    assert (lost, double, unbidden, changed) == ([], [], [], {})
    assert oracle.chain() == ""
