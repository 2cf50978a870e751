"""How one instance stands at a moment, as annotations that a page can count, filter and list by.

There are three words. SSM's is the latest scan. Raw is SSM's word plus what our exclusions hid from it: compliant
in SSM's words, but with a hidden finding, is not compliant. Net counts what an exemption in force excuses as
compliant: all of an instance that may stay out of its window, or one that lacks only what it may go without.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple, cast

from django.db.models import (
    BooleanField,
    Case,
    CharField,
    Exists,
    ExpressionWrapper,
    F,
    Field,
    FilteredRelation,
    OuterRef,
    Q,
    Subquery,
    Value,
    When,
)
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Coalesce, Concat, Left

from patching import exclusions
from patching.clones import LONGEST_PARENT, WITHOUT
from patching.models import AwsAccount, ManagedInstance, PatchFinding, Waiver
from patching.models.accounts import InstanceQuerySet
from patching.models.compliance import FindingQuerySet
from patching.models.waivers import WaiverQuerySet
from patching.specs import DEFERRED
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


class Words(NamedTuple):
    """SSM's word on one instance, ours (raw), and whether an exemption in force excuses what ours says."""

    ssm: Status
    raw: Status
    excused: bool

    @property
    def net(self) -> Status:
        return Status.COMPLIANT if self.excused else self.raw


def words_of(instances: Iterable[ManagedInstance], at: datetime) -> dict[int, Words]:
    """The three words of these instances by primary key, of stopped and ended ones as well."""
    rows = ManagedInstance.objects.filter(pk__in=[one.pk for one in instances])
    rows = _excused(with_facts(rows, at), at)
    found = rows.order_by().values_list("pk", "ssm_status", "status", "excused")
    return {pk: Words(Status(ssm), Status(raw), excused) for pk, ssm, raw, excused in found}


def running_of(user: User) -> InstanceQuerySet:
    """The instances that count, of those a person may see. Stopped ones can be neither patched nor scanned."""
    return _running(ManagedInstance.objects.visible_to(user))


def instances_of(user: User, at: datetime) -> InstanceQuerySet:
    """The same, each with how it stands."""
    return _excused(with_facts(running_of(user), at), at)


def with_standing(instances: InstanceQuerySet, at: datetime) -> InstanceQuerySet:
    """Running ones with all that ``with_facts`` says, and ``excused``."""
    return _excused(with_facts(_running(instances), at), at)


def with_facts(instances: InstanceQuerySet, at: datetime) -> InstanceQuerySet:
    """Annotates ``ssm_status``, ``status`` (raw), ``deferred`` and ``excluded`` (a waiver of that kind is in
    force), ``scanned_at``, ``group_name`` and ``window_value`` (the tags), ``home_group`` and
    ``home_window``: the tags, or what they are but for an exemption: the group that a side group stands for, the
    window that it is left out of."""
    mine = Waiver.objects.filter(instance=OuterRef("pk"))
    hidden = PatchFinding.objects.open().filter(instance=OuterRef("pk"), hidden=True)
    judged = instances.annotate(
        latest=FilteredRelation("scans", condition=Q(scans__is_latest=True)),
        scanned_at=F("latest__ended_at"),
        ssm_status=Case(
            When(Q(is_managed=False) | Q(latest__id=None), then=Value(Status.UNKNOWN.value)),
            When(latest__ended_at__lt=at - FRESH_FOR, then=Value(Status.STALE.value)),
            When(latest__is_compliant=True, then=Value(Status.COMPLIANT.value)),
            default=Value(Status.NONCOMPLIANT.value),
            output_field=CharField(),
        ),
        deferred=Exists(mine.in_force(at).deferrals()),
        excluded=Exists(mine.in_force(at).exclusions()),
        group_name=_tag_value("patch_group_tag"),
        window_value=_tag_value("window_tag"),
    )
    left_out = mine.in_force(at).deferrals().exclude(restores_to="").order_by("-ends_at", "-pk")
    hides = Q(Exists(hidden), ssm_status=Status.COMPLIANT.value)
    return judged.annotate(
        home_group=Coalesce(_parent_group(mine), "group_name", output_field=CharField()),
        home_window=Case(
            When(
                window_value=DEFERRED,
                then=Coalesce(Subquery(left_out.values("restores_to")[:1]), "window_value"),
            ),
            default=F("window_value"),
            output_field=CharField(),
        ),
        status=Case(
            When(hides, then=Value(Status.NONCOMPLIANT.value)),
            default=F("ssm_status"),
            output_field=CharField(),
        ),
    )


def _running(instances: InstanceQuerySet) -> InstanceQuerySet:
    return instances.filter(gone_at=None, run_state__in=RUNNING)


def _excused(instances: InstanceQuerySet, at: datetime) -> InstanceQuerySet:
    excuse = Q(status=Status.NONCOMPLIANT.value) & (Q(deferred=True) | _lacks_only_what_it_may(at))
    return instances.annotate(
        excused=Case(When(excuse, then=Value(True)), default=Value(False), output_field=BooleanField())
    )


def _lacks_only_what_it_may(at: datetime) -> Q:
    """Every open finding is covered by an exclusion; where SSM itself complains, also what it complains of."""
    covered = exclusions.covered_at(at)
    hidden_only = Q(ssm_status=Status.COMPLIANT.value, pk__in=covered.instances)
    return hidden_only | Q(ssm_status=Status.NONCOMPLIANT.value, pk__in=covered.told)


def _parent_group(mine: WaiverQuerySet) -> Subquery:
    """The group that the tag's side group stands for, by the instance's own exclusions; see ``is_side_of``."""
    tag = ExpressionWrapper(OuterRef("group_name"), output_field=CharField())
    sides = mine.exclusions().exclude(restores_to="").annotate(tag=tag)
    start = Concat(Left("restores_to", LONGEST_PARENT), Value(WITHOUT))
    return Subquery(
        sides.annotate(start=start)
        .filter(tag__startswith=F("start"))
        .order_by("-pk")
        .values("restores_to")[:1]
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
