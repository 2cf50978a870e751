"""What a check found, and the small checks that every part of a baseline needs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any


@dataclass(frozen=True)
class Problem:
    """One thing wrong, at a path such as ApprovalRules.PatchRules[0].ApproveAfterDays."""

    field: str
    code: str
    message: str


@dataclass(frozen=True)
class Report:
    """Everything wrong with a baseline. It is valid when there are no errors."""

    errors: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    @property
    def valid(self) -> bool:
        return not self.errors

    def error(self, path: str, code: str, message: str) -> None:
        self.errors.append(Problem(path, code, message))

    def warn(self, path: str, code: str, message: str) -> None:
        self.warnings.append(Problem(path, code, message))


def check_unknown(path: str, found: Mapping[str, Any], known: Iterable[str], report: Report) -> None:
    for name in found:
        if name not in known:
            near = nearest(str(name), known)
            hint = f" Did you mean {near}?" if near else ""
            where = f"{path}.{name}" if path else str(name)
            report.error(where, "unknown_field", f"Unknown field {quoted(name)}.{hint}")


def check_text(name: str, value: Any, longest: int, report: Report) -> None:
    if value is None:
        return
    if not isinstance(value, str) or not value:
        report.error(
            name, "length", f"A text of 1 to {longest} characters; leave it out where there is none."
        )
    elif len(value) > longest:
        report.error(name, "length", f"At most {longest} characters (you entered {len(value)}).")


def check_choice(path: str, value: Any, options: Sequence[str], report: Report) -> None:
    if value is not None and value not in options:
        near = nearest(str(value), options)
        hint = f"Did you mean {near}?" if near else f"Use {', '.join(options)}."
        report.error(path, "choice", f"{quoted(value)} is not allowed. {hint}")


def nearest(value: str, options: Iterable[str]) -> str | None:
    """The option that was probably meant, also where only its beginning was written, with a slip."""
    by_lower = {option.lower(): option for option in options}
    near = get_close_matches(value.lower(), by_lower, n=1, cutoff=0.7)
    if len(value) > 2:
        beginnings = {option[: len(value) + 1]: option for option in reversed(by_lower)}
        begun = get_close_matches(value.lower(), beginnings, n=1, cutoff=0.8)
        near += [beginnings[one] for one in begun]
        near += [option for option in by_lower if option.startswith(value.lower())]
    return by_lower[near[0]] if near else None


def quoted(value: object) -> str:
    shown = str(value)
    return f'"{shown[:24]}..."' if len(shown) > 24 else f'"{shown}"'
