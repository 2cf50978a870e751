"""When time passes in the demo, portal and simulated AWS stay together, and everything is looked at again."""

from datetime import timedelta

from patching import pull, turns
from portal.demo import passing_time
from portal.governance import clock, nudge
from tests import factories
from tests.simulated_aws import SimulatedAws


def test_moving_the_clock_makes_every_account_due_for_a_reading_and_a_comparison(
    db: None, simulated_aws: SimulatedAws
):
    clock.set_to(simulated_aws.now)
    later = clock.real_now() + timedelta(minutes=10)
    here = factories.account_region(next_pull_at=later, next_push_at=clock.now() + timedelta(days=9))
    assert (list(pull.due()), list(turns.due())) == ([], [])

    now = passing_time.advance_to(clock.now() + timedelta(days=1))

    assert abs(simulated_aws.now - now) < timedelta(seconds=5)
    assert (list(pull.due()), list(turns.due())) == ([here], [here])


def test_moving_the_clock_wakes_what_looks_at_ends(db: None, simulated_aws: SimulatedAws, monkeypatch):
    clock.set_to(simulated_aws.now)
    woken: list[str] = []
    monkeypatch.setattr(nudge, "wake", lambda task, *args: woken.append(task))
    passing_time.advance_to(clock.now() + timedelta(days=1))
    assert {"patching.tick", "exemptions.settle", "exemptions.remind"} <= set(woken)
