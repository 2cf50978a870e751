"""What an AWS account has to allow us, as IAM policy documents ready to copy. Pure: from the adapters' own lists.

Which of Systems Manager's actions honour a tag condition is taken from AWS's documentation; a new action of an
adapter that no statement below claims is an error, so that none is allowed without a thought.
"""

from collections.abc import Sequence
from typing import Any, Protocol

from patching.aws import marks
from patching.aws.adapters import CLASSES
from patching.aws.compliance import Compliance
from patching.aws.instances import Instances

VERSION = "2012-10-17"
READS = ("Describe", "Get", "List")
CREATES = ("ssm:CreateMaintenanceWindow", "ssm:CreatePatchBaseline")
ON_WINDOWS = ("Window",)
ON_BASELINES = ("PatchBaseline", "PatchGroup")
# what a window holds cannot be tagged, so the window's own tag is asked for beside it
IN_WINDOWS = ("UpdateMaintenanceWindowT", "DeregisterT")
# Actions that no adapter calls and AWS asks for all the same: to tag what is created, and to pass a role on
TAG_WHAT_IS_CREATED = "ssm:AddTagsToResource"
TAG_SCHEDULE_GROUP = "scheduler:TagResource"
GIVE_ROLE = "iam:PassRole"
BESIDES = {TAG_WHAT_IS_CREATED, TAG_SCHEDULE_GROUP, GIVE_ROLE}


class Account(Protocol):
    """What a policy says of an account."""

    account_id: str
    external_id: str
    patch_group_tag: str
    window_tag: str


def actions() -> frozenset[str]:
    """Every action that the adapters call."""
    tuples = [*(one.permissions for one in CLASSES), Compliance.permissions, Instances.permissions]
    return frozenset(action for permissions in tuples for action in permissions)


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
    account: Account, *, installation: str, restore_role: str, partition: str = "aws"
) -> dict[str, Any]:
    """What the account's role may do: read, and write only what carries our tag or one of the two tag keys."""
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
        _allow("TagWhatIsCreated", [TAG_WHAT_IS_CREATED], [windows, baselines], StringEquals=marked),
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
    return _document(*statements)


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


def restore_policy(account: Account, *, partition: str = "aws") -> dict[str, Any]:
    """What the way back may do: put the two tags of instances back, and nothing else."""
    return _document(_tagging("PutTagsBack", ["ec2:CreateTags", "ec2:DeleteTags"], account, partition))


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


def _allow(sid: str, wanted: Sequence[str], resources: Sequence[str], **condition: Any) -> dict[str, Any]:
    statement = {"Sid": sid, "Effect": "Allow", "Action": list(wanted), "Resource": list(resources)}
    return {**statement, "Condition": condition} if condition else statement


def _document(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": VERSION, "Statement": list(statements)}
