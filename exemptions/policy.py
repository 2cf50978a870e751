"""How long an exemption may last and how often it may be renewed, by what it leaves open to whom. One table."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings

from exemptions.models import Exemption
from patching import exclusions, posture
from patching.models import ManagedInstance, PatchFinding
from patching.posture import Step

STEPS = tuple(step.value for step in Step)  # the worst first


@dataclass(frozen=True)
class Limit:
    """What one row of the table allows. ``why`` completes "because …"."""

    longest: timedelta
    renewals: int
    why: str


@dataclass(frozen=True)
class Standing:
    """What the table asks of an exemption."""

    production: bool
    exposed: bool  # reachable from outside the organisation
    restricted: bool  # holds data that must not get out
    worst: str  # severity of the worst open patch that it leaves off, as a Step; "" where nothing is open


def limit_for(standing: Standing) -> Limit:
    """The first row that fits; EXEMPTION_LONGEST_DAYS is above all of them."""
    critical, important = standing.worst == Step.CRITICAL, standing.worst in (Step.CRITICAL, Step.IMPORTANT)
    if standing.production and standing.exposed and critical:
        row = Limit(
            timedelta(days=14), 1, "a critical patch is missing on production that outsiders can reach"
        )
    elif standing.production and critical:
        row = Limit(timedelta(days=30), 2, "a critical patch is missing on production")
    elif (standing.exposed or standing.restricted) and important:
        row = Limit(
            timedelta(days=45), 2, "an important patch is missing where outsiders or restricted data are"
        )
    elif standing.production:
        row = Limit(timedelta(days=90), 2, "it is production")
    else:
        row = Limit(timedelta(days=90), 3, "it is not production and nothing critical is exposed")
    return Limit(min(row.longest, timedelta(days=settings.EXEMPTION_LONGEST_DAYS)), row.renewals, row.why)


def standing_of(
    instances: Sequence[ManagedInstance], patches: Sequence[str], exposure: str, data_class: str
) -> Standing:
    """What is known of these instances now. No ``patches`` means all that they lack."""
    findings = PatchFinding.objects.open().filter(instance__in=[one.pk for one in instances])
    left_off = posture.with_step(exclusions.naming(findings, patches))
    steps = set(left_off.order_by().values_list("step", flat=True).distinct())
    return Standing(
        production=any(one.environment and one.environment.is_production for one in instances),
        exposed=exposure in (Exemption.Exposure.INTERNET, Exemption.Exposure.PARTNER),
        restricted=data_class == Exemption.DataClass.RESTRICTED,
        worst=next((step for step in STEPS if step in steps), ""),
    )
