"""What a finding is, and the words that all of them share."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

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
