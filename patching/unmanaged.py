"""Keep what stands in an account-region beside ours: baselines, windows, associations that patch. Nothing is touched.

Two lists are read each time; what costs calls of its own is read when something is new or looks changed, and else
every few hours, so many at a time.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from patching.aws.errors import AwsChanged
from patching.aws.session import Clients
from patching.aws.unmanaged import Unmanaged as Reader
from patching.models import AccountRegion, ManagedInstance, ResourceState, Unmanaged
from patching.reached import instances_reached
from portal.governance import roles
from portal.governance.models import User

KINDS = ("baseline", "window", "association")
DETAILS_EVERY = timedelta(hours=6)
DETAILS_AT_ONCE = 20  # a window may hold twenty tasks, and each is a call
Found = dict[str, dict[str, Any]]  # AWS id → the row of the list


def visible_to(user: User, place: AccountRegion) -> QuerySet[Unmanaged]:
    """What is there now, for those whose work needs the whole account: it may be any team's."""
    rows = Unmanaged.objects.filter(account_region=place, gone_at=None)
    return rows if roles.reads_all(user) else rows.none()


def keep(place: AccountRegion, clients: Clients, seen_at: datetime) -> None:
    """Look at one account-region and write down what is new there, what changed and what is gone."""
    reader = Reader(clients, settings.INSTALLATION)
    left = DETAILS_AT_ONCE
    for kind in KINDS:
        ours = _ours(place, kind)
        listed = {aws_id: row for aws_id, row in reader.listed(kind).items() if aws_id not in ours}
        known = {row.aws_id: row for row in Unmanaged.objects.filter(account_region=place, kind=kind)}
        looked_at: Found = {}
        for aws_id in _worth_a_closer_look(listed, known, seen_at):
            if not left:
                break
            content = _look_at(reader, kind, aws_id, listed[aws_id], seen_at)
            if content is None:
                del listed[aws_id]
            else:
                looked_at[aws_id] = content
                left -= 1
        _write(place, kind, listed, looked_at, known, seen_at)


def _ours(place: AccountRegion, kind: str) -> set[str]:
    """Ids that we made or adopted, with their mark or without: the push speaks of those."""
    rows = ResourceState.objects.filter(account_region=place, kind=kind).exclude(aws_id="")
    return set(rows.values_list("aws_id", flat=True))


def _worth_a_closer_look(
    listed: Mapping[str, Mapping[str, Any]], known: Mapping[str, Unmanaged], seen_at: datetime
) -> list[str]:
    """Ids whose details are new, changed by the look of the list, or old; in this order, the oldest first."""
    new = [aws_id for aws_id in listed if aws_id not in known or known[aws_id].gone_at is not None]
    there = [aws_id for aws_id in listed if aws_id in known and aws_id not in new]
    changed = [aws_id for aws_id in there if known[aws_id].content.get("listed") != listed[aws_id]]
    before = (seen_at - DETAILS_EVERY).isoformat()
    read_at = {aws_id: str(known[aws_id].content.get("read_at", "")) for aws_id in there}
    old = sorted((read_at[aws_id], aws_id) for aws_id in there if read_at[aws_id] <= before)
    return [*new, *changed, *(aws_id for _, aws_id in old if aws_id not in changed)]


def _look_at(
    reader: Reader, kind: str, aws_id: str, row: Mapping[str, Any], seen_at: datetime
) -> dict[str, Any] | None:
    """``{"listed", "tags", "read_at"}`` and what the list leaves out; None when it is ours or gone."""
    try:
        tags, mark = reader.tags(kind, aws_id)
        if mark is not None:
            return None
        told = reader.details(kind, aws_id)
    except AwsChanged:  # removed since it was listed
        return None
    return {"listed": dict(row), "tags": tags, "read_at": seen_at.isoformat(), **told}


@transaction.atomic
def _write(
    place: AccountRegion,
    kind: str,
    listed: Mapping[str, Mapping[str, Any]],
    looked_at: Found,
    known: Mapping[str, Unmanaged],
    seen_at: datetime,
) -> None:
    """New rows, refreshed ones, and gone ones; what was not looked at for want of turns comes in a later reading."""
    rows = Unmanaged.objects.filter(account_region=place, kind=kind)
    for aws_id, content in looked_at.items():
        given = {
            "name": _name(content["listed"]),
            "content": content,
            "last_seen_at": seen_at,
            "gone_at": None,
        }
        rows.update_or_create(
            account_region=place,
            kind=kind,
            aws_id=aws_id,
            defaults=given,
            create_defaults={**given, "first_seen_at": seen_at},
        )
    still_there = [aws_id for aws_id in listed if aws_id in known and aws_id not in looked_at]
    rows.filter(aws_id__in=still_there, last_seen_at__lte=seen_at).update(last_seen_at=seen_at)
    gone = rows.filter(gone_at=None, last_seen_at__lt=seen_at)
    gone.exclude(aws_id__in=list(listed)).update(gone_at=seen_at)


def _name(row: Mapping[str, Any]) -> str:
    return str(row.get("AssociationName") or row.get("Name") or row.get("BaselineName") or "")


class Reach:
    """Which instances of one place somebody else's windows and baselines touch, and what that lets a person ask."""

    def __init__(self, user: User, place: AccountRegion) -> None:
        self.place = place
        there = ManagedInstance.objects.present().filter(account_region=place)
        self._instances = list(there.select_related("application", "environment"))
        self._teams = set(roles.teams_of(user).values_list("pk", flat=True))
        self._has_a_share = place.selectors.filter(application__team__in=self._teams).exists()
        self._sees_all = roles.reads_all(user)

    def of(self, row: Unmanaged) -> list[ManagedInstance] | None:
        """Instances that it touches; None where it cannot be told."""
        return instances_reached(row, self._instances)

    def may_bring(self, row: Unmanaged) -> bool:
        """Whether this person may ask to bring it under management.

        Somebody of a team with instances there, who sees the whole account or whose teams own all that it reaches.
        """
        if row.kind == "association" or not self._has_a_share:
            return False
        if self._sees_all:
            return True
        reached = self.of(row)
        owners = {one.application.team_id if one.application else None for one in reached or ()}
        # security operations decide on every baseline, so one that judges nobody may be asked for
        idle_baseline = row.kind == "baseline" and reached == []
        return owners <= self._teams and (bool(owners) or idle_baseline)


def targets_in_words(targets: Iterable[Mapping[str, Any]]) -> str:
    """What a window's targets name: ``tag:Role=web or db; InstanceIds=i-…``."""
    return "; ".join(
        f"{entry.get('Key', '')}={' or '.join(entry.get('Values', [])) or 'any'}"
        for target in targets
        for entry in target.get("Targets", [])
    )
