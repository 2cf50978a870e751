"""One opening as pages tell it: by the window's own clock and in UTC."""

from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo


@dataclass(frozen=True)
class Run:
    """One opening with what there is to say about it."""

    start: datetime
    end: datetime
    zone: ZoneInfo
    note: str = ""

    @property
    def local(self) -> str:
        """22:00 to 02:00, by the window's own clock."""
        return f"{self.start.astimezone(self.zone):%H:%M} to {self.end.astimezone(self.zone):%H:%M}"

    @property
    def utc(self) -> str:
        """The same in UTC, with the day where it is another."""
        start = self.start.astimezone(UTC)
        day = "" if start.date() == self.start.astimezone(self.zone).date() else f"{start:%a} "
        return f"{day}{start:%H:%M} to {self.end.astimezone(UTC):%H:%M}"
