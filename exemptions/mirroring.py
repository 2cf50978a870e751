"""Show exemptions in force where else people look: Security Hub, Systems Manager's compliance, a register in S3.

Nobody's patching depends on it. What should show follows from dates; what differs is written, one account-region
after the other, and what fails is kept in words and tried again next time. No transaction is open during a call.
Switching a mirror off takes back what it wrote.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.db.models import QuerySet

from exemptions import register_export, register_key
from exemptions.models import Exemption, Mirrored
from patching import breaker, exclusions, mirrored
from patching.aws.errors import AwsBusy, AwsDenied, AwsError
from patching.aws.mirrors import ComplianceItems, Finding, Item, SecurityHub, put_register
from patching.aws.session import Clients
from patching.models import AccountRegion, ManagedInstance, Waiver
from patching.reaching import reach
from portal.governance import clock
from portal.governance.canonical import digest_of

logger = logging.getLogger(__name__)

Kind = Mirrored.Kind


@dataclass(frozen=True)
class Held:
    """One instance and the exemptions in force on it; ``excused`` when they cover all that it lacks."""

    instance: ManagedInstance
    waivers: Sequence[Waiver]
    excused: bool

    @property
    def numbers(self) -> list[str]:
        return [waiver.allowed_by for waiver in self.waivers]

    @property
    def until(self) -> datetime:
        return max(waiver.until for waiver in self.waivers)


Wanted = Mapping[str, Held]  # by instance id, of one account-region


def mirror() -> None:
    """Bring every mirror to what holds now. Safe to repeat, at any time and after any stop."""
    now = clock.now()
    held = _held(now)
    on = mirrored.switched_on()
    for place in _places(held):
        here = held.get(place.pk, {})
        _one_kind(place, Kind.SECURITY_HUB, _excused(here) if Kind.SECURITY_HUB in on else {}, _findings)
        _one_kind(place, Kind.COMPLIANCE_ITEMS, here if Kind.COMPLIANCE_ITEMS in on else {}, _items)
    if settings.MIRROR_REGISTER_BUCKET:
        _register(now)


# What should show


def _held(at: datetime) -> dict[int, dict[str, Held]]:
    """By account-region and instance id, what exemptions in force hold."""
    covered = exclusions.covered_at(at).instances
    waivers: dict[ManagedInstance, list[Waiver]] = {}
    in_force = Waiver.objects.in_force(at).filter(source__startswith="exemption:", instance__gone_at=None)
    for waiver in in_force.select_related("instance").order_by("pk"):
        waivers.setdefault(waiver.instance, []).append(waiver)
    held: dict[int, dict[str, Held]] = {}
    for instance, mine in waivers.items():
        deferred = any(waiver.kind == Waiver.Kind.NODE_DEFERRAL for waiver in mine)
        one = Held(instance, mine, deferred or instance.pk in covered)
        held.setdefault(instance.account_region_id, {})[instance.instance_id] = one
    return held


def _excused(held: Wanted) -> Wanted:
    """A finding is about all that an instance lacks: an exclusion of one patch must not silence the others."""
    return {instance_id: one for instance_id, one in held.items() if one.excused}


def _places(held: Iterable[int]) -> QuerySet[AccountRegion]:
    """Account-regions where something should show or does, and where AWS lets us in."""
    shown = Mirrored.objects.exclude(account_region=None).values_list("account_region", flat=True)
    wanted = set(held) if mirrored.switched_on() else set()
    places = AccountRegion.objects.filter(breaker.is_closed(), pk__in=wanted | set(shown), is_active=True)
    return places.select_related("account").order_by("pk")


# One kind in one account-region


def _one_kind(
    place: AccountRegion, kind: Kind, wanted: Wanted, write: Callable[[AccountRegion, Clients, Wanted], None]
) -> None:
    shown = Mirrored.objects.filter(account_region=place, kind=kind)
    if not wanted and not shown.exists():
        return
    try:
        write(place, reach(place), wanted)
    except AwsError as problem:
        logger.warning("Showing exemptions in %s of %s failed: %s", kind.label, place, problem)
        _note(place, kind, wanted)
        shown.update(error=str(problem))


def _note(place: AccountRegion, kind: Kind, wanted: Wanted) -> dict[str, Mirrored]:
    """A row for each wanted instance before anything is written, so that a stop on the way is found again."""
    rows = {row.key: row for row in Mirrored.objects.filter(account_region=place, kind=kind)}
    for instance_id, one in wanted.items():
        if instance_id not in rows:
            rows[instance_id], _ = Mirrored.objects.get_or_create(
                account_region=place,
                kind=kind,
                key=instance_id,
                defaults={"exemptions": one.numbers, "changed_at": clock.now()},
            )
    return rows


def _written(row: Mirrored, digest: str, exemptions: Sequence[str], findings: int = 0) -> None:
    """Keep what was written; the moment moves only with it."""
    if row.digest == digest and not row.error:
        return
    changed = {"changed_at": clock.now()} if row.digest != digest else {}
    Mirrored.objects.filter(pk=row.pk).update(
        digest=digest, exemptions=list(exemptions), findings=findings, error="", **changed
    )


# Security Hub: its own fields say what we suppressed, so that is asked for and compared each time


def _findings(place: AccountRegion, clients: Clients, wanted: Wanted) -> None:
    rows = _note(place, Kind.SECURITY_HUB, wanted)
    hub = SecurityHub(clients, settings.INSTALLATION)
    ours = {finding.finding_id: finding for finding in hub.suppressed()}
    everything = [*ours.values(), *(hub.open() if wanted else ())]
    counted = dict.fromkeys(wanted, 0)
    suppress: dict[str, list[Finding]] = {}
    for finding in everything:
        instance_id = _covered(finding, wanted)
        if instance_id is None:
            continue
        counted[instance_id] += 1
        if finding.exemptions != _names(wanted[instance_id]) or finding.finding_id not in ours:
            suppress.setdefault(instance_id, []).append(finding)
    for instance_id, findings in suppress.items():
        hub.suppress(findings, _names(wanted[instance_id]), _note_on(wanted[instance_id]))
    ended: dict[str, list[Finding]] = {}
    for finding in ours.values():
        if _covered(finding, wanted) is None:
            ended.setdefault(finding.exemptions, []).append(finding)
    for names, findings in ended.items():
        hub.give_back(findings, f"{names} does not cover this any more: it counts again.")
    for instance_id, row in rows.items():
        if instance_id in wanted:
            numbers, number = wanted[instance_id].numbers, counted[instance_id]
            _written(row, digest_of([numbers, number]), numbers, number)
        else:
            row.delete()


def _covered(finding: Finding, wanted: Wanted) -> str | None:
    """The instance that a finding is about, if exemptions cover it; one about several is left alone."""
    return next(iter(finding.nodes)) if len(finding.nodes) == 1 and finding.nodes <= wanted.keys() else None


def _names(held: Held) -> str:
    return ", ".join(held.numbers)


def _note_on(held: Held) -> str:
    until = f"{held.until.astimezone(UTC):%d %b %Y %H:%M} UTC"
    page = f"{settings.BASE_URL.rstrip('/')}/exemptions/{held.numbers[0].removeprefix('EX-')}/"
    return f"{_names(held)}: may stay unpatched until {until}, then it counts again. {page}"


# Compliance items: each put replaces all of a node's, so they go together and only when they differ


def _items(place: AccountRegion, clients: Clients, wanted: Wanted) -> None:
    contents = _contents(wanted)
    items, gone = ComplianceItems(clients), _gone(place)
    for instance_id, row in _note(place, Kind.COMPLIANCE_ITEMS, wanted).items():
        content = contents.get(instance_id, [])
        digest = digest_of(content)
        if not content and instance_id in gone:
            row.delete()
        elif row.digest != digest:
            _put(items, row, content, digest, wanted.get(instance_id))
        else:
            _written(row, digest, row.exemptions)


def _put(
    items: ComplianceItems, row: Mirrored, content: list[dict[str, Any]], digest: str, held: Held | None
) -> None:
    """One node that AWS refuses keeps its words and stops no other; a closed door stops the account-region."""
    Mirrored.objects.filter(pk=row.pk).update(digest="")
    try:
        items.put(row.key, content, clock.now())
    except (AwsBusy, AwsDenied):
        raise
    except AwsError as problem:
        Mirrored.objects.filter(pk=row.pk).update(error=str(problem))
        return
    if held is None:
        row.delete()
    else:
        _written(row, digest, held.numbers)


def _contents(wanted: Wanted) -> dict[str, list[dict[str, Any]]]:
    numbers = {number for one in wanted.values() for number in one.numbers}
    known = Exemption.objects.filter(pk__in=[int(number.removeprefix("EX-")) for number in numbers])
    titles = {one.number: one.title for one in known}
    return {
        instance_id: [
            Item(
                waiver.allowed_by,
                titles[waiver.allowed_by],
                waiver.kind,
                waiver.until.astimezone(UTC).isoformat(timespec="seconds"),
                waiver.patches,
            ).as_plain()
            for waiver in one.waivers
        ]
        for instance_id, one in wanted.items()
    }


def _gone(place: AccountRegion) -> set[str]:
    """Instances that are no more, with all that was said of them."""
    gone = ManagedInstance.objects.filter(account_region=place).exclude(gone_at=None)
    return set(gone.values_list("instance_id", flat=True))


# The register: one object a day, written over while the day lasts


def _register(now: datetime) -> None:
    bucket, prefix = settings.MIRROR_REGISTER_BUCKET, settings.MIRROR_REGISTER_PREFIX.strip("/")
    key = f"{prefix}/{now.astimezone(UTC):%Y/%m/%d}/register.json".removeprefix("/")
    register = register_export.register_at(now)
    digest = digest_of(register["exemptions"])
    row, _ = Mirrored.objects.get_or_create(
        account_region=None, kind=Kind.REGISTER, key=f"s3://{bucket}/{key}", defaults={"changed_at": now}
    )
    if row.digest == digest and not row.error:
        return
    try:
        put_register(bucket, key, register_export.signed(register))
    except (AwsError, register_key.KeyProblem) as problem:
        logger.warning("The register could not be kept in %s: %s", bucket, problem)
        Mirrored.objects.filter(pk=row.pk).update(error=str(problem))
    else:
        _written(row, digest, [])
