"""What a request was decided upon: tags of its instances and what AWS held. If that moves, it is stale."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import Q

from patching import adopting
from patching.models import ChangeRequest, MaintenanceWindow, ManagedInstance, PatchGroup, ResourceState
from patching.rules import account_regions, place_of, targets

Item = Mapping[str, Any]
MOVED_AT_LEAST = 5
MOVED_SHARE = 0.1


def seal_of(items: Iterable[Item]) -> dict[str, Any]:
    """What deciders see now: ``tags`` to be written, per instance, "" if absent; digests of what is touched."""
    items = list(items)
    return {"tags": _tags(items), "resources": _resources(items), "adopted": _adopted(items)}


def what_moved(request: ChangeRequest, items: Iterable[Item]) -> list[str]:
    """Sentences on what is no longer as it was when the request was submitted; empty when it still holds."""
    if not request.seal:
        return []
    now, then = seal_of(items), request.seal
    moved = [
        f"{label} was changed in AWS after this was submitted."
        for label, digest in sorted(then["resources"].items())
        if now["resources"].get(label, digest) != digest
    ]
    moved += [
        f"{name} was changed or removed in AWS after this was submitted."
        for name, digest in sorted(then.get("adopted", {}).items())
        if now["adopted"].get(name) != digest
    ]
    gone = sorted(set(then["tags"]) - set(now["tags"]))
    changed = sorted(
        instance
        for instance, tags in now["tags"].items()
        if instance in then["tags"] and then["tags"][instance] != tags
    )
    allowed = max(MOVED_AT_LEAST, int(len(then["tags"]) * MOVED_SHARE))
    if len(gone) + len(changed) > allowed:
        named = ", ".join([*gone, *changed][:5])
        moved.append(
            f"{len(gone)} instances are gone and {len(changed)} carry other tags than before: {named}."
        )
    return moved


def _tags(items: list[Item]) -> dict[str, dict[str, str]]:
    """Per instance the tags that these items write: a group its own, a window its own."""
    wanted: dict[tuple[int, str], set[str]] = {}
    for item in items:
        for spec in (item["spec"], *(row.spec for row in targets([item]))):
            if "instances" in spec and (place := place_of(spec)):
                account = place.account
                key = account.patch_group_tag if item["kind"] == "patch-group" else account.window_tag
                wanted.setdefault((place.pk, key), set()).update(spec["instances"])
    found: dict[str, dict[str, str]] = {}
    for (place_id, key), ids in wanted.items():
        for instance in ManagedInstance.objects.present().filter(
            account_region=place_id, instance_id__in=ids
        ):
            found.setdefault(instance.instance_id, {})[key] = instance.tags.get(key, "")
    return found


def _adopted(items: list[Item]) -> dict[str, str]:
    """What is to be brought under management, as the last reading found it."""
    found = [adopting.there(item["target"]) for item in items if item["action"] == "adopt"]
    return {f"{one.name} ({one.aws_id})": adopting.digest_as_listed(one) for one in found if one is not None}


def _resources(items: list[Item]) -> dict[str, str]:
    """What AWS held of each row when last read, place by place: itself, a window's parts, a group's baselines.

    A seal of a release that named no places is compared with nothing here.
    """
    touched = Q(pk=None)
    for row in targets(items):
        touched |= Q(uid=str(row.uid))
        if isinstance(row, MaintenanceWindow):
            touched |= Q(kind__in=("target", "task"), key__startswith=f"{row.uid}:")
        if isinstance(row, PatchGroup):
            here = {"account_region": row.account_region_id, "kind": "registration"}
            touched |= Q(**here, key__startswith=f"{row.name}:")
    states = ResourceState.objects.filter(touched, account_region__in=account_regions(items))
    return {
        f"{state.kind} {state.label} in {state.account_region}": state.observed_digest
        for state in states.select_related("account_region__account")
        if state.observed_digest
    }
