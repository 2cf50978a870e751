"""The make-believe company: three accounts and sixty instances, the same ones every time.

What stands out in it stands in `ODDITIES` and `UNTAGGED`; everything else follows from its name and row.
For questions of scale there is `crowd`: as many instances as asked for, alike but for their names.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any
from uuid import UUID

from patching.simulator.catalogue import Catalogue, load
from patching.simulator.patching_night import patch
from patching.simulator.ssm.patch_groups import group_of
from patching.simulator.state import Account, Node, iso, moment

HUB = "111111111111"
RETAIL = "211125483017"
SHARED = "334455667788"
REGION = "eu-central-1"
ZONES = {"a": f"{REGION}a", "b": f"{REGION}b"}

ACCOUNTS = [
    Account(account=HUB, name="Hub", role="", external_id="", regions=[REGION]),
    Account(
        account=RETAIL,
        name="Retail",
        external_id="pw-demo-retail-6d0c41f2a97e",
        regions=[REGION, "us-east-1"],
    ),
    Account(account=SHARED, name="Shared", external_id="pw-demo-shared-b83e5f10c264", regions=[REGION]),
]


@dataclass(frozen=True)
class Image:
    """What an instance is made of: its platform, and the packages that come with it."""

    os: str
    product: str
    platform_name: str
    platform_version: str
    platform_type: str = "Linux"
    packages: str = ""


WINDOWS = Image(
    "WINDOWS", "WindowsServer2022", "Microsoft Windows Server 2022 Datacenter", "10.0.20348", "Windows"
)
WINDOWS_2019 = Image(
    "WINDOWS", "WindowsServer2019", "Microsoft Windows Server 2019 Datacenter", "10.0.17763", "Windows"
)
AMAZON_WEB = Image(
    "AMAZON_LINUX_2023",
    "AmazonLinux2023",
    "Amazon Linux",
    "2023",
    packages="""
        kernel6.12.x86_64 kernel6.12-tools.x86_64 expat.x86_64 libpng.x86_64 exiv2-libs.x86_64 composer.noarch
        httpd.x86_64 httpd-core.x86_64 httpd-tools.x86_64 mod_ssl.x86_64 amazon-ecr-credential-helper.x86_64
    """,
)
AMAZON_DATA = replace(
    AMAZON_WEB,
    packages="""
        kernel6.12.x86_64 kernel6.12-tools.x86_64 expat.x86_64 python3.13.x86_64 python3.13-libs.x86_64
        python3-pyasn1.noarch perl-DBI.x86_64 perl-Date-Manip.noarch corosync.x86_64 nerdctl.x86_64
        soci-snapshotter.x86_64
    """,
)
UBUNTU = Image(
    "UBUNTU",
    "Ubuntu22.04",
    "Ubuntu",
    "22.04",
    packages="""
        openssl.amd64 libssl3.amd64 curl.amd64 libcurl4.amd64 libcurl3-gnutls.amd64 screen.amd64
        sqlite3.amd64 libsqlite3-0.amd64 dotnet-runtime-8.0.amd64 aspnetcore-runtime-8.0.amd64
        memcached.amd64 adsys.amd64
    """,
)
RED_HAT = Image(
    "REDHAT_ENTERPRISE_LINUX",
    "RedhatEnterpriseLinux9.7",
    "Red Hat Enterprise Linux",
    "9.7",
    packages="""
        kernel.x86_64 glibc.x86_64 openssl.x86_64 openssh.x86_64 sudo.x86_64 systemd.x86_64 curl.x86_64
        python3.x86_64 python3-urllib3.noarch expat.x86_64 libxml2.x86_64 gnutls.x86_64 libarchive.x86_64
        libssh.x86_64 sssd.x86_64 NetworkManager.x86_64 bind-libs.x86_64 vim-minimal.x86_64 rsync.x86_64
        podman.x86_64 sqlite.x86_64 java-17-openjdk-headless.x86_64 postgresql.x86_64
    """,
)


@dataclass(frozen=True)
class Row:
    """So many instances of one application in one environment, spread over the zones in turn."""

    app: str
    prefix: str
    environment: str
    account: str
    images: tuple[Image, ...]
    count: int
    instance_type: str = "m6i.large"
    asg: str | None = None


ROWS = [
    Row("payments", "pay-prod", "prod", RETAIL, (WINDOWS,), 12, "m6i.xlarge"),
    Row("payments", "pay-test", "test", RETAIL, (WINDOWS,), 4),
    Row("payments", "pay-dev", "dev", RETAIL, (WINDOWS,), 4),
    Row("claims-web", "claims-prod", "prod", RETAIL, (AMAZON_WEB, UBUNTU), 4, "c6i.large"),
    Row(
        "claims-web", "claims-prod-asg", "prod", RETAIL, (AMAZON_WEB,), 4, "c6i.large", asg="claims-web-prod"
    ),
    Row("claims-web", "claims-test", "test", RETAIL, (AMAZON_WEB, UBUNTU), 4),
    Row("claims-web", "claims-dev", "dev", SHARED, (AMAZON_WEB, UBUNTU), 4, "t3.medium"),
    Row("claims-web", "claims-dev-asg", "dev", SHARED, (AMAZON_WEB,), 2, "t3.medium", asg="claims-web-dev"),
    Row("data-lake", "lake-prod", "prod", RETAIL, (RED_HAT, AMAZON_DATA), 8, "r6i.2xlarge"),
    Row("data-lake", "lake-test", "test", SHARED, (RED_HAT, AMAZON_DATA), 4, "r6i.large"),
    Row("data-lake", "lake-dev", "dev", SHARED, (RED_HAT, AMAZON_DATA), 4, "r6i.large"),
]

UNTAGGED = [
    ("legacy-fileserver", RETAIL, "a", WINDOWS_2019),
    ("pdf-renderer", RETAIL, "b", UBUNTU),
    ("batch-runner-2", RETAIL, "a", AMAZON_DATA),
    ("vendor-appliance", RETAIL, "b", RED_HAT),
    ("jumphost", SHARED, "a", WINDOWS),
    ("tmp-migration", SHARED, "b", UBUNTU),
]

LOST_SINCE = timedelta(days=9)

# Who was last patched when; the others on USUALLY.
USUALLY = datetime(2026, 4, 19, 1, 30, tzinfo=UTC)
LAST_PATCHED = {
    "pay-prod-a-05": datetime(2026, 5, 17, 1, 30, tzinfo=UTC),
    "pay-prod-b-02": datetime(2026, 5, 17, 1, 30, tzinfo=UTC),
    "pay-prod-b-06": datetime(2026, 1, 18, 1, 30, tzinfo=UTC),
    "pay-test-b-02": datetime(2026, 2, 15, 1, 30, tzinfo=UTC),
    "claims-prod-a-01": datetime(2026, 5, 24, 1, 30, tzinfo=UTC),
    "claims-prod-asg-b-02": datetime(2026, 5, 24, 1, 30, tzinfo=UTC),
    "claims-test-b-02": datetime(2025, 12, 21, 1, 30, tzinfo=UTC),
    "lake-prod-a-02": datetime(2026, 5, 23, 1, 30, tzinfo=UTC),
    "lake-prod-b-03": datetime(2026, 2, 8, 1, 30, tzinfo=UTC),
    "lake-dev-a-02": datetime(2026, 5, 30, 1, 30, tzinfo=UTC),
    "legacy-fileserver": datetime(2025, 9, 14, 1, 30, tzinfo=UTC),
    "vendor-appliance": datetime(2025, 12, 7, 1, 30, tzinfo=UTC),
    "tmp-migration": datetime(2025, 12, 7, 1, 30, tzinfo=UTC),
}

ODDITIES: dict[str, dict[str, Any]] = {
    "legacy-fileserver": {"launched_at": "2023-05-02T09:00:00Z"},
    "pay-prod-b-04": {"install_fails": ["KB5087545", "KB5094128"]},
    "lake-prod-a-03": {"install_fails": ["kernel.x86_64"]},
    "claims-prod-b-02": {"install_fails": ["openssl.amd64", "memcached.amd64"]},
    "claims-test-a-02": {"ping_status": "ConnectionLost"},
    "lake-dev-b-01": {"ping_status": "ConnectionLost"},
    "batch-runner-2": {"ping_status": "ConnectionLost"},
    "claims-dev-b-02": {"ping_status": "Inactive"},
    "lake-prod-b-04": {"managed": False},
    "vendor-appliance": {"managed": False},
    "lake-test-a-01": {"agent_version": "3.2.2303.0"},
}

# Tagged by hand, long before there was a portal.
HAND_TAGGED = {
    "lake-prod-a-01": {"PatchGroup": "lake-linux"},
    "lake-prod-a-02": {"PatchGroup": "lake-linux"},
    "lake-prod-b-01": {"PatchGroup": "lake-linux"},
    "lake-prod-b-02": {"Patch Group": "lake-linux"},
}


ENVIRONMENTS = ("prod", "test", "dev")
CROWD_IMAGES = (WINDOWS, AMAZON_WEB, UBUNTU, RED_HAT)
CROWD_LAST_PATCHED = (
    USUALLY,
    datetime(2026, 5, 24, 1, 30, tzinfo=UTC),
    datetime(2026, 2, 8, 1, 30, tzinfo=UTC),
)


def demo_company(catalogue: Catalogue | None = None) -> list[Node]:
    """The sixty instances, as they stand on the first day of the demo."""
    history = catalogue or load()
    return [_with_history(node, image, history) for node, image in _instances()]


def crowd(
    count: int, catalogue: Catalogue, at: datetime, baselines: Mapping[str, tuple[str, dict[str, Any]]]
) -> list[Node]:
    """So many instances in one account and region, scanned: a few are worked out, the others are copies of them."""
    models = [
        _with_history(_node(f"model-{number}", RETAIL, "a", image), image, catalogue, last)
        for number, (image, last) in enumerate(product(CROWD_IMAGES, CROWD_LAST_PATCHED))
    ]
    first_scan(models, catalogue, at, baselines)
    return [_one_of_many(number, models[number % len(models)]) for number in range(count)]


def _one_of_many(number: int, model: Node) -> Node:
    """A copy under a name of its own. Findings are never edited in place, so all copies share the model's."""
    app, zone = number // 50, "ab"[number % 2]
    environment = ENVIRONMENTS[app % len(ENVIRONMENTS)]
    name = f"crowd-{app:04}-{environment}-{zone}-{number % 50:02}"
    instance_id = f"i-0{_digits(name)[:16]}"
    run = {"InstanceId": instance_id, "SnapshotId": _uuid(f"first scan of {instance_id}")}
    return replace(
        model,
        instance_id=instance_id,
        name=name,
        az=ZONES[zone],
        tags={"Name": name, "App": f"crowd-{app:04}", "Environment": environment},
        installed=dict(model.installed),
        failed={},
        pending_reboot=[],
        install_fails=[],
        last_run=model.last_run and model.last_run | run,
    )


def first_scan(
    nodes: Iterable[Node],
    catalogue: Catalogue,
    at: datetime,
    baselines: Mapping[str, tuple[str, dict[str, Any]]],
) -> None:
    """Scan by the default baseline of each operating system: {system: (id, baseline)}.

    A node whose agent was lost has an old scan, from before; one that never answered has none.
    """
    scanned_at = {"Online": at, "ConnectionLost": at - LOST_SINCE}
    for node in nodes:
        if node.managed and node.ping_status in scanned_at and node.os in baselines:
            baseline_id, baseline = baselines[node.os]
            patch(
                node,
                operation="Scan",
                baseline=baseline,
                baseline_id=baseline_id,
                catalogue=catalogue,
                at=scanned_at[node.ping_status],
                snapshot_id=_uuid(f"first scan of {node.instance_id}"),
                patch_group=group_of(node),
            )


def _instances() -> Iterator[tuple[Node, Image]]:
    for row in ROWS:
        for number in range(row.count):
            zone = "ab"[number % 2]
            image = row.images[(number // 2) % len(row.images)]
            name = f"{row.prefix}-{zone}-{number // 2 + 1:02}"
            node = _node(name, row.account, zone, image, instance_type=row.instance_type, asg=row.asg)
            node.tags |= {"App": row.app, "Environment": row.environment}
            if row.asg:
                node.tags["aws:autoscaling:groupName"] = row.asg
            yield node, image
    for name, account, zone, image in UNTAGGED:
        yield _node(name, account, zone, image), image


def _node(name: str, account: str, zone: str, image: Image, **more: Any) -> Node:
    return Node(
        instance_id=f"i-0{_digits(name)[:16]}",
        account=account,
        region=REGION,
        name=name,
        os=image.os,
        product=image.product,
        platform_name=image.platform_name,
        platform_version=image.platform_version,
        platform_type=image.platform_type,
        az=ZONES[zone],
        tags={"Name": name, **HAND_TAGGED.get(name, {})},
        **{**more, **deepcopy(ODDITIES.get(name, {}))},
    )


def _with_history(node: Node, image: Image, catalogue: Catalogue, last: datetime | None = None) -> Node:
    """What was out at launch came with it; later releases were put on in the next patch night."""
    last, launched = last or LAST_PATCHED.get(node.name, USUALLY), moment(node.launched_at)
    node.installed = dict.fromkeys(image.packages.split(), node.launched_at)
    releases = catalogue.applicable(node, last)
    shown = releases if image.platform_type != "Windows" else [r for r in releases if r.released <= launched]
    gone = catalogue.superseded(release.id for release in shown)
    for release in releases:
        if release.id not in gone:
            node.installed.pop(release.kb, None)
            node.installed[release.id] = iso(max(launched, min(_patch_night_after(release.released), last)))
    return node


def _patch_night_after(released: datetime) -> datetime:
    """The company used to patch on Sundays at 01:30 UTC."""
    days = (6 - released.weekday()) % 7 or 7
    return (released + timedelta(days=days)).replace(hour=1, minute=30, second=0, microsecond=0)


def _digits(text: str) -> str:
    return hashlib.sha256(f"patchwarden demo: {text}".encode()).hexdigest()


def _uuid(text: str) -> str:
    return str(UUID(_digits(text)[:32]))
