"""The pages around the register, as tabs: what is there, what it adds up to, and how it is decided."""

from dataclasses import dataclass

from django.urls import reverse

from portal.governance import roles
from portal.governance.models import User


@dataclass(frozen=True)
class Tab:
    """One page of the three."""

    key: str
    label: str
    url: str


def tabs_for(user: User) -> list[Tab]:
    """Decision quality is for those who read all."""
    pages = [("list", "Register"), ("debt", "Debt")]
    if roles.reads_all(user):
        pages.append(("quality", "Decision quality"))
    return [Tab(key, label, reverse(f"exemptions:exemption-{key}")) for key, label in pages]
