import json
import os
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from patching.catalogue import FORMATS, BadFile, formats, read
from tests.patching.catalogue import files

BOMB = b"""<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;&lol;">]>
<updates><update><id>&lol2;</id></update></updates>"""
STRANGER = (
    b"""<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><updates>&e;</updates>"""
)


def only(format_name):
    (patch,) = read(files.ALL[format_name], format_name).patches
    return patch


def test_every_format_has_an_example_here_and_reads_it():
    assert set(files.ALL) == set(FORMATS)
    for name, content in files.ALL.items():
        document = read(content, name)
        assert document.patches or document.cves, name


def test_kb_rows_bring_supersedence_and_cves_and_pass_over_what_has_no_number():
    document = read(files.WINDOWS_KBS, "windows-kbs")
    june, may = document.patches
    assert (june.ref, june.severity, june.cves) == ("KB5039217", "Critical", ("CVE-2026-1001",))
    assert june.supersedes == (may.ref,)
    assert document.passed_over == ["line 3: no KB number for WindowsServer2016"]


def test_the_monthly_document_of_msrc_gives_each_kb_its_worst_severity_and_windows_products():
    patch = only("msrc-cvrf")
    assert (patch.ref, patch.severity, patch.products) == ("KB5039217", "Important", ("WindowsServer2022",))
    assert patch.supersedes == ("KB5037771",)
    assert patch.released_at == datetime(2026, 6, 9, 7, tzinfo=UTC)


@pytest.mark.parametrize("name", ["alas", "updateinfo"])
def test_amazon_linux_counts_from_the_updated_date(name):
    patch = only(name)
    assert (patch.system, patch.ref) == ("AMAZON_LINUX_2023", "openssl.x86_64:1:3.0.8-1.amzn2023")
    assert patch.released_at == datetime(2026, 6, 19, 4, 31, tzinfo=UTC)
    assert (patch.classification, patch.severity, patch.cves) == ("Security", "Important", ("CVE-2026-2001",))


@pytest.mark.parametrize(("name", "ref"), [("csaf", "openssl.x86_64"), ("oval", "openssl")])
def test_red_hat_says_package_release_and_cve_in_both_of_its_formats(name, ref):
    patch = only(name)
    assert patch.ref == f"{ref}:1:3.0.7-27.el9"
    assert (patch.products, patch.advisories) == (("RedhatEnterpriseLinux9",), ("RHSA-2026:1234",))
    assert (patch.classification, patch.cves) == ("Security", ("CVE-2026-3001",))


def test_almalinux_names_the_advisory_of_red_hat_beside_its_own():
    assert only("almalinux").advisories == ("ALSA-2026:1234", "RHSA-2026:1234")


def test_the_list_of_known_exploited_ones_has_days_and_ransomware():
    (cve,) = read(files.KEV, "kev").cves
    assert (cve.exploited_on, cve.due_on, cve.ransomware) == (date(2026, 6, 20), date(2026, 7, 11), True)


def test_scores_have_the_day_of_their_head():
    document = read(files.EPSS, "epss")
    assert document.as_of == datetime(2026, 6, 30, tzinfo=UTC)
    assert document.cves[0].epss == 0.93


def changed(content, before, after):
    assert before in content
    return content.replace(before, after)


@pytest.mark.parametrize(
    ("name", "content", "named"),
    [
        ("windows-kbs", changed(files.WINDOWS_KBS, b"2026-05-12", b"2026-13-12"), "line 2, ReleaseDate"),
        ("windows-kbs", changed(files.WINDOWS_KBS, b'"KB5037771", "Pro', b'"5037771", "Pro'), "line 2, KbNumber"),
        ("windows-kbs", b'{"KbNumber": "KB5039217"\n', "line 1: This is not JSON"),
        ("windows-kbs", b"[]\n", "line 1: An object is needed"),
        ("windows-kbs", b'{"KbNumber": 5039217}', "line 1, KbNumber: A text is needed here, not 5039217"),
        ("windows-kbs", changed(files.WINDOWS_KBS, b"Critical", b"\\u0000"), "line 1, MsrcSeverity"),
        ("msrc-cvrf", b"{}", "DocumentTracking"),
        ("alas", changed(files.ALAS, b"amazon-linux-2023", b"debian"), "“debian” is no Amazon Linux"),
        ("alas", changed(files.ALAS, b'"Version": "3.0.8"', b'"Version": ""'), "package 1, Version"),
        ("almalinux", changed(files.ALMALINUX, b'"9"', b"9"), "line 1, release"),
        ("csaf", changed(files.CSAF, b'"2.0"', b'"1.2"'), "csaf_version"),
        ("kev", changed(files.KEV, b"CVE-2026-1001", b"CVE-X"), "vulnerabilities[0], cveID"),
        ("epss", changed(files.EPSS, b"0.93", b"1.93"), "line 3, epss: \"1.93\" is no number from 0 to 1"),
        ("epss", changed(files.EPSS, b"cve,epss,", b"epss,cve,"), "line 2: The head has to be"),
        ("epss", b"\xff\xfe", "not UTF-8"),
        ("updateinfo", BOMB, "entities or a document type"),
        ("updateinfo", STRANGER, "entities or a document type"),
        ("updateinfo", b"<updates><update>", "line 1: This is not XML"),
        ("updateinfo", b"<html/>", "its root has to be updates"),
        ("oval", changed(files.OVAL, b'date="2026-06-02"', b'date="June"'), "issued date"),
        ("oval", b"<x/>", "oval_definitions"),
        ("csaf", b"[" * 100_000, "nested too deeply"),
        ("kev", b"  \n", "It is empty"),
        ("pdf", b"x", "“pdf” is not one of"),
    ],
)  # fmt: skip
def test_a_broken_or_hostile_file_is_refused_by_line_and_field(name, content, named):
    with pytest.raises(BadFile) as refused:
        read(content, name)
    assert named in str(refused.value)


def test_a_file_that_is_too_large_is_refused_before_it_is_read(monkeypatch):
    monkeypatch.setattr(formats, "MOST_BYTES", 10)
    with pytest.raises(BadFile, match="At most"):
        read(files.KEV, "kev")


@pytest.mark.corpus
def test_every_file_of_the_corpus_is_read():
    corpus = Path(os.environ["PW_CORPUS"]) / "catalogue"
    known = {
        "windows_server_kbs.jsonl": "windows-kbs",
        "almalinux_errata.jsonl": "almalinux",
        "known_exploited_vulnerabilities.json": "kev",
        "alas_rss_2018.json": "alas",
    }
    for path in sorted(corpus.rglob("*.json*")):
        if path.name.endswith("_schema.json"):
            continue
        name = known.get(path.name, {"alas": "alas", "rhsa_csaf": "csaf"}.get(path.parent.name))
        document = read(path.read_bytes(), name)
        assert document.patches or document.cves or document.passed_over, path.name
        if path.suffix == ".jsonl":
            rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
            named = {row.get("KbNumber") or row["id"] for row in rows} - {"KB"}
            found = {one.name for one in document.patches} | {
                a for one in document.patches for a in one.advisories
            }
            assert named <= found
