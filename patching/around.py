"""The rows around a request's items, each kind fetched once however many items there are. Reads only."""

from collections.abc import Mapping, Sequence
from functools import cached_property, reduce
from operator import or_
from typing import Any

from django.db.models import Q

from patching import freezing, shutting_rules
from patching.baseline_effect import system_of
from patching.items import is_new
from patching.models import (
    AccountRegion,
    Drift,
    Environment,
    Freeze,
    MaintenanceWindow,
    ManagedInstance,
    Occurrence,
    PatchBaseline,
    PatchGroup,
    ResourceState,
)
from patching.models.governed import Governed
from patching.permissions import ROWS

Item = Mapping[str, Any]


class Around:
    """What a request's items are about, as it stands now."""

    def __init__(self, items: Sequence[Item], also: Sequence[AccountRegion] = ()) -> None:
        self.items = items
        self.also = also  # places to look at besides those that the items name

    @cached_property
    def environments(self) -> dict[str, Environment]:
        return {one.slug: one for one in Environment.objects.all()}

    @cached_property
    def rows(self) -> dict[tuple[str, int], Governed]:
        """What the items change or delete, also where it is retired by now."""
        found: dict[tuple[str, int], Governed] = {}
        for kind, model in ROWS.items():
            ids = [one["target"] for one in self.items if one["kind"] == kind and not is_new(one)]
            for row in model.objects.filter(pk__in=ids).select_related("environment") if ids else ():
                found[kind, row.pk] = row
        return found

    def row(self, item: Item) -> Governed | None:
        return None if is_new(item) else self.rows.get((item["kind"], item["target"]))

    @cached_property
    def groups(self) -> list[PatchGroup]:
        return list(PatchGroup.objects.live().select_related("account_region__account"))

    def groups_using(self, baseline: str) -> list[PatchGroup]:
        return [group for group in self.groups if baseline in group.spec["baselines"].values()]

    @cached_property
    def places(self) -> list[AccountRegion]:
        """Where the items will have an effect: named places, targets' places, and users of a baseline."""
        ids = {place.pk for place in self.also}
        for row in self.rows.values():
            if isinstance(row, PatchGroup | MaintenanceWindow | Occurrence):
                ids.add(row.account_region_id)
            if isinstance(row, PatchBaseline):
                ids |= {group.account_region_id for group in self.groups_using(row.name)}
        ids |= {window.account_region_id for window in self.frozen}
        pairs = {
            (one["spec"]["account"], one["spec"]["region"]) for one in self.items if "account" in one["spec"]
        }
        named = [Q(account__account_id=account, region=region) for account, region in pairs]
        return list(AccountRegion.objects.filter(reduce(or_, named, Q(pk__in=ids))).select_related("account"))

    @cached_property
    def frozen(self) -> list[MaintenanceWindow]:
        """Windows that the freezes and single openings among the items keep shut, as asked for or as they are."""
        specs = [one["spec"] for one in self.items if one["kind"] == "freeze" and one["spec"]]
        specs += [row.spec for row in self.rows.values() if isinstance(row, Freeze)]
        found = [window for spec in specs for window in freezing.windows_under(spec)]
        once = [one["spec"] for one in self.items if one["kind"] == "occurrence" and one["spec"]]
        once += [row.spec for row in self.rows.values() if isinstance(row, Occurrence)]
        found += filter(None, [shutting_rules.window_of(spec) for spec in once])
        return list({window.pk: window for window in found}.values())

    @cached_property
    def windows(self) -> list[MaintenanceWindow]:
        """Live windows of these places, and of the same applications elsewhere."""
        slugs = {one["spec"].get("application", "") for one in self.items} - {""}
        near = Q(account_region__in=self.places) | Q(application__slug__in=slugs)
        return list(MaintenanceWindow.objects.live().filter(near))

    @cached_property
    def instances(self) -> dict[str, ManagedInstance]:
        """Every instance that an item names or named, by id."""
        ids = {one for item in self.items for one in item["spec"].get("instances", ())}
        ids |= {one for row in self.rows.values() for one in row.spec.get("instances", ())}
        rows = ManagedInstance.objects.present().filter(instance_id__in=ids, account_region__in=self.places)
        return {
            one.instance_id: one
            for one in rows.select_related("account_region__account", "application", "environment")
        }

    @cached_property
    def judged(self) -> list[ManagedInstance]:
        """Instances that the baselines among the items judge, by the groups that use them, and that no item names."""
        asked = {}
        for item in self.items:
            if item["kind"] == "baseline":
                row = self.row(item)
                spec = row.spec if row else item["spec"]
                asked[spec["name"]] = system_of(spec["definition"])
        rows = [one for name, system in asked.items() for one in self.judged_by(name, system)]
        named = {one.pk for one in self.instances.values()}
        return list({one.pk: one for one in rows if one.pk not in named}.values())

    def judged_by(self, baseline: str, system: str) -> list[ManagedInstance]:
        """Instances of this system in the groups that use a baseline."""
        groups = self.groups_using(baseline)
        ids = {one for group in groups for one in group.spec["instances"]}
        if not ids:
            return []
        return list(
            ManagedInstance.objects.present()
            .filter(instance_id__in=ids, operating_system=system)
            .filter(account_region__in={group.account_region_id for group in groups})
            .select_related("account_region__account", "application", "environment")
        )

    @cached_property
    def states(self) -> list[ResourceState]:
        """What we own in these places, instance tags left out: those are read from inventory."""
        if not self.rows:
            return []
        return list(
            ResourceState.objects.filter(account_region__in=self.places)
            .exclude(kind__in=("tag", "schedule"))
            .exclude(condition=ResourceState.Condition.REMOVED)
        )

    @cached_property
    def drift(self) -> dict[tuple[str, str], dict[str, Any]]:
        """By kind and key, what stands in AWS where somebody changed it outside; empty where it was removed."""
        open_ones = Drift.objects.filter(state=Drift.Outcome.OPEN, resource__in=self.states)
        return {
            (one.resource.kind, one.resource.key): dict(one.live or {})
            for one in open_ones.select_related("resource")
        }
