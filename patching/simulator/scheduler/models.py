"""Where moto finds our Scheduler: a backend class whose neighbour `urls.py` leads to our answers."""

from moto.scheduler.models import EventBridgeSchedulerBackend


class SimBackend(EventBridgeSchedulerBackend):
    """Holds nothing: the world is in `state.py`. What we do not simulate moto keeps here."""
