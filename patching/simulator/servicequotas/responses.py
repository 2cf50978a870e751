"""Service Quotas calls from the wire: ours are answered from the world, the others by moto."""

from moto.servicequotas.responses import ServiceQuotasResponse

from patching.simulator.wire import Answering


class SimResponse(Answering, ServiceQuotasResponse):
    pass
