"""Where moto finds our SSM: a backend class whose neighbour `urls.py` leads to our answers."""

from moto.ssm.models import SimpleSystemManagerBackend


class SimBackend(SimpleSystemManagerBackend):
    """Holds nothing: the world is in `state.py`. What we do not simulate moto keeps here."""
