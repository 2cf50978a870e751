"""STS calls from the wire: ours are answered from the world, the others by moto."""

from moto.sts.responses import TokenResponse

from patching.simulator.wire import Answering


class SimResponse(Answering, TokenResponse):
    pass
