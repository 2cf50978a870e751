"""What one person's board holds: which home, what waits in which order, what opens next, what is owed."""

from datetime import UTC, datetime, timedelta

import pytest

from exemptions.models import Exemption
from patching.models import Decision, MaintenanceWindow, PatchFinding, PullRun, Waiver
from portal.dashboards.queries import Board
from portal.governance import clock
from portal.governance.models import Outcome, Role, RoleGrant, User
from tests import factories, people


def window(name: str, schedule: str, **fields) -> MaintenanceWindow:
    spec = {
        "schedule": schedule,
        "timezone": "UTC",
        "offset": 0,
        "start_date": "",
        "end_date": "",
        "duration": 4,
        "cutoff": 1,
        "az": "",
        "instances": [],
    }
    request = factories.change_request(people.person("rita"), state="applied")
    return MaintenanceWindow.objects.create(
        name=name,
        spec=spec,
        spec_digest="0" * 64,
        revision=factories.revision(request),
        account_region=factories.account_region(),
        application=factories.application(),
        environment=factories.environment("prod"),
        created_at=clock.now() - timedelta(days=30),
        changed_at=clock.now(),
        **fields,
    )


def exemption(by: User, days: float, **fields) -> Exemption:
    return Exemption.objects.create(
        title="A vendor has to certify it first",
        team=people.team("payments"),
        application=factories.application(),
        requested_by=by,
        ends_at=clock.now() + timedelta(days=days),
        created_at=clock.now(),
        **{"state": "approved", **fields},
    )


def waiver(of, days: float, source: str) -> Waiver:
    return Waiver.objects.create(
        instance=of,
        source=source,
        source_digest="0" * 64,
        starts_at=clock.now() - timedelta(days=1),
        ends_at=clock.now() + timedelta(days=days),
    )


def test_somebody_with_two_roles_gets_the_home_of_the_weightier_one(opal: User):
    RoleGrant.objects.create(user=opal, role=Role.CISO, starts_at=people.LONG_AGO)

    assert Board(opal).role == Role.CISO


def test_a_delegate_gets_the_home_of_a_ciso_for_as_long_as_it_holds(dora: User):
    assert Board(dora).role == Role.CISO
    dora.delegations_held.update(ends_at=clock.now())

    assert Board(dora).role == ""


@pytest.mark.parametrize(
    ("hour", "words"), [(1, "evening"), (6, "morning"), (12, "afternoon"), (15, "afternoon"), (18, "evening")]
)
def test_the_greeting_follows_the_portal_s_clock(rita: User, hour: int, words: str):
    clock.set_to(
        datetime(2026, 6, 2, hour - 1, 59, tzinfo=UTC)
    )  # an hour behind Berlin's summer, less a minute

    assert Board(rita).greeting == f"Good {words}"


def test_the_windows_that_open_next_come_first_and_those_that_never_do_not_at_all(rita: User, noor: User):
    clock.set_to(datetime(2026, 6, 1, 6, tzinfo=UTC))
    window("sunday", "cron(0 2 ? * SUN *)")
    window("tuesday", "cron(0 2 ? * TUE *)")
    window("past", "at(2026-05-01T00:00:00)")
    window("retired", "cron(0 2 ? * MON *)", retired_at=clock.now())
    factories.instance(tags={"MaintenanceWindow": "tuesday"})

    runs = Board(rita).next_runs

    assert [(run.window.name, run.instances) for run in runs] == [("tuesday", 1), ("sunday", 0)]
    assert runs[0].at == datetime(2026, 6, 2, 2, tzinfo=UTC)
    assert Board(noor).next_runs == []


def test_debt_is_weighed_as_its_page_does_and_counts_an_instance_once(rita: User, noor: User):
    one, other = factories.instance(), factories.instance()
    waiver(one, 3, "exemption:1")
    waiver(one, 9.5, "exemption:2")
    waiver(other, 40, "exemption:3")
    held = exemption(rita, 9.5, approved_at=clock.now() - timedelta(days=2.5))
    held.instances.add(one)
    PatchFinding.objects.create(
        instance=one,
        patch_id="KB5039227",
        severity="Critical",
        state="missing",
        first_seen_at=clock.now(),
        last_seen_at=clock.now(),
    )
    exemption(rita, 40)
    exemption(rita, -1)
    exemption(rita, 9, state="submitted")

    debt = Board(rita).debt

    assert (debt.instances, debt.points) == (2, 10 * 3)
    assert (debt.exemptions, debt.ending, debt.overdue) == (2, 1, 1)
    assert Board(noor).debt.instances == 0


def test_open_requests_of_the_team_are_listed_with_the_state_that_counts_today(
    rita: User, omar: User, noor: User
):
    lapsed = factories.change_request(rita, state="submitted", lapses_at=clock.now() - timedelta(hours=1))
    factories.change_request(rita, state="applied")

    assert [(row.pk, row.effective) for row in Board(omar).requests] == [(lapsed.pk, "lapsed")]
    assert Board(noor).requests == []


def test_what_was_sent_back_waits_for_who_asked(rita: User, omar: User):
    factories.change_request(rita, state="changes_requested")

    assert [row.what for row in Board(rita).waiting] == ["Sent back to you"]
    assert Board(omar).waiting == []


def test_a_failed_push_waits_for_the_operator(rita: User, opal: User):
    factories.change_request(rita, state="failed")

    assert [row.what for row in Board(opal).waiting] == ["Its push failed"]


def test_recent_decisions_are_those_a_person_may_see_latest_first(
    rita: User, ines: User, ivan: User, axel: User, noor: User
):
    revision = factories.revision(factories.change_request(rita, state="submitted"))
    for who, hours in ((ines, 2), (ivan, 1)):
        Decision.objects.create(
            revision=revision,
            slot=who.username,
            outcome=Outcome.APPROVE,
            digest=revision.digest,
            decided_by=who,
            requested_by=rita,
            decided_at=clock.now() - timedelta(hours=hours),
        )

    assert [row.decision.decided_by for row in Board(axel).decisions] == [ivan, ines]
    assert Board(axel).decisions[0].about == revision.request
    assert Board(noor).decisions == []


def test_an_account_shows_its_instances_its_health_and_what_the_last_reading_noted(opal: User):
    here = factories.account_region(last_pulled_at=clock.now())
    factories.instance()
    factories.instance(run_state="stopped")
    PullRun.objects.create(
        account_region=here, started_at=clock.now(), finished_at=clock.now(), error="Older note."
    )
    PullRun.objects.create(
        account_region=here, started_at=clock.now(), finished_at=clock.now(), error="i-1 is contested."
    )

    [row] = Board(opal).accounts

    assert (row.running_instances, row.health, row.noted) == (1, "healthy", "i-1 is contested.")


@pytest.mark.parametrize(
    ("fields", "health"),
    [({}, "unknown"), ({"is_active": False}, "disabled"), ({"last_error": "No."}, "error")],
)
def test_an_account_is_healthy_only_when_it_was_read_without_error(opal: User, fields: dict, health: str):
    factories.account_region(**fields)

    assert [row.health for row in Board(opal).accounts] == [health]
