"""What is wrong with windows and their runs: computed from what was read, told once, gone when its cause is gone."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.db import transaction

from patching import missed, openings, run_fixes, run_outcomes
from patching.aws.executions import NOT_STARTED, SKIPPED
from patching.executions import settled
from patching.findings.shifting import again
from patching.models import (
    AccountRegion,
    Drift,
    MaintenanceWindow,
    ManagedInstance,
    ResourceState,
    WindowRun,
)
from patching.posture.gaps import in_aws, next_run
from patching.shutting_items import in_utc
from patching.words import counted, listed
from portal.governance import audit, clock, outbox, roles
from portal.governance.models import Role

WENT_WRONG = ("FAILED", "TIMED_OUT")


@dataclass(frozen=True)
class Alert:
    """One thing that somebody should mend.

    ``fix`` are fields to ask for: of the window, such as a longer duration; of a missed one, of the opening instead.
    """

    kind: str  # not_started, failed, skipped, missed, no_targets, no_future, disabled
    window: MaintenanceWindow
    claim: str
    advice: str
    about: str  # the run or moment it speaks of; the same thing is told once
    run: WindowRun | None = None
    fix: Mapping[str, Any] = field(default_factory=dict)
    drift: Drift | None = None  # the change made outside that is to be restored

    @property
    def query(self) -> str:
        """What the form that asks for a change is told to begin with the fix; "" where there is none."""
        return urlencode({"alert": self.kind}) if self.fix else ""

    @property
    def key(self) -> str:
        return f"{self.window.pk}/{self.kind}/{self.about}"


def of_windows(windows: Iterable[MaintenanceWindow], at: datetime) -> list[Alert]:
    """Every alert of these live windows at a moment."""
    return [alert for window in windows for alert in of_window(window, at)]


def of_window(window: MaintenanceWindow, at: datetime) -> Iterator[Alert]:
    """What is wrong with one window: its last run, a run that did not come, and what keeps it from running at all."""
    last = settled().filter(window=window).order_by("-started_at").first()
    if last is not None:
        yield from of_run(window, last)
    if window.retired_at is not None:
        return
    if next_run(window, at) is None:
        claim = f"{window.name} never opens again"
        advice = "Ask for a later end date or another schedule, or for its removal."
        yield Alert("no_future", window, claim, advice, "schedule", fix=again(window.spec, at))
    state = in_aws(account_region=window.account_region, kind="window", key=str(window.uid)).first()
    if state is None:
        return
    yield from _disabled(window, state)
    yield from _missed(window, at)
    if not _has_targets(window):
        claim = f"No instance carries the tag of {window.name}"
        advice = "Ask for instances to be added, or for its removal."
        yield Alert("no_targets", window, claim, advice, "tag", fix=run_fixes.targets(window))


def of_run(window: MaintenanceWindow, run: WindowRun) -> Iterator[Alert]:
    """What went wrong in one run that has ended."""
    when = f"{run.started_at:%a} {run.started_at.day} {run.started_at:%b}"
    if run.status == SKIPPED:
        claim = f"{window.name} was skipped on {when}: the run before it still went on"
        advice = "Ask that its tasks end with it, for more at once, or for another start."
        fix = run_fixes.ending_in_time(window.spec)
        yield Alert("skipped", window, claim, advice, str(run.pk), run, fix)
        return
    if untouched := _what(run, NOT_STARTED):
        claim = f"{untouched} of {window.name} not started on {when}"
        advice = (
            "Ask for a longer duration, for more at once or a later cutoff; see which agents were offline."
        )
        yield Alert("not_started", window, claim, advice, str(run.pk), run, run_fixes.longer(window.spec))
    if broken := _what(run, *WENT_WRONG):
        claim = f"{broken} of {window.name} failed or timed out on {when}"
        yield Alert("failed", window, claim, "See why on the page of the run.", str(run.pk), run)


def _what(run: WindowRun, *statuses: str) -> str:
    """3 instances and 1 whole task; "" where nothing of a run ended so."""
    found = run.outcomes.filter(status__in=statuses)
    numbers = {
        "instance": run_outcomes.instances_in(found),
        "whole task": run_outcomes.whole_tasks_in(found).count(),
    }
    return listed(counted(number, noun) for noun, number in numbers.items() if number)


def _disabled(window: MaintenanceWindow, state: ResourceState) -> Iterator[Alert]:
    drift = Drift.objects.filter(resource=state, state=Drift.Outcome.OPEN).select_related("resource").first()
    if drift is None or not any(change["field"] == "enabled" for change in drift.changes):
        return
    claim = f"{window.name} was disabled outside Patchwarden"
    advice = (
        "It opens no more until it is restored. If it should stay shut, ask for a freeze or for its removal."
    )
    if drift.is_being_restored:
        advice = "The next push opens it again."
    yield Alert("disabled", window, claim, advice, str(drift.pk), drift=drift)


def _missed(window: MaintenanceWindow, at: datetime) -> Iterator[Alert]:
    """The last opening that should have come, where AWS shows no run though we have looked since."""
    opening = missed.last_of(window, at)
    if opening is None:
        return
    zone = window.spec["timezone"]
    claim = f"{window.name} should have opened on {openings.in_words([opening], zone)}, and AWS shows no run"
    fix = run_fixes.once_more(window, opening, at)
    if fix:
        advice = f"Ask that it opens once on {openings.in_words([in_utc(fix['moved_to'])], zone)}, or at another time."
    elif following := next_run(window, at):
        advice = f"It opens again on {openings.in_words([following], zone)}."
    else:
        advice = "Ask for another start."
    advice = f"See whether it is enabled in AWS. {advice}"
    yield Alert("missed", window, claim, advice, opening.isoformat(), fix=fix)


def _has_targets(window: MaintenanceWindow) -> bool:
    """Whether any of its instances carries its tag; those that an exemption keeps out do not."""
    rows = ManagedInstance.objects.present().filter(
        account_region=window.account_region, instance_id__in=window.spec["instances"]
    )
    return any(one.window_name == window.name for one in rows.select_related("account_region__account"))


def tell_due(place: AccountRegion) -> None:
    """Tell leads and operators of each alert of one account-region, once. Safe to repeat."""
    windows = MaintenanceWindow.objects.live().filter(account_region=place)
    rows = windows.select_related("application__team", "account_region__account")
    for alert in of_windows(rows, clock.now()):
        _tell(alert)


@transaction.atomic
def _tell(alert: Alert) -> None:
    audit.take_turn()
    application = alert.window.application
    people = roles.holders(Role.OPERATOR)
    if application is not None:
        people = people | roles.leads_of(application.team)
    readers = list(people.distinct())
    told = outbox.told([(person, "window.alert", alert.key) for person in readers])
    new = [person for person in readers if (person.pk, "window.alert", alert.key) not in told]
    if not new:
        return
    if len(new) == len(readers):
        team = application.team if application else None
        audit.record("patching.maintenancewindow.alert", alert.window, by=None, team=team, reason=alert.claim)
    for person in new:
        outbox.tell(
            person,
            event="window.alert",
            key=alert.key,
            subject=alert.claim,
            body=f"{alert.claim}. {alert.advice}",
            url=f"/windows/runs/{alert.run.pk}/" if alert.run else f"/windows/{alert.window.pk}/",
        )
