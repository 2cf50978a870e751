"""Inspector calls from the wire: ours are answered from the world, the others by moto."""

from moto.inspector2.responses import Inspector2Response

from patching.simulator.wire import Answering


class SimResponse(Answering, Inspector2Response):
    pass
