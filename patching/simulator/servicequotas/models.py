"""Where moto finds our Service Quotas: a backend class whose neighbour `urls.py` leads to our answers."""

from moto.servicequotas.models import ServiceQuotasBackend


class SimBackend(ServiceQuotasBackend):
    """Holds nothing: the world is in `state.py`. What we do not simulate moto keeps here."""
