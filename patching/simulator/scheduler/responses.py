"""Scheduler calls from the wire: ours are answered from the world, the others by moto."""

from moto.scheduler.responses import EventBridgeSchedulerResponse

from patching.simulator.wire import Answering


class SimResponse(Answering, EventBridgeSchedulerResponse):
    pass
