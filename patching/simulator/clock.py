"""The one clock of the simulated AWS: what is due happens in order of time, over all accounts and regions."""

from datetime import datetime
from typing import Any

from patching.simulator.simulation import Simulation


def advance(simulation: Simulation, to: datetime) -> list[dict[str, Any]]:
    simulation.world.now = max(to, simulation.world.now)
    simulation.save()
    return []
