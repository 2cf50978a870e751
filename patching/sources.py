"""Whether what a resource was made from still holds: decisions, waivers, holds, policies. Reads rows only."""

from collections.abc import Iterable
from datetime import datetime

from django.conf import settings

from patching import held, permissions
from patching.models import Revision, Waiver
from patching.models.requests import ChangeRequest
from patching.specs import DAILY_SCAN, Source
from portal.governance.canonical import digest_of


def hold(sources: Iterable[Source], at: datetime) -> bool:
    """Whether every decision, waiver, hold and policy behind a resource is valid and unsuperseded at a moment."""
    return all(_CHECKS[source.kind](source, at) for source in sources)


def daily_scan_policy() -> Source:
    """The setting behind the daily scan, as it stands now."""
    return Source("policy", DAILY_SCAN, digest_of({"schedule": settings.DAILY_SCAN_SCHEDULE}))


def _revision_holds(source: Source, at: datetime) -> bool:
    """A final approval of exactly this content, for a request that was not taken back since."""
    revision = Revision.objects.filter(pk=source.id, digest=source.digest).select_related("request").first()
    if revision is None:
        return False
    request = revision.request
    in_effect = request.state in (*ChangeRequest.UNDER_WAY, ChangeRequest.State.APPLIED)
    return in_effect and request.current_id == revision.pk and permissions.is_decided(revision)


def _waiver_holds(source: Source, at: datetime) -> bool:
    return Waiver.objects.in_force(at).filter(pk=source.id, source_digest=source.digest).exists()


def _policy_holds(source: Source, at: datetime) -> bool:
    return source == daily_scan_policy()


def _hold_holds(source: Source, at: datetime) -> bool:
    return held.stands(source.id, source.digest, at)


_CHECKS = {
    "revision": _revision_holds,
    "waiver": _waiver_holds,
    "hold": _hold_holds,
    "policy": _policy_holds,
}
