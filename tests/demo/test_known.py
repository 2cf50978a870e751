"""The demo's catalogue comes by the doors that everybody has, and holds what the simulated AWS has released."""

import pytest

from patching import pull
from patching.models import CatalogueSource, Cve, Patch, PatchFinding
from portal.demo import company, known
from portal.governance import clock

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


def test_every_patch_that_an_instance_lacks_is_known_with_its_release_and_cves(simulated_aws):
    clock.set_to(simulated_aws.now)
    company.found(simulated_aws.door("accounts"))
    for place in company.AccountRegion.objects.filter(region=company.REGION).select_related("account"):
        pull.pull(place)

    known.fill()

    for patch_id in set(PatchFinding.objects.values_list("patch_id", flat=True)):
        rows = Patch.objects.filter(name=patch_id)
        assert any(one.released_at is not None for one in rows), patch_id
    assert {"aws", "reported", "msrc", "kev"} == set(CatalogueSource.objects.values_list("kind", flat=True))
    assert Patch.objects.exclude(supersedes=[]).exists()
    assert Cve.objects.known_exploited().get().cve == "CVE-2025-33053"
    assert Patch.objects.with_exploited().filter(is_exploited=True).exists()
