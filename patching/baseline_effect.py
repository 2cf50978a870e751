"""What a baseline comes to over a whole catalogue: `approval`'s rules over thousands of patches at once. Pure.

A catalogue is prepared once for an operating system and may then be asked for any number of baselines. Sets of
patches are kept as the bits of one integer each, so that a filter costs a few machine words, not a loop. The words
are those of `approval.evaluate`, patch by patch; tests hold the two together.
"""

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from fnmatch import translate
from functools import cached_property
from itertools import islice, takewhile
from typing import Any, NamedTuple

from patching import approval
from patching.approval import DEBIAN_FAMILY, LEVELS, UNSPECIFIED, WINDOWS, Patch

# a patch without a release date counts as released then
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FEW = 16  # so many bits are set one by one
LOOKED_UP = 2_000  # answers of one catalogue that are remembered


class Outcome(NamedTuple):
    """What becomes of one patch on a day; ``approves_at`` is set where only a delay keeps it back."""

    patch: Patch
    approved: bool
    compliance_level: str
    rule: int | None
    approves_at: datetime | None = None


class _Texts:
    """Patches by texts that name them, in lower case: found by the whole text or by one with wildcards."""

    def __init__(self, named: Iterable[tuple[int, str]]) -> None:
        self.numbers: dict[str, list[int]] = {}
        # the same text comes many times: put in lower case once
        for text, numbers in _grouped(named).items():
            known = self.numbers.setdefault(text.lower(), numbers)
            if known is not numbers:
                known.extend(numbers)

    def named(self, pattern: str) -> Iterator[int]:
        if "*" not in pattern:
            yield from self.numbers.get(pattern, ())
            return
        fits = _fitting(pattern)
        for text in self.beginning(_literal(pattern)):
            if fits(text):
                yield from self.numbers[text]

    def beginning(self, known: str) -> Iterator[str]:
        first = bisect_left(self._sorted, known)
        return takewhile(lambda text: text.startswith(known), islice(self._sorted, first, None))

    @cached_property
    def _sorted(self) -> Sequence[str]:
        return sorted(self.numbers)


class _Packages:
    """Packages by any of their spellings, all of which are the name and then a dot or a dash."""

    def __init__(self, names: Iterable[tuple[int, str]], spellings: Callable[[int], set[str]]) -> None:
        self._names = _Texts(names)
        self._spellings = spellings

    def named(self, pattern: str) -> Iterator[int]:
        fits, known = _fitting(pattern), _literal(pattern)
        numbers = self._names.numbers
        whole = set(self._names.beginning(known)) if "*" in pattern else {pattern} & numbers.keys()
        for text in whole:
            yield from numbers[text] if fits(text) else self._fitting_of(text, fits)
        for length, sign in enumerate(known):
            if sign in "-." and known[:length] in numbers and known[:length] not in whole:
                yield from self._fitting_of(known[:length], fits)

    def _fitting_of(self, name: str, fits: Callable[[str], object]) -> Iterator[int]:
        return (n for n in self._names.numbers[name] if any(fits(one) for one in self._spellings(n)))


def _grouped(named: Iterable[tuple[int, str]]) -> dict[str, list[int]]:
    found = defaultdict(list)
    for number, text in named:
        found[text].append(number)
    return found


def _literal(pattern: str) -> str:
    """What a text has to begin with to fit."""
    return re.split(r"[*?[]", pattern, maxsplit=1)[0] if "*" in pattern else pattern


def _fitting(pattern: str) -> Callable[[str], object]:
    """Whether a text fits a list entry; the usual ones have at most one wildcard."""
    if "*" not in pattern:
        return pattern.__eq__
    begin, _, end = pattern.partition("*")
    if re.search(r"[*?[]", begin + end):
        return re.compile(translate(pattern)).match
    shortest = len(begin) + len(end)
    return lambda text: len(text) >= shortest and text.startswith(begin) and text.endswith(end)


class Prepared:
    """The patches of one operating system, oldest first, with what filters and lists look up in them."""

    def __init__(self, system: str, patches: Iterable[Patch]) -> None:
        self.system = system
        self.patches: Sequence[Patch] = sorted(patches, key=lambda patch: patch.released or EPOCH)
        self.all = (1 << len(self.patches)) - 1
        self._dates = [patch.released or EPOCH for patch in self.patches]
        self._where: dict[str, Mapping[str, list[int]]] = {}
        self._masks: dict[tuple[str, str], int] = {}

    def __len__(self) -> int:
        return len(self.patches)

    def released_before(self, moment: datetime) -> int:
        """Patches released before a moment, those without a date among them; all on Debian and Ubuntu."""
        if self.system in DEBIAN_FAMILY:
            return self.all
        return self.undated | ((1 << bisect_left(self._dates, moment)) - 1)

    @cached_property
    def undated(self) -> int:
        return self._mask(number for number, patch in enumerate(self.patches) if patch.released is None)

    @cached_property
    def of_the_system(self) -> int:
        """Patches of the operating system, not of applications."""
        return self._mask(n for n, patch in enumerate(self.patches) if patch.patch_set.upper() == "OS")

    def admitted(self, non_security: Any) -> int:
        """What a rule or list with this EnableNonSecurity may take."""
        if non_security:
            return self.all
        return self._security

    @cached_property
    def _security(self) -> int:
        return self._mask(
            n for n, one in enumerate(self.patches) if approval.kind_admitted(one, self.system, False)
        )

    def passing(self, *groups: Mapping[str, Any] | None) -> int:
        """Patches that every filter of these groups lets through."""
        found = self.all
        for group in groups:
            for each in (group or {}).get("PatchFilters") or []:
                wanted = each.get("Values") or []
                if "*" in wanted:
                    continue
                matching = 0
                for value in wanted:
                    matching |= self._having(each["Key"], value)
                found &= matching
        return found

    def rejected(self, entries: Iterable[str] | None) -> int:
        """What a rejected list names."""
        return self._union(self._names, "a name", entries)

    def approved(self, entries: Iterable[str] | None) -> int:
        """What an approved list names: also by advisory, CVE or bug."""
        return self.rejected(entries) | self._union(self._notices, "a notice", entries)

    def numbers(self, mask: int) -> Iterator[int]:
        """The places of a set's patches, ascending."""
        bits = bin(mask)[:1:-1]
        at = bits.find("1")
        while at >= 0:
            yield at
            at = bits.find("1", at + 1)

    def _having(self, key: str, value: str) -> int:
        value = value if key == "PRODUCT" else value.lower()
        mask = self._masks.get((key, value))
        if mask is None:
            index = self._products if key == "PRODUCT" else self._index(key)
            mask = self._mask(index.get(value, ()))
            self._keep(key, value, mask)
        return mask

    def _union(self, texts: _Texts | _Packages, kind: str, entries: Iterable[str] | None) -> int:
        found = 0
        for entry in entries or ():
            pattern = entry.lower()
            mask = self._masks.get((kind, pattern))
            if mask is None:
                mask = self._mask(texts.named(pattern))
                self._keep(kind, pattern, mask)
            found |= mask
        return found

    def _keep(self, kind: str, text: str, mask: int) -> None:
        """Remember what was looked up; nothing of what matches nothing, for there is no end to that."""
        if mask and len(self._masks) < LOOKED_UP:
            self._masks[kind, text] = mask

    @cached_property
    def _names(self) -> _Texts | _Packages:
        if self.system == WINDOWS:
            return _Texts((number, patch.id) for number, patch in enumerate(self.patches))

        def spellings(number: int) -> set[str]:
            return approval.names_of(self.patches[number], self.system)

        return _Packages(
            ((number, patch.name or patch.id) for number, patch in enumerate(self.patches)), spellings
        )

    @cached_property
    def _notices(self) -> _Texts:
        return _Texts(
            (number, text)
            for number, patch in enumerate(self.patches)
            for text in approval.notices_of(patch, self.system)
        )

    def _index(self, key: str) -> Mapping[str, list[int]]:
        if key not in self._where:
            said = (
                (number, value)
                for number, patch in enumerate(self.patches)
                for value in approval.values_of(key, patch, self.system)
                if value
            )
            self._where[key] = _Texts(said).numbers
        return self._where[key]

    @cached_property
    def _products(self) -> Mapping[str, list[int]]:
        """Of products the case counts."""
        return _grouped((number, patch.product) for number, patch in enumerate(self.patches))

    def _mask(self, numbers: Iterable[int]) -> int:
        numbers, size = list(numbers), len(self.patches)
        if len(numbers) < FEW:
            return _union(1 << number for number in numbers)
        digits = bytearray(b"0") * (size + 1)
        for number in numbers:
            digits[size - number] = 49  # "1"
        return int(digits, 2)


@dataclass(frozen=True)
class _Claim:
    """What one rule says: of which patches, and from when on."""

    number: int
    level: str
    takes: int
    near: int  # it matches them, but takes no non-security updates
    days: int
    until: datetime | None  # the end of the day of its ApproveUntilDate

    def approves(self, prepared: Prepared, as_of: datetime) -> int:
        moment = self.until or as_of - timedelta(days=self.days)
        return self.takes & prepared.released_before(moment)


@dataclass(frozen=True)
class Effect:
    """What a baseline does with a prepared catalogue on a day. Sets are bits; see ``Prepared.numbers``."""

    prepared: Prepared
    as_of: datetime
    rejected: int
    by_level: Mapping[tuple[str, int | None], int] = field(default_factory=dict)  # level, rule: approved
    waiting_by: Mapping[tuple[int, int], int] = field(default_factory=dict)  # rule, its days: not yet
    near: Mapping[int, int] = field(default_factory=dict)  # a rule matches, and will not approve as it is

    @cached_property
    def approved(self) -> int:
        return _union(self.by_level.values())

    @cached_property
    def waiting(self) -> int:
        """Approved later by themselves."""
        return _union(self.waiting_by.values())

    @property
    def never(self) -> int:
        """Approved neither now nor later."""
        return self.prepared.all & ~(self.approved | self.waiting)

    def outcomes(self, among: int | None = None) -> list[Outcome]:
        """One for each patch, oldest first; of a set only where one is given."""
        patches, wanted = self.prepared.patches, self.prepared.all if among is None else among
        found: dict[int, Outcome] = {}
        for (level, rule), mask in self.by_level.items():
            for number in self.prepared.numbers(mask & wanted):
                found[number] = Outcome(patches[number], True, level, rule)
        for (rule, days), mask in self.waiting_by.items():
            for number in self.prepared.numbers(mask & wanted):
                at = (patches[number].released or EPOCH) + timedelta(days=days)
                found[number] = Outcome(patches[number], False, UNSPECIFIED, rule, at)
        for rule, mask in self.near.items():
            for number in self.prepared.numbers(mask & wanted):
                found[number] = Outcome(patches[number], False, UNSPECIFIED, rule)
        for number in self.prepared.numbers(wanted):
            if number not in found:
                found[number] = Outcome(patches[number], False, UNSPECIFIED, None)
        return [found[number] for number in sorted(found)]


def effect_of(baseline: Mapping[str, Any], prepared: Prepared, *, as_of: datetime) -> Effect:
    """What the baseline, a CreatePatchBaseline request, does with each patch at a moment.

    Raises ValueError where the catalogue was prepared for another operating system.
    """
    rejected, explicit, claims = _read(baseline, prepared)
    by_level: dict[tuple[str, int | None], int] = {}
    left = prepared.all & ~rejected
    list_level = baseline.get("ApprovedPatchesComplianceLevel") or UNSPECIFIED
    for level in reversed(LEVELS):
        for claim in claims:
            if claim.level == level and (taken := claim.approves(prepared, as_of) & left):
                by_level[level, claim.number] = taken
                left &= ~taken
        if level == list_level and (taken := explicit & left):
            by_level[level, None] = taken
            left &= ~taken
    waiting: dict[tuple[int, int], int] = {}
    for claim in sorted(claims, key=lambda claim: claim.days):
        if claim.until is None and (taken := claim.takes & left):
            waiting[claim.number, claim.days] = taken
            left &= ~taken
    near: dict[int, int] = {}
    for claim in claims:
        if taken := (claim.near | (claim.takes if claim.until else 0)) & left:
            near[claim.number] = taken
            left &= ~taken
    return Effect(prepared, as_of, rejected, by_level, waiting, near)


def effects_of(
    baselines: Iterable[Mapping[str, Any]], catalogues: Mapping[str, Prepared], *, as_of: datetime
) -> list[Effect]:
    """The effect of many baselines in one pass; each on the catalogue of its operating system, prepared once."""
    return [effect_of(one, catalogues[system_of(one)], as_of=as_of) for one in baselines]


def first_approved(baseline: Mapping[str, Any], prepared: Prepared) -> list[datetime | None]:
    """When the baseline approves each patch, oldest patch first; None for never.

    What is approved by name, at once or by a date counts from its release; ``EPOCH`` where that is not known.
    """
    rejected, explicit, claims = _read(baseline, prepared)
    left = prepared.all & ~rejected
    found: list[datetime | None] = [None] * len(prepared)

    def take(mask: int, days: int) -> None:
        nonlocal left
        for number in prepared.numbers(mask & left):
            released = prepared.patches[number].released
            found[number] = EPOCH if released is None else released + timedelta(days=days)
        left &= ~mask

    at_once = explicit
    for claim in claims:
        if claim.until is not None:
            at_once |= claim.takes & prepared.released_before(claim.until)
        elif prepared.system in DEBIAN_FAMILY:
            at_once |= claim.takes
    take(at_once, 0)
    for claim in sorted(claims, key=lambda claim: claim.days):
        if claim.until is None:
            take(claim.takes, claim.days)
    return found


def system_of(baseline: Mapping[str, Any]) -> str:
    """The operating system of a CreatePatchBaseline request; AWS takes Windows where none is named."""
    return str(baseline.get("OperatingSystem") or WINDOWS)


def _read(baseline: Mapping[str, Any], prepared: Prepared) -> tuple[int, int, list[_Claim]]:
    """What is rejected, what is approved by name, and what each rule claims."""
    if system_of(baseline) != prepared.system:
        raise ValueError(f"A baseline for {system_of(baseline)} says nothing of {prepared.system}.")
    everything = baseline.get("GlobalFilters")
    rejected = prepared.rejected(baseline.get("RejectedPatches"))
    let_through = prepared.passing(everything)
    explicit = prepared.approved(baseline.get("ApprovedPatches"))
    explicit &= prepared.admitted(baseline.get("ApprovedPatchesEnableNonSecurity"))
    if prepared.system in DEBIAN_FAMILY:
        explicit &= let_through
    claims = []
    for number, rule in enumerate((baseline.get("ApprovalRules") or {}).get("PatchRules") or []):
        group = rule.get("PatchFilterGroup")
        matching = let_through & prepared.passing(group)
        if not _names_a_set(group, everything):
            matching &= prepared.of_the_system
        takes = matching & prepared.admitted(rule.get("EnableNonSecurity"))
        until = rule.get("ApproveUntilDate")
        claims.append(
            _Claim(
                number=number,
                level=rule.get("ComplianceLevel") or UNSPECIFIED,
                takes=takes,
                near=matching & ~takes,
                days=rule.get("ApproveAfterDays") or 0,
                until=_end_of(str(until)) if until and prepared.system not in DEBIAN_FAMILY else None,
            )
        )
    return rejected, explicit, claims


def _names_a_set(*groups: Mapping[str, Any] | None) -> bool:
    return any(
        each["Key"] == "PATCH_SET" for group in groups for each in (group or {}).get("PatchFilters") or []
    )


def _end_of(day: str) -> datetime:
    return datetime.combine(date.fromisoformat(day), time.min, UTC) + timedelta(days=1)


def _union(masks: Iterable[int]) -> int:
    found = 0
    for mask in masks:
        found |= mask
    return found
