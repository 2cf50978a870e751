"""Minutes that one instance takes in one task: measured where there were enough runs, else assumed. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# Documents that tasks call around the installation, by parameter name. Source: SSM's AWS-RunPatchBaselineWithHooks
# and AMS's AWSManagedServices-PatchInstance.
HOOKS = (
    "PreInstallHookDocName",
    "PostInstallHookDocName",
    "OnExitHookDocName",
    "PrePatchHook",
    "PostPatchHook",
)
NO_HOOK = ("", "AWS-Noop")
ASSUMED = {"pre": 10.0, "install": 30.0, "scan": 5.0, "post": 10.0, "hook": 5.0}


@dataclass(frozen=True)
class Pace:
    """Minutes for one instance, and from how many instances that was measured; 0 where it is assumed."""

    minutes: float
    measured: int = 0


@dataclass(frozen=True)
class Paces:
    """What is known of minutes: by document, kind of task and operating system ("" for all systems)."""

    assumed: Mapping[str, float] = field(default_factory=lambda: ASSUMED)
    measured: Mapping[tuple[str, str, str], Pace] = field(default_factory=dict)

    def of(self, task: Mapping[str, Any], system: str) -> Pace:
        """Minutes of one instance in this task. What was measured has its hooks in it; to what is assumed they add."""
        about = task["document"], task["kind"]
        for known in ((*about, system), (*about, "")):
            if known in self.measured:
                return self.measured[known]
        return Pace(self.assumed[task["kind"]] + len(hooks_of(task)) * self.assumed["hook"])


def hooks_of(task: Mapping[str, Any]) -> list[str]:
    """Documents that run on each instance around this task's own."""
    given = task.get("parameters") or {}
    named = [str(one) for name in HOOKS for one in (given.get(name) or [])[:1]]
    return [one for one in named if one not in NO_HOOK]
