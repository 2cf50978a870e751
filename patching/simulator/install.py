"""Put our services in front of moto's, through moto's own backend registry. Nothing of moto is patched.

A `BackendDict` keeps the class it makes backends of and makes them late; a backend finds its addresses in the
`urls.py` beside its class. So one assignment for each service redirects it, in every mode of moto. It is done when
the service is first called: what nobody calls is not even imported.
"""

from importlib import import_module

from moto.backends import get_backend
from moto.core.base_backend import BackendDict

# moto's names, which are those of our packages too
OURS = ("ssm", "ec2", "sts", "scheduler", "organizations", "servicequotas", "securityhub", "inspector2")


def install(service: str) -> None:
    """Before the first request to a service; doing it twice does no harm, nor for one that is not ours."""
    if service not in OURS:
        return
    ours = import_module(f"patching.simulator.{service}.models").SimBackend
    backends = get_backend(service)  # type: ignore[call-overload]
    if isinstance(backends, BackendDict) and backends.backend is not ours:
        backends.clear()
        backends.backend = ours
