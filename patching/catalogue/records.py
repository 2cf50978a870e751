"""What every format comes to: patches and CVEs with their facts, and the error that names where a file is wrong."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime


class BadFile(ValueError):
    """A file that cannot be accepted. ``where`` is a line, a record or a path in it; ``field`` may be empty."""

    def __init__(self, where: str, field: str, message: str) -> None:
        self.where, self.field, self.problem = where, field, message
        super().__init__(f"{', '.join(part for part in (where, field) if part)}: {message}")


@dataclass(frozen=True, kw_only=True)
class PatchRecord:
    """One patch: a Windows KB, or on Linux one version of one package. What is not known stays empty."""

    system: str  # SSM's word, such as WINDOWS
    name: str  # as SSM reports it where missing: KB5039217, openssl.x86_64; openssl where no architecture is told
    build: str = ""  # epoch:version-release of a package, "" on Windows
    title: str = ""
    classification: str = ""
    severity: str = ""
    released_at: datetime | None = None
    products: Sequence[str] = ()  # RedhatEnterpriseLinux9 stands for 9.1, 9.2 and so on
    advisories: Sequence[str] = ()
    cves: Sequence[str] = ()
    supersedes: Sequence[str] = ()  # names
    product_family: str = ""
    patch_set: str = "OS"
    repository: str = ""
    priority: str = ""

    @property
    def ref(self) -> str:
        """What tells it from every other patch of its operating system."""
        if self.build or self.name.startswith("KB") or not self.advisories:
            return f"{self.name}:{self.build}" if self.build else self.name
        return f"{self.name} of {self.advisories[0]}"


@dataclass(frozen=True, kw_only=True)
class CveRecord:
    """What one source says of a CVE: that it is known to be exploited, or how likely it is (EPSS)."""

    cve: str
    title: str = ""
    exploited_on: date | None = None
    due_on: date | None = None
    ransomware: bool = False
    action: str = ""
    epss: float | None = None  # probability of exploitation in the next 30 days, 0 to 1
    percentile: float | None = None


@dataclass(frozen=True, kw_only=True)
class Document:
    """One file that was read. ``as_of`` is its own date; ``passed_over`` says what in it names no patch, and why."""

    kind: str
    as_of: datetime | None = None
    patches: Sequence[PatchRecord] = ()
    cves: Sequence[CveRecord] = ()
    passed_over: Sequence[str] = ()
