import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from patching.cataloguing import import_file
from patching.models import Patch, PatchBaseline
from tests.patching.catalogue import files
from tests.patching.test_landing import lacking

pytestmark = pytest.mark.django_db


def take(*names):
    for name in names:
        import_file(files.ALL[name], name=name, format_name=name, by=None)


def page(browse, person, address, **query):
    reply = browse(person).get(address, query)
    assert reply.status_code == 200
    return reply.content.decode()


def test_the_list_narrows_by_cve_by_exploitation_and_by_who_lacks_it(browse, axel):
    take("windows-kbs", "csaf", "kev")
    lacking()
    everything = page(browse, axel, "/patches/")
    assert all(ref in everything for ref in ("KB5039217", "KB5037771", "openssl.x86_64:1:3.0.7-27.el9"))
    for query in ({"q": "CVE-2026-1001"}, {"exploited": "yes"}, {"lacking": "yes"}, {"severity": "Critical"}):
        found = page(browse, axel, "/patches/", **query)
        assert "KB5039217" in found, query
        assert "KB5037771" not in found, query


def test_a_patch_says_who_lacks_it_when_it_lands_and_where_each_fact_is_from(browse, axel):
    take("windows-kbs", "kev")
    finding = lacking()
    found = page(browse, axel, f"/patches/{Patch.objects.get(ref='KB5039217').pk}/")
    assert "Known to be exploited." in found
    assert "Ransomware" not in found
    assert "used by ransomware" in found
    assert str(finding.instance) in found
    assert "payments-prod-a" in found
    assert "Microsoft (MSRC)" in found
    superseded = page(browse, axel, f"/patches/{Patch.objects.get(ref='KB5037771').pk}/")
    assert "Superseded" in superseded


def test_a_stranger_reads_the_facts_and_sees_no_instance(browse, noor):
    take("windows-kbs")
    finding = lacking()
    found = page(browse, noor, f"/patches/{Patch.objects.get(ref='KB5039217').pk}/")
    assert "CVE-2026-1001" in found
    assert finding.instance.name not in found
    found = page(browse, noor, "/cves/CVE-2026-1001/")
    assert finding.instance.name not in found


def test_a_cve_says_what_fixes_it_and_offers_an_exemption_to_members(browse, rita):
    take("windows-kbs", "kev", "epss")
    lacking()
    found = page(browse, rita, "/cves/cve-2026-1001/")
    assert "KB5039217" in found
    assert "0.930" in found
    assert "?cve=CVE-2026-1001" in found
    assert "Known exploited" in page(browse, rita, "/cves/", exploited="yes")


def test_search_leads_to_a_cve_at_once_and_finds_patches_by_name(browse, axel):
    take("windows-kbs")
    reply = browse(axel).get("/search/", {"q": "cve-2026-1001"})
    assert reply.headers["Location"] == "/cves/CVE-2026-1001/"
    assert "patches of the catalogue" in page(browse, axel, "/search/", q="KB50")


def test_security_operations_read_a_file_and_are_told_what_came_of_it(browse, ines):
    file = SimpleUploadedFile("kbs.jsonl", files.WINDOWS_KBS)
    reply = browse(ines).post("/patches/import/", {"format": "windows-kbs", "file": file}, follow=True)
    assert "2 patches and 0 CVEs read; 2 new" in reply.content.decode()
    assert "1 entry was passed over" in reply.content.decode()


def test_a_bad_file_is_refused_at_its_field_and_keeps_nothing(browse, ines):
    file = SimpleUploadedFile("kbs.jsonl", b'{"KbNumber": "KB1"}')
    reply = browse(ines).post("/patches/import/", {"format": "windows-kbs", "file": file})
    assert reply.status_code == 400
    assert "line 1, KbNumber" in reply.content.decode()
    assert not Patch.objects.exists()


def test_the_page_of_a_baseline_shows_its_effect_on_a_day(browse, axel):
    take("windows-kbs")
    lacking()
    pk = PatchBaseline.objects.get().pk
    assert f'hx-get="/baselines/{pk}/effect/"' in page(browse, axel, f"/baselines/{pk}/")
    assert "KB5039217" in page(browse, axel, f"/baselines/{pk}/effect/", on="2026-06-10")
    reply = browse(axel).get(f"/baselines/{pk}/effect/", {"on": "soon"})
    assert reply.status_code == 400
    assert "Use a date such as 2026-06-30." in reply.content.decode()


def test_a_request_tells_what_its_baselines_do_to_patches(browse, cast, submitted):
    take("windows-kbs")
    found = page(browse, cast["ines"], f"/requests/{submitted.pk}/", tab="effect")
    assert "Effect on patches" in found
    assert found.count("Had it applied for the last six months:") + found.count("nothing to replay") == 3
