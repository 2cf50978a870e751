"""Where moto finds our Inspector: a backend class whose neighbour `urls.py` leads to our answers."""

from moto.inspector2.models import Inspector2Backend


class SimBackend(Inspector2Backend):
    """Holds nothing: the world is in `state.py`. What we do not simulate moto keeps here."""
