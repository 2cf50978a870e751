import pytest

from patching.cataloguing import import_file
from patching.models import Cve, Patch
from patching.standings import (
    findings_of_cve,
    findings_of_patches,
    got_it,
    judged_by_baselines,
    lacking_by_cve,
    link,
    open_findings,
    superseded_by,
)
from portal.governance import clock
from tests import factories
from tests.patching.api import fleet
from tests.patching.catalogue import files
from tests.patching.test_landing import lacking

pytestmark = pytest.mark.django_db


def take(*names):
    for name in names:
        import_file(files.ALL[name], name=name, format_name=name, by=None)


def of_red_hat(title):
    server = factories.instance(
        operating_system="REDHAT_ENTERPRISE_LINUX",
        platform_name="Red Hat Enterprise Linux",
        platform_version="9.7",
    )
    fleet.scanned(server, "Important")
    finding = server.findings.get()
    finding.patch_id, finding.title = title.partition(":")[0], title
    finding.save()
    return finding


def test_who_lacks_a_kb_is_told_to_those_who_may_see_the_instance(axel, rita, noor):
    take("windows-kbs")
    finding = lacking()
    patch = Patch.objects.get(ref="KB5039217")
    assert [findings_of_patches(one, [patch])[patch.pk] for one in (axel, rita, noor)] == [
        [finding],
        [finding],
        [],
    ]


def test_on_linux_a_build_is_lacked_by_those_whom_ssm_tells_this_very_build_of(axel):
    take("csaf", "oval")
    this = of_red_hat("openssl.x86_64:1:3.0.7-27.el9")
    other = of_red_hat("openssl.x86_64:1:3.0.7-99.el9")
    with_arch, without = Patch.objects.order_by("-name")
    found = findings_of_patches(axel, [with_arch, without])
    assert found == {with_arch.pk: [this], without.pk: [this]}
    rows = list(open_findings(axel))
    link(rows)
    assert {one.pk: one.known and one.known.ref for one in rows} == {
        this.pk: "openssl.x86_64:1:3.0.7-27.el9",
        other.pk: with_arch.ref,
    }


def test_a_cve_is_lacked_where_ssm_names_it_or_the_catalogue_does(axel):
    take("windows-kbs")
    finding = lacking()
    finding.cves = []
    finding.save()
    cve = Cve.objects.get(cve="CVE-2026-1001")
    assert findings_of_cve(axel, cve) == [finding]
    assert lacking_by_cve(axel, [cve]) == {cve.pk: {finding.instance_id}}
    Patch.objects.all().delete()
    assert findings_of_cve(axel, cve) == []
    finding.cves = ["CVE-2026-1001", "CVE-2026-10011"]
    finding.save()
    assert findings_of_cve(axel, cve) == [finding]
    assert lacking_by_cve(axel, [cve]) == {cve.pk: {finding.instance_id}}


def test_who_got_it_lacked_it_before(axel):
    take("windows-kbs")
    finding = lacking()
    patch = Patch.objects.get(ref="KB5039217")
    assert got_it(axel, [patch]) == []
    finding.resolved_at = clock.now()
    finding.save()
    assert got_it(axel, [patch]) == [finding]


def test_a_superseded_kb_and_an_older_build_name_what_follows(axel):
    take("windows-kbs", "csaf")
    assert [one.ref for one in superseded_by(Patch.objects.get(ref="KB5037771"))] == ["KB5039217"]
    later = files.CSAF.replace(b"3.0.7-27", b"3.0.7-28").replace(b"2026-06-02", b"2026-06-20")
    import_file(later, name="later", format_name="csaf", by=None)
    older = Patch.objects.get(ref="openssl.x86_64:1:3.0.7-27.el9")
    assert [one.build for one in superseded_by(older)] == ["1:3.0.7-28.el9"]


def test_every_baseline_of_the_system_says_whether_it_approves_it(axel):
    take("windows-kbs", "csaf")
    lacking(days=0)
    june, may = Patch.objects.filter(operating_system="WINDOWS").order_by("-released_at")
    (word,) = judged_by_baselines(axel, june, june.released_at.replace(month=7))
    assert (word.product, word.verdict.approved) == ("WindowsServer2022", True)
    (word,) = judged_by_baselines(axel, may, june.released_at)
    assert not word.verdict.approved
    assert judged_by_baselines(axel, Patch.objects.get(name="openssl.x86_64"), june.released_at) == []
