"""``/metrics`` for Prometheus: gauges reckoned from the database when they are asked for."""

import hmac
from collections.abc import Iterator

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from exemptions import measures as of_exemptions
from patching import measures as of_patching
from portal.governance import measures, roles
from portal.governance.api_auth import BearerAuthentication
from portal.governance.models import ApiToken

SOURCES = (measures, of_patching, of_exemptions)


class Gauges:
    """What prometheus-client collects from."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        families: dict[str, GaugeMetricFamily] = {}
        for source in SOURCES:
            for one in source.measured():
                family = families.setdefault(
                    one.name,
                    GaugeMetricFamily(f"patchwarden_{one.name}", one.meaning, labels=list(one.labels)),
                )
                family.add_metric(list(one.labels.values()), one.value)
        yield from families.values()


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """For those who read everything, by session or token, and for whoever sends ``METRICS_TOKEN``."""
    if not _may_read(request):
        return HttpResponse(
            "Send a bearer token that may read everything, or METRICS_TOKEN.\n",
            status=401,
            content_type="text/plain",
            headers={"WWW-Authenticate": "Bearer"},
        )
    registry = CollectorRegistry()
    registry.register(Gauges())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _may_read(request: HttpRequest) -> bool:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme and scheme.lower() != "bearer":
        return False
    given = given.strip()
    if settings.METRICS_TOKEN and hmac.compare_digest(given.encode(), settings.METRICS_TOKEN.encode()):
        return True
    if scheme:
        try:
            found = BearerAuthentication().authenticate(Request(request))
        except AuthenticationFailed:
            return False
        return found is not None and ApiToken.Scope.READ in found[1].scopes and roles.reads_all(found[0])
    return request.user.is_authenticated and roles.reads_all(request.user)
