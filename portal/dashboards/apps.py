"""Tells Django of the dashboards."""

from django.apps import AppConfig


class DashboardsConfig(AppConfig):
    name = "portal.dashboards"
