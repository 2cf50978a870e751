"""How the simulated AWS says no."""

from moto.core.exceptions import ServiceException


class Fault(ServiceException):
    """An AWS error reply: Fault("DoesNotExistException", "Maintenance window mw-… does not exist")."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
