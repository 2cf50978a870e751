"""EC2 calls from the wire: ours are answered from the world, the others by moto."""

from moto.ec2.responses import EC2Response

from patching.simulator.wire import Answering


class SimResponse(Answering, EC2Response):
    pass
