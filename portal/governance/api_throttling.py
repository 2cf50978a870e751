"""How often somebody may call the API: each token, and each session's person, on their own."""

from typing import Any

from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

from portal.governance.models import ApiToken


class PerCaller(SimpleRateThrottle):
    """The rate ``user`` of the settings; a token that runs wild does not lock its owner out of the pages."""

    scope = "user"

    def get_cache_key(self, request: Request, view: Any) -> str | None:
        if not request.user.is_authenticated:
            return None  # refused already, before any throttle is asked
        token = request.auth
        caller = f"token-{token.token_key}" if isinstance(token, ApiToken) else f"user-{request.user.pk}"
        return self.cache_format % {"scope": self.scope, "ident": caller}
