"""What of a push somebody may read: a team its own part, by the decisions and waivers behind each resource."""

import pytest

from exemptions.waiving import waivers_of
from patching import run_contents
from patching.models import MaintenanceWindow, Operation, ResourceState
from portal.governance import clock
from tests import factories
from tests.exemptions import asks as exempt
from tests.patching.api import fleet


def step(kind, key):
    return {"action": "create", "kind": kind, "key": key, "label": key, "changes": []}


def wrote(run, kind, key, *sources):
    state = ResourceState.objects.create(
        account_region=run.account_region,
        kind=kind,
        key=key,
        label=key,
        uid=f"{kind}-{key}",
        sources=[{"kind": kind, "id": str(pk), "digest": ""} for kind, pk in sources],
        changed_at=clock.now(),
    )
    Operation.objects.create(
        resource=state,
        run=run,
        action="create",
        call="ssm:Something",
        request={},
        incarnation=1,
        intent_at=clock.real_now(),
        at=clock.now(),
    )


@pytest.fixture
def run(cast):
    """A push that wrote for payments, for nobody in particular, and for somebody else."""
    waived = exempt.approved(cast["rita"])
    window = MaintenanceWindow.objects.get(name="payments-prod")
    made = fleet.run(
        factories.account_region(), plan=[step("window", str(window.uid)), step("window", "theirs")]
    )
    wrote(made, "window", str(window.uid), ("revision", window.revision_id))
    wrote(made, "schedule", "a way back", ("waiver", waivers_of(waived)[0].pk))
    wrote(made, "window", "daily scan", ("policy", "patchwarden-daily-scan"))
    wrote(made, "window", "theirs", ("revision", 999_999))
    return made


def keys(operations):
    return {one.resource.key for one in operations}


def test_those_who_read_all_read_all(cast, run):
    for name in ("ines", "clara", "axel", "opal"):
        assert len(run_contents.operations_for(cast[name], run)) == 4
        assert run_contents.plan_for(cast[name], run) == run.plan


def test_a_team_reads_what_its_requests_and_exemptions_brought_about(cast, run):
    window = str(MaintenanceWindow.objects.get(name="payments-prod").uid)
    for name in ("rita", "omar"):
        assert keys(run_contents.operations_for(cast[name], run)) == {window, "a way back"}
        assert [one["key"] for one in run_contents.plan_for(cast[name], run)] == [window]


def test_nobody_else_reads_any(cast, run):
    for name in ("noor", "adam"):
        assert run_contents.operations_for(cast[name], run) == []
        assert run_contents.plan_for(cast[name], run) == []


def test_what_is_planned_and_not_yet_made_is_told_by_what_is_wanted(cast, run):
    ResourceState.objects.filter(kind="window").exclude(operations=None).update(sources=[])
    assert len(run_contents.plan_for(cast["rita"], run)) == 1


def test_the_page_of_a_push_shows_a_team_its_own_part(browse, cast, run):
    for name, sees in (("axel", True), ("rita", False)):
        page = browse(cast[name]).get(f"/pushes/{run.pk}/").content.decode()
        assert "a way back" in page
        assert ("daily scan" in page) == sees
        assert ("theirs" in page) == sees


def test_who_asked_for_a_shared_baseline_does_not_read_who_uses_it(cast, run):
    mine = MaintenanceWindow.objects.get(name="payments-prod").revision_id
    wrote(run, "registration", "theirs:WINDOWS", ("revision", 999_999), ("revision", mine))
    assert "theirs:WINDOWS" not in keys(run_contents.operations_for(cast["rita"], run))
    assert "theirs:WINDOWS" in keys(run_contents.operations_for(cast["axel"], run))
