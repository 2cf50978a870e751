"""What a finding is, and the words that all of them share."""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from patching.findings.edits import Edit
from patching.findings.planned import RUNS_AHEAD
from patching.words import counted

WARNING, NOTE = "warning", "note"


@dataclass(frozen=True)
class Finding:
    """A fact as the claim, what it rests on, and one way out."""

    level: str
    claim: str
    evidence: str
    fix: str = ""
    code: str = ""  # what kind of finding it is, for the fix to be found again
    about: str = ""  # of which window
    edits: tuple[Edit, ...] = ()  # what the fix changes, where it can be asked for with one click

    @property
    def key(self) -> str:
        return f"{self.code}:{self.about}"

    @property
    def query(self) -> str:
        """The query with which the pages that ask begin with the fix; "" where there is no such fix."""
        return urlencode({"fix": self.key}) if self.edits else ""

    @property
    def told(self) -> str:
        return f"{self.evidence} {self.fix}".strip()


def day_of(moment: datetime, zone: str) -> str:
    here = moment.astimezone(ZoneInfo(zone))
    return f"{here:%a} {here.day} {here:%b %Y}"


def clock_of(moment: datetime, zone: str) -> str:
    return f"{moment.astimezone(ZoneInfo(zone)):%H:%M}"


def and_more(number: int) -> str:
    return f", and {counted(number, 'more run')} of the next {RUNS_AHEAD}" if number else ""
