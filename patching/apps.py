"""Tells Django of the flow, and the database of what must never happen in it."""

from django.apps import AppConfig

from portal.governance import triggers


class PatchingConfig(AppConfig):
    name = "patching"
    triggers = (
        *triggers.append_only("patching_revision"),
        *triggers.append_only("patching_decision"),
        *triggers.authors_never_decide("patching_decision", "patching_revision", "request_id"),
    )
