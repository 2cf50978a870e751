"""Where moto finds our Security Hub: a backend class whose neighbour `urls.py` leads to our answers."""

from moto.securityhub.models import SecurityHubBackend


class SimBackend(SecurityHubBackend):
    """Holds nothing: the world is in `state.py`. What we do not simulate moto keeps here."""
