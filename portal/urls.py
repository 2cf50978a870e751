"""Every address of the site."""

from allauth.account.decorators import secure_admin_login
from django.conf import settings
from django.urls import include, path

from portal import health
from portal.dashboards.search import search
from portal.dashboards.views import home
from portal.governance.admin import reading_room

reading_room.login = secure_admin_login(reading_room.login)  # type: ignore[method-assign]  # one way to sign in, second factor included

urlpatterns = [
    path("", home, name="home"),
    path("search/", search, name="search"),
    path("", include("portal.dashboards.urls")),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("people/", include("portal.governance.people_urls")),
    path("", include("patching.web.urls")),
    path("exemptions/", include("exemptions.web.urls")),
    path("", include("portal.governance.urls")),
    path("accounts/", include("allauth.urls")),
    path("admin/", reading_room.urls),
    path("", include("portal.api")),
]
if settings.DEMO:
    urlpatterns.append(path("", include("portal.demo.urls")))
