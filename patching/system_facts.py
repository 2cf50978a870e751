"""Keep what AWS says of operating systems, account-region by account-region, and answer what can be chosen from.

Reading asks only for systems that run there, values once a week, defaults with every reading.
"""

import json
from collections.abc import Iterable, Mapping, MutableSequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.conf import settings
from django.db.models import Max

from patching import exclusions, presets, words
from patching.allowance import doing_without
from patching.aws.session import Clients
from patching.aws.system_facts import SystemFacts as Reader
from patching.baseline_rules import Vocabulary, dated, vocabularies
from patching.items import Allowed
from patching.models import AccountRegion, ManagedInstance, PatchGroup, SystemFacts
from portal.governance import clock

VALUES_LAST = timedelta(days=7)


@dataclass(frozen=True)
class Listed:
    """The words of one operating system, and as of when: what AWS listed, or the project's own dated list."""

    vocabulary: Vocabulary
    as_of: date
    by_aws: bool


def keep(place: AccountRegion, clients: Clients, seen_at: datetime, *, lacking: MutableSequence[str]) -> None:
    """Read what AWS says of each operating system that runs in one account-region; ``lacking`` gets what it may not."""
    reader = Reader(clients)
    known = {one.operating_system: one for one in SystemFacts.objects.filter(account_region=place)}
    for system in _running(place):
        vocabulary = vocabularies().get(system)
        if vocabulary is None:
            continue
        facts = known.get(system) or SystemFacts(account_region=place, operating_system=system)
        if facts.values_read_at is None or seen_at - facts.values_read_at >= VALUES_LAST:
            with doing_without(lacking):
                facts.values = reader.values(system, vocabulary.keys)
                facts.values_read_at = seen_at
        with doing_without(lacking):
            _read_default(reader, facts)
            facts.default_read_at = seen_at
        _write(facts)


def _read_default(reader: Reader, facts: SystemFacts) -> None:
    default = reader.default_id(facts.operating_system)
    if default != facts.default_id or not facts.default_is_aws_own:
        name, definition = reader.baseline(default)
        facts.default_id, facts.default_name, facts.default = default, name, json.loads(definition)


def _running(place: AccountRegion) -> list[str]:
    rows = ManagedInstance.objects.present().filter(account_region=place).exclude(operating_system="")
    return sorted(set(rows.values_list("operating_system", flat=True)))


def _write(facts: SystemFacts) -> None:
    """Readings may overlap; the row is one, and both have asked AWS just now."""
    names = ("values", "values_read_at", "default_id", "default_name", "default", "default_read_at")
    SystemFacts.objects.update_or_create(
        account_region=facts.account_region,
        operating_system=facts.operating_system,
        defaults={name: getattr(facts, name) for name in names},
    )


def known_words() -> dict[str, Vocabulary]:
    """The words of every operating system: the project's dated list, and what any connected account has listed."""
    listed: dict[str, list[Mapping[str, list[str]]]] = {}
    rows = SystemFacts.objects.filter(account_region__is_active=True).exclude(values_read_at=None)
    for system, values in rows.values_list("operating_system", "values"):
        listed.setdefault(system, []).append(values)
    known = dict(vocabularies())
    for system, several in listed.items():
        for values in several if system in known else ():
            known[system] = known[system].widened(values)
    return known


def listed(system: str) -> Listed:
    """What can be chosen from for one operating system."""
    rows = SystemFacts.objects.filter(operating_system=system, account_region__is_active=True)
    read_at = rows.aggregate(latest=Max("values_read_at"))["latest"]
    if read_at is None:
        return Listed(vocabularies()[system], date.fromisoformat(dated()), by_aws=False)
    return Listed(known_words()[system], read_at.date(), by_aws=True)


def allowed() -> Allowed:
    """What this installation takes in a baseline besides what AWS documents."""
    return Allowed(known_words(), application_patches=settings.ALLOW_APPLICATION_PATCHES)


@dataclass(frozen=True)
class Unasked:
    """The baseline that judges instances in an account-region for which nobody registered one."""

    place: AccountRegion
    system: str
    name: str
    line: str
    source: str  # where this is known from, and as of when
    chosen: bool  # whether somebody made it the default, or it is AWS's own
    instances: int = 0

    @property
    def system_name(self) -> str:
        return words.system_name(self.system)

    @property
    def told(self) -> str:
        """In one sentence, as a warning beside what it replaces."""
        return f"{self.name} applies silently: {self.line} ({self.source})."


def unasked(place: AccountRegion, system: str) -> Unasked | None:
    """What applies in an account-region where nobody registered a baseline for an operating system."""
    facts = (
        SystemFacts.objects.filter(account_region=place, operating_system=system)
        .exclude(default_id="")
        .first()
    )
    if facts is not None:
        return _as_read(facts)
    known = presets.aws_default(system)
    if known is None:
        return None
    line = words.baseline_in_a_line(known.definition)
    return Unasked(
        place, system, known.name, line, "AWS's own default, not read from the account yet", chosen=False
    )


def _as_read(facts: SystemFacts, instances: int = 0) -> Unasked:
    what = "AWS's own default" if facts.default_is_aws_own else "made the default in the account"
    return Unasked(
        facts.account_region,
        facts.operating_system,
        facts.default_name,
        words.baseline_in_a_line(facts.default),
        f"{what}, read {facts.default_read_at:%-d %b %Y}",
        chosen=not facts.default_is_aws_own,
        instances=instances,
    )


def unasked_everywhere(instances: Iterable[ManagedInstance]) -> list[Unasked]:
    """The defaults that judge some of these instances, each with how many; most first."""
    judged = {
        (group.account_region_id, group.name, system)
        for group in PatchGroup.objects.live()
        for system in group.spec["baselines"]
    }
    there = list(instances)
    sides = exclusions.sides_of(there, clock.now())
    left: dict[tuple[int, str], int] = {}
    for one in there:
        group = sides[one.pk].group if one.pk in sides else one.patch_group
        if (one.account_region_id, group, one.operating_system) not in judged:
            key = one.account_region_id, one.operating_system
            left[key] = left.get(key, 0) + 1
    rows = SystemFacts.objects.exclude(default_id="").select_related("account_region__account")
    found = [
        _as_read(facts, count)
        for facts in rows
        if (count := left.get((facts.account_region_id, facts.operating_system), 0))
    ]
    return sorted(found, key=lambda one: -one.instances)
