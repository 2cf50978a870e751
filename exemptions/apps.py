"""Tells Django of exemptions, and the database of what must never happen to one."""

from django.apps import AppConfig

from portal.governance import triggers


class ExemptionsConfig(AppConfig):
    name = "exemptions"
    triggers = (
        *triggers.append_only("exemptions_revision"),
        *triggers.append_only("exemptions_decision"),
        *triggers.authors_never_decide("exemptions_decision", "exemptions_revision", "exemption_id"),
    )
