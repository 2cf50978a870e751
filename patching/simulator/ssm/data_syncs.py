"""Resource data syncs as they are asked for. What they write, and when, is `patching.simulator.syncing`'s."""

from typing import Any

from patching.simulator import syncing
from patching.simulator.corner import picked
from patching.simulator.errors import Fault
from patching.simulator.ssm.instances import Instances

Reply = dict[str, Any]

TO_DESTINATION, FROM_SOURCE = "SyncToDestination", "SyncFromSource"
TYPES = (TO_DESTINATION, FROM_SOURCE)
SHOWN: tuple[str, ...] = ("SyncName", "SyncType", "SyncSource", "S3Destination", "LastSyncTime", "LastStatus")
SHOWN += ("LastSuccessfulSyncTime", "SyncLastModifiedTime", "SyncCreatedTime", "LastSyncStatusMessage")


class DataSyncs(Instances):
    def create_resource_data_sync(self, request: Reply) -> Reply:
        """Everything known of the nodes is written at once. Bucket policies are not looked at."""
        kind = _type_of(request)
        if request["SyncName"] in self.state.data_syncs:
            raise Fault(
                "ResourceDataSyncAlreadyExistsException", f"The sync {request['SyncName']} exists already."
            )
        if len(self.state.data_syncs) >= self.quota("data-syncs"):
            raise Fault(
                "ResourceDataSyncCountExceededException",
                f"There can be {self.quota('data-syncs')} resource data syncs per account and Region at most.",
            )
        sync = {
            **picked(request, ("SyncName", "S3Destination", "SyncSource")),
            "SyncType": kind,
            "SyncCreatedTime": self.now_iso,
        }
        if kind == TO_DESTINATION:
            sync["bucket_owner"] = self._owner_of_bucket(request)
            syncing.write(self.world, self.state, sync, self.managed_nodes())
        elif not request.get("SyncSource"):
            raise _bad("SyncSource must be given for the type SyncFromSource.")
        self.state.data_syncs[request["SyncName"]] = sync
        return {}

    def list_resource_data_sync(self, request: Reply) -> Reply:
        if request.get("SyncType") not in (None, *TYPES):
            raise _bad(f"SyncType must be one of {', '.join(TYPES)}.")
        rows = [
            picked(row, SHOWN)
            for row in self.state.data_syncs.values()
            if request.get("SyncType") in (None, row["SyncType"])
        ]
        page, token = self.paged(rows, request.get("MaxResults"), request.get("NextToken"))
        return {"ResourceDataSyncItems": page, "NextToken": token}

    def update_resource_data_sync(self, request: Reply) -> Reply:
        """AWS lets only the sources of a sync be changed, not where it writes."""
        sync = self._sync(request)
        if sync["SyncType"] != FROM_SOURCE:
            raise _bad("Only a sync of the type SyncFromSource can be updated.")
        self.state.data_syncs[request["SyncName"]] = {
            **sync,
            "SyncSource": request["SyncSource"],
            "SyncLastModifiedTime": self.now_iso,
        }
        return {}

    def delete_resource_data_sync(self, request: Reply) -> Reply:
        """What it has written stays in the bucket."""
        self._sync(request)
        del self.state.data_syncs[request["SyncName"]]
        return {}

    def _sync(self, request: Reply) -> Reply:
        sync = self.state.data_syncs.get(request["SyncName"])
        if sync is None or request.get("SyncType") not in (None, sync["SyncType"]):
            raise Fault(
                "ResourceDataSyncNotFoundException", f"The sync {request['SyncName']} does not exist."
            )
        return sync

    def _owner_of_bucket(self, request: Reply) -> str:
        destination = request.get("S3Destination")
        if not destination:
            raise _bad("S3Destination must be given for the type SyncToDestination.")
        owner = syncing.owner_of(destination["BucketName"])
        if owner is None:
            raise _bad(f"The bucket {destination['BucketName']} does not exist.")
        return owner


def _type_of(request: Reply) -> str:
    kind = request.get("SyncType") or TO_DESTINATION
    if kind not in TYPES:
        raise _bad(f"SyncType must be one of {', '.join(TYPES)}.")
    return str(kind)


def _bad(message: str) -> Fault:
    return Fault("ResourceDataSyncInvalidConfigurationException", message)
