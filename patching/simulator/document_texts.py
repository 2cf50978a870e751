"""The documents of Systems Manager that patching needs, with the parameters that AWS gives them. No wire.

Names and parameters are from the Systems Manager user guide and, for AWSManagedServices-PatchInstance, from the AMS
Accelerate user guide; the steps of the latter are ours.
"""

from dataclasses import dataclass, field
from typing import Any

Reply = dict[str, Any]

REQUIRED = None
NOOP = "AWS-Noop"


@dataclass(frozen=True)
class Parameter:
    """One parameter of a document: what it takes when nothing is said, and what it may be."""

    default: str | None = REQUIRED
    allowed: tuple[str, ...] = ()
    description: str = ""


@dataclass(frozen=True)
class Document:
    """One document that AWS owns."""

    name: str
    kind: str  # Command or Automation
    schema: str
    description: str
    parameters: dict[str, Parameter] = field(default_factory=dict)
    steps: tuple[tuple[str, str], ...] = ()  # name and action
    owner: str = "Amazon"

    @property
    def required(self) -> set[str]:
        return {name for name, one in self.parameters.items() if one.default is REQUIRED}

    def problem_with(self, parameters: Reply, target: str | None = None) -> str:
        """Why it cannot be run with these parameters; "" when it can. ``target`` is the one filled in later."""
        if unknown := parameters.keys() - self.parameters.keys():
            return f"{self.name} has no parameter {min(unknown)}."
        if missing := self.required - parameters.keys() - {target}:
            return f"{self.name} needs the parameter {min(missing)}."
        for name, values in parameters.items():
            allowed = self.parameters[name].allowed
            if allowed and not set(values) <= set(allowed):
                return f"{name} must be one of {', '.join(allowed)}."
        return ""

    def content(self) -> Reply:
        """As GetDocument shows it."""
        parameters = {
            name: {
                "type": "String",
                "description": one.description,
                **({} if one.default is REQUIRED else {"default": one.default}),
                **({"allowedValues": list(one.allowed)} if one.allowed else {}),
            }
            for name, one in self.parameters.items()
        }
        steps = [{"name": name, "action": action} for name, action in self.steps]
        return {
            "schemaVersion": self.schema,
            "description": self.description,
            "parameters": parameters,
            "mainSteps": steps,
        }


OPERATION = Parameter(allowed=("Scan", "Install"), description="What is done with missing patches.")
REBOOT = Parameter("RebootIfNeeded", ("RebootIfNeeded", "NoReboot"), "Whether the node restarts afterwards.")
SNAPSHOT = Parameter("", description="The id of a patch snapshot; left out in a maintenance window.")
OVERRIDE = Parameter(
    "", description="The address of a list of patches to install in place of the baseline's."
)

DOCUMENTS = {
    one.name: one
    for one in (
        Document(
            "AWS-RunPatchBaseline",
            "Command",
            "2.2",
            "Scans for or installs patches from a patch baseline.",
            {
                "Operation": OPERATION,
                "AssociationId": Parameter(""),
                "SnapshotId": SNAPSHOT,
                "InstallOverrideList": OVERRIDE,
                "BaselineOverride": Parameter("", description="The address of baselines to go by this once."),
                "RebootOption": REBOOT,
                "StepTimeoutSeconds": Parameter("7200"),
            },
            (("PatchWindows", "aws:runPowerShellScript"), ("PatchLinux", "aws:runShellScript")),
        ),
        Document(
            "AWS-RunPatchBaselineAssociation",
            "Command",
            "2.2",
            "Scans for or installs patches from the baseline that an association selects by its tags.",
            {
                "Operation": OPERATION,
                "BaselineTags": Parameter(""),
                "AssociationId": Parameter(),
                "InstallOverrideList": OVERRIDE,
                "RebootOption": REBOOT,
            },
            (("PatchWindows", "aws:runPowerShellScript"), ("PatchLinux", "aws:runShellScript")),
        ),
        Document(
            "AWS-RunPatchBaselineWithHooks",
            "Command",
            "2.2",
            "Scans for or installs patches, with documents of one's own before, after and at the end.",
            {
                "Operation": OPERATION,
                "SnapshotId": SNAPSHOT,
                "RebootOption": REBOOT,
                "PreInstallHookDocName": Parameter(NOOP),
                "PostInstallHookDocName": Parameter(NOOP),
                "OnExitHookDocName": Parameter(NOOP),
            },
            (
                ("PreInstallHook", "aws:runDocument"),
                ("PatchWindows", "aws:runPowerShellScript"),
                ("PatchLinux", "aws:runShellScript"),
                ("PostInstallHook", "aws:runDocument"),
                ("OnExitHook", "aws:runDocument"),
            ),
        ),
        Document(
            "AWSManagedServices-PatchInstance",
            "Automation",
            "0.3",
            "Takes a snapshot of the root volume of an instance, then installs patches on it.",
            {
                "InstanceId": Parameter(description="The instance to patch."),
                "StartInactiveInstances": Parameter("True", ("True", "False")),
                "PrePatchHook": Parameter(NOOP),
                "PostPatchHook": Parameter(NOOP),
                "ExecutePatchBasedOnPreHookStatus": Parameter(
                    "OnPreHookSuccess", ("OnPreHookSuccess", "Always", "OnPreHookFailure", "Never")
                ),
                "ExecutePostHookBasedOnPatchStatus": Parameter(
                    "OnPatchSuccess", ("OnPatchSuccess", "Always", "OnPatchFailure")
                ),
            },
            (
                ("CheckInstance", "aws:assertAwsResourceProperty"),
                ("SnapshotRootVolume", "aws:executeAwsApi"),
                ("InstallPatches", "aws:runCommand"),
            ),
            owner="AWSManagedServices",
        ),
    )
}


def document_of(name: str) -> Document | None:
    """A document by its name or its ARN; None where it is somebody's own."""
    return DOCUMENTS.get(name.rsplit("/", 1)[-1])


def is_automation(name: str) -> bool:
    found = document_of(name)
    return found is not None and found.kind == "Automation"
