"""Take fields out of what was parsed, and say what is wrong with one in words."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any

from patching.catalogue.records import BadFile

CVE = re.compile(r"CVE-[0-9]{4}-[0-9]{4,19}")
LONGEST = 300
MOST = 20_000  # entries of one list


def from_json(content: bytes, where: str = "") -> Any:
    """The JSON of a file or line. Raises BadFile, also where it is nested beyond reason."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as problem:
        raise BadFile(where or _line_of(problem), "", f"This is not JSON: {_said(problem)}.") from None


def lines_of(content: bytes) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each line of a JSONL file that is not empty, as ("line 3", object)."""
    for number, line in enumerate(content.splitlines(), start=1):
        if line.strip():
            where = f"line {number}"
            found = from_json(line, where)
            yield where, mapping(found, where)


def mapping(found: Any, where: str, field: str = "") -> Mapping[str, Any]:
    if not isinstance(found, Mapping):
        raise BadFile(where, field, 'An object is needed here, such as {"id": "ALSA-2026:1234"}.')
    return found


def rows(found: Mapping[str, Any], field: str, where: str, *, required: bool = True) -> list[Any]:
    """A list; empty where it is missing and need not be there."""
    value = found.get(field)
    if value is None and not required:
        return []
    if not isinstance(value, list):
        raise BadFile(where, field, "A list is needed here, such as [].")
    if len(value) > MOST:
        raise BadFile(where, field, f"At most {MOST:,} entries; there are {len(value):,}.")
    return value


def text(found: Mapping[str, Any], field: str, where: str, *, required: bool = False) -> str:
    """A text without what no text needs; empty where it is missing and need not be there."""
    value = found.get(field)
    if value is None and not required:
        return ""
    if not isinstance(value, str) or (required and not value.strip()):
        raise BadFile(where, field, f"A text is needed here, not {shown(value)}.")
    return clean(value, where, field)


def clean(value: str, where: str, field: str) -> str:
    value = value.strip()
    if "\x00" in value:
        raise BadFile(where, field, "It holds a character that no text may have (U+0000).")
    if len(value) > LONGEST:
        raise BadFile(where, field, f"At most {LONGEST} characters; there are {len(value):,}.")
    return value


def texts(found: Mapping[str, Any], field: str, where: str) -> list[str]:
    """A list of texts, each once."""
    values = rows(found, field, where, required=False)
    for number, value in enumerate(values):
        if not isinstance(value, str):
            raise BadFile(where, f"{field}[{number}]", f"A text is needed here, not {shown(value)}.")
    return list(dict.fromkeys(clean(value, where, field) for value in values if value.strip()))


def cves_of(values: list[str]) -> tuple[str, ...]:
    """Those that are CVE ids, upper case and sorted; vendors list advisories of their own among them."""
    upper = {value.upper() for value in values}
    return tuple(sorted(value for value in upper if CVE.fullmatch(value)))


def moment(found: Mapping[str, Any], field: str, where: str, *, required: bool = False) -> datetime | None:
    """A date or time, UTC where it names no zone."""
    said = text(found, field, where, required=required)
    return read_moment(said, where, field) if said else None


def read_moment(said: str, where: str, field: str) -> datetime:
    try:
        read = datetime.fromisoformat(said.replace("Z", "+00:00"))
    except ValueError:
        raise BadFile(
            where, field, f"{shown(said)} is no date; write it as 2026-06-09 or 2026-06-09T17:00:00Z."
        ) from None
    return read.astimezone(UTC) if read.tzinfo else read.replace(tzinfo=UTC)


def day(found: Mapping[str, Any], field: str, where: str, *, required: bool = False) -> date | None:
    read = moment(found, field, where, required=required)
    return read.date() if read else None


def shown(value: Any) -> str:
    said = json.dumps(value, ensure_ascii=False, default=str)
    return said if len(said) <= 60 else f"{said[:59]}…"


def _line_of(problem: Exception) -> str:
    return f"line {problem.lineno}" if isinstance(problem, json.JSONDecodeError) else "the file"


def _said(problem: Exception) -> str:
    if isinstance(problem, json.JSONDecodeError):
        return problem.msg
    if isinstance(problem, UnicodeDecodeError):
        return "it is not UTF-8"
    return "it is nested too deeply"
