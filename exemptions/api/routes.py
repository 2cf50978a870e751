"""Where exemptions' endpoints are found under ``/api/v1/``."""

from rest_framework.routers import BaseRouter

from exemptions.api.exemptions import Exemptions


def register(router: BaseRouter) -> None:
    router.register("exemptions", Exemptions, "exemption")
