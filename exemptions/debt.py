"""Exemption debt: what is left off, weighed by severity, for every day that it has been excused.

Debt of an exemption in force = Σ over the open findings that it leaves off, instance by instance, of the severity's
weight × the days begun since its approval. A finding that two exemptions leave off counts with both.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count, QuerySet

from exemptions.models import Exemption, ExemptionQuerySet
from patching import exclusions, posture
from patching.models import PatchFinding
from patching.posture import Step

# what one finding of a severity counts a day: the one table
WEIGHTS: Mapping[str, int] = {
    Step.CRITICAL: 10,
    Step.IMPORTANT: 5,
    Step.MODERATE: 2,
    Step.LOW: 1,
    Step.OTHER: 1,
}
FORMULA = (
    "For every exemption in force: each open finding that it leaves off (all of an instance's for a deferral, the "
    f"named patches for an exclusion), weighed critical {WEIGHTS[Step.CRITICAL]}, important {WEIGHTS[Step.IMPORTANT]}, "
    f"moderate {WEIGHTS[Step.MODERATE]}, low and other {WEIGHTS[Step.LOW]}, times the days begun since its approval. "
    "Instances that are gone count no more; what two exemptions leave off counts with both."
)
DAY = timedelta(days=1)
LARGEST = 10
RENEWALS = ("First time", "First renewal", "Renewed again")  # the last one for all that follow
NOT_SAID = "none"  # the filter value for an answer that the questionnaire was not given


@dataclass(frozen=True)
class Age:
    """Full days since approval: from ``start`` to below ``end``."""

    key: str
    label: str
    start: int
    end: int | None


AGES = (
    Age("0-7", "0–7 days", 0, 8),
    Age("8-30", "8–30 days", 8, 31),
    Age("31-60", "31–60 days", 31, 61),
    Age("61-90", "61–90 days", 61, 91),
    Age("over-90", "Over 90 days", 91, None),
)


@dataclass(frozen=True)
class Debt:
    """What one exemption leaves off and for how many days it has been excused; none before its approval."""

    days: int = 0
    instances: frozenset[int] = frozenset()
    findings: Mapping[str, int] = field(default_factory=dict)  # Step → findings, over all its instances

    @property
    def points(self) -> dict[str, int]:
        """Step → weight × findings × days."""
        return {step: weight * self.findings.get(step, 0) * self.days for step, weight in WEIGHTS.items()}

    @property
    def total(self) -> int:
        return sum(self.points.values())

    @property
    def worst(self) -> str:
        """The worst severity that it leaves off; "" where nothing is open."""
        return next((step for step in WEIGHTS if self.findings.get(step)), "")


@dataclass(frozen=True)
class Group:
    """The debt of some exemptions in force, and the filter of the register that lists exactly these."""

    filter: str
    key: str
    label: str
    exemptions: int
    instances: int
    points: Mapping[str, int]

    @property
    def total(self) -> int:
        return sum(self.points.values())

    @property
    def query(self) -> str:
        """What the register's address asks for."""
        return urlencode({"in_force": "on"} | ({self.filter: self.key} if self.filter else {}))


@dataclass(frozen=True)
class Grouping:
    """One way to cut the debt: what the first column is called, and its groups, the heaviest first."""

    key: str
    title: str
    groups: Sequence[Group]


@dataclass(frozen=True)
class Report:
    """All debt that somebody may see, at a moment."""

    at: datetime
    rows: Sequence[Exemption]
    debts: Mapping[int, Debt]  # by the exemption's primary key

    @property
    def everything(self) -> Group:
        return self._group("", "", "All", self.rows)

    @property
    def ages(self) -> list[Group]:
        """Every bucket, empty ones too, the youngest first."""
        return [
            self._group("age", age.key, age.label, [one for one in self.rows if age_of(one, self.at) == age])
            for age in AGES
        ]

    @property
    def renewals(self) -> list[Group]:
        return sorted(self._by("renewal", renewal), key=lambda group: int(group.key))

    @property
    def renewed_again(self) -> Group:
        """What is past its first renewal."""
        last = len(RENEWALS) - 1
        rows = [one for one in self.rows if one.renewal >= last]
        return self._group("renewal", str(last), RENEWALS[last], rows)

    @property
    def oldest(self) -> Group:
        return self.ages[-1]

    @property
    def critical(self) -> int:
        """Debt from critical findings."""
        return self.everything.points[Step.CRITICAL]

    @property
    def groupings(self) -> list[Grouping]:
        cuts: tuple[tuple[str, str, Callable[[Exemption], tuple[str, str]]], ...] = (
            ("team", "Team", lambda one: (one.team.slug, one.team.name)),
            ("application", "Application", lambda one: (one.application.slug, one.application.name)),
            ("root_cause", "Reason", lambda one: _said(one.root_cause, one.get_root_cause_display())),
            ("kind", "Kind", lambda one: (one.kind, one.get_kind_display())),
            ("exposure", "Who can reach it", lambda one: _said(one.exposure, one.get_exposure_display())),
            ("data_class", "Data", lambda one: _said(one.data_class, one.get_data_class_display())),
        )
        return [
            Grouping(key, title, sorted(self._by(key, cut), key=lambda group: (-group.total, group.label)))
            for key, title, cut in cuts
        ]

    @property
    def largest(self) -> list[tuple[Exemption, Debt]]:
        """The exemptions with the most debt, the heaviest first."""
        pairs = [(one, self.debts[one.pk]) for one in self.rows]
        return sorted(pairs, key=lambda pair: (-pair[1].total, pair[0].pk))[:LARGEST]

    def _by(self, key: str, cut: Callable[[Exemption], tuple[str, str]]) -> list[Group]:
        found: dict[tuple[str, str], list[Exemption]] = {}
        for one in self.rows:
            found.setdefault(cut(one), []).append(one)
        return [self._group(key, value, label, rows) for (value, label), rows in found.items()]

    def _group(self, key: str, value: str, label: str, rows: Iterable[Exemption]) -> Group:
        debts = [self.debts[one.pk] for one in rows]
        return Group(
            filter=key,
            key=value,
            label=label,
            exemptions=len(debts),
            instances=len(frozenset[int]().union(*(debt.instances for debt in debts))),
            points={step: sum(debt.points[step] for debt in debts) for step in WEIGHTS},
        )


def report(rows: ExemptionQuerySet, at: datetime) -> Report:
    """The debt of those of these exemptions that are in force. Four queries, however many there are."""
    found = list(rows.holding(at).select_related("team", "application").order_by("pk"))
    return Report(at, found, of(found, at))


def of(rows: Sequence[Exemption], at: datetime) -> dict[int, Debt]:
    """What each exemption leaves off or, before its approval, would leave off, by primary key; three queries.

    Nothing is left off by one that has ended; days are counted in full once begun.
    """
    alive = [one for one in rows if one.state in Exemption.OPEN or is_in_force(one, at)]
    held = _instances(alive)
    findings = _findings(alive, held)
    return {
        one.pk: Debt(
            days=days_excused(one, at) if is_in_force(one, at) else 0,
            instances=held.get(one.pk, frozenset()),
            findings=findings.get(one.pk, {}),
        )
        for one in rows
    }


def is_in_force(exemption: Exemption, at: datetime) -> bool:
    """Approved and not at its end."""
    return exemption.state == Exemption.State.APPROVED and exemption.ends_at > at


def days_excused(exemption: Exemption, at: datetime) -> int:
    """Days begun from the approval to the moment or its end; 0 before its approval."""
    if exemption.approved_at is None:
        return 0
    return max(0, -((exemption.approved_at - min(at, exemption.ends_at)) // DAY))


def age_of(exemption: Exemption, at: datetime) -> Age:
    """The bucket of the full days since its approval."""
    assert exemption.approved_at is not None
    days = max(0, (at - exemption.approved_at) // DAY)
    return next(age for age in AGES if days >= age.start and (age.end is None or days < age.end))


def aged(rows: QuerySet[Any], key: str, at: datetime) -> QuerySet[Any]:
    """Exemptions in that bucket, as ``age_of`` has it."""
    age = next((age for age in AGES if age.key == key), None)
    if age is None:
        return rows.none()
    rows = rows.filter(approved_at__lte=at - age.start * DAY) if age.start else rows
    return rows.filter(approved_at__gt=at - age.end * DAY) if age.end else rows


def renewal(exemption: Exemption) -> tuple[str, str]:
    """Which renewal it is, as a filter value and in words."""
    number = min(exemption.renewal, len(RENEWALS) - 1)
    return str(number), RENEWALS[number]


def renewed(rows: QuerySet[Any], key: str) -> QuerySet[Any]:
    """Exemptions that are that renewal, as ``renewal`` has it."""
    if not key.isdecimal() or int(key) >= len(RENEWALS):
        return rows.none()
    return rows.filter(renewal__gte=key) if int(key) == len(RENEWALS) - 1 else rows.filter(renewal=key)


def _said(value: str, words: str) -> tuple[str, str]:
    return (value, words) if value else (NOT_SAID, "Not said")


def _held(rows: Iterable[Exemption]) -> QuerySet[Any]:
    """Rows of (exemption, instance), without instances that are gone."""
    return Exemption.instances.through.objects.filter(
        exemption__in=[one.pk for one in rows], managedinstance__gone_at=None
    )


def _instances(rows: Sequence[Exemption]) -> dict[int, frozenset[int]]:
    held: dict[int, set[int]] = {}
    for exemption, instance in _held(rows).values_list("exemption", "managedinstance"):
        held.setdefault(exemption, set()).add(instance)
    return {pk: frozenset(instances) for pk, instances in held.items()}


def _findings(rows: Sequence[Exemption], held: Mapping[int, frozenset[int]]) -> dict[int, Mapping[str, int]]:
    """Open findings by severity that each leaves off. SSM may have stopped telling of them: they still count."""
    whole = _counts([one for one in rows if not one.patches], ())
    by_patch = _counts([one for one in rows if one.patches], exclusions.PATCH)
    found: dict[int, Mapping[str, int]] = {}
    for one in rows:
        steps = dict.fromkeys(WEIGHTS, 0)
        for instance in held.get(one.pk, ()):
            counts = by_patch.get(instance, {}) if one.patches else whole.get(instance, {})
            for (step, *patch), number in counts.items():
                if not one.patches or exclusions.named(one.patches, *patch):
                    steps[step] += number
        found[one.pk] = steps
    return found


def _counts(rows: Sequence[Exemption], beside: Sequence[str]) -> dict[int, dict[tuple[str, ...], int]]:
    """Instance → (severity, and what is named beside it) → findings."""
    held = PatchFinding.objects.open().filter(instance__in=_held(rows).values("managedinstance"))
    counted = posture.with_step(held).order_by().values_list("instance", "step", *beside)
    counts: dict[int, dict[tuple[str, ...], int]] = {}
    for instance, *what, number in counted.annotate(number=Count("pk")):
        counts.setdefault(instance, {})[tuple(what)] = number
    return counts
