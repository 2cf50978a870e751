"""Put our services in front of moto's, through moto's own backend registry. Nothing of moto is patched.

A `BackendDict` keeps the class it makes backends of and makes them late; a backend finds its addresses in the
`urls.py` beside its class. So one assignment for each service redirects it, in every mode of moto.
"""

from typing import Any

from moto.core.base_backend import BackendDict
from moto.ec2.models import ec2_backends
from moto.scheduler.models import scheduler_backends
from moto.ssm.models import ssm_backends
from moto.sts.models import sts_backends

from patching.simulator.ec2.models import SimBackend as Ec2Backend
from patching.simulator.scheduler.models import SimBackend as SchedulerBackend
from patching.simulator.ssm.models import SimBackend as SsmBackend
from patching.simulator.sts.models import SimBackend as StsBackend

OURS: list[tuple[BackendDict[Any], Any]] = [
    (ssm_backends, SsmBackend),
    (ec2_backends, Ec2Backend),
    (sts_backends, StsBackend),
    (scheduler_backends, SchedulerBackend),
]


def install() -> None:
    """Before the first request; doing it twice does no harm."""
    for backends, ours in OURS:
        if backends.backend is not ours:
            backends.clear()
            backends.backend = ours
