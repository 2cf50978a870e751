"""The database comes back from an older copy: AWS is ahead, carries our marks, and is taken up as it is."""

from collections import Counter
from contextlib import suppress

import pytest
from django.db import transaction

from patching import push, turns
from patching.models import ChangeRequest, PushRun, ResourceState
from tests.faults.rig import load, matrix, oracle
from tests.pushing import change, pushed, removal

pytestmark = [pytest.mark.slow, pytest.mark.django_db]

CREATES = {
    "CreateMaintenanceWindow",
    "CreatePatchBaseline",
    "CreateSchedule",
    "RegisterTargetWithMaintenanceWindow",
    "RegisterTaskWithMaintenanceWindow",
}


class OlderCopyError(Exception):
    """Everything that the database learnt since is gone."""


@pytest.fixture(autouse=True)
def patient(settings):
    settings.PUSH_SETTLE_SECONDS = 0
    settings.PUSH_MAX_DELETE_SHARE = 0.9


def forgotten():
    """``with forgotten(), transaction.atomic():`` what the database does there, it has forgotten afterwards."""
    return suppress(OlderCopyError)


def marked(aws):
    """Every object in AWS that carries our mark and a number of AWS's own, by that number."""
    found = {}
    for region in aws.world.regions.values():
        ours = {name.partition("/")[2] for name, tags in region.tags.items() if oracle.MARK in tags}
        for rows in (region.windows, region.baselines):
            found |= {aws_id: row for aws_id, row in rows.items() if aws_id in ours}
        found |= {
            aws_id: row
            for aws_id, row in region.targets.items()
            if row.get("OwnerInformation", "")[:3] == "pw:"
        }
        found |= {aws_id: row for aws_id, row in region.tasks.items() if row.get("Name", "")[:3] == "pw."}
    return found


def creates(aws, since):
    return Counter(one["operation"] for one in aws.log()[since:] if one["operation"] in CREATES)


def test_what_was_pushed_after_the_copy_is_adopted_by_its_mark_and_made_once(simulated_aws, figures):
    cells = matrix.rounds(2, 12)
    tally = figures("F28", "the database goes back to before a push; AWS holds all that it made")
    company = load.company(simulated_aws, cells=cells, places=1)
    (place,) = company.places
    company.begin()
    company.cells[0].defer()
    with forgotten(), transaction.atomic():
        while pushed(place).state != "succeeded":
            turns.want(place)
        assert PushRun.objects.exists()
        raise OlderCopyError
    assert not ResourceState.objects.exists()
    orphans, since = marked(simulated_aws), len(simulated_aws.log())

    oracle.raise_unless_whole(simulated_aws, [place])

    known = set(ResourceState.objects.exclude(aws_id="").values_list("aws_id", flat=True))
    adopted = {aws_id for aws_id in orphans if any(one.rpartition("/")[2] == aws_id for one in known)}
    tally.rounds += len(orphans)
    tally.count("adopted", len(adopted))
    tally.lost += len(orphans) - len(adopted)
    tally.double += len(oracle.doubles(simulated_aws))
    tally.count("made again", creates(simulated_aws, since).total())
    tally.tell()
    assert len(orphans) >= 4 * cells
    assert (tally.lost, tally.other["made again"]) == (0, 0)
    assert marked(simulated_aws).keys() == orphans.keys()


def test_edits_and_removals_after_the_copy_are_undone_as_the_copy_has_it(simulated_aws, figures):
    tally = figures("F28", "the database goes back to before approved edits and removals that were pushed")
    company = load.company(simulated_aws, cells=matrix.rounds(3, 12), places=1)
    (place,) = company.places
    company.begin()
    oracle.converge([place])
    before = marked(simulated_aws)
    with forgotten(), transaction.atomic():
        company.ask([removal(company.cells[0].window(), "window")])
        for cell in company.cells[1:]:
            company.ask([change(cell.window(), "window", duration=7, schedule="cron(0 9 ? * SAT *)")])
            company.ask(load.change_baseline(cell))
        oracle.converge([place])
        assert not before.keys() <= marked(simulated_aws).keys()
        raise OlderCopyError
    since = len(simulated_aws.log())

    oracle.raise_unless_whole(simulated_aws, [place])

    made = creates(simulated_aws, since)
    tally.rounds += len(company.cells)
    tally.double += len(oracle.doubles(simulated_aws))
    tally.count("made again", made.total())
    tally.tell()
    # only the window that was removed with all that it held
    assert made == {
        "CreateMaintenanceWindow": 1,
        "RegisterTargetWithMaintenanceWindow": 1,
        "RegisterTaskWithMaintenanceWindow": 2,
    }


def test_what_was_asked_for_after_the_copy_is_left_alone_and_named(simulated_aws, figures):
    tally = figures("F28", "the database goes back to before the approval of what AWS holds")
    company = load.company(simulated_aws, cells=matrix.rounds(2, 12), places=1)
    (place,) = company.places
    with forgotten(), transaction.atomic():
        company.begin()
        oracle.converge([place])
        raise OlderCopyError
    assert not ChangeRequest.objects.exists()
    orphans, since = marked(simulated_aws), len(simulated_aws.log())

    run = pushed(place)

    named = {note.aws_id.rpartition("/")[2] for note in push.preview(place).orphans}
    tally.rounds += len(orphans)
    tally.count("named as nobody's wish", len(named & orphans.keys()))
    tally.lost += len(orphans.keys() - marked(simulated_aws).keys())
    tally.tell()
    assert run.state == "succeeded"
    assert creates(simulated_aws, since) == {}
    assert marked(simulated_aws) == orphans
    assert orphans.keys() - named == set()
