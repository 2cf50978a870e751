"""Every address of the site."""

from allauth.account.decorators import secure_admin_login
from django.conf import settings
from django.urls import include, path

from portal import health
from portal.dashboards.search import search
from portal.dashboards.views import home
from portal.governance.admin import reading_room
from portal.metrics import metrics

reading_room.login = secure_admin_login(reading_room.login)  # type: ignore[method-assign]  # one way to sign in, second factor included

urlpatterns = [
    path("", home, name="home"),
    path("search/", search, name="search"),
    path("", include("portal.dashboards.urls")),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", metrics, name="metrics"),
    path("people/", include("portal.governance.people_urls")),
    path("", include("patching.web.urls")),
    path("exemptions/", include("exemptions.web.urls")),
    path("", include("portal.governance.urls")),
    path("accounts/", include("allauth.urls")),
    path("admin/", reading_room.urls),
    path("", include("portal.api")),
]
handler400 = "portal.turned_away.bad_request"
handler403 = "portal.turned_away.forbidden"
handler404 = "portal.turned_away.not_found"
handler500 = "portal.unavailable.server_error"
if settings.DEMO:
    urlpatterns.append(path("", include("portal.demo.urls")))
