"""Where moto finds our STS: a backend class whose neighbour `urls.py` leads to our answers."""

from moto.sts.models import STSBackend


class SimBackend(STSBackend):
    """Holds nothing: the world is in `state.py`. What we do not simulate moto keeps here."""
