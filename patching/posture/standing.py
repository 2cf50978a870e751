"""How one instance stands at a moment, as annotations that a page can count, filter and list by.

SSM's word is the latest scan. A node deferral hides nothing from it, so raw and SSM's word are the same here;
net counts what an exemption in force excuses as done.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, cast

from django.db.models import (
    BooleanField,
    Case,
    CharField,
    Exists,
    F,
    Field,
    FilteredRelation,
    OuterRef,
    Q,
    Value,
    When,
)
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Coalesce

from patching.models import AwsAccount, ManagedInstance, Scan, Waiver
from patching.models.accounts import InstanceQuerySet
from patching.models.compliance import FindingQuerySet
from portal.governance.models import User

FRESH_FOR = timedelta(hours=26)  # the daily scan, and two hours for its window to run
RUNNING = ("pending", "running")


class Status(StrEnum):
    """What is known of an instance. Neither an old scan nor none at all is ever called compliant."""

    COMPLIANT = "compliant"
    NONCOMPLIANT = "non_compliant"
    STALE = "stale_scan"
    UNKNOWN = "unknown"


class Step(StrEnum):
    """Severities of all operating systems on four steps; what says nothing stands beside them."""

    CRITICAL = "critical"
    IMPORTANT = "important"
    MODERATE = "moderate"
    LOW = "low"
    OTHER = "other"


WORDS = {
    Step.CRITICAL: ("Critical",),
    Step.IMPORTANT: ("Important", "High"),
    Step.MODERATE: ("Moderate", "Medium"),
    Step.LOW: ("Low",),
}


def status_of(instance: ManagedInstance, scan: Scan | None, at: datetime) -> Status:
    """The same word as the annotation ``status``, for one instance and its latest scan."""
    if not instance.is_managed or scan is None:
        return Status.UNKNOWN
    if scan.ended_at < at - FRESH_FOR:
        return Status.STALE
    return Status.COMPLIANT if scan.is_compliant else Status.NONCOMPLIANT


def instances_of(user: User, at: datetime) -> InstanceQuerySet:
    """The running instances a person may see, each with how it stands. Stopped ones can be neither patched nor
    scanned and are counted nowhere."""
    return with_standing(ManagedInstance.objects.visible_to(user), at)


def with_standing(instances: InstanceQuerySet, at: datetime) -> InstanceQuerySet:
    """Annotates ``status``, ``excused``, ``scanned_at``, ``group_name`` and ``window_value``."""
    waived = Waiver.objects.in_force(at).filter(instance=OuterRef("pk"))
    running = instances.filter(gone_at=None, run_state__in=RUNNING)
    return running.annotate(
        latest=FilteredRelation("scans", condition=Q(scans__is_latest=True)),
        scanned_at=F("latest__ended_at"),
        status=Case(
            When(Q(is_managed=False) | Q(latest__id=None), then=Value(Status.UNKNOWN.value)),
            When(latest__ended_at__lt=at - FRESH_FOR, then=Value(Status.STALE.value)),
            When(latest__is_compliant=True, then=Value(Status.COMPLIANT.value)),
            default=Value(Status.NONCOMPLIANT.value),
            output_field=CharField(),
        ),
        waived=Exists(waived),
        group_name=_tag_value("patch_group_tag"),
        window_value=_tag_value("window_tag"),
    ).annotate(
        excused=Case(
            When(status=Status.NONCOMPLIANT.value, waived=True, then=Value(True)),
            default=Value(False),
            output_field=BooleanField(),
        )
    )


def with_step(findings: FindingQuerySet) -> FindingQuerySet:
    """Annotates ``step``, the severity on our four steps, and ``step_rank``, worst first."""
    return findings.annotate(
        step=Case(
            *(When(severity__in=words, then=Value(step.value)) for step, words in WORDS.items()),
            default=Value(Step.OTHER.value),
            output_field=CharField(),
        ),
        step_rank=Case(
            *(When(severity__in=words, then=Value(rank)) for rank, words in enumerate(WORDS.values())),
            default=Value(len(WORDS)),
        ),
    )


def _tag_value(tag_field: str) -> Any:
    """The value of the tag whose key this account has chosen; "" where the instance has none."""
    keys = [key for key, _ in cast(Field, AwsAccount._meta.get_field(tag_field)).flatchoices]
    path = f"account_region__account__{tag_field}"
    chosen = Case(
        *(When(**{path: key}, then=KeyTextTransform(key, "tags")) for key in keys), output_field=CharField()
    )
    return Coalesce(chosen, Value(""), output_field=CharField())
