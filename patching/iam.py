"""What an AWS account has to allow us, as IAM policy documents ready to copy. Pure: from the adapters' own lists.

Which of Systems Manager's actions honour a tag condition is taken from AWS's documentation; a new action of an
adapter that no statement below claims is an error, so that none is allowed without a thought.
"""

import json
from collections.abc import Collection, Sequence
from typing import Any, Protocol

import yaml

from patching.aws import marks, mirrors
from patching.aws.adapters import CLASSES
from patching.aws.available import AvailablePatches
from patching.aws.compliance import Compliance
from patching.aws.executions import Executions
from patching.aws.instances import Instances
from patching.aws.quotas import Quotas
from patching.aws.system_facts import SystemFacts
from patching.aws.unmanaged import Unmanaged

VERSION = "2012-10-17"
READS = ("Describe", "Get", "List")
CREATES = ("ssm:CreateMaintenanceWindow", "ssm:CreatePatchBaseline")
ON_WINDOWS = ("Window",)
ON_BASELINES = ("PatchBaseline", "PatchGroup")
# what a window holds cannot be tagged, so the window's own tag is asked for beside it
IN_WINDOWS = ("UpdateMaintenanceWindowT", "DeregisterT")
# Actions that no adapter calls and AWS asks for all the same: to tag what is created, and to pass a role on
PUT_OUR_MARK = "ssm:AddTagsToResource"  # in the call that creates, and on what is adopted
TAG_SCHEDULE_GROUP = "scheduler:TagResource"
GIVE_ROLE = "iam:PassRole"
MIRRORS = tuple(one.kind for one in mirrors.CLASSES)
LONGEST_SESSION_SECONDS = 3600  # the least that IAM takes; ours last a quarter of it
BESIDES = {TAG_SCHEDULE_GROUP, GIVE_ROLE}


class Account(Protocol):
    """What a policy says of an account."""

    account_id: str
    external_id: str
    role_name: str
    patch_group_tag: str
    window_tag: str


def actions() -> frozenset[str]:
    """Every action that the adapters call."""
    readers = (AvailablePatches, Compliance, Executions, Instances, Quotas, SystemFacts, Unmanaged)
    tuples = [*(one.permissions for one in CLASSES), *(one.permissions for one in readers)]
    return frozenset(action for permissions in tuples for action in permissions)


def mirror_actions(kinds: Collection[str]) -> frozenset[str]:
    """Every action that these mirrors call: ``security_hub``, ``compliance_items``."""
    return frozenset(action for one in mirrors.CLASSES if one.kind in kinds for action in one.permissions)


def partition_of(role_arn: str) -> str:
    """aws, aws-cn, aws-us-gov: an account trusts roles of its own partition only."""
    return role_arn.split(":")[1] if role_arn.startswith("arn:") else "aws"


def trust_policy(account: Account, hub_arn: str) -> dict[str, Any]:
    """Only our hub role may assume the account's role, and only with the account's own external id."""
    return _document(
        {
            "Sid": "PatchwardenOnly",
            "Effect": "Allow",
            "Principal": {"AWS": hub_arn},
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"sts:ExternalId": account.external_id}},
        }
    )


def permissions_policy(
    account: Account,
    *,
    installation: str,
    restore_role: str,
    partition: str = "aws",
    mirrored: Collection[str] = (),
) -> dict[str, Any]:
    """What the account's role may do: read, and write only what carries our tag or one of the two tag keys.

    ``mirrored`` are the kinds of mirrors that are switched on; what they take stands in statements of its own.
    """
    left = set(actions())
    ours = {f"aws:ResourceTag/{marks.INSTALLATION}": installation}
    marked = {f"aws:RequestTag/{marks.INSTALLATION}": installation}

    def claim(*wanted: str) -> list[str]:
        claimed = sorted(one for one in left if one in wanted)
        left.difference_update(claimed)
        return claimed

    def named(*starts: str, service: str = "") -> tuple[str, ...]:
        return tuple(
            one
            for one in left
            if one.startswith(service) and any(start in one.partition(":")[2] for start in starts)
        )

    def arn(service: str, resource: str) -> str:
        return f"arn:{partition}:{service}:*:{account.account_id}:{resource}"

    windows, baselines = arn("ssm", "maintenancewindow/*"), arn("ssm", "patchbaseline/*")
    reads = claim(*(one for one in left if one.partition(":")[2].startswith(READS)))
    creates = claim(*CREATES)
    inside = claim(*named(*IN_WINDOWS, service="ssm:"))
    instances = claim("ec2:CreateTags", "ec2:DeleteTags")
    groups = claim("scheduler:CreateScheduleGroup")
    statements = [
        _allow("Read", reads, ["*"]),
        _allow("CreateMarked", creates, ["*"], StringEquals=marked),
        _allow("PutOurMark", claim(PUT_OUR_MARK), [windows, baselines], StringEquals=marked),
        _allow(
            "ChangeOurWindows", sorted([*claim(*named(*ON_WINDOWS)), *inside]), [windows], StringEquals=ours
        ),
        _allow("ChangeWhatIsInWindows", inside, [arn("ssm", "windowtarget/*"), arn("ssm", "windowtask/*")]),
        _allow("ChangeOurBaselines", claim(*named(*ON_BASELINES)), [baselines], StringEquals=ours),
        _tagging("TagInstances", instances, account, partition),
        _allow(
            "MakeOurScheduleGroup",
            [*groups, TAG_SCHEDULE_GROUP],
            [arn("scheduler", f"schedule-group/{installation}")],
        ),
        _allow(
            "ScheduleTheWayBack",
            claim(*named("Schedule", service="scheduler:")),
            [arn("scheduler", f"schedule/{installation}/*")],
        ),
        _allow(
            "LetTheWayBackRun",
            [GIVE_ROLE],
            [f"arn:{partition}:iam::{account.account_id}:role/{restore_role}"],
            StringEquals={"iam:PassedToService": "scheduler.amazonaws.com"},
        ),
    ]
    if left:
        raise ValueError(f"No statement allows {', '.join(sorted(left))}.")
    return _document(*statements, *_mirroring(account, partition, mirrored))


def restore_trust_policy(account: Account) -> dict[str, Any]:
    """Only EventBridge Scheduler, and only for schedules of the same account."""
    return _document(
        {
            "Sid": "SchedulerOnly",
            "Effect": "Allow",
            "Principal": {"Service": "scheduler.amazonaws.com"},
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"aws:SourceAccount": account.account_id}},
        }
    )


def restore_policy(account: Account, *, installation: str, partition: str = "aws") -> dict[str, Any]:
    """What the way back may do: put the two tags of instances back, enable windows of ours, and nothing else.

    IAM cannot tell enabling from other updates of a window; only schedules of ours name this role.
    """
    return _document(
        _tagging("PutTagsBack", ["ec2:CreateTags", "ec2:DeleteTags"], account, partition),
        _allow(
            "EnableOurWindows",
            ["ssm:UpdateMaintenanceWindow"],
            [f"arn:{partition}:ssm:*:{account.account_id}:maintenancewindow/*"],
            StringEquals={f"aws:ResourceTag/{marks.INSTALLATION}": installation},
        ),
    )


def template(
    account: Account,
    hub_arn: str,
    *,
    installation: str,
    restore_role: str,
    mirrored: Collection[str] = (),
) -> dict[str, Any]:
    """Both roles as one CloudFormation stack for exactly this account, named in ``Rules``.

    The external id stands in it: it is no secret, the role shows it anyway, and a parameter could be mistyped.
    """
    partition, id_ = partition_of(hub_arn), account.account_id
    permissions = permissions_policy(
        account,
        installation=installation,
        restore_role=restore_role,
        partition=partition,
        mirrored=mirrored,
    )
    roles = {
        "PatchwardenRole": _role(
            account.role_name,
            "Patchwarden reads this account and writes what was approved",
            trust_policy(account, hub_arn),
            permissions,
        ),
        "PatchwardenRestoreRole": _role(
            restore_role,
            "EventBridge Scheduler ends exemptions and holds: tags of instances, windows enabled",
            restore_trust_policy(account),
            restore_policy(account, installation=installation, partition=partition),
        ),
    }
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": f"Patchwarden's roles in account {id_}. One stack in any Region: roles have none.",
        "Rules": {
            "RightAccount": {
                "Assertions": [
                    {
                        "Assert": {"Fn::Equals": [{"Ref": "AWS::AccountId"}, id_]},
                        "AssertDescription": f"This template is for account {id_}.",
                    }
                ]
            }
        },
        "Resources": roles,
        "Outputs": {
            "RoleArn": _arn_of("PatchwardenRole", "What Patchwarden assumes"),
            "RestoreRoleArn": _arn_of("PatchwardenRestoreRole", "What EventBridge Scheduler assumes"),
        },
    }


def as_text(document: dict[str, Any], kind: str) -> str:
    """A template as CloudFormation reads it: ``yaml`` or ``json``."""
    if kind == "json":
        return json.dumps(document, indent=2) + "\n"
    return yaml.dump(document, Dumper=_Plain, sort_keys=False, width=110)


class _Plain(yaml.SafeDumper):
    """YAML without anchors: what stands in two places is written twice."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _role(name: str, about: str, trust: dict[str, Any], allowed: dict[str, Any]) -> dict[str, Any]:
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "RoleName": name,
            "Description": about,
            "MaxSessionDuration": LONGEST_SESSION_SECONDS,
            "AssumeRolePolicyDocument": trust,
            "Policies": [{"PolicyName": name, "PolicyDocument": allowed}],
        },
    }


def _arn_of(role: str, about: str) -> dict[str, Any]:
    return {"Description": about, "Value": {"Fn::GetAtt": [role, "Arn"]}}


def _tagging(sid: str, wanted: Sequence[str], account: Account, partition: str) -> dict[str, Any]:
    return _allow(
        sid,
        wanted,
        [f"arn:{partition}:ec2:*:{account.account_id}:instance/*"],
        # a request without any tag key would pass the first test alone
        **{
            "ForAllValues:StringEquals": {
                "aws:TagKeys": sorted({account.patch_group_tag, account.window_tag})
            },
            "Null": {"aws:TagKeys": "false"},
        },
    )


def _mirroring(account: Account, partition: str, kinds: Collection[str]) -> list[dict[str, Any]]:
    """One statement for each mirror that is switched on."""

    def arn(service: str, resource: str) -> str:
        return f"arn:{partition}:{service}:*:{account.account_id}:{resource}"

    where = {
        "security_hub": ("SuppressPatchFindings", [arn("securityhub", "hub/default")]),
        "compliance_items": (
            "ShowExemptionsInCompliance",
            [arn("ec2", "instance/*"), arn("ssm", "managed-instance/*")],
        ),
    }
    return [
        _allow(where[one.kind][0], one.permissions, where[one.kind][1])
        for one in mirrors.CLASSES
        if one.kind in kinds
    ]


def _allow(sid: str, wanted: Sequence[str], resources: Sequence[str], **condition: Any) -> dict[str, Any]:
    statement = {"Sid": sid, "Effect": "Allow", "Action": list(wanted), "Resource": list(resources)}
    return {**statement, "Condition": condition} if condition else statement


def _document(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": VERSION, "Statement": list(statements)}
