"""Refuse to run as a demo anywhere but on this machine and on simulated AWS."""

import os
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from django.apps.config import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1", "[::1]"})
TEST_CLIENT = "testserver"


def demo_stays_at_home(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    return list(_reasons())


def _reasons() -> Iterator[Error]:
    if settings.DEPLOYMENT == "production":
        yield Error(
            "The demo lets anybody sign in as anybody; it does not run with DEPLOYMENT=production.",
            hint="Leave DEMO unset, or start the demo with `make demo`.",
            id="demo.E001",
        )
    elsewhere = sorted(set(settings.ALLOWED_HOSTS) - LOOPBACK - {TEST_CLIENT})
    if elsewhere:
        yield Error(
            f"The demo answers on this machine only, and ALLOWED_HOSTS names {', '.join(elsewhere)}.",
            hint="Use ALLOWED_HOSTS=127.0.0.1,localhost.",
            id="demo.E002",
        )
    if not is_loopback(os.environ.get("AWS_ENDPOINT_URL", "")):
        yield Error(
            "The demo never talks to real AWS, and AWS_ENDPOINT_URL does not name a simulated one.",
            hint="Use AWS_ENDPOINT_URL=http://127.0.0.1:8001.",
            id="demo.E003",
        )
    real = sorted(
        name
        for name, value in os.environ.items()
        if name.startswith("AWS_ENDPOINT_URL_") and not is_loopback(value)
    )
    if real:
        yield Error(
            f"The demo never talks to real AWS, and {', '.join(real)} would let it.",
            hint="Unset it.",
            id="demo.E004",
        )


def is_loopback(url: str) -> bool:
    return urlsplit(url).hostname in LOOPBACK
