from datetime import UTC, date, datetime

import pytest

from patching import cataloguing
from patching.cataloguing import import_file
from patching.models import Advisory, CatalogueSource, Cve, Patch, PatchFact
from portal.governance.errors import InvalidInput, NotAllowed
from portal.governance.models import AuditEntry
from tests.patching.catalogue import files

pytestmark = pytest.mark.django_db


def take(format_name, content=None, by=None):
    content = files.ALL[format_name] if content is None else content
    return import_file(content, name=f"{format_name}.file", format_name=format_name, by=by)


def everything():
    return [model.objects.count() for model in (Patch, PatchFact, Cve, Advisory, CatalogueSource, AuditEntry)]


def test_a_file_becomes_patches_with_their_cves_and_each_fact_has_its_source():
    source = take("windows-kbs")
    june = Patch.objects.get(ref="KB5039217")
    assert (june.severity, june.products, june.supersedes) == (
        "Critical",
        ["WindowsServer2022"],
        ["KB5037771"],
    )
    assert june.released_at == datetime(2026, 6, 9, tzinfo=UTC)
    assert [one.cve for one in Cve.objects.filter(advisories__patches=june)] == ["CVE-2026-1001"]
    assert june.facts.get().source == source
    assert (source.patches, source.added, source.passed_over) == (
        2,
        2,
        ["line 3: no KB number for WindowsServer2016"],
    )


@pytest.mark.parametrize("format_name", list(files.ALL))
def test_the_same_file_twice_changes_nothing(format_name):
    take(format_name)
    before = [list(model.objects.order_by("pk").values()) for model in (Patch, PatchFact, Cve, Advisory)]
    again = take(format_name)
    assert (again.added, again.changed) == (0, 0)
    assert [
        list(model.objects.order_by("pk").values()) for model in (Patch, PatchFact, Cve, Advisory)
    ] == before


def test_a_broken_file_leaves_nothing_behind():
    before = everything()
    with pytest.raises(InvalidInput) as refused:
        take("windows-kbs", files.WINDOWS_KBS + b"{}")
    assert [one.field for one in refused.value.problems] == ["file"]
    assert "line 4, KbNumber" in str(refused.value)
    assert everything() == before


def test_two_vendors_add_to_one_patch_and_the_first_known_fact_is_told_by_the_better_one():
    take("windows-kbs")
    take("msrc-cvrf")
    june = Patch.objects.get(ref="KB5039217")
    assert june.facts.count() == 1  # both are MSRC's word: the later file is what it says now
    assert june.severity == "Important"


def test_a_correction_in_a_later_file_is_taken_over():
    take("almalinux")
    source = take("almalinux", files.ALMALINUX.replace(b"Important", b"Critical"))
    assert Patch.objects.get().severity == "Critical"
    assert (source.added, source.changed) == (0, 1)


def test_the_list_of_known_exploited_ones_marks_patches_that_fix_one():
    take("windows-kbs")
    take("kev")
    assert Cve.objects.get(cve="CVE-2026-1001").exploited_on == date(2026, 6, 20)
    marked = {one.ref: one.is_exploited for one in Patch.objects.with_exploited()}
    assert marked == {"KB5039217": True, "KB5037771": False}


def test_scores_are_kept_for_cves_that_the_catalogue_names_and_for_no_others():
    take("windows-kbs")
    source = take("epss")
    assert source.cves == 1
    assert Cve.objects.get(cve="CVE-2026-1001").epss == 0.93
    assert not Cve.objects.filter(cve="CVE-2026-9999").exists()


def test_a_patch_is_found_as_ssm_spells_it_in_this_very_build_where_that_is_known():
    take("csaf")
    take("oval")
    found = Patch.objects.named("REDHAT_ENTERPRISE_LINUX", "openssl.x86_64", "openssl.x86_64:1:3.0.7-27.el9")
    assert [one.ref for one in found] == ["openssl.x86_64:1:3.0.7-27.el9"]
    found = Patch.objects.named("REDHAT_ENTERPRISE_LINUX", "openssl.x86_64", "openssl.x86_64:9:9-9")
    assert found.count() == 2


def test_security_operations_import_and_nobody_else(rita, ines, clara):
    for person in (rita, clara):
        with pytest.raises(NotAllowed):
            take("kev", by=person)
    assert take("kev", by=ines).read_by == ines
    assert AuditEntry.objects.get(action="catalogue.imported").detail["format"] == "kev"


def test_many_patches_are_kept_in_pieces(monkeypatch):
    monkeypatch.setattr(cataloguing, "CHUNK", 1)
    assert take("windows-kbs").added == 2
