"""Tells Django of exemptions, and the database of what must never happen to one."""

from django.apps import AppConfig
from django.core.checks import register

from exemptions import checks
from portal.governance import triggers


class ExemptionsConfig(AppConfig):
    name = "exemptions"
    triggers = (
        *triggers.append_only("exemptions_revision"),
        *triggers.append_only("exemptions_decision"),
        *triggers.said_for_good("exemptions_comment", "exemption_id"),
        *triggers.authors_never_decide("exemptions_decision", "exemptions_revision", "exemption_id"),
    )

    def ready(self) -> None:
        register(checks.settings_fit)
