"""Who calls the API, and whether their token reaches that far."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from knox.auth import TokenAuthentication
from rest_framework import authentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from portal.governance import clock
from portal.governance.models import ApiToken

if TYPE_CHECKING:  # rest_framework.views imports this module while it is being imported itself
    from rest_framework.views import APIView

Scope = ApiToken.Scope


class BearerAuthentication(TokenAuthentication):
    """``Authorization: Bearer <token>``; remembers when a token was last used."""

    def authenticate(self, request: Request) -> Any:
        try:
            found = super().authenticate(request)
        except UnicodeDecodeError as odd:
            raise AuthenticationFailed("Invalid token.") from odd
        if found is not None:
            user, token = found
            ApiToken.objects.filter(pk=token.pk).update(last_used_at=clock.real_now())
        return found


class SessionAuthentication(authentication.SessionAuthentication):
    """The browser's own session, with CSRF, so that the API's pages work for whoever is signed in."""


class HasScope(BasePermission):
    """A token needs the scope that the view names; a session has them all."""

    message = "This token lacks the scope that this call needs."

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not isinstance(request.auth, ApiToken):
            return True
        return scope_needed(request, view) in request.auth.scopes


def scope_needed(request: Request, view: APIView) -> str:
    """``read`` for safe methods, else the view's ``scope`` for its action, ``request`` if it names none."""
    if request.method in SAFE_METHODS:
        return Scope.READ
    action = getattr(view, getattr(view, "action", None) or "", None)
    return str(getattr(action, "scope", None) or getattr(view, "scope", Scope.REQUEST))


class SessionScheme(OpenApiAuthenticationExtension):
    """The browser's session, as the OpenAPI page itself uses it."""

    target_class = "portal.governance.api_auth.SessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "apiKey", "in": "cookie", "name": "__Host-sessionid"}


class BearerScheme(OpenApiAuthenticationExtension):
    """Tells the OpenAPI page how to sign in."""

    target_class = "portal.governance.api_auth.BearerAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}
