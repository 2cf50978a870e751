"""FIRST's EPSS scores as CSV: a comment with the date, a head, and "cve,epss,percentile" a line."""

import csv
import re
from datetime import datetime

from patching.catalogue.fields import CVE, read_moment, shown
from patching.catalogue.records import BadFile, CveRecord, Document

KIND = "epss"
HEAD = ["cve", "epss", "percentile"]
_DATE = re.compile(r"score_date:(?P<date>[^,\s]+)")


def read(content: bytes) -> Document:
    """All scores of one day."""
    try:
        lines = content.decode("utf-8").splitlines()
    except UnicodeDecodeError:
        raise BadFile("the file", "", "It is not UTF-8.") from None
    as_of, skipped = _dated(lines)
    reader = csv.reader(lines[skipped:])
    head = next(reader, None)
    if head != HEAD:
        raise BadFile(
            f"line {skipped + 1}",
            "",
            f"The head has to be {','.join(HEAD)}, not {shown(','.join(head or []))}.",
        )
    cves = []
    for number, row in enumerate(reader, start=skipped + 2):
        if row:
            cves.append(_score(row, f"line {number}"))
    return Document(kind=KIND, as_of=as_of, cves=cves)


def _dated(lines: list[str]) -> tuple[datetime | None, int]:
    if not lines or not lines[0].startswith("#"):
        return None, 0
    found = _DATE.search(lines[0])
    return (read_moment(found["date"], "line 1", "score_date") if found else None), 1


def _score(row: list[str], where: str) -> CveRecord:
    if len(row) != len(HEAD):
        raise BadFile(where, "", f"{len(HEAD)} values are needed; there are {len(row)}.")
    cve = row[0].strip().upper()
    if not CVE.fullmatch(cve):
        raise BadFile(where, "cve", f"{shown(row[0])} is no CVE id such as CVE-2026-12345.")
    return CveRecord(
        cve=cve, epss=_share(row[1], where, "epss"), percentile=_share(row[2], where, "percentile")
    )


def _share(said: str, where: str, field: str) -> float:
    try:
        value = float(said)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise BadFile(where, field, f"{shown(said)} is no number from 0 to 1.")
    return value
