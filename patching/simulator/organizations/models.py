"""Where moto finds our Organizations: a backend class whose neighbour `urls.py` leads to our answers."""

from moto.organizations.models import OrganizationsBackend


class SimBackend(OrganizationsBackend):
    """Holds nothing: the world is in `state.py`. What we do not simulate moto keeps here."""
