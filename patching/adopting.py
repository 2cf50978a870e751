"""Bringing what somebody else made in AWS under management: the leave to mark it, given by an approved request.

A window or baseline is marked only while it is as it was approved; what an adopted window holds besides may go.
"""

from dataclasses import replace
from typing import Any

from patching.aws import baselines, windows
from patching.models import AccountRegion, Adoption, Revision, Tombstone, Unmanaged
from patching.models.governed import Governed
from patching.specs import Key, Spec, WindowSpec, to_plain
from portal.governance import clock
from portal.governance.canonical import digest_of

KINDS = ("baseline", "window")
PARTS = {"targets": ("target", "WindowTargetId"), "tasks": ("task", "WindowTaskId")}


def there(pk: Any) -> Unmanaged | None:
    """What is listed under this id and still in AWS."""
    rows = Unmanaged.objects.filter(gone_at=None).select_related("account_region__account")
    return rows.filter(pk=pk).first() if isinstance(pk, int) else None


def digest_as_listed(found: Unmanaged) -> str:
    """What the last reading found, as one digest."""
    content = found.content
    spec = (
        windows.from_aws(content["listed"])
        if found.kind == "window"
        else baselines.from_aws(content["reply"])
    )
    return digest_of_live(spec)


def digest_of_live(spec: Spec) -> str:
    """The same of what is read now; whether a window is enabled does not matter."""
    plain = replace(spec, enabled=False) if isinstance(spec, WindowSpec) else spec
    return digest_of(to_plain(plain))


def promise(row: Governed, found: Unmanaged, revision: Revision) -> None:
    """Leave to mark it as this row's, and to remove what a window held. Inside the transaction of the approval."""
    place, now = found.account_region, clock.now()
    source = {"kind": "revision", "id": str(revision.pk), "digest": revision.digest}
    Adoption.objects.create(
        account_region=place,
        kind=found.kind,
        key=str(row.uid),
        aws_id=found.aws_id,
        content_digest=digest_as_listed(found),
        revision=revision,
        created_at=now,
    )
    for field, (kind, name) in PARTS.items():
        for part in found.content.get(field, []):
            Tombstone.objects.get_or_create(
                account_region=place,
                kind=kind,
                key=f"{parts_of(found.aws_id)}{part[name]}",
                buried_at=None,
                defaults={"source": source, "created_at": now},
            )


def parts_of(window_id: str) -> str:
    """How the names of parts begin that somebody else put into a window."""
    return f"unknown {window_id}/"


def take_back(revision: Revision) -> None:
    """The approval is undone before its push: nothing was marked, so there is nothing to give back."""
    Adoption.objects.filter(revision=revision, done_at=None).delete()


def open_in(place: AccountRegion) -> dict[Key, Adoption]:
    """What may be marked there and is not yet."""
    rows = Adoption.objects.filter(account_region=place, done_at=None).select_related("revision")
    return {Key(one.kind, one.key): one for one in rows}
