"""System checks: a register that nobody could sign is refused when the portal starts, not at night."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.apps.config import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error

from exemptions import register_key


def settings_fit(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    return list(_signing_key())


def _signing_key() -> Iterator[Error]:
    if not (settings.MIRROR_REGISTER_BUCKET or settings.REGISTER_SIGNING_KEY):
        return
    try:
        register_key.signing_key()
    except register_key.KeyProblem as problem:
        yield Error(
            str(problem),
            hint="The register goes to MIRROR_REGISTER_BUCKET signed or not at all.",
            id="exemptions.E001",
        )
