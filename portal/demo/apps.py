"""Tells Django of the demo and of where it refuses to run."""

from django.apps import AppConfig
from django.core.checks import register

from portal.demo import checks


class DemoConfig(AppConfig):
    name = "portal.demo"

    def ready(self) -> None:
        register(checks.demo_stays_at_home)
