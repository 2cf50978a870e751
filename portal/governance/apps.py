"""Tells Django of the floor and keeps its database triggers in place after each migration."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate

from portal.governance import triggers


class GovernanceConfig(AppConfig):
    name = "portal.governance"
    label = "governance"

    def ready(self) -> None:
        # SQLite rebuilds a table to alter it and drops its triggers, so each migration puts them back
        post_migrate.connect(triggers.install_after_migrate, dispatch_uid="governance.triggers")
