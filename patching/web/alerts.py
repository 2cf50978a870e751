"""Alerts of a window on pages: what one person can do about each, and the fields of its fix in the form that asks."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from patching import drift, run_verdicts
from patching.models import MaintenanceWindow
from patching.run_verdicts import Alert
from patching.web.common import may_ask_for
from portal.governance import clock
from portal.governance.models import AuditEntry, User

FIX, RESTORE, WISH = "fix", "restore", "wish"
MISSED = "missed"


@dataclass(frozen=True)
class Shown:
    """One alert, and the step that this person can take: ask for its fix, restore it or ask for that, see the run."""

    alert: Alert
    url: str = ""
    label: str = ""
    step: str = ""
    wish: AuditEntry | None = None  # who has asked already that it is restored

    @property
    def hidden(self) -> dict[str, str]:
        """What was looked at, for the step that overwrites it."""
        return {"digest": self.alert.drift.live_digest} if self.alert.drift else {}


def of_window(user: User, window: MaintenanceWindow) -> list[Shown]:
    """What is wrong with a window now, for one person."""
    if window.retired_at is not None:
        return []
    may_ask = may_ask_for(user, window)
    return [_shown(user, one, may_ask) for one in run_verdicts.of_window(window, clock.now())]


def fields_of_fix(request: HttpRequest, window: MaintenanceWindow) -> Mapping[str, Any]:
    """The fields of the window that settle the alert that ``?alert=`` names by its kind; none once it is gone."""
    kind = request.GET.get("alert", "")
    return {} if kind == MISSED else _fix(window, kind)


def opening_instead(request: HttpRequest, window: MaintenanceWindow) -> Mapping[str, Any]:
    """The opening that makes up for a missed one, where ``?alert=missed`` asks for it."""
    return _fix(window, MISSED) if request.GET.get("alert") == MISSED else {}


def _fix(window: MaintenanceWindow, kind: str) -> Mapping[str, Any]:
    if not kind:
        return {}
    return next((one.fix for one in run_verdicts.of_window(window, clock.now()) if one.kind == kind), {})


def _shown(user: User, alert: Alert, may_ask: bool) -> Shown:
    if alert.drift is not None:
        return _of_drift(user, alert, may_ask)
    if may_ask and alert.fix:
        page, label = "patching:window-change", "Ask for this change"
        if alert.kind == MISSED:
            page, label = "patching:window-occurrence", "Ask for an extra opening"
        return Shown(alert, f"{reverse(page, args=[alert.window.pk])}?{alert.query}", label, FIX)
    if alert.run is not None:
        return Shown(alert, reverse("patching:run-detail", args=[alert.run.pk]), "See the run")
    return Shown(alert)


def _of_drift(user: User, alert: Alert, may_ask: bool) -> Shown:
    assert alert.drift is not None
    wish = drift.wished([alert.drift]).get(alert.drift.pk)
    if alert.drift.is_being_restored:
        return Shown(alert)
    if drift.may_decide(user):
        url = reverse("patching:drift-restore", args=[alert.drift.pk])
        return Shown(alert, url, "Restore what was approved", RESTORE, wish)
    if may_ask and wish is None:
        url = reverse("patching:drift-ask-to-restore", args=[alert.drift.pk])
        return Shown(alert, url, "Ask to restore it", WISH)
    return Shown(alert, wish=wish)
