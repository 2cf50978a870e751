"""What the pages of the roof ask for, person by person. Reads only; every row is one that the person may see."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Count, Max, OuterRef, Q, QuerySet, Subquery

import exemptions.debt
import exemptions.permissions
import exemptions.workflow
import patching.workflow
from exemptions.models import Decision as ExemptionDecision
from exemptions.models import Exemption
from patching import calendar, posture, run_reviews, shell
from patching.calendar.entries import PLANNED
from patching.models import (
    AccountRegion,
    ChangeRequest,
    Decision,
    MaintenanceWindow,
    PullRun,
    PushRun,
    Waiver,
)
from portal.governance import clock, roles
from portal.governance.models import Role, User

TREND_DAYS = 30
NIGHTS_AHEAD = timedelta(days=35)
FEW = 5
SOME = 8
BAD_PUSHES = (
    PushRun.State.PARTIAL,
    PushRun.State.FAILED,
    PushRun.State.REFUSED,
    PushRun.State.ABANDONED,
)
LAYOUTS = {
    Role.CISO: (("heat", "charts"), ("gaps", "trust")),
    Role.SECURITY_OPERATIONS: (("heat", "wanted", "charts"), ("gaps", "trust")),
    Role.OPERATOR: (("accounts", "pushes", "heat"), ("gaps", "trust")),
    Role.AUDITOR: (("trend", "decisions", "heat"), ("trust", "gaps")),
}
MEMBER = (("requests", "windows", "wanted"), ("gaps", "trust"))


class Waiting(NamedTuple):
    """Something that waits for this person's word or deed."""

    icon: str
    title: str
    what: str
    url: tuple[str, int]
    lapses_at: datetime | None


class NextRun(NamedTuple):
    """When a window opens next or is held shut, and how many instances carry its tag."""

    window: MaintenanceWindow
    at: datetime
    instances: int
    state: str


class Decided(NamedTuple):
    """Somebody's word on a revision, of a change request or of an exemption."""

    decision: Decision | ExemptionDecision
    about: ChangeRequest | Exemption
    url: tuple[str, int]


@dataclass(frozen=True)
class Debt:
    """What exemptions in force leave unpatched: instances, and the points of ``exemptions.debt``."""

    exemptions: int
    instances: int
    points: int
    ending: int  # within 30 days
    overdue: int  # past their end and not yet restored


class Board:
    """One person's view of everything; each part is read only if a page asks for it, and once."""

    def __init__(self, user: User) -> None:
        self.user = user
        self.at = clock.now()

    @cached_property
    def role(self) -> str:
        """The role whose home this person gets; "" for one who only belongs to teams or to nothing."""
        held = roles.roles_of(self.user)
        return next((role for role in (*LAYOUTS, Role.ADMINISTRATOR) if role in held), "")

    @cached_property
    def layout(self) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
        """Panels of the main column and of the side, or None for somebody who has nothing to look at."""
        if self.role in LAYOUTS:
            return LAYOUTS[Role(self.role)]
        return MEMBER if roles.teams_of(self.user).exists() else None

    @cached_property
    def greeting(self) -> str:
        hour = self.at.astimezone(ZoneInfo(settings.DISPLAY_TIME_ZONE)).hour
        time = "morning" if 4 <= hour < 12 else "afternoon" if hour < 18 else "evening"
        return f"Good {'evening' if hour < 4 else time}"

    # How the fleet stands

    @cached_property
    def figures(self) -> posture.Figures:
        return posture.fleet(self.user, at=self.at)

    @cached_property
    def covered(self) -> int:
        return posture.covered(self.user, at=self.at)

    @cached_property
    def trust(self) -> posture.Trust:
        return posture.trust(self.user, at=self.at)

    @cached_property
    def trust_segments(self) -> list[dict[str, Any]]:
        parts = {"ok": self.trust.fresh, "warn": self.trust.stale, "wait": self.trust.other_baseline}
        return [{"role": role, "value": value} for role, value in (*parts.items(), ("low", self.trust.never))]

    @cached_property
    def gaps(self) -> list[posture.GapFigures]:
        """Only the reasons that apply, the most frequent first."""
        found = [row for row in posture.coverage_gaps(self.user, at=self.at) if row.instances]
        return sorted(found, key=lambda row: -row.instances)

    @cached_property
    def uncovered(self) -> int:
        return self.figures.total - self.covered

    @cached_property
    def most_in_a_gap(self) -> int:
        return max((row.instances for row in self.gaps), default=0)

    @cached_property
    def applications(self) -> list[posture.Slice]:
        return posture.by_application(self.user, at=self.at)

    @cached_property
    def environments(self) -> list[posture.Slice]:
        return posture.by_environment(self.user, at=self.at)

    @cached_property
    def hottest(self) -> int:
        """The largest number of the heat table, which its tints are measured by."""
        return max((count for row in self.applications for count in row.severities.values()), default=0)

    @cached_property
    def severities(self) -> list[posture.SeverityFigures]:
        return posture.by_severity(self.user, at=self.at)

    @cached_property
    def critical(self) -> posture.SeverityFigures:
        return self.severities[0]

    @cached_property
    def critical_note(self) -> str:
        return f"On {self.critical.instances:,} of {self.figures.total:,} running instances"

    @cached_property
    def findings(self) -> int:
        return sum(row.findings for row in self.severities)

    @cached_property
    def ages(self) -> list[tuple[posture.Age, dict[str, int]]]:
        return posture.by_age(self.user, at=self.at)

    @cached_property
    def wanted(self) -> list[dict[str, Any]]:
        return posture.most_wanted(self.user, at=self.at, limit=SOME)

    @cached_property
    def trend(self) -> list[posture.Day]:
        return posture.trend(self.user, days=TREND_DAYS, at=self.at)

    # What is to be done

    @cached_property
    def waiting(self) -> list[Waiting]:
        """What waits for this person: decisions first, what lapses soonest on top."""
        decide = [
            *(_request(row, "Waits for your decision") for row in shell.to_decide(self.user)),
            *(_exemption(row) for row in exemptions.permissions.waiting_for(self.user)),
        ]
        decide.sort(key=lambda row: (row.lapses_at is None, row.lapses_at or self.at))
        answer = [_request(row, "Sent back to you") for row in shell.to_answer(self.user)]
        retry = [_request(row, "Its push failed") for row in shell.to_retry(self.user)]
        confirm = [
            Waiting(
                "calendar-event",
                str(run),
                "Confirm it, or report a problem",
                ("patching:run-detail", run.pk),
                None,
            )
            for run in run_reviews.to_confirm(self.user)
        ]
        return decide + answer + retry + confirm

    @cached_property
    def requests(self) -> list[ChangeRequest]:
        """Open requests of this person's teams, with the state that counts today."""
        rows = ChangeRequest.objects.visible_to(self.user).filter(
            state__in=[*ChangeRequest.OPEN, *ChangeRequest.UNDER_WAY]
        )
        found = list(rows.select_related("requested_by", "team")[:SOME])
        for row in found:
            row.effective = patching.workflow.effective_state(row)
        return found

    @cached_property
    def next_runs(self) -> list[NextRun]:
        """The next opening of each window, as the calendar has it; the soonest come first."""
        seen = calendar.between(self.user, self.at, self.at + NIGHTS_AHEAD, at=self.at)
        first: dict[int, calendar.Entry] = {}
        for entry in seen.entries:
            if entry.is_ahead and entry.start >= self.at:
                first.setdefault(entry.window.pk, entry)
        counts = self._instances_by_window()
        return [
            NextRun(
                entry.window.row,
                entry.start,
                counts.get((entry.window.place, entry.window.name), 0),
                "" if entry.state == PLANNED else entry.state,
            )
            for entry in list(first.values())[:FEW]
        ]

    def _instances_by_window(self) -> Mapping[tuple[int, str], int]:
        rows = (
            posture.instances_matching(self.user, at=self.at)
            .order_by()
            .values("account_region", "window_value")
            .annotate(instances=Count("pk"))
        )
        return {(row["account_region"], row["window_value"]): row["instances"] for row in rows}

    # Exemptions and decisions

    @cached_property
    def debt(self) -> Debt:
        mine = Exemption.objects.visible_to(self.user).filter(state=Exemption.State.APPROVED)
        seen = posture.instances_matching(self.user, at=self.at)
        waivers = Waiver.objects.in_force(self.at).filter(instance__in=seen.values("pk"))
        held = exemptions.debt.report(mine, self.at)
        return Debt(
            exemptions=len(held.rows),
            instances=waivers.values("instance").distinct().count(),
            points=held.everything.total,
            ending=sum(one.ends_at <= self.at + timedelta(days=30) for one in held.rows),
            overdue=mine.filter(ends_at__lte=self.at).count(),
        )

    @cached_property
    def decisions(self) -> list[Decided]:
        """The latest words on what this person may see."""
        requests = ChangeRequest.objects.visible_to(self.user)
        asked = Exemption.objects.visible_to(self.user)
        found = [
            Decided(one, one.revision.request, ("patching:request-detail", one.revision.request_id))
            for one in _latest(Decision.objects.filter(revision__request__in=requests), "revision__request")
        ]
        found += [
            Decided(one, one.revision.exemption, ("exemptions:exemption-detail", one.revision.exemption_id))
            for one in _latest(
                ExemptionDecision.objects.filter(revision__exemption__in=asked), "revision__exemption"
            )
        ]
        return sorted(found, key=lambda row: row.decision.decided_at, reverse=True)[:SOME]

    # Accounts

    @cached_property
    def accounts(self) -> Sequence[AccountRegion]:
        """Every account-region with how many instances it has, when it was read, and what is wrong with it."""
        counts = {
            row["account_region"]: row["instances"]
            for row in posture.instances_matching(self.user, at=self.at)
            .order_by()
            .values("account_region")
            .annotate(instances=Count("pk"))
        }
        noted = PullRun.objects.filter(account_region=OuterRef("pk"), finished_at__isnull=False)
        rows = AccountRegion.objects.visible_to(self.user).select_related("account")
        found = list(rows.annotate(noted=Subquery(noted.order_by("-pk").values("error")[:1])))
        for row in found:
            row.running_instances = counts.get(row.pk, 0)  # type: ignore[attr-defined]
            row.health = self._health(row)
        return found

    def _health(self, row: AccountRegion) -> str:
        if not row.is_active:
            return "disabled"
        if row.last_error:
            return "error"
        if row.last_pulled_at is None:
            return "unknown"
        return "healthy"

    @cached_property
    def bad_pushes(self) -> QuerySet[PushRun]:
        """The last push of each account-region, where it did not succeed."""
        seen = PushRun.objects.visible_to(self.user).order_by()
        last = PushRun.objects.values("account_region").annotate(last=Max("pk")).order_by().values("last")
        return (
            PushRun.objects.filter(pk__in=seen.values("pk"))
            .filter(Q(pk__in=last), state__in=BAD_PUSHES)
            .select_related("account_region__account")
        )


def _request(row: ChangeRequest, what: str) -> Waiting:
    icon = "upload" if what == "Its push failed" else "git-pull-request"
    return Waiting(icon, str(row), what, ("patching:request-detail", row.pk), row.lapses_at)


def _exemption(row: Exemption) -> Waiting:
    return Waiting(
        "shield-off",
        str(row),
        "Waits for your decision",
        ("exemptions:exemption-detail", row.pk),
        row.lapses_at,
    )


def _latest(decisions: QuerySet[Any], beside: str) -> QuerySet[Any]:
    return decisions.select_related("decided_by", "on_behalf_of", beside).order_by("-decided_at", "-pk")[
        :SOME
    ]
