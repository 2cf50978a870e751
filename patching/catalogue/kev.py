"""CISA's catalogue of known exploited vulnerabilities, as JSON."""

from patching.catalogue.fields import CVE, clean, day, from_json, mapping, moment, rows, text
from patching.catalogue.records import BadFile, CveRecord, Document

KIND = "kev"


def read(content: bytes) -> Document:
    """Every entry, with the day it was added and the day by which CISA wants it mended."""
    found = mapping(from_json(content), "the file")
    cves = []
    for number, one in enumerate(rows(found, "vulnerabilities", "the file")):
        entry = mapping(one, f"vulnerabilities[{number}]")
        where = text(entry, "cveID", f"vulnerabilities[{number}]", required=True)
        if not CVE.fullmatch(where):
            raise BadFile(
                f"vulnerabilities[{number}]", "cveID", f"“{where}” is no CVE id such as CVE-2026-12345."
            )
        action = entry.get("requiredAction") or ""
        if not isinstance(action, str):
            raise BadFile(where, "requiredAction", "A text is needed here.")
        cves.append(
            CveRecord(
                cve=where,
                title=text(entry, "vulnerabilityName", where),
                exploited_on=day(entry, "dateAdded", where, required=True),
                due_on=day(entry, "dueDate", where),
                ransomware=text(entry, "knownRansomwareCampaignUse", where) == "Known",
                action=clean(action[:300], where, "requiredAction"),
            )
        )
    return Document(kind=KIND, as_of=moment(found, "dateReleased", "the file"), cves=cves)
