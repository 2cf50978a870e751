"""The simulated AWS as one object: its world, its disk, and the one way in which a call is answered.

`perform` is that way for the wire and for tests; a schedule that fires takes `answer`, since time that passes is
kept as a whole.
"""

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore import xform_name
from moto.core.base_backend import BackendDict

from patching.simulator.corner import Corner
from patching.simulator.ec2.operations import Ec2
from patching.simulator.inspector2.operations import Inspector
from patching.simulator.lag import Album
from patching.simulator.organizations.operations import Organizations
from patching.simulator.paging import listing_of
from patching.simulator.scheduler.operations import Scheduler
from patching.simulator.securityhub.operations import SecurityHub
from patching.simulator.servicequotas.operations import ServiceQuotas
from patching.simulator.ssm.operations import Ssm
from patching.simulator.state import World, iso
from patching.simulator.store import Store
from patching.simulator.sts.operations import Sts
from patching.simulator.validation import check_request, shaped_reply

Reply = dict[str, Any]

# by the names that botocore has for them
CORNERS: dict[str, type[Corner]] = {
    "ssm": Ssm,
    "ec2": Ec2,
    "sts": Sts,
    "scheduler": Scheduler,
    "organizations": Organizations,
    "service-quotas": ServiceQuotas,
    "securityhub": SecurityHub,
    "inspector2": Inspector,
}
READING = ("Describe", "Get", "List", "Assume")


@dataclass(frozen=True)
class Call:
    """Which operation of which service, and where."""

    service: str
    operation: str
    account: str
    region: str

    @property
    def mutates(self) -> bool:
        return not self.operation.startswith(READING)


class Simulation:
    def __init__(
        self, world: World, store: Store | None = None, catalogue: Callable[[], Any] | None = None
    ) -> None:
        self.world = world
        self.store = store
        self.lock = threading.RLock()
        self.album = Album()
        self.calls = Counter[str]()  # "ssm:DescribeMaintenanceWindows" → how often since the last reset
        self._load_catalogue = catalogue
        self._catalogue: Any = None

    @property
    def catalogue(self) -> Any:
        """The patches that exist. Loaded when the first node is patched: most tests never need it."""
        if self._catalogue is None and self._load_catalogue is not None:
            self._catalogue = self._load_catalogue()
        return self._catalogue and self._catalogue.with_more(self.world.controls.releases)

    def handles(self, service: str, operation: str) -> bool:
        return service in CORNERS and hasattr(CORNERS[service], xform_name(operation))

    def perform(self, call: Call, request: Reply, caller: dict[str, Any] | None = None) -> Reply:
        """Answer one call and keep what it changed."""
        reply = self.answer(call, request, caller)
        if call.mutates or call.service == "sts":
            self.save()
        return reply

    def answer(self, call: Call, request: Reply, caller: dict[str, Any] | None = None) -> Reply:
        """Check one call, do it and write it into the log; keeping it is the caller's."""
        check_request(call.service, call.operation, request)
        if call.mutates:
            self.album.take(self.world, call.account, call.region)
        world = self.album.world_seen_by(self.world, call)
        corner = CORNERS[call.service](world, call.account, call.region, caller)
        corner.listing = listing_of(call, request)
        raw = getattr(corner, xform_name(call.operation))(request)
        reply, problems = shaped_reply(call.service, call.operation, raw)
        self.world.problems += problems
        if call.mutates:
            self.note(call, request)
        return reply

    def note(self, call: Call, request: Reply) -> None:
        """Write a mutating call into the log that `GET /_sim/log` shows."""
        self.world.log.append(
            {
                "at": iso(self.world.now),
                "account": call.account,
                "region": call.region,
                "service": call.service,
                "operation": call.operation,
                "request": request,
            }
        )

    def save(self) -> None:
        """Keep what changed."""
        if self.store is not None:
            self.store.save(self.world)

    def reset(self, world: World) -> None:
        """Start over with another world, forgetting the old one on disk too, and what moto kept."""
        BackendDict.reset()
        self.album = Album()
        self.calls.clear()
        self.world = world
        if self.store is not None:
            self.store.clear()
            self.store.save(world)
