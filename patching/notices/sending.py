"""Which notices are due now, and to whom: before an opening and after a run. Safe to repeat, late, or at once twice."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from patching import openings, run_reviews
from patching.aws.executions import SKIPPED
from patching.calendar import reading
from patching.calendar.entries import MOVED, PLANNED, Entry
from patching.executions import settled
from patching.models import MaintenanceWindow, WindowRun
from patching.notices.choosing import concerned
from patching.notices.expecting import expected
from patching.run_outcomes import outcome_in_words
from portal.governance import clock, outbox
from portal.governance.models import User

LATE = timedelta(days=2)  # older than that, it is no news any more
BEFORE, AFTER = "window.before", "window.after"


@dataclass(frozen=True)
class Lead:
    """How long before an opening a notice is sent, and from when on it is too late for it."""

    name: str
    before: timedelta
    not_after: timedelta  # this long before the opening

    def is_due(self, opens_at: datetime, at: datetime) -> bool:
        return opens_at - self.before <= at < opens_at - self.not_after


LEADS = (
    Lead("4 days", timedelta(days=4), timedelta(days=4) - LATE),
    Lead("1 hour", timedelta(hours=1), timedelta()),
)
FARTHEST = max(lead.before for lead in LEADS)


@dataclass(frozen=True)
class Letter:
    """One notice to one person; what it says is found out only if it was not promised before."""

    person: User
    event: str
    key: str
    about: Any


def send_due() -> int:
    """Promise every notice that is due and was not promised yet; how many there were."""
    at = clock.now()
    letters = [*_before(at), *_after(at)]
    known = outbox.told((one.person, one.event, one.key) for one in letters)
    new = [one for one in letters if (one.person.pk, one.event, one.key) not in known]
    said: dict[tuple[str, str], tuple[str, str, str]] = {}
    for one in new:
        if (one.event, one.key) not in said:
            said[one.event, one.key] = _opening(*one.about) if one.event == BEFORE else _run(one.about)
        subject, body, url = said[one.event, one.key]
        with transaction.atomic():
            outbox.tell(one.person, event=one.event, key=one.key, subject=subject, body=body, url=url)
    return len(new)


def _before(at: datetime) -> Iterator[Letter]:
    """Openings that nothing keeps shut; a moved one is told of anew."""
    people: dict[int, list[User]] = {}
    for entry in reading.ahead(at, at + FARTHEST + timedelta(minutes=1)):
        due = [lead for lead in LEADS if entry.state in (PLANNED, MOVED) and lead.is_due(entry.start, at)]
        if not due:
            continue
        window = entry.window.row
        for person in _concerned(window, people):
            for lead in due:
                key = f"{window.pk}/{entry.start:%Y-%m-%dT%H:%M:%SZ}/{lead.name}"
                yield Letter(person, BEFORE, key, (entry, lead))


def _after(at: datetime) -> Iterator[Letter]:
    """Runs that ended; whoever is asked to confirm one gets that mail, which says the same and more."""
    people: dict[int, list[User]] = {}
    ended = settled().filter(ended_at__gt=at - LATE, ended_at__lte=at).exclude(status=SKIPPED)
    runs = ended.exclude(window=None).exclude(window__application=None)
    asked = set(run_reviews.asked_about().values_list("pk", flat=True))
    for run in runs.select_related("window__application__team", "window__account_region__account"):
        told = _concerned(run.window, people)
        if run.window_id in asked:
            team = set(run_reviews.owners_of(run).values_list("pk", flat=True))
            told = [person for person in told if person.pk not in team]
        yield from (Letter(person, AFTER, str(run.pk), run) for person in told)


def _concerned(window: Any, known: dict[int, list[User]]) -> Iterable[User]:
    if window.application_id not in known:
        known[window.application_id] = concerned(window.application)
    return known[window.application_id]


def _opening(entry: Entry, lead: Lead) -> tuple[str, str, str]:
    window: MaintenanceWindow = entry.window.row
    spec = window.spec
    when = openings.in_words([entry.start], spec["timezone"])
    last = openings.in_words([entry.end - timedelta(hours=spec["cutoff"])], spec["timezone"])
    lines = [
        f"{window.name} opens on {when}, for {spec['duration']} h. Nothing new starts after {last}.",
        expected(window, entry.start).in_words,
    ]
    prepared = next(
        (one for one in run_reviews.preparations(window) if one.planned_at == entry.planned_at), None
    )
    if prepared is not None and prepared.prepared_at:
        lines.append(f"{prepared.prepared_by} has prepared it.")
    elif prepared is not None:
        lines.append(f"It is not prepared yet: {prepared.ticked} on its checklist done.")
    if entry.state == MOVED:
        moved = openings.in_words([entry.planned_at], spec["timezone"])
        lines.insert(1, f"It was moved there from {moved}.")
    subject = f"{window.name} opens in {lead.name}: {when}"
    return subject, "\n\n".join(lines), f"/windows/{window.pk}/"


def _run(run: WindowRun) -> tuple[str, str, str]:
    window = run.window
    assert window is not None
    began = openings.in_words([run.started_at], window.spec["timezone"])
    body = f"{window.name} ran on {began}.\n\n{outcome_in_words(run)}"
    return f"{window.name} has run: {run.status.replace('_', ' ').lower()}", body, f"/windows/runs/{run.pk}/"
