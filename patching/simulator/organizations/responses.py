"""Organizations calls from the wire: ours are answered from the world, the others by moto."""

from moto.organizations.responses import OrganizationsResponse

from patching.simulator.wire import Answering


class SimResponse(Answering, OrganizationsResponse):
    pass
