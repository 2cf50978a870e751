"""What an opening is expected to do: which patches go on which instances by then, and who may restart."""

from collections import Counter, defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from patching.baseline_outlook import approved_between
from patching.catalogue import product_of
from patching.executions import members_at
from patching.landing import Judges, landings_of
from patching.models import MaintenanceWindow, ManagedInstance, PatchFinding
from patching.run_outcomes import some
from patching.words import counted
from portal.governance import clock

# what SSM calls missing is what the baseline approves and the instance lacks; a failed one is tried again
TO_INSTALL = ("missing", "failed")
RESTART = "installed_pending_reboot"


@dataclass(frozen=True)
class Expected:
    """Patches by the number of instances that lack them, and instances by what will happen to them."""

    members: int
    left_out: int  # by an exemption
    offline: list[str]
    patches: Counter[str]
    kept_off: list[str]  # missing now, and by then not approved or left off by an exemption
    approved_by_then: list[str]  # SSM does not speak of them before; they go on where they are needed
    lacking: list[str]
    installs: bool
    restarts: list[str] | None  # None: its install task restarts nothing

    @property
    def lines(self) -> list[str]:
        """In sentences, the most important first."""
        lines = (
            self._work if self.installs else ["It only scans: nothing is installed, and nothing restarts."]
        )
        if self.left_out:
            lines.append(f"{counted(self.left_out, 'instance')} left out by an exemption.")
        if self.offline:
            lines.append(f"Cannot be reached now, so a run passes them by: {some(self.offline)}.")
        return lines

    @property
    def in_words(self) -> str:
        return "\n".join(self.lines)

    @property
    def _work(self) -> list[str]:
        if self.patches:
            names = [
                f"{patch} ({counted(number, 'instance')})" for patch, number in self.patches.most_common()
            ]
            lines = [
                f"Expected to be installed: {counted(len(self.patches), 'patch', 'patches')} on "
                f"{len(self.lacking)} of {counted(self.members, 'instance')}: {some(names)}."
            ]
        else:
            nothing = "Nothing of what is missing" if self.kept_off else "Nothing is missing"
            then = " is installed" if self.kept_off else ""
            members = counted(self.members, "instance")
            lines = [f"{nothing} on its {members} by the last scans{then}."]
        if self.kept_off:
            many = counted(len(self.kept_off), "patch", "patches")
            lines.append(
                f"Missing and not installed, for no rule approves it by then or an exemption leaves it off: {many}: "
                f"{some(self.kept_off)}."
            )
        if self.approved_by_then:
            many = counted(len(self.approved_by_then), "patch", "patches")
            lines.append(
                f"Approved until then, and installed where needed: {many}: {some(self.approved_by_then)}."
            )
        return [*lines, self._restarts]

    @property
    def _restarts(self) -> str:
        if self.restarts is None:
            return "No instance restarts: it installs without restarting."
        if self.restarts:
            more = " Others do if they need what is approved until then." if self.approved_by_then else ""
            return f"May restart: {counted(len(self.restarts), 'instance')}: {some(self.restarts)}.{more}"
        if self.approved_by_then:
            return "Instances restart if they need what is approved until then."
        return "No instance is expected to restart."


def expected(window: MaintenanceWindow, opens_at: datetime) -> Expected:
    """Of the instances that carry the window's tag when it opens, by their last scans and by their baselines then."""
    ids = members_at(window, opens_at)
    rows = ManagedInstance.objects.filter(account_region=window.account_region, instance_id__in=ids)
    members = {one.pk: one for one in rows.select_related("account_region__account")}
    tasks = [task for task in window.spec["tasks"] if task["kind"] == "install"]
    patches: Counter[str] = Counter()
    kept_off, known = set(), set()
    lacking = set()
    findings = PatchFinding.objects.open().filter(instance__in=members)
    found = list(findings.select_related("instance__account_region__account"))
    restarting = {one.instance_id for one in found if one.state == RESTART and not one.hidden}
    for landing in landings_of([one for one in found if one.state in TO_INSTALL], opens_at):
        finding, cover = landing.finding, landing.cover
        if finding.hidden and cover is None:
            continue
        known.add(finding.patch_id)
        if landing.approved is False or (cover is not None and cover.holds):
            kept_off.add(finding.patch_id)
        else:
            patches[finding.patch_id] += 1
            lacking.add(finding.instance_id)
    restarts = any(task["reboot"] == "RebootIfNeeded" for task in tasks)
    return Expected(
        members=len(ids),
        left_out=len(window.spec["instances"]) - len(ids),
        offline=sorted(str(one) for one in members.values() if not one.is_online),
        patches=patches,
        kept_off=sorted(kept_off - set(patches)),
        approved_by_then=sorted(_approved_by(opens_at, members.values()) - known),
        lacking=sorted(str(members[pk]) for pk in lacking),
        installs=bool(tasks),
        restarts=sorted(str(members[pk]) for pk in lacking | restarting) if restarts else None,
    )


def _approved_by(opens_at: datetime, members: Collection[ManagedInstance]) -> set[str]:
    """What these instances' baselines do not approve yet and will when the window opens."""
    judges = Judges(list(members), opens_at)
    products: dict[str, set[str]] = defaultdict(set)
    definitions = {}
    for one in members:
        baseline = judges.of(one)
        product = product_of(one.operating_system, one.platform_name, one.platform_version)
        if baseline is not None and product:
            products[baseline.name].add(product)
            definitions[baseline.name] = baseline.spec["definition"]
    return {
        patch.id
        for name, definition in definitions.items()
        for patch in approved_between(definition, clock.now(), opens_at, sorted(products[name]))
    }
