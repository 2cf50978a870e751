"""The catalogue fills itself: by what AWS offers once a day, and by what instances report."""

from datetime import timedelta

import pytest

from patching import offered, pull
from patching.aws import session
from patching.models import CatalogueSource, Cve, Patch, PatchFinding
from portal.governance import clock
from tests import factories
from tests.simulated_aws import RETAIL


@pytest.fixture
def place(db, simulated_aws):
    """Two instances in one account-region, read once: a Windows and a Red Hat one that lack patches."""
    wanted = {"pay-prod-b-06", "lake-prod-b-03"}
    simulated_aws.reset_to([one for one in simulated_aws.world.nodes.values() if one.name in wanted])
    session.forget()
    clock.set_to(simulated_aws.now)
    here = factories.account_region(factories.account(external_id=simulated_aws.external_id(RETAIL)))
    pull.pull(here)
    return here


def test_what_instances_lack_is_known_with_its_cves_and_told_once(place):
    source = offered.keep_reported(place)
    lacking = PatchFinding.objects.open()
    assert source.added == lacking.values("patch_id", "title").distinct().count() > 0
    with_cves = next(one for one in lacking if one.cves)
    assert Cve.objects.filter(cve=with_cves.cves[0], advisories__patches__name=with_cves.patch_id).exists()
    assert offered.keep_reported(place) is None


def test_aws_is_asked_for_what_runs_there_once_a_day(place):
    assert offered.is_due(place)
    source = offered.read(place)
    assert source.kind == CatalogueSource.Kind.AWS
    assert set(offered.products_in(place).values()) == set(
        Patch.objects.values_list("operating_system", flat=True).distinct()
    )
    assert not offered.is_due(place)
    clock.set_to(clock.now() + timedelta(days=1, minutes=1))
    assert offered.is_due(place)


def test_an_account_that_does_not_answer_is_asked_again_and_keeps_nothing(place, simulated_aws):
    place.account.external_id = "patchwarden-wrong"
    place.account.save()
    session.forget()
    assert offered.read(place) is None
    assert offered.is_due(place)
