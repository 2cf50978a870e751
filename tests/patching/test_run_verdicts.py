"""Each thing that can be wrong with a run or a window is found where it is so, and not where it is not."""

from datetime import UTC, datetime, timedelta

import pytest

from patching import freeze_effects, holding, run_verdicts
from patching.contents import items_of
from patching.models import (
    ChangeRequest,
    Drift,
    MaintenanceWindow,
    ManagedInstance,
    Occurrence,
    ResourceState,
    RunOutcome,
    WindowRun,
)
from patching.posture.why import _links
from portal.governance import clock
from portal.governance.models import AuditEntry, OutboxMessage
from tests import asks, factories
from tests.patching.test_freezing import opening_item

MADE = datetime(2026, 6, 1, 12, tzinfo=UTC)
OPENS = datetime(2026, 6, 7, 0, tzinfo=UTC)  # Sunday, 02:00 in Berlin
LATER = OPENS + timedelta(hours=6)


@pytest.fixture
def window(cast):
    """A window of dev that stands in AWS, with one tagged instance; it is read at six in the morning."""
    clock.set_to(MADE)
    member = factories.instance(factories.payments(), "dev")
    asks.in_effect(cast["rita"], [asks.window_item([member])], cast["omar"])
    made = MaintenanceWindow.objects.get()
    ManagedInstance.objects.update(tags={**member.tags, "MaintenanceWindow": made.name})
    ResourceState.objects.create(
        account_region=made.account_region,
        kind="window",
        key=str(made.uid),
        label=made.name,
        uid=str(made.uid),
        aws_id="mw-1",
        condition="in_sync",
        sources=[{"kind": "revision", "id": str(made.revision_id), "digest": made.revision.digest}],
        changed_at=MADE,
    )
    made.account_region.last_pulled_at = LATER
    made.account_region.save()
    clock.set_to(LATER)
    return MaintenanceWindow.objects.select_related("account_region__account").get()


def ran(window, status="SUCCESS", *outcomes):
    run = WindowRun.objects.create(
        account_region=window.account_region,
        window=window,
        aws_window_id="mw-1",
        execution_id="e-1",
        status=status,
        started_at=OPENS,
        ended_at=OPENS + timedelta(hours=1),
        read_at=LATER,
    )
    for number, outcome in enumerate(outcomes):
        RunOutcome.objects.create(run=run, instance_id_text=f"i-{number}", task="Install", status=outcome)
    return run


def found(window):
    return [one.kind for one in run_verdicts.of_window(window, clock.now())]


def test_a_run_that_did_its_work_is_no_alert(window):
    ran(window, "SUCCESS", "SUCCESS")
    assert found(window) == []


@pytest.mark.parametrize(
    ("status", "outcomes", "kinds"),
    [
        ("TIMED_OUT", ("SUCCESS", "NOT_STARTED"), ["not_started"]),
        ("FAILED", ("SUCCESS", "FAILED"), ["failed"]),
        ("TIMED_OUT", ("TIMED_OUT", "NOT_STARTED"), ["not_started", "failed"]),
        ("SKIPPED_OVERLAPPING", (), ["skipped"]),
    ],
)
def test_what_went_wrong_in_the_last_run(window, status, outcomes, kinds):
    ran(window, status, *outcomes)
    assert found(window) == kinds


def test_an_instance_that_failed_and_timed_out_is_one_and_a_whole_task_none(window):
    run = ran(window, "FAILED", "FAILED", "FAILED")
    RunOutcome.objects.create(run=run, instance_id_text="i-0", task="Reboot", status="TIMED_OUT")
    (alert,) = run_verdicts.of_window(window, clock.now())
    assert alert.claim == "2 instances of payments-dev failed or timed out on Sun 7 Jun"
    RunOutcome.objects.create(run=run, instance_id_text="", task="Notify", status="FAILED")
    (alert,) = run_verdicts.of_window(window, clock.now())
    assert alert.claim == "2 instances and 1 whole task of payments-dev failed or timed out on Sun 7 Jun"


def test_a_longer_duration_is_proposed(window):
    ran(window, "TIMED_OUT", "NOT_STARTED")
    (alert,) = run_verdicts.of_window(window, clock.now())
    assert (alert.query, alert.fix) == ("alert=not_started", {"duration": 6})
    window.spec["duration"] = 24
    (alert,) = run_verdicts.of_window(window, clock.now())
    assert alert.query == ""


def test_after_a_skipped_run_tasks_that_end_with_their_window_are_proposed(window):
    ran(window, "SKIPPED_OVERLAPPING")
    (task,) = window.spec["tasks"]
    for behavior, concurrency, then in [
        ("CONTINUE_TASK", "25%", ("CANCEL_TASK", "25%")),
        ("CANCEL_TASK", "25%", ("CANCEL_TASK", "50%")),
        ("CANCEL_TASK", "3", ("CANCEL_TASK", "6")),
    ]:
        window.spec["tasks"] = [{**task, "cutoff_behavior": behavior, "max_concurrency": concurrency}]
        (alert,) = run_verdicts.of_window(window, clock.now())
        (changed,) = alert.fix["tasks"]
        assert (changed["cutoff_behavior"], changed["max_concurrency"]) == then
    window.spec["tasks"] = [{**task, "cutoff_behavior": "CANCEL_TASK", "max_concurrency": "100%"}]
    (alert,) = run_verdicts.of_window(window, clock.now())
    assert alert.query == ""


def test_a_run_that_never_came_is_missed(window):
    assert found(window) == ["missed"]


def test_for_a_missed_run_an_extra_opening_on_the_next_night_is_proposed(window):
    (alert,) = run_verdicts.of_window(window, clock.now())
    assert alert.claim == (
        "payments-dev should have opened on Sun 7 Jun 02:00 Europe/Berlin (00:00 UTC), and AWS shows no run"
    )
    assert alert.fix == {"run_at": "2026-06-07T00:00:00Z", "moved_to": "2026-06-08T00:00:00Z"}
    assert "opens once on Mon 8 Jun 02:00" in alert.advice


def test_the_extra_opening_keeps_clear_of_holds_and_of_other_windows_of_the_environment(window, cast):
    freeze = {"source": "freeze:1", "digest": "d", "reason": "Closing"}
    holding.hold([window], starts_at=LATER, ends_at=OPENS + timedelta(days=1, hours=3), **freeze)
    other = factories.instance(factories.payments(), "dev", name="other")
    beside = asks.window_item([other], name="payments-dev-2", schedule="cron(30 3 ? * TUE *)")
    asks.in_effect(cast["rita"], [beside], cast["omar"])
    (alert,) = run_verdicts.of_window(window, clock.now())
    assert alert.fix["moved_to"] == "2026-06-10T00:00:00Z"  # Monday is held, on Tuesday the other one is open


def test_a_window_that_opens_again_at_once_is_not_made_up_for(window):
    window.spec["schedule"] = "cron(0 2 ? * SUN,MON *)"
    (alert,) = run_verdicts.of_window(window, clock.now())
    assert (alert.kind, alert.fix) == ("missed", {})
    assert "It opens again on Mon 8 Jun 02:00" in alert.advice


def test_an_opening_that_is_made_up_for_is_no_alert_any_more(window, cast):
    instead = opening_item(window, moved_to="2026-06-08T00:00:00Z")
    asks.in_effect(cast["rita"], [instead], cast["omar"])
    assert found(window) == []


def test_a_held_window_misses_nothing(window):
    holding.hold(
        [window],
        source="freeze:1",
        digest="d",
        reason="Year end",
        starts_at=OPENS - timedelta(days=1),
        ends_at=OPENS + timedelta(days=1),
    )
    assert found(window) == []


def test_before_anybody_looked_nothing_is_missed(window):
    window.account_region.last_pulled_at = OPENS + timedelta(minutes=20)
    assert found(window) == []


def test_a_window_without_tagged_instances_has_no_targets(window):
    ran(window)
    ManagedInstance.objects.update(tags={})
    (alert,) = run_verdicts.of_window(window, clock.now())
    assert (alert.kind, alert.fix) == ("no_targets", {})  # they are its own already, and only untagged
    ManagedInstance.objects.update(gone_at=LATER)
    new = factories.instance(factories.payments(), "dev", name="new")
    factories.instance(factories.payments(), "dev", name="of-a-group", auto_scaling_group="asg")
    (alert,) = run_verdicts.of_window(window, clock.now())
    assert alert.fix == {"instances": [new.instance_id]}


def test_a_window_after_its_end_date_has_no_future(window):
    ran(window)
    window.spec["end_date"] = "2026-06-07T03:00:00"
    (alert,) = run_verdicts.of_window(window, clock.now())
    assert (alert.kind, alert.fix) == ("no_future", {"end_date": ""})


@pytest.mark.parametrize(("field", "kinds"), [("enabled", ["disabled"]), ("duration", [])])
def test_a_window_that_somebody_disabled(window, field, kinds):
    ran(window)
    Drift.objects.create(
        resource=ResourceState.objects.get(),
        changes=[{"field": field, "live": False, "desired": True}],
        found_at=LATER,
    )
    assert found(window) == kinds


def test_what_the_next_push_opens_again_needs_nobody(window):
    ran(window)
    Drift.objects.create(
        resource=ResourceState.objects.get(),
        changes=[{"field": "enabled", "live": False, "desired": True}],
        live_digest="shut",
        found_at=LATER,
    )
    ResourceState.objects.update(restore_digest="shut")
    (alert,) = run_verdicts.of_window(window, clock.now())
    assert alert.advice == "The next push opens it again."


def test_an_alert_is_told_once_to_the_lead_and_to_operators(window, cast):
    ran(window, "FAILED", "FAILED")
    run_verdicts.tell_due(window.account_region)
    run_verdicts.tell_due(window.account_region)
    told = OutboxMessage.objects.filter(event="window.alert")
    assert sorted(told.values_list("recipient__username", flat=True)) == ["omar", "opal"]
    assert AuditEntry.objects.filter(action="patching.maintenancewindow.alert").count() == 1


def test_the_window_page_shows_it_with_a_change_to_ask_for(window, browse, cast):
    ran(window, "TIMED_OUT", "NOT_STARTED")
    page = browse(cast["rita"]).get(f"/windows/{window.pk}/").content.decode()
    assert "not started on" in page
    assert f"/windows/{window.pk}/change/?alert=not_started" in page
    form = browse(cast["rita"]).get(f"/windows/{window.pk}/change/?alert=not_started").content.decode()
    assert 'value="6"' in form


def test_the_window_page_leads_from_a_missed_run_to_the_form_of_an_extra_opening(window, browse, cast):
    rita = browse(cast["rita"])
    door = f"/windows/{window.pk}/occurrence/?alert=missed"
    assert door in rita.get(f"/windows/{window.pk}/").content.decode()
    shown = rita.get(door)
    said = {
        name: shown.context["form"][name].value()
        for name in ("title", "reason", "run_at", "what", "moved_to")
    }
    assert (said["run_at"], said["what"]) == ("2026-06-07T00:00:00Z", "move")
    assert "which never came" in shown.content.decode()
    moved_to = f"{said['moved_to']:%Y-%m-%dT%H:%M}"
    response = rita.post(door, {**said, "moved_to": moved_to, "do": "draft"})
    assert response.status_code == 302, response.context["form"].errors
    (item,) = items_of(ChangeRequest.objects.latest("pk").current)
    assert (item["kind"], item["spec"]["moved_to"]) == ("occurrence", "2026-06-08T00:00:00Z")


def test_an_approved_extra_opening_stands_on_the_window_page_for_everybody(window, browse, cast):
    instead = opening_item(window, moved_to="2026-06-08T00:00:00Z")
    asks.in_effect(cast["rita"], [instead], cast["omar"])
    for name in ("rita", "axel"):
        page = browse(cast[name]).get(f"/windows/{window.pk}/").content.decode()
        assert "Opens once more" in page
        assert "Extra, for Sun 7 Jun 02:00 Europe/Berlin (00:00 UTC), which never came" in page
        assert "Kept shut" not in page
        assert ("Ask to undo" in page) == (name == "rita")


def test_who_decides_about_undoing_an_extra_opening_reads_that_nothing_else_opens(window, cast):
    instead = opening_item(window, moved_to="2026-06-08T00:00:00Z")
    asks.in_effect(cast["rita"], [instead], cast["omar"])
    told = freeze_effects.of_occurrence(Occurrence.objects.get().spec, None)
    assert told == (
        "payments-dev gets no extra opening for the one that did not come "
        "Sun 7 Jun 02:00 Europe/Berlin (00:00 UTC)."
    )


def test_an_alert_fills_no_form_but_its_own(window, browse, cast):
    rita = browse(cast["rita"])
    form = rita.get(f"/windows/{window.pk}/occurrence/?alert=not_started").context["form"]
    assert "moved_to" not in form.initial
    form = rita.get(f"/windows/{window.pk}/change/?alert=missed").context["form"]
    assert "run_at" not in form.initial


@pytest.fixture
def disabled(window):
    ran(window)
    return Drift.objects.create(
        resource=ResourceState.objects.get(),
        changes=[{"field": "enabled", "live": False, "desired": True}],
        live_digest="shut",
        live={"enabled": False},
        found_at=LATER,
    )


def test_operators_restore_a_disabled_window_from_its_page(window, disabled, browse, cast):
    opal = browse(cast["opal"])
    page = opal.get(f"/windows/{window.pk}/").content.decode()
    assert "Restore what was approved" in page
    opal.post(f"/drifts/{disabled.pk}/restore/", {"reason": "It has to open.", "digest": "shut"})
    page = opal.get(f"/windows/{window.pk}/").content.decode()
    assert "The next push opens it again." in page
    assert "Restore what was approved" not in page


def test_owners_ask_that_a_disabled_window_is_restored(window, disabled, browse, cast):
    rita, opal = browse(cast["rita"]), browse(cast["opal"])
    assert "Ask to restore it" in rita.get(f"/windows/{window.pk}/").content.decode()
    rita.post(f"/drifts/{disabled.pk}/ask-to-restore/", {"reason": "Tonight is ours.", "digest": "shut"})
    page = rita.get(f"/windows/{window.pk}/").content.decode()
    assert "Rita Braun has asked to restore it" in page
    assert "Ask to restore it" not in page
    assert (
        "Rita Braun asks to restore it: Tonight is ours."
        in opal.get(f"/windows/{window.pk}/").content.decode()
    )


def chain(key):
    """Whether this link of its instance's chain holds, and its title."""
    instance = ManagedInstance.objects.select_related("account_region__account").get()

    link = next(one for one in _links(instance, clock.now()) if one.key == key)
    return link.holds, link.title


def test_a_held_window_is_why_an_instance_is_unpatched(window):
    assert chain("run")[0] is True
    until = LATER + timedelta(days=2)
    holding.hold([window], source="failure:1", digest="d", reason="FR-1", starts_at=OPENS, ends_at=until)
    holds, title = chain("run")
    assert (holds, "held shut until Tue 9 Jun 2026" in title) == (False, True)


@pytest.mark.parametrize(
    ("status", "outcome", "holds"),
    [("SKIPPED_OVERLAPPING", "", False), ("TIMED_OUT", "NOT_STARTED", False), ("SUCCESS", "SUCCESS", True)],
)
def test_a_turn_that_never_came_is_why_an_instance_is_unpatched(window, status, outcome, holds):
    assert chain("turn")[0] is None
    run = ran(window, status)
    if outcome:
        one = ManagedInstance.objects.get()
        RunOutcome.objects.create(
            run=run, instance=one, instance_id_text=one.instance_id, task="Install", status=outcome
        )
    assert chain("turn")[0] is holds
