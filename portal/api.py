"""The REST API: every endpoint under ``/api/v1/``, its OpenAPI document and its page."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.urls import include, path
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.routers import SimpleRouter
from rest_framework.views import APIView

from exemptions.api import routes as exemptions
from patching.api import routes as patching
from portal.governance import api as governance
from portal.governance.api_auth import HasScope

NOUNS = {
    "accounts": "account-list",
    "instances": "instance-list",
    "patch-groups": "patch-group-list",
    "baselines": "baseline-list",
    "windows": "window-list",
    "change-requests": "change-request-list",
    "exemptions": "exemption-list",
    "compliance": "compliance-list",
    "push-runs": "push-run-list",
    "reports": "report-list",
    "audit": "audit-list",
    "tokens": "token-list",
    "me": "me",
    "schema": "schema",
    "docs": "docs",
}


class Root(APIView):
    """What there is."""

    @extend_schema(
        operation_id="root", responses={200: {"type": "object", "additionalProperties": {"type": "string"}}}
    )
    def get(self, request: Request) -> Response:
        """Every endpoint with its address."""
        return Response({noun: reverse(f"api:{name}", request=request) for noun, name in NOUNS.items()})


def _routes() -> list[Any]:
    router = SimpleRouter(use_regex_path=False)
    for part in (patching, exemptions, governance):
        part.register(router)
    schema = SpectacularAPIView.as_view(permission_classes=[IsAuthenticated, HasScope])
    # the page's script is a file of its own, because the content security policy allows no inline one
    docs = login_required(SpectacularSwaggerSplitView.as_view(url_name="api:schema"))
    return [
        path("", Root.as_view(), name="root"),
        path("me/", governance.Me.as_view(), name="me"),
        path("schema/", schema, name="schema"),
        path("docs/", docs, name="docs"),
        *router.urls,
    ]


urlpatterns = [path("api/v1/", include((_routes(), "api")))]
