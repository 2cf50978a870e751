"""The REST API of exemptions."""
