"""Read which instances there are: EC2 for what runs, Systems Manager for what it reaches. Writes nothing."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from patching.aws.errors import translated

ASG_TAG = "aws:autoscaling:groupName"
GONE_STATES = {"terminated", "shutting-down"}  # EC2 shows an ended instance for about an hour
MANAGED_PAGE = 50  # DescribeInstanceInformation takes 5 to 50
EC2_PAGE = 1000

# The first part of a platform's name, as the agent reports it, and SSM's word for it
_LINUX = (
    ("Red Hat", "REDHAT_ENTERPRISE_LINUX"),
    ("Ubuntu", "UBUNTU"),
    ("CentOS", "CENTOS"),
    ("Rocky", "ROCKY_LINUX"),
    ("AlmaLinux", "ALMA_LINUX"),
    ("Oracle", "ORACLE_LINUX"),
    ("SLES", "SUSE"),
    ("SUSE", "SUSE"),
    ("openSUSE", "SUSE"),
    ("Debian", "DEBIAN"),
    ("Raspbian", "RASPBIAN"),
)


@dataclass(frozen=True)
class FoundInstance:
    """One instance as EC2 and Systems Manager describe it; what nobody knows is empty."""

    instance_id: str
    tags: Mapping[str, str]
    availability_zone: str = ""
    instance_type: str = ""
    run_state: str = ""
    operating_system: str = ""
    platform_name: str = ""
    platform_version: str = ""
    is_managed: bool = False
    ping_status: str = ""
    agent_version: str = ""
    last_ping_at: datetime | None = None

    @property
    def name(self) -> str:
        return self.tags.get("Name", "")

    @property
    def auto_scaling_group(self) -> str:
        return self.tags.get(ASG_TAG, "")


class Instances:
    """The EC2 instances of one account-region. Hybrid nodes (``mi-…``) have no EC2 tags and are left out."""

    kind = "instance"
    permissions = ("ec2:DescribeInstances", "ssm:DescribeInstanceInformation")

    def __init__(self, clients: Any) -> None:
        self.clients = clients

    def read(self) -> list[FoundInstance]:
        """Every instance that has not ended, with what its agent says."""
        with translated("Reading instances"):
            instances = list(self._instances())
            agents = {agent["InstanceId"]: agent for agent in self._agents()}
        return [
            from_aws(instance, agents.get(instance["InstanceId"], {}))
            for instance in instances
            if instance.get("State", {}).get("Name") not in GONE_STATES
        ]

    def _instances(self) -> Iterable[dict[str, Any]]:
        pages = self.clients.ec2.get_paginator("describe_instances").paginate(
            PaginationConfig={"PageSize": EC2_PAGE}
        )
        for page in pages:
            for reservation in page.get("Reservations", []):
                yield from reservation.get("Instances", [])

    def _agents(self) -> Iterable[dict[str, Any]]:
        pages = self.clients.ssm.get_paginator("describe_instance_information").paginate(
            PaginationConfig={"PageSize": MANAGED_PAGE}
        )
        for page in pages:
            yield from page.get("InstanceInformationList", [])


def from_aws(instance: Mapping[str, Any], agent: Mapping[str, Any]) -> FoundInstance:
    """One instance of EC2's reply joined with SSM's word on it; ``agent`` is empty where SSM knows nothing."""
    return FoundInstance(
        instance_id=instance["InstanceId"],
        tags={tag["Key"]: tag.get("Value", "") for tag in instance.get("Tags", [])},
        availability_zone=instance.get("Placement", {}).get("AvailabilityZone", ""),
        instance_type=instance.get("InstanceType", ""),
        run_state=instance.get("State", {}).get("Name", ""),
        operating_system=_operating_system(instance, agent),
        platform_name=agent.get("PlatformName") or instance.get("PlatformDetails", ""),
        platform_version=agent.get("PlatformVersion", ""),
        is_managed=bool(agent),
        ping_status=agent.get("PingStatus", ""),
        agent_version=agent.get("AgentVersion", ""),
        last_ping_at=agent.get("LastPingDateTime"),
    )


def operating_system_of(platform_type: str, platform_name: str, platform_version: str) -> str:
    """SSM's ``OperatingSystem`` for what an agent reports, or "" for what Patch Manager does not know."""
    if platform_type.lower() == "windows":
        return "WINDOWS"
    if platform_type.lower() == "macos":
        return "MACOS"
    name = platform_name.strip()
    if name.lower().startswith("amazon linux"):
        return _amazon_linux(f"{name} {platform_version}".strip())
    return next((word for start, word in _LINUX if name.lower().startswith(start.lower())), "")


def _amazon_linux(said: str) -> str:
    """The first one counts in dates (2017.09, 2018.03); its successors are 2, 2022 and 2023."""
    version = re.search(r"(\d+)(\.\d+)*$", said)
    if version is None:
        return ""
    known = {"2": "AMAZON_LINUX_2", "2022": "AMAZON_LINUX_2022", "2023": "AMAZON_LINUX_2023"}
    return known.get(version[1], "AMAZON_LINUX")


def _operating_system(instance: Mapping[str, Any], agent: Mapping[str, Any]) -> str:
    """The agent knows best; without one, EC2 knows Windows and the paid Linux platforms."""
    if agent:
        return operating_system_of(
            agent.get("PlatformType", ""), agent.get("PlatformName", ""), agent.get("PlatformVersion", "")
        )
    kind = "Windows" if instance.get("Platform", "").lower() == "windows" else "Linux"
    return operating_system_of(kind, instance.get("PlatformDetails", ""), "")
