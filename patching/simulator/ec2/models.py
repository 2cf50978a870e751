"""Where moto finds our EC2: a backend class whose neighbour `urls.py` leads to our answers."""

from moto.ec2.models import EC2Backend


class SimBackend(EC2Backend):
    """Holds nothing: the world is in `state.py`. What we do not simulate moto keeps here."""
