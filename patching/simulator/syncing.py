"""Resource data syncs: each node's inventory as JSON lines in a bucket, in AWS's layout, written over when it changes.

`prefix/AWS:PatchSummary/accountid=…/region=…/resourcetype=ManagedInstanceInventory/i-….json`. The bucket is moto's,
in memory; after a restart it is made and filled again.
"""

import json
from collections.abc import Iterable
from typing import Any

from moto.backends import get_backend
from moto.core.exceptions import ServiceException

from patching.simulator import node_inventory
from patching.simulator.state import Node, Region, World, iso

Reply = dict[str, Any]

RESOURCE_TYPE = "ManagedInstanceInventory"
PARTITION = "aws"


def write_node(world: World, node: Node) -> None:
    """Bring one node's files up to date in every bucket that this account and region sync to."""
    region = world.region(node.account, node.region)
    for sync in destinations(region):
        write(world, region, sync, [node])


def write(world: World, region: Region, sync: Reply, nodes: Iterable[Node]) -> None:
    """Write these nodes' files, and note in the sync how it went."""
    sync["LastSyncTime"] = iso(world.now)
    try:
        for node in nodes:
            for kind in _kinds(node, region):
                _put(sync, _key(sync, region, kind, node), _lines(node, kind, region))
    except (ServiceException, LookupError) as problem:
        sync |= {
            "LastStatus": "Failed",
            "LastSyncStatusMessage": f"The bucket could not be written to. {problem}",
        }
        return
    sync |= {"LastStatus": "Successful", "LastSuccessfulSyncTime": iso(world.now)}
    sync.pop("LastSyncStatusMessage", None)


def destinations(region: Region) -> list[Reply]:
    """The syncs that write to a bucket; none where there are none, which is the usual case."""
    return [sync for sync in region.data_syncs.values() if "S3Destination" in sync]


def owner_of(bucket: str) -> str | None:
    """The account that has this bucket; names are the same for everybody."""
    return next(
        (
            account
            for account, backends in _s3().items()
            if PARTITION in backends and bucket in backends[PARTITION].buckets
        ),
        None,
    )


def fill_again(world: World) -> None:
    """After a restart: make the buckets that moto forgot, and write what is known of every node."""
    for region in world.regions.values():
        for sync in destinations(region):
            bucket, owner = sync["S3Destination"]["BucketName"], sync["bucket_owner"]
            if owner_of(bucket) is None:
                _s3()[owner][PARTITION].create_bucket(bucket, sync["S3Destination"]["Region"])
            managed = [node for node in world.nodes_in(region.account, region.region) if node.managed]
            write(world, region, sync, managed)


def _s3() -> Any:
    """moto's S3, imported when the first sync is made: most worlds have none."""
    return get_backend("s3")


def _put(sync: Reply, key: str, body: str) -> None:
    bucket = sync["S3Destination"]["BucketName"]
    owner = owner_of(bucket)
    if owner is None:
        raise LookupError(f"The bucket {bucket} does not exist.")
    _s3()[owner][PARTITION].put_object(bucket, key, body.encode())


def _kinds(node: Node, region: Region) -> list[str]:
    return [*node_inventory.OF_NODE, *region.inventory.get(node.instance_id, {})]


def _key(sync: Reply, region: Region, kind: str, node: Node) -> str:
    prefix = sync["S3Destination"].get("Prefix")
    place = f"accountid={region.account}/region={region.region}/resourcetype={RESOURCE_TYPE}"
    return f"{f'{prefix}/' if prefix else ''}{kind}/{place}/{node.instance_id}.json"


def _lines(node: Node, kind: str, region: Region) -> str:
    more = {
        "resourceId": node.instance_id,
        "captureTime": node_inventory.captured_at(node),
        "schemaVersion": node_inventory.SCHEMA_VERSION,
    }
    return "".join(f"{json.dumps(row | more)}\n" for row in node_inventory.entries(node, kind, region))
