"""Tells Django of the flow, and the database of what must never happen in it."""

from django.apps import AppConfig
from django.core.checks import Tags, register

from patching import checks
from portal.governance import triggers


class PatchingConfig(AppConfig):
    name = "patching"
    triggers = (
        *triggers.append_only("patching_revision"),
        *triggers.append_only("patching_decision"),
        *triggers.said_for_good("patching_comment", "request_id"),
        *triggers.authors_never_decide("patching_decision", "patching_revision", "request_id"),
    )

    def ready(self) -> None:
        register(checks.settings_fit)
        register(checks.triggers_are_in_place, Tags.database)
