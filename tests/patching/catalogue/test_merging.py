from patching.catalogue.merging import merged, origin

AWS = {"severity": "Critical", "released_at": "2026-06-09T17:00:00+00:00", "cves": ["CVE-2026-1001"]}
MSRC = {"severity": "Important", "title": "Security update", "cves": ["CVE-2026-1002"]}


def test_aws_speaks_before_the_vendor_and_the_vendor_where_aws_is_silent():
    facts = merged({"msrc": MSRC, "aws": AWS})
    assert (facts["severity"], facts["title"]) == ("Critical", "Security update")
    assert origin({"msrc": MSRC, "aws": AWS}, "title") == ["msrc"]


def test_lists_hold_what_every_source_names():
    said = {"msrc": MSRC, "aws": AWS}
    assert merged(said)["cves"] == ["CVE-2026-1001", "CVE-2026-1002"]
    assert origin(said, "cves") == ["aws", "msrc"]
