"""What a run has tested is pinned into later environments by request, and halted by one record."""

from datetime import timedelta

import pytest

from patching import promoting, workflow
from patching.models import (
    ManagedInstance,
    PatchBaseline,
    RunReview,
    WindowHold,
    WindowRun,
)
from portal.governance.errors import DomainError, InvalidInput, NotAllowed
from tests import asks
from tests.patching import tested

WHY = "Checkout answers with 500 since 04:10."


@pytest.fixture
def run(cast) -> WindowRun:
    return tested.run_in_test(cast)


def production():
    return PatchBaseline.objects.get(name="payments-prod-win")


def test_production_gets_the_tested_rules_up_to_what_the_run_could_see(run, cast):
    (one,) = promoting.tested_by(run)
    assert (one.baseline.name, one.instances, one.later) == ("payments-test-win", 1, (production(),))
    request = asks.drafted(cast["rita"], promoting.items(run, [production()], promoting.BY_DATE))
    request = workflow.submit(request, by=cast["rita"])
    assert request.needs == ["security_operations", "ciso"]
    (item,) = workflow.contents.items_of(request.current)
    dates = [one["ApproveUntilDate"] for one in item["spec"]["definition"]["ApprovalRules"]["PatchRules"]]
    began = run.started_at.date()
    assert dates == [str(began - timedelta(days=1)), str(began - timedelta(days=8))]
    assert (item["action"], item["target"]) == ("change", production().pk)


def test_a_list_names_what_the_scan_no_longer_missed(run):
    (item,) = promoting.items(run, [production()], promoting.BY_LIST)
    assert item["spec"]["definition"]["ApprovedPatches"] == ["KB5060842"]


def test_what_ran_with_the_baseline_of_then_is_what_goes_on(run, cast):
    test = PatchBaseline.objects.get(name="payments-test-win")
    definition = {**test.spec["definition"], "ApprovedPatches": ["KB5000001"]}
    item = {
        "action": "change",
        "kind": "baseline",
        "target": test.pk,
        "spec": {**test.spec, "definition": definition},
    }
    asks.in_effect(cast["rita"], [item], cast["ivan"])
    (one,) = promoting.tested_by(run)
    assert "ApprovedPatches" not in one.definition


def test_only_baselines_of_later_environments_take_it_over(run):
    with pytest.raises(DomainError, match="not a baseline of a later environment"):
        promoting.items(run, [PatchBaseline.objects.get(name="payments-dev-win")], promoting.BY_DATE)


def test_nothing_goes_on_that_was_not_tested(run, cast):
    promoting.run_reviews.report_problem(run, by=cast["rita"], reason=WHY)
    with pytest.raises(DomainError, match="problem was reported"):
        promoting.tested_by(run)
    promoting.FailureRecord.objects.all().delete()
    RunReview.objects.all().delete()
    run.outcomes.update(status="FAILED")
    with pytest.raises(DomainError, match="installed nothing"):
        promoting.tested_by(run)
    run.ended_at = None
    with pytest.raises(DomainError, match="still goes on"):
        promoting.tested_by(run)


def test_packages_of_debian_are_refused_with_the_reason(run):
    for name in ("payments-test-win", "payments-prod-win"):
        row = PatchBaseline.objects.get(name=name)
        definition = {"OperatingSystem": "DEBIAN", "ApprovalRules": {"PatchRules": []}}
        PatchBaseline.objects.filter(pk=row.pk).update(
            operating_system="DEBIAN", spec={**row.spec, "definition": definition}
        )
    ManagedInstance.objects.update(operating_system="DEBIAN")
    group = promoting.PatchGroup.objects.get(name="payments-test")
    promoting.PatchGroup.objects.filter(pk=group.pk).update(
        spec={**group.spec, "baselines": {"DEBIAN": "payments-test-win"}}
    )
    run.started_at -= timedelta(days=30)  # before the versions that were approved
    with pytest.raises(DomainError, match="no release dates"):
        promoting.items(run, [production()], promoting.BY_DATE)


def test_a_halt_shuts_every_later_window_even_after_a_good_word(run, cast):
    promoting.run_reviews.confirm(run, by=cast["rita"], note="All green.")
    with pytest.raises(NotAllowed):
        promoting.halt(run, by=cast["rita"], reason=WHY)
    with pytest.raises(InvalidInput):
        promoting.halt(run, by=cast["ines"], reason="no")
    assert not WindowHold.objects.exists()
    record = promoting.halt(run, by=cast["ines"], reason=WHY)
    held = WindowHold.objects.filter(ended_at=None).values_list("window__name", flat=True)
    assert set(held) == {"payments-prod-a", "payments-prod-b"}
    assert record.holds_until == promoting.failures.last_day(record)
    assert RunReview.objects.get(run=run).verdict == "problem"
    assert promoting.halt(run, by=cast["omar"], reason=WHY).pk == record.pk


def test_a_later_baseline_names_the_runs_that_it_could_take_over(run, cast):
    assert promoting.tested_for([production()], by=cast["rita"]) == [run]
    assert promoting.tested_for([PatchBaseline.objects.get(name="payments-test-win")], by=cast["rita"]) == []
    assert promoting.tested_for([production()], by=cast["noor"]) == []
    run.outcomes.update(status="FAILED")
    assert promoting.tested_for([production()], by=cast["rita"]) == []
