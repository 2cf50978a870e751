"""What somebody should know before deciding on baselines: what AWS takes and nobody means, and stages that drift apart.

``check`` is pure: planned baselines in, findings out. ``about_baselines`` gathers them from rows and items.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from patching import alignment, words
from patching.around import Around
from patching.baseline_rules import check as check_request
from patching.baseline_rules import soak_problems
from patching.findings.telling import NOTE, WARNING, Finding
from patching.items import is_new
from patching.models import PatchBaseline
from patching.system_facts import known_words

_TITLES = {
    "long_delay": "{where} waits longer than Windows updates live",
    "empty_filter": "{where} approves everything there is",
    "unspecified_level": "What {where} misses has no severity in Security Hub",
    "no_release_dates": "{where} has a delay that does nothing",
    "matches_nothing": "{where} can match nothing",
    "unknown_product": "{where} names a product that is not listed",
    "insecure_source": "Packages come over an open line",
    "application_patches": "{where} patches applications",
}
# left to itself these are no reason to stop
_NOTES = frozenset(
    {"unspecified_level", "unknown_product", "spelling", "duplicate", "wildcards", "reserved_name"}
)


@dataclass(frozen=True)
class PlannedBaseline:
    """A baseline as it would be, where it stands among the stages of its application, and whether it is asked for."""

    spec: Mapping[str, Any]
    rank: int  # of its environment; 0 where it has none
    environment: str
    asked: bool = True
    family: tuple[str, str] = field(default=("", ""))  # application and operating system

    @property
    def name(self) -> str:
        return str(self.spec["name"])

    @property
    def definition(self) -> Mapping[str, Any]:
        definition: Mapping[str, Any] = self.spec["definition"]
        return definition


def check(planned: Sequence[PlannedBaseline], known: Mapping[str, Any] | None = None) -> list[Finding]:
    """Findings on the baselines that are asked for, together with those of the same application that stay."""
    found = [finding for one in planned if one.asked for finding in _alone(one, known)]
    return [*found, *_stages(planned)]


def _alone(one: PlannedBaseline, known: Mapping[str, Any] | None) -> Iterable[Finding]:
    """What is odd in one baseline; the same oddity in several rules is told once."""
    told: dict[str, list[Any]] = {}
    for problem in check_request({"Name": one.name, **one.definition}, known).warnings:
        told.setdefault(problem.code, []).append(problem)
    for code, problems in told.items():
        places = [place for problem in problems if (place := _place(problem.field))]
        where = f"{one.name}, {words.listed(dict.fromkeys(places))}" if places else one.name
        title = _TITLES.get(code, "{where}: AWS takes it, and may not mean it").format(where=where)
        level = NOTE if code in _NOTES else WARNING
        yield Finding(level, title, problems[0].message)


def _place(path: str) -> str:
    head, _, rest = path.partition("PatchRules[")
    return f"rule {int(rest.partition(']')[0]) + 1}" if head == "ApprovalRules." else ""


def _stages(planned: Sequence[PlannedBaseline]) -> Iterable[Finding]:
    families: dict[tuple[str, str], list[PlannedBaseline]] = {}
    for one in planned:
        if one.rank and one.family[0]:
            families.setdefault(one.family, []).append(one)
    for family in families.values():
        for earlier, later in pairwise(sorted(family, key=lambda one: (one.rank, one.name))):
            if earlier.rank < later.rank and (earlier.asked or later.asked):
                yield from _overtaking(earlier, later)
                yield from _drifting(earlier, later)


def _overtaking(earlier: PlannedBaseline, later: PlannedBaseline) -> Iterable[Finding]:
    stages = [(earlier.name, earlier.definition), (later.name, later.definition)]
    for problem in soak_problems(stages):
        claim = f"{later.environment} would take patches before {earlier.environment}"
        yield Finding(
            WARNING, claim, problem.message, "Give the later stage at least the delay of the one before."
        )


def _drifting(earlier: PlannedBaseline, later: PlannedBaseline) -> Iterable[Finding]:
    """What one stage tests and the next one never gets, or the other way round."""
    mine, theirs = alignment.of_baselines(_rules_of(earlier), _rules_of(later))
    assert mine is not None
    assert theirs is not None
    only_earlier = [name for name, text in theirs.items() if text == alignment.ABSENT]
    only_later = [name for name, text in mine.items() if text == alignment.ABSENT]
    # everything at once in dev covers whatever later stages tell apart
    if only_later and not any(
        name.startswith("Everything") for name in mine if mine[name] != alignment.ABSENT
    ):
        claim = f"{later.environment} gets patches that {earlier.environment} never tests"
        evidence = f"{later.name} approves {_listed(only_later)}; {earlier.name} does not."
        yield Finding(WARNING, claim, evidence, "Let both stages approve the same, each after its own delay.")
    if only_earlier and not any(
        name.startswith("Everything") for name in theirs if theirs[name] != alignment.ABSENT
    ):
        claim = f"{earlier.environment} tests patches that {later.environment} never gets"
        evidence = f"{earlier.name} approves {_listed(only_earlier)}; {later.name} does not."
        yield Finding(NOTE, claim, evidence)


def _listed(rules: Iterable[str]) -> str:
    return words.listed(name.lower() for name in rules)


def _rules_of(one: PlannedBaseline) -> dict[str, Any]:
    kept = {
        name: one.definition[name] for name in ("OperatingSystem", "ApprovalRules") if name in one.definition
    }
    return {"definition": kept}


def about_baselines(around: Around) -> list[Finding]:
    """Findings on the baselines that items ask for, beside those of the same applications that stay."""
    asked = [one for one in around.items if one["kind"] == "baseline" and one["action"] != "delete"]
    if not asked:
        return []
    slugs = {one["spec"]["application"] for one in asked} - {""}
    touched = {one["target"] for one in around.items if one["kind"] == "baseline" and not is_new(one)}
    named = {one["spec"]["name"] for one in asked}
    stay = PatchBaseline.objects.live().filter(application__slug__in=slugs).exclude(pk__in=touched)
    planned = [_planned(one["spec"], around) for one in asked]
    planned += [_planned(row.spec, around, asked=False) for row in stay if row.name not in named]
    return check(planned, known_words())


def _planned(spec: Mapping[str, Any], around: Around, *, asked: bool = True) -> PlannedBaseline:
    environment = around.environments.get(spec["environment"])
    return PlannedBaseline(
        spec,
        rank=environment.rank if environment else 0,
        environment=environment.name if environment else "A baseline for no environment in particular",
        asked=asked,
        family=(spec["application"], spec["definition"].get("OperatingSystem", "WINDOWS")),
    )
