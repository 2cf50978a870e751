"""How risky it is to allow an exemption, in three steps with the reasons: what is weighed first, and what may be bulk.

``weigh`` is pure; ``of_many`` reads what it weighs, a few queries for any number of exemptions.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.conf import settings
from django.db.models import Count, F, Min

from exemptions.asked import content_of
from exemptions.models import Exemption
from exemptions.permissions import LONG
from exemptions.policy import STEPS
from patching import exclusions, posture
from patching.models import PatchFinding
from patching.posture import Step
from patching.words import counted
from portal.governance import clock

# how long a patch may be missing, by its step, before it is past its deadline
PATCH_WITHIN = {step: timedelta(days=settings.PATCH_WITHIN_DAYS[step]) for step in Step}
EXPOSED = (Exemption.Exposure.INTERNET, Exemption.Exposure.PARTNER)


class Level(StrEnum):
    """The worst first."""

    HIGH = "high"
    ELEVATED = "elevated"
    LOW = "low"


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known of an exemption when it is weighed."""

    instances: int
    production: int
    critical: int = 0  # open findings rated critical that it leaves
    critical_in_production: int = 0
    worst: str = ""  # a Step, or "" where nothing is open
    overdue: timedelta = timedelta()  # the longest that one is past its deadline
    exposure: str = ""
    data_class: str = ""
    lasts: timedelta = timedelta()
    renewal: int = 0
    controls: int = 0
    controls_shown: int = 0  # with a document as evidence
    exploited: bool = False  # it says why something known to be exploited may stay open
    others: int = 0  # exemptions of the team in force


@dataclass(frozen=True)
class Reason:
    """One thing that weighs, as a sentence without its stop. ``points`` order what is of the same level."""

    text: str
    points: int
    level: Level = Level.ELEVATED


@dataclass(frozen=True)
class Risk:
    """The level, and why; ``points`` orders within a level."""

    level: Level
    reasons: tuple[Reason, ...]
    facts: Facts

    @property
    def points(self) -> int:
        return sum(one.points for one in self.reasons)

    @property
    def order(self) -> tuple[int, int]:
        """Sorts the riskiest first."""
        return (list(Level).index(self.level), -self.points)


def weigh(facts: Facts) -> Risk:
    """High is what the table of deciders and the first two rows of the policy call so; low is what nothing raises."""
    reasons = tuple(sorted(_reasons(facts), key=lambda one: -one.points))
    levels = {one.level for one in reasons}
    return Risk(next((one for one in Level if one in levels), Level.LOW), reasons, facts)


def of(exemption: Exemption) -> Risk:
    """The risk of one exemption as things stand now."""
    return of_many([exemption])[exemption.pk]


def of_many(exemptions: Sequence[Exemption]) -> dict[int, Risk]:
    """The risk of each as things stand now, by primary key. Eight queries at most, however many there are."""
    now = clock.now()
    rows = {
        one.pk: one
        for one in Exemption.objects.filter(pk__in=[each.pk for each in exemptions])
        .select_related("current")
        .prefetch_related("instances__environment")
    }
    found = _open_findings(rows.values())
    teams = {one.team_id for one in rows.values()}
    active = dict(
        Exemption.objects.holding(now)
        .filter(team__in=teams)
        .order_by()
        .values_list("team")
        .annotate(Count("pk"))
    )
    return {pk: weigh(_facts(one, found[pk], active.get(one.team_id, 0), now)) for pk, one in rows.items()}


def _reasons(facts: Facts) -> Iterable[Reason]:
    if facts.exploited:
        yield Reason("Something known to be exploited stays open, by an explicit override", 50, Level.HIGH)
    if facts.critical_in_production or (facts.production and facts.worst == Step.CRITICAL):
        yield Reason("A critical patch is missing on production", 40, Level.HIGH)
    elif facts.critical:
        yield Reason("A critical patch is missing", 20)
    if facts.exposure in EXPOSED:
        yield Reason(str(Exemption.Exposure(facts.exposure).label), 20)
    elif not facts.exposure:
        yield Reason("Nobody said who can reach the instances", 10)
    if facts.data_class == Exemption.DataClass.RESTRICTED:
        yield Reason("Holds restricted data", 15)
    elif not facts.data_class:
        yield Reason("Nobody said what data they hold", 5)
    if facts.production:
        yield Reason(f"{facts.production} of {counted(facts.instances, 'instance')} in production", 15)
    if facts.overdue > timedelta(days=0):
        days = counted(max(facts.overdue.days, 1), "day")
        yield Reason(f"The oldest missing patch is {days} past its deadline", 10)
    if facts.renewal:
        yield Reason(f"Renewal {facts.renewal} of an earlier one", 10 * facts.renewal)
    if facts.lasts > LONG:
        yield Reason(f"Lasts longer than {LONG.days} days", 10)
    if bare := facts.controls - facts.controls_shown:
        words = "One control has" if bare == 1 else f"{bare} controls have"
        yield Reason(f"{words} no document as evidence", 3, Level.LOW)
    if facts.others:
        yield Reason(f"The team has {counted(facts.others, 'other exemption')} in force", 2, Level.LOW)


def _facts(exemption: Exemption, found: Sequence[dict[str, Any]], active: int, now: datetime) -> Facts:
    instances = list(exemption.instances.all())
    production = {one.pk for one in instances if one.environment and one.environment.is_production}
    said = content_of(exemption.current) if exemption.current else {}
    controls = said.get("compensating_controls", [])
    steps = {row["step"] for row in found}
    is_critical = [row for row in found if row["step"] == Step.CRITICAL or row["named_critical"]]
    mine = exemption.state_at(now) in ("active", "expiring")
    return Facts(
        instances=len(instances),
        production=len(production),
        critical=sum(row["number"] for row in is_critical),
        critical_in_production=sum(row["number"] for row in is_critical if row["instance"] in production),
        worst=next((step for step in STEPS if step in steps), ""),
        overdue=max(
            (now - row["since"] - PATCH_WITHIN[Step(row["step"])] for row in found), default=timedelta()
        ),
        exposure=exemption.exposure,
        data_class=exemption.data_class,
        lasts=exemption.ends_at - (exemption.approved_at or now),
        renewal=exemption.renewal,
        controls=len(controls),
        controls_shown=sum(bool(one.get("evidence")) for one in controls),
        others=active - mine,
        exploited=bool(said.get("exploited_override")),
    )


def _open_findings(exemptions: Iterable[Exemption]) -> dict[int, list[dict[str, Any]]]:
    """What each would leave open: all that its instances lack, or of an exclusion only what it names."""
    kinds = Exemption.Kind
    rows = {kind: [one for one in exemptions if one.kind == kind] for kind in kinds}
    whole = _grouped(rows[kinds.NODE_DEFERRAL], ())
    by_patch = _grouped(rows[kinds.PATCH_EXCLUSION], exclusions.PATCH)
    return {
        one.pk: [
            row
            for each in one.instances.all()
            for row in (by_patch if one.kind == kinds.PATCH_EXCLUSION else whole).get(each.pk, ())
            if one.kind != kinds.PATCH_EXCLUSION
            or exclusions.named(one.patches, *(row[field] for field in exclusions.PATCH))
        ]
        for kind in kinds
        for one in rows[kind]
    }


def _grouped(exemptions: Sequence[Exemption], beside: Sequence[str]) -> dict[int, list[dict[str, Any]]]:
    """Open findings by instance: counted by severity, and by the fields named beside it."""
    if not exemptions:
        return {}
    instances = {each.pk for one in exemptions for each in one.instances.all()}
    open_ = PatchFinding.objects.open().filter(instance__in=instances)
    by = ("instance", "step", "severity", *beside)
    rows = posture.with_step(open_).order_by().values(*by)
    found: dict[int, list[dict[str, Any]]] = {}
    for row in rows.annotate(number=Count("pk"), since=Min(F("first_seen_at"))):
        row["named_critical"] = row["severity"].lower() == "critical"
        found.setdefault(row["instance"], []).append(row)
    return found
