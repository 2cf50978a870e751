import pytest

from patching.cataloguing import import_file
from patching.models import Patch, PatchBaseline
from tests import asks
from tests.patching.catalogue import files
from tests.patching.test_landing import lacking

pytestmark = pytest.mark.django_db


@pytest.fixture
def kb(db):
    for name in ("windows-kbs", "kev"):
        import_file(files.ALL[name], name=name, format_name=name, by=None)
    return Patch.objects.get(ref="KB5039217")


def test_patches_are_found_by_cve_and_by_known_exploitation(kb, call_api, noor):
    for query in ({"cve": "CVE-2026-1001"}, {"known_exploited": "true"}, {"ref": "KB5039217"}):
        rows = call_api(noor).get("/api/v1/patches/", query).json()["results"]
        assert [one["ref"] for one in rows] == ["KB5039217"], query


def test_a_patch_tells_each_fact_s_source_and_what_baselines_say(kb, call_api, axel):
    lacking(days=0)
    told = call_api(axel).get(f"/api/v1/patches/{kb.pk}/").json()
    assert [one["source"]["kind"] for one in told["facts"]] == ["msrc"]
    assert told["cves"] == ["CVE-2026-1001"]
    assert [one["name"] for one in told["baselines"]] == ["payments-windows"]


def test_who_lacks_it_is_told_with_the_run_that_brings_it(kb, call_api, axel, noor):
    finding = lacking(days=0)
    for address in (f"/api/v1/patches/{kb.pk}/instances/", "/api/v1/cves/CVE-2026-1001/instances/"):
        (one,) = call_api(axel).get(address).json()
        assert (one["instance_id"], one["window"]) == (finding.instance.instance_id, "payments-prod-a")
        assert one["exempt_by"] is None
        assert call_api(noor).get(address).json() == []


def test_a_cve_tells_that_it_is_exploited_and_what_fixes_it(kb, call_api, noor):
    told = call_api(noor).get("/api/v1/cves/CVE-2026-1001/").json()
    assert (told["known_exploited"], told["exploited_on"], told["ransomware"]) == (True, "2026-06-20", True)
    assert [one["ref"] for one in told["fixed_by"]] == ["KB5039217"]
    assert told["exploited_told_by"]["kind"] == "kev"
    assert len(call_api(noor).get("/api/v1/cves/", {"known_exploited": "true"}).json()["results"]) == 1


def test_the_effect_of_a_baseline_on_a_day(kb, call_api, axel, noor):
    lacking()
    address = f"/api/v1/baselines/{PatchBaseline.objects.get().pk}/effect/"
    told = call_api(axel).get(address, {"on": "2026-06-10"}).json()
    assert (told["patches"], told["approved"]) == (2, 0)
    assert [one["patch"] for one in told["waiting"]] == ["KB5039217"]
    assert call_api(axel).get(address, {"on": "soon"}).status_code == 400


def test_the_effect_of_a_request_is_told_baseline_by_baseline(kb, call_api, cast):
    request = asks.submitted(cast["rita"], asks.ha_items(asks.fleet()))
    told = call_api(cast["ines"]).get(f"/api/v1/change-requests/{request.pk}/effect/").json()
    assert len(told) == 3
    assert {one["operating_system"] for one in told} == {"WINDOWS"}
    assert all(one["patches"] == 2 for one in told)
