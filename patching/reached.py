"""Which instances others' windows, baselines and associations touch, by targets or patch groups. Reads rows only."""

from collections.abc import Iterable, Mapping
from typing import Any

from patching.models import ManagedInstance, Unmanaged


def instances_reached(
    row: Unmanaged, among: Iterable[ManagedInstance] | None = None
) -> list[ManagedInstance] | None:
    """Instances that a window targets, or that a baseline's patch groups hold; None where it cannot be told."""
    if among is None:
        there = ManagedInstance.objects.present().filter(account_region=row.account_region_id)
        among = there.select_related("application", "environment")
    if row.kind == "baseline":
        groups = set(row.content.get("reply", {}).get("PatchGroups", []))
        key = row.account_region.account.patch_group_tag
        return [one for one in among if one.tags.get(key) in groups]
    if row.kind == "association":
        told = row.content.get("reply", {})
        one_node = [{"Key": "InstanceIds", "Values": [told.get("InstanceId", "")]}]
        targets = [told.get("Targets") or one_node]
    else:
        targets = [target.get("Targets", []) for target in row.content.get("targets", [])]
    if not all(_is_understood(entry) for entries in targets for entry in entries):
        return None
    return [
        one for one in among if any(all(_matches(one, entry) for entry in entries) for entries in targets)
    ]


def _is_understood(entry: Mapping[str, Any]) -> bool:
    return entry.get("Key", "").startswith("tag:") or entry.get("Key") in ("tag-key", "InstanceIds")


def _matches(instance: ManagedInstance, entry: Mapping[str, Any]) -> bool:
    key, values = entry["Key"], entry.get("Values", [])
    if key == "InstanceIds":
        return instance.instance_id in values or "*" in values
    if key == "tag-key":
        return any(value in instance.tags for value in values)
    return instance.tags.get(key.removeprefix("tag:")) in values
