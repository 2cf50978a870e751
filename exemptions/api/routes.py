"""Where exemptions' endpoints are found under ``/api/v1/``."""

from rest_framework.routers import BaseRouter

from exemptions.api.counting import Debts, Quality
from exemptions.api.exemptions import Exemptions


def register(router: BaseRouter) -> None:
    router.register("exemptions/debt", Debts, "exemption-debt")
    router.register("exemptions/quality", Quality, "exemption-quality")
    router.register("exemptions", Exemptions, "exemption")
