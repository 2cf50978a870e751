"""Counts for pages and API, and the lists behind them. Whatever is counted here can be listed here:
each figure is the row count of ``instances_matching`` or ``findings_matching`` with the same filters.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any, NamedTuple

from django.db.models import Count, Exists, F, OuterRef, Q, TextField
from django.db.models.functions import Cast

from patching.models import PatchFinding
from patching.models.accounts import InstanceQuerySet
from patching.models.compliance import FindingQuerySet
from patching.posture.gaps import GAPS, Gap, with_gaps
from patching.posture.standing import (
    FRESH_FOR,
    Status,
    Step,
    instances_of,
    running_of,
    with_facts,
    with_step,
)
from portal.governance import clock
from portal.governance.models import User

NOBODY = "none"  # the filter value for what belongs to no application or environment
STATUSES = (
    *(status.value for status in Status),
    "ssm_compliant",
    "ssm_non_compliant",
    "hidden",
    "excused",
    "unexcused",
    "net_compliant",
)


class Age(NamedTuple):
    """For how many days a finding has been known: from the first to below the second."""

    name: str
    label: str
    start: int
    end: int | None


AGES = (
    Age("0-7", "0–7", 0, 8),
    Age("8-14", "8–14", 8, 15),
    Age("15-30", "15–30", 15, 31),
    Age("31-60", "31–60", 31, 61),
    Age("61-90", "61–90", 61, 91),
    Age("over-90", "Over 90", 91, None),
)


@dataclass(frozen=True)
class Figures:
    """How many instances stand how, in raw words: SSM's, plus what our exclusions hid from it.

    ``excused`` are among the non-compliant ones.
    """

    total: int = 0
    ssm_compliant: int = 0
    compliant: int = 0
    noncompliant: int = 0
    excused: int = 0
    stale: int = 0
    unknown: int = 0

    @property
    def hidden(self) -> int:
        """Compliant in SSM's words only because an exclusion hides what is missing."""
        return self.ssm_compliant - self.compliant

    @property
    def net_compliant(self) -> int:
        """Compliant, or excused by an exemption in force."""
        return self.compliant + self.excused

    @property
    def segments(self) -> list[dict[str, Any]]:
        """A bar's parts, each in its colour role; excused ones stand apart from what is merely not compliant."""
        parts = (
            ("ok", self.compliant),
            ("wait", self.excused),
            ("bad", self.noncompliant - self.excused),
            ("warn", self.stale),
            ("low", self.unknown),
        )
        return [{"role": role, "value": value} for role, value in parts]


@dataclass(frozen=True)
class Slice:
    """One application, environment or account-region: its filter value, its name, its figures."""

    key: str
    label: str
    team: str
    figures: Figures
    severities: Mapping[str, int]  # instances that lack at least one patch of this severity


@dataclass(frozen=True)
class SeverityFigures:
    """What is open of one severity: findings, the patches behind them, the instances that lack one."""

    step: str
    findings: int
    patches: int
    instances: int


@dataclass(frozen=True)
class GapFigures:
    gap: Gap
    instances: int


@dataclass(frozen=True)
class Trust:
    """How far the figures can be trusted; the four parts add up to the total."""

    total: int
    fresh: int
    stale: int
    other_baseline: int
    never: int


_COUNTS = {
    "total": Count("pk"),
    "ssm_compliant": Count("pk", filter=Q(ssm_status=Status.COMPLIANT.value)),
    "compliant": Count("pk", filter=Q(status=Status.COMPLIANT.value)),
    "noncompliant": Count("pk", filter=Q(status=Status.NONCOMPLIANT.value)),
    "excused_": Count("pk", filter=Q(excused=True)),
    "stale": Count("pk", filter=Q(status=Status.STALE.value)),
    "unknown": Count("pk", filter=Q(status=Status.UNKNOWN.value)),
}
_EXEMPTED = {
    "any": Q(deferred=True) | Q(excluded=True),
    "node_deferral": Q(deferred=True),
    "patch_exclusion": Q(excluded=True),
}


# Lists


def instances_matching(
    user: User,
    *,
    at: datetime | None = None,
    application: str = "",
    environment: str = "",
    account_region: str = "",
    operating_system: str = "",
    status: str = "",
    severity: str = "",
    patch: str = "",
    gap: str = "",
    covered: str = "",
    trust: str = "",
    exemption: str = "",
    group: str = "",
    window: str = "",
    home_window: str = "",
    name: str = "",
) -> InstanceQuerySet:
    """Running instances a person may see that fit every filter given; an empty one asks nothing.

    ``group`` finds its members in side groups too, ``home_window`` also those that an exemption leaves out;
    ``exemption`` is any, or the kind of one in force.
    A value that means nothing matches nothing, so that a mistyped address never shows everything.
    """
    at = at or clock.now()
    found = instances_of(user, at)
    if application:
        found = _belonging(found, "application", application)
    if environment:
        found = _belonging(found, "environment", environment)
    if account_region:
        account_id, _, region = account_region.partition("/")
        found = found.filter(account_region__account__account_id=account_id, account_region__region=region)
    if operating_system:
        found = found.filter(operating_system="" if operating_system == NOBODY else operating_system)
    if group:
        found = found.filter(Q(home_group=group) | Q(group_name=group))
    if window:
        found = found.filter(window_value=window)
    if home_window:
        found = found.filter(home_window=home_window)
    if name:
        found = found.filter(Q(name__icontains=name) | Q(instance_id__icontains=name))
    if status:
        found = _with_status(found, status)
    if exemption:
        found = found.filter(_EXEMPTED.get(exemption, Q(pk=None)))
    if trust:
        found = found.filter(_trust_parts(at).get(trust, Q(pk=None)))
    if severity or patch:
        findings = with_step(PatchFinding.objects.open().filter(instance=OuterRef("pk")))
        findings = findings.filter(step=severity) if severity else findings
        findings = findings.filter(patch_id=patch) if patch else findings
        found = found.filter(Exists(findings))
    if gap or covered:
        found = _with_gap(with_gaps(found, at), gap, covered)
    return found


def findings_matching(
    user: User,
    *,
    at: datetime | None = None,
    application: str = "",
    environment: str = "",
    severity: str = "",
    state: str = "",
    patch: str = "",
    cve: str = "",
    age: str = "",
    hidden: str = "",
    instance: str = "",
    text: str = "",
) -> FindingQuerySet:
    """Open findings on running instances that a person may see and that fit every filter given.

    ``hidden`` is yes for those that SSM no longer tells of because an exclusion makes the baseline reject them.
    """
    at = at or clock.now()
    instances = running_of(user)
    if application:
        instances = _belonging(instances, "application", application)
    if environment:
        instances = _belonging(instances, "environment", environment)
    found = with_step(PatchFinding.objects.open().filter(instance__in=instances.values("pk")))
    if severity:
        found = found.filter(step=severity)
    if state:
        found = found.filter(state=state)
    if hidden:
        found = found.filter(hidden=hidden == "yes") if hidden in ("yes", "no") else found.none()
    if patch:
        found = found.filter(patch_id=patch)
    if instance:
        found = found.filter(instance__instance_id=instance)
    if cve or text:
        found = found.annotate(cves_as_text=Cast("cves", TextField()))
    if cve:
        # quoted, so that CVE-2026-1 does not find CVE-2026-10
        found = found.filter(cves_as_text__icontains=f'"{cve}"')
    if text:
        anywhere = ("patch_id", "title", "cves_as_text")
        found = found.filter(reduce(or_, (Q(**{f"{name}__icontains": text}) for name in anywhere)))
    if age:
        found = found.filter(_ages(at).get(age, Q(pk=None)))
    return found


# Counts


def figures_of(instances: InstanceQuerySet) -> Figures:
    """Counts of any list that ``instances_matching`` gives."""
    return _figures(instances.aggregate(**_COUNTS))


def fleet(user: User, *, at: datetime | None = None) -> Figures:
    """All a person may see."""
    return figures_of(instances_of(user, at or clock.now()))


def by_application(user: User, *, at: datetime | None = None) -> list[Slice]:
    """One row per application, and one for what belongs to none."""
    return _sliced(user, at or clock.now(), "application", order="application__slug", team=True)


def by_environment(user: User, *, at: datetime | None = None) -> list[Slice]:
    """One row per environment, in the order in which they are patched."""
    return _sliced(user, at or clock.now(), "environment", order="environment__rank")


def by_severity(user: User, *, at: datetime | None = None) -> list[SeverityFigures]:
    """Every severity, worst first, zeros included."""
    rows = {
        row["step"]: row
        for row in findings_matching(user, at=at)
        .order_by()
        .values("step")
        .annotate(
            findings=Count("pk"),
            patches=Count("patch_id", distinct=True),
            instances=Count("instance", distinct=True),
        )
    }
    none = {"findings": 0, "patches": 0, "instances": 0}
    return [
        SeverityFigures(step.value, **{name: rows.get(step.value, none)[name] for name in none})
        for step in Step
    ]


def by_age(user: User, *, at: datetime | None = None) -> list[tuple[Age, dict[str, int]]]:
    """Open findings by how long they have been known, and by severity; zeros included."""
    at = at or clock.now()
    parts = _ages(at)
    rows = {
        row["step"]: row
        for row in findings_matching(user, at=at)
        .order_by()
        .values("step")
        .annotate(**{name: Count("pk", filter=part) for name, part in parts.items()})
    }
    return [(age, {step.value: rows.get(step.value, {}).get(age.name, 0) for step in Step}) for age in AGES]


def coverage_gaps(user: User, *, at: datetime | None = None) -> list[GapFigures]:
    """How many instances patching does not reach, by reason; one instance may have several."""
    at = at or clock.now()
    instances = with_gaps(with_facts(running_of(user), at), at)
    counts = instances.aggregate(
        **{gap.name: Count("pk", filter=Q(**{f"gap_{gap.name}": True})) for gap in GAPS}
    )
    return [GapFigures(gap, counts[gap.name]) for gap in GAPS]


def covered(user: User, *, at: datetime | None = None) -> int:
    """Managed, online, in a group with a baseline and a window that runs, freshly scanned by that baseline."""
    at = at or clock.now()
    return with_gaps(with_facts(running_of(user), at), at).filter(covered=True).count()


def trust(user: User, *, at: datetime | None = None) -> Trust:
    """Of how many instances the scan is fresh, old, by another baseline, or missing."""
    at = at or clock.now()
    parts = _trust_parts(at)
    counts = with_facts(running_of(user), at).aggregate(
        total=Count("pk"), **{f"is_{name}": Count("pk", filter=q) for name, q in parts.items()}
    )
    return Trust(counts["total"], **{name: counts[f"is_{name}"] for name in parts})


def most_wanted(user: User, *, at: datetime | None = None, limit: int = 10) -> list[dict[str, Any]]:
    """The patches that most instances lack: {"patch_id", "title", "step", "instances"}."""
    found = findings_matching(user, at=at).order_by().values("patch_id")
    rows = found.annotate(instances=Count("instance", distinct=True)).order_by("-instances", "patch_id")
    wanted = list(rows[:limit])
    told = findings_matching(user, at=at).filter(patch_id__in=[row["patch_id"] for row in wanted])
    worst: dict[str, dict[str, Any]] = {}
    for row in told.order_by().values("patch_id", "title", "step").distinct():
        known = worst.get(row["patch_id"])
        if known is None or _rank(row["step"]) < _rank(known["step"]):
            worst[row["patch_id"]] = row
    return [{**worst[row["patch_id"]], "instances": row["instances"]} for row in wanted]


def _rank(step: str) -> int:
    return list(Step).index(Step(step))


def _sliced(user: User, at: datetime, what: str, *, order: str, team: bool = False) -> list[Slice]:
    """Figures and severities by application or environment."""
    names = {"key": F(f"{what}__slug"), "label": F(f"{what}__name")}
    if team:
        names["team"] = F(f"{what}__team__name")
    rows = instances_of(user, at).order_by().values(order, **names).annotate(**_COUNTS)
    severities = _severities(user, at, f"instance__{what}__slug")
    return [
        Slice(
            key=row["key"] or NOBODY,
            label=row["label"] or "Belongs to none",
            team=row.get("team") or "",
            figures=_figures(row),
            severities={step.value: severities.get((row["key"], step.value), 0) for step in Step},
        )
        for row in rows.order_by(F(order).asc(nulls_last=True))
    ]


def _severities(user: User, at: datetime, key: str) -> dict[tuple[str | None, str], int]:
    rows = (
        findings_matching(user, at=at)
        .order_by()
        .values(key, "step")
        .annotate(instances=Count("instance", distinct=True))
    )
    return {(row[key], row["step"]): row["instances"] for row in rows}


def _figures(row: Mapping[str, Any]) -> Figures:
    return Figures(
        total=row["total"],
        ssm_compliant=row["ssm_compliant"],
        compliant=row["compliant"],
        noncompliant=row["noncompliant"],
        excused=row["excused_"],
        stale=row["stale"],
        unknown=row["unknown"],
    )


def _belonging(found: InstanceQuerySet, what: str, slug: str) -> InstanceQuerySet:
    return found.filter(**({what: None} if slug == NOBODY else {f"{what}__slug": slug}))


def _with_status(found: InstanceQuerySet, status: str) -> InstanceQuerySet:
    if status == "ssm_compliant":
        return found.filter(ssm_status=Status.COMPLIANT.value)
    if status == "ssm_non_compliant":
        return found.filter(ssm_status=Status.NONCOMPLIANT.value)
    if status == "hidden":
        return found.filter(ssm_status=Status.COMPLIANT.value, status=Status.NONCOMPLIANT.value)
    if status == "excused":
        return found.filter(excused=True)
    if status == "unexcused":
        return found.filter(status=Status.NONCOMPLIANT.value, excused=False)
    if status == "net_compliant":
        return found.filter(Q(status=Status.COMPLIANT.value) | Q(excused=True))
    return found.filter(status=status)


def _with_gap(found: InstanceQuerySet, gap: str, covered: str) -> InstanceQuerySet:
    known = {one.name for one in GAPS}
    if gap:
        found = found.filter(**{f"gap_{gap}": True}) if gap in known else found.none()
    if covered:
        found = found.filter(covered=covered == "yes") if covered in ("yes", "no") else found.none()
    return found


def _ages(at: datetime) -> dict[str, Q]:
    parts = {}
    for age in AGES:
        parts[age.name] = Q(first_seen_at__lte=at - timedelta(days=age.start)) if age.start else Q()
        if age.end is not None:
            parts[age.name] &= Q(first_seen_at__gt=at - timedelta(days=age.end))
    return parts


def _trust_parts(at: datetime) -> dict[str, Q]:
    old = Q(scanned_at__lt=at - FRESH_FOR)
    fresh = Q(scanned_at__gte=at - FRESH_FOR)
    other = Q(latest__judged_by_expected=False)
    return {
        "fresh": fresh & (Q(latest__judged_by_expected=True) | Q(latest__judged_by_expected=None)),
        "stale": old,
        "other_baseline": fresh & other,
        "never": Q(scanned_at=None),
    }
