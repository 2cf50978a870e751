"""What the frame of every page shows: sections, waiting counts, the time, a silent scheduler."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from django.conf import settings
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.module_loading import import_string

from portal.governance import clock, granting, roles
from portal.governance.models import Role, User

# key (the one counts are given for), words, url name
SECTIONS: tuple[tuple[tuple[str, str, str], ...], ...] = (
    (
        ("home", "Home", "home"),
        ("requests", "Requests", "patching:request-list"),
        ("exemptions", "Exemptions", "exemptions:exemption-list"),
        ("compliance", "Compliance", "dashboards:compliance"),
    ),
    (
        ("windows", "Windows", "patching:window-list"),
        ("calendar", "Calendar", "patching:calendar"),
        ("groups", "Patch groups", "patching:group-list"),
        ("baselines", "Baselines", "patching:baseline-list"),
        ("instances", "Instances", "patching:instance-list"),
        ("patches", "Patches", "patching:patch-list"),
        ("applications", "Applications", "patching:application-list"),
    ),
    (
        ("operations", "Operations", "patching:operations"),
        ("pushes", "Pushes", "patching:push-list"),
        ("accounts", "Accounts", "patching:account-list"),
    ),
    (
        ("people", "People", "people:list"),
        ("audit", "Audit log", "governance:audit-list"),
        ("tokens", "API tokens", "governance:token-list"),
    ),
)
# sections that not everybody works with, or may open at all
ONLY_FOR: dict[str, Callable[[User], bool]] = {
    "applications": lambda user: roles.has_role(user, Role.SECURITY_OPERATIONS),
    "operations": lambda user: roles.has_role(user, Role.OPERATOR),
    "people": granting.may_see_people,
}


@dataclass(frozen=True)
class Section:
    key: str
    label: str
    url: str
    waiting: int


@dataclass(frozen=True)
class Person:
    """Who is signed in, and as what."""

    name: str
    initials: str
    standing: str


class Shell:
    """The frame of one page; asked lazily, so that a fragment for htmx costs nothing."""

    def __init__(self, request: HttpRequest) -> None:
        self.request = request

    @cached_property
    def counts(self) -> dict[str, int]:
        """What waits for this person, by section."""
        counts: dict[str, int] = {}
        for path in settings.SHELL_COUNTS:
            module = path.rpartition(".")[0]
            try:
                counts |= import_string(path)(self.request.user)
            except ModuleNotFoundError as error:
                if error.name != module:  # the module is there and broken; an app left out is no error
                    raise
        return counts

    @cached_property
    def nav(self) -> list[list[Section]]:
        """The sections in their groups; a stranger sees none."""
        if not getattr(self.request, "user", None) or not self.request.user.is_authenticated:
            return []
        with roles.asked_once():  # the frame only reads, also where it frames the answer to what wrote
            groups = [[self._section(*row) for row in group] for group in SECTIONS]
        return [present for group in groups if (present := [s for s in group if s])]

    def _section(self, key: str, label: str, name: str) -> Section | None:
        user = self.request.user
        if key in ONLY_FOR and not (isinstance(user, User) and ONLY_FOR[key](user)):
            return None
        try:
            return Section(key, label, reverse(name), self.counts.get(key, 0))
        except NoReverseMatch:  # an installation may leave an app out
            return None

    @cached_property
    def person(self) -> Person | None:
        user = self.request.user
        return Person(str(user), user.initials, standing(user)) if isinstance(user, User) else None

    @cached_property
    def as_of(self) -> datetime:
        return clock.now()

    @cached_property
    def heartbeat(self) -> str:
        """One sentence when the scheduler is silent, else nothing."""
        path = getattr(settings, "SHELL_HEARTBEAT", "")
        ask: Callable[[], str] | None = import_string(path) if path else None
        return ask() if ask else ""


def standing(user: User) -> str:
    """What somebody is here, in words: roles first, else the teams they lead or belong to."""
    held = roles.roles_of(user)
    if held:
        return ", ".join(role.label for role in Role if role in held)
    led = [
        str(membership.team) for membership in user.memberships.select_related("team") if membership.is_lead
    ]
    return f"Leads {', '.join(led)}" if led else ", ".join(map(str, roles.teams_of(user))) or "No role yet"


def shell(request: HttpRequest) -> dict[str, Shell]:
    return {"shell": Shell(request)}
