"""What can never work is parked after some tries, told to who looks after it, and stops nothing else."""

from datetime import timedelta
from typing import Any

import pytest

from patching.aws.baselines import Baselines
from patching.concluding import PARKED_AFTER
from patching.models import AccountRegion, MaintenanceWindow, PatchBaseline, ResourceState
from portal.governance import clock
from portal.governance.models import AuditEntry, OutboxMessage
from tests.faults.rig import load, matrix
from tests.pushing import approved, baseline_item, change, pushed, resource
from tests.simulated_aws import SimulatedAws

MENDED = Baselines.create
pytestmark = [pytest.mark.slow, pytest.mark.django_db]


def try_on(place: AccountRegion) -> Any:
    """The next pass, once the pause after the failure is over."""
    ResourceState.objects.update(retry_at=clock.real_now() - timedelta(seconds=1))
    AccountRegion.objects.filter(pk=place.pk).update(backoff_until=None)
    place.refresh_from_db()
    return pushed(place)


@pytest.fixture
def poisoned(asked, retail, monkeypatch) -> AccountRegion:
    """A baseline that our own code cannot turn into a call."""

    def create(self: Baselines, *_: Any) -> Any:
        raise TypeError("a spec past every check")

    monkeypatch.setattr(Baselines, "create", create)
    return retail


def test_others_go_on_and_it_is_parked(poisoned, simulated_aws, opal, figures):
    tally = figures("F25", "a resource that our own code cannot handle")
    runs = [try_on(poisoned) for _ in range(PARKED_AFTER + 3)]
    state = resource("baseline")
    tally.rounds += len(runs)
    tally.worst("tries", state.failures)
    tally.tell()
    assert (state.condition, state.failures) == ("parked", PARKED_AFTER)
    assert "Patchwarden itself failed (TypeError)" in state.condition_text
    assert resource("window", label="patchwarden-daily-scan").condition == "in_sync"
    assert "TypeError" not in runs[-1].error
    assert OutboxMessage.objects.filter(event="resource.parked", recipient=opal).count() == 1
    assert AuditEntry.objects.filter(action="patching.resourcestate.parked").count() == 1


def test_a_new_decision_takes_it_up_again(poisoned, simulated_aws, rita, monkeypatch):
    for _ in range(PARKED_AFTER):
        try_on(poisoned)
    monkeypatch.setattr(Baselines, "create", MENDED)
    definition = baseline_item()["spec"]["definition"] | {"Description": "Mended"}
    request = approved(rita, [change(PatchBaseline.objects.get(), "baseline", definition=definition)])

    assert try_on(poisoned).state == "succeeded"

    request.refresh_from_db()
    assert request.state == "applied"


def test_a_refusal_of_aws_is_tried_ever_more_rarely(asked, retail, simulated_aws: SimulatedAws):
    simulated_aws.inject(
        "error", operation="CreatePatchBaseline", code="ValidationException", message="No.", count=100
    )
    pauses = []
    for _ in range(PARKED_AFTER - 1):
        try_on(retail)
        pauses.append(resource("baseline").retry_at - clock.real_now())
    assert pauses == sorted(pauses)
    assert pauses[0] < timedelta(minutes=2) < pauses[-1]


def test_a_row_that_cannot_be_compiled_is_named_and_stops_no_other(simulated_aws, figures):
    tally = figures("F25", "an approved row that cannot be compiled")
    company = load.company(simulated_aws, cells=matrix.rounds(2, 8), places=1)
    company.begin()
    (place,) = company.places
    pushed(place)
    broken = company.cells[0].window()
    MaintenanceWindow.objects.filter(pk=broken.pk).update(spec={"name": broken.name})

    run = try_on(place)

    tally.rounds += 1
    tally.tell()
    assert any(broken.name in step["label"] and "KeyError" in step["reason"] for step in run.plan)
    assert run.writes == 0
    assert broken.name in {
        row["Name"]
        for row in simulated_aws.world.region(place.account.account_id, place.region).windows.values()
    }
