"""Tells Django of the demo."""

from django.apps import AppConfig


class DemoConfig(AppConfig):
    name = "portal.demo"
