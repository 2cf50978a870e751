"""The pages around the register, as tabs: what waits, what is there, what it adds up to, and how it is decided."""

from dataclasses import dataclass

from django.urls import reverse

from portal.governance import roles
from portal.governance.models import User


@dataclass(frozen=True)
class Tab:
    """One of the pages."""

    key: str
    label: str
    url: str


def tabs_for(user: User) -> list[Tab]:
    """Decision quality is for those who read all."""
    pages = [
        ("inbox", "Inbox", "inbox"),
        ("list", "Register", "exemption-list"),
        ("debt", "Debt", "exemption-debt"),
    ]
    if roles.reads_all(user):
        pages.append(("quality", "Decision quality", "exemption-quality"))
    return [Tab(key, label, reverse(f"exemptions:{name}")) for key, label, name in pages]
