"""One host's clock goes wrong: its worker ends, nothing is taken from others, and they do what there is to do."""

import pytest

from patching.models import PushRun
from portal.governance import audit
from portal.governance.models import OutboxMessage
from tests import people
from tests.conftest import FAKETIME
from tests.faults.rig import load, matrix, oracle, processes
from tests.faults.rig.children import Nursery

SKEWS = ("+1h", "-1d", "-1h", "+1d")


@pytest.fixture
def astray(install, tmp_path):
    """An installation whose clock goes as a file says, and that file."""
    told_time = tmp_path / "faketime"
    faked = {
        "LD_PRELOAD": FAKETIME,
        "FAKETIME_TIMESTAMP_FILE": str(told_time),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    nursery = Nursery(tmp_path / "astray.log", **faked)
    made = []

    def build(**env):
        made.append(install(nursery=nursery, **faked, **env))
        return made[-1], told_time

    yield build
    for one in made:
        one.stop()
    nursery.stop()


@pytest.mark.postgres
@pytest.mark.redis
@pytest.mark.faketime
def test_a_worker_whose_clock_goes_wrong_leaves_everything_to_others(
    simulated_aws, install, astray, private_redis, figures
):
    tally = figures("F19", "the clock of one of two workers goes 1 h or 1 day wrong (libfaketime)")
    (seed,) = matrix.seeds()
    chance = matrix.announce(seed, "tests/faults/test_wrong_clocks.py")
    company = load.company(simulated_aws, cells=2, places=2)
    opal = people.person("opal")
    company.begin()
    right = install(redis=private_redis.url)
    right.beat()
    wrong, told_time = astray(redis=private_redis.url)
    for skew in SKEWS[: matrix.rounds(1, len(SKEWS))]:
        told_time.write_text("+0\n")
        straying, other = wrong.worker(f"wrong{skew}"), right.worker(f"right{skew}")
        for _ in range(4):
            company.edit(chance)
        told_time.write_text(f"{skew}\n")
        ended = processes.until(lambda: not straying.lives, 60, "the wrong one ends")  # noqa: B023
        tally.worst("s until it ended", ended)
        again = wrong.worker(f"again{skew}")
        tally.worst(
            "s until in sync",
            processes.until(lambda: not oracle.unlike(simulated_aws), 120, "in sync", every=0.5),
        )
        processes.until(lambda: not again.lives, 60, "started anew it ends at once")  # noqa: B023
        tally.count("tasks done by it", again.log.read_text().count("succeeded"))
        tally.count("leases lost", other.log.read_text().count("lost its lease"))
        other.terminate()
        tally.rounds += 1
    tally.count("pushes abandoned", PushRun.objects.filter(state="abandoned").count())
    tally.double += len(oracle.doubles(simulated_aws))
    tally.lost += len(oracle.unlike(simulated_aws))
    tally.tell()
    assert (tally.lost, tally.double) == (0, 0)
    assert {tally.other[name] for name in ("tasks done by it", "leases lost", "pushes abandoned")} == {0}
    assert OutboxMessage.objects.get(event="host.clock").recipient == opal
    assert audit.verify().holds
