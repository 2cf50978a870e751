"""The reading room of this app in Django's admin."""

from portal.governance.admin import open_reading_room

open_reading_room("patching")
