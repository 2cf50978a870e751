"""Security Hub calls from the wire: ours are answered from the world, the others by moto."""

from moto.securityhub.responses import SecurityHubResponse

from patching.simulator.wire import Answering


class SimResponse(Answering, SecurityHubResponse):
    pass
