"""What an opening is expected to do: which patches are missing, on how many instances, and who may restart."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from patching.executions import members_at
from patching.models import MaintenanceWindow, ManagedInstance, PatchFinding
from patching.run_outcomes import some
from patching.words import counted

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
    lacking: list[str]
    installs: bool
    restarts: list[str] | None  # None: its install task restarts nothing

    @property
    def in_words(self) -> str:
        if not self.installs:
            lines = ["It only scans: nothing is installed, and nothing restarts."]
        elif self.patches:
            names = [
                f"{patch} ({counted(number, 'instance')})" for patch, number in self.patches.most_common()
            ]
            lines = [
                f"Expected to be installed: {counted(len(self.patches), 'patch', 'patches')} on "
                f"{len(self.lacking)} of {counted(self.members, 'instance')}: {some(names)}.",
                self._restarts,
            ]
        else:
            lines = [
                f"Nothing is missing on its {counted(self.members, 'instance')} by the last scans.",
                self._restarts,
            ]
        if self.left_out:
            lines.append(f"{counted(self.left_out, 'instance')} left out by an exemption.")
        if self.offline:
            lines.append(f"Cannot be reached now, so a run passes them by: {some(self.offline)}.")
        return "\n".join(lines)

    @property
    def _restarts(self) -> str:
        if self.restarts is None:
            return "No instance restarts: it installs without restarting."
        if not self.restarts:
            return "No instance is expected to restart."
        return f"May restart: {counted(len(self.restarts), 'instance')}: {some(self.restarts)}."


def expected(window: MaintenanceWindow, opens_at: datetime) -> Expected:
    """Of the instances that carry the window's tag when it opens, as their last scans tell."""
    ids = members_at(window, opens_at)
    rows = ManagedInstance.objects.filter(account_region=window.account_region, instance_id__in=ids)
    members = {one.pk: one for one in rows.select_related("account_region__account")}
    tasks = [task for task in window.spec["tasks"] if task["kind"] == "install"]
    patches: Counter[str] = Counter()
    lacking, restarting = set(), set()
    for finding in PatchFinding.objects.open().filter(instance__in=members, hidden=False):
        if finding.state in TO_INSTALL:
            patches[finding.patch_id] += 1
            lacking.add(finding.instance_id)
        elif finding.state == RESTART:
            restarting.add(finding.instance_id)
    restarts = any(task["reboot"] == "RebootIfNeeded" for task in tasks)
    return Expected(
        members=len(ids),
        left_out=len(window.spec["instances"]) - len(ids),
        offline=sorted(str(one) for one in members.values() if not one.is_online),
        patches=patches,
        lacking=sorted(str(members[pk]) for pk in lacking),
        installs=bool(tasks),
        restarts=sorted(str(members[pk]) for pk in lacking | restarting) if restarts else None,
    )
