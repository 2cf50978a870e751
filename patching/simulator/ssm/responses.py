"""SSM calls from the wire: ours are answered from the world, the others by moto."""

from moto.ssm.responses import SimpleSystemManagerResponse

from patching.simulator.wire import Answering


class SimResponse(Answering, SimpleSystemManagerResponse):
    pass
