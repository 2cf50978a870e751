"""Freezes and single openings: what may be asked, who decides, and which windows are held by it."""

from datetime import UTC, datetime, timedelta

import pytest

from patching import desired, freeze_effects, freezing, permissions, workflow
from patching.calendar import reading
from patching.items import check_items, with_defaults
from patching.models import AccountRegion, Freeze, MaintenanceWindow, Occurrence, WindowHold, WindowRun
from portal.governance import clock
from portal.governance.errors import InvalidInput
from tests import asks, factories

MADE = datetime(2026, 6, 1, 12, tzinfo=UTC)
OPENS = datetime(2026, 6, 7, 0, tzinfo=UTC)  # Sunday, 02:00 in Berlin


@pytest.fixture
def window(cast):
    """A window of payments dev that opens on Sundays at two in Berlin."""
    clock.set_to(MADE)
    factories.payments()
    asks.in_effect(
        cast["rita"], [asks.window_item([factories.instance(factories.payments(), "dev")])], cast["omar"]
    )
    return MaintenanceWindow.objects.get()


def freeze_item(**changes):
    spec = {
        "name": "Year-end closing",
        "application": "payments",
        "environment": "dev",
        "starts_at": "2026-06-06T00:00",
        "ends_at": "2026-06-15T00:00",
        "timezone": "Europe/Berlin",
        "reason": "The books are closed.",
        **changes,
    }
    return {"action": "create", "kind": "freeze", "target": None, "spec": spec}


def opening_item(of, **changes):
    names = ("account", "region", "application", "environment")
    spec = {
        "window": of.name,
        **{name: of.spec[name] for name in names},
        "run_at": OPENS.isoformat(),
        **changes,
    }
    return {"action": "create", "kind": "occurrence", "target": None, "spec": spec}


def fields_of(refused):
    return [problem.field for problem in refused.value.problems]


def holds():
    return list(WindowHold.objects.filter(ended_at=None).values_list("window__name", "starts_at", "ends_at"))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": "x"}, "name"),
        ({"starts_at": "2026-06-06T00:00Z"}, "starts_at"),
        ({"starts_at": "tomorrow"}, "starts_at"),
        ({"ends_at": 7}, "ends_at"),
        ({"ends_at": "2026-06-06T00:00"}, "ends_at"),
        ({"ends_at": "2026-12-06T00:00"}, "ends_at"),
        ({"starts_at": "0001-01-01T00:00", "ends_at": "0001-01-02T00:00"}, "starts_at"),
        ({"timezone": "Mars/Base"}, "timezone"),
        ({"timezone": ["UTC"]}, "timezone"),
        ({"account": "12", "region": "eu-central-1"}, "account"),
        ({"account": "211125483017"}, "region"),
        ({"reason": "no\x00"}, "reason"),
        ({"colour": "blue"}, "colour"),
    ],
)
def test_a_mistake_in_a_freeze_is_named(changes, field):
    assert [one.field for one in check_items([freeze_item(**changes)])] == [f"items[0].spec.{field}"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"run_at": "2026-06-07T00:00"}, "run_at"),
        ({"moved_to": "soon"}, "moved_to"),
        ({"moved_to": "2026-09-07T00:00Z"}, "moved_to"),
        ({"override": 1}, "override"),
        ({"override": True}, "override"),
        ({"window": ""}, "window"),
    ],
)
def test_a_mistake_in_an_opening_is_named(window, changes, field):
    assert [one.field for one in check_items([opening_item(window, **changes)])] == [f"items[0].spec.{field}"]


def test_equal_wishes_have_equal_content(window):
    zoned = opening_item(window, run_at="2026-06-07T02:00:00+02:00")
    assert with_defaults(zoned) == with_defaults(opening_item(window))


@pytest.mark.parametrize(
    ("changes", "needs"),
    [
        ({}, ["lead_or_security"]),
        ({"environment": "prod"}, ["team_lead", "security_operations"]),
        ({"environment": ""}, ["team_lead", "security_operations"]),
        ({"application": ""}, ["security_operations"]),
        ({"application": "", "environment": ""}, ["security_operations", "ciso"]),
        ({"ends_at": "2026-07-20T00:00"}, ["security_operations"]),
    ],
)
def test_who_decides_a_freeze_follows_from_its_reach_and_length(window, changes, needs):
    for env in factories.ENVIRONMENTS:
        factories.environment(env)
    assert permissions.slots_needed([with_defaults(freeze_item(**changes))]) == needs


def test_an_approved_freeze_holds_the_windows_under_it_and_no_other(window, cast):
    member = factories.instance(factories.payments(), "test")
    asks.in_effect(cast["rita"], [asks.window_item([member], "test")], cast["omar"])
    asks.in_effect(cast["rita"], [freeze_item()], cast["omar"])
    start, end = datetime(2026, 6, 5, 22, tzinfo=UTC), datetime(2026, 6, 14, 22, tzinfo=UTC)
    assert holds() == [("payments-dev", start, end)]


def test_a_window_made_under_a_freeze_is_held_too(cast):
    clock.set_to(MADE)
    member = factories.instance(factories.payments(), "dev")
    asks.in_effect(cast["rita"], [freeze_item()], cast["omar"])
    assert holds() == []
    asks.in_effect(cast["rita"], [asks.window_item([member])], cast["omar"])
    assert [name for name, *_ in holds()] == ["payments-dev"]


def test_removing_a_freeze_lets_its_windows_go(window, cast):
    asks.in_effect(cast["rita"], [freeze_item()], cast["omar"])
    freeze = Freeze.objects.get()
    item = {"action": "delete", "kind": "freeze", "target": freeze.pk, "spec": {}}
    asks.in_effect(cast["rita"], [item], cast["omar"])
    assert holds() == []


def test_changing_a_freeze_moves_what_it_holds(window, cast):
    asks.in_effect(cast["rita"], [freeze_item()], cast["omar"])
    item = {**freeze_item(ends_at="2026-06-20T00:00"), "action": "change", "target": Freeze.objects.get().pk}
    asks.in_effect(cast["rita"], [item], cast["omar"])
    assert [end for *_, end in holds()] == [datetime(2026, 6, 19, 22, tzinfo=UTC)]


def test_a_freeze_withdrawn_before_its_push_holds_nothing(window, cast):
    request = asks.submitted(cast["rita"], [freeze_item()])
    request = asks.approve(request, cast["omar"])
    assert holds() != []
    workflow.withdraw(request, by=cast["rita"], reason="Not needed any more.")
    assert holds() == []
    assert not Freeze.objects.live().exists()


def test_a_stranger_may_not_freeze_an_application_nor_learn_of_it(window, cast):
    with pytest.raises(InvalidInput) as refused:
        asks.drafted(cast["noor"], [freeze_item()])
    assert "items" in fields_of(refused)


def test_any_member_asks_for_a_freeze_of_everything(window, cast):
    wide = freeze_item(application="", environment="")
    request = asks.submitted(cast["noor"], [wide])
    assert request.needs == ["security_operations", "ciso"]
    asks.approve(request, cast["ines"], cast["clara"])
    assert [name for name, *_ in holds()] == ["payments-dev"]


def test_a_freeze_that_is_over_cannot_be_asked_for(window, cast):
    over = freeze_item(starts_at="2026-05-01T00:00", ends_at="2026-05-03T00:00")
    with pytest.raises(InvalidInput) as refused:
        asks.drafted(cast["rita"], [over])
    assert fields_of(refused) == ["items[0].spec.ends_at"]


def test_a_skipped_opening_is_held_for_half_an_hour(window, cast):
    asks.in_effect(cast["rita"], [opening_item(window)], cast["omar"])
    assert holds() == [("payments-dev", OPENS, OPENS + timedelta(minutes=30))]
    assert Occurrence.objects.get().moved_to is None


def test_a_skip_does_not_reach_into_the_next_opening(window, cast):
    MaintenanceWindow.objects.update(spec={**window.spec, "schedule": "rate(20 minutes)"})
    window.refresh_from_db()
    assert freezing.end_of_skip(window, OPENS) - OPENS < timedelta(minutes=11)


def test_only_an_opening_that_comes_can_be_skipped_and_once(window, cast):
    with pytest.raises(InvalidInput) as refused:
        asks.drafted(cast["rita"], [opening_item(window, run_at="2026-06-08T00:00:00Z")])
    assert fields_of(refused) == ["items[0].spec.run_at"]
    asks.in_effect(cast["rita"], [opening_item(window)], cast["omar"])
    with pytest.raises(InvalidInput) as refused:
        asks.drafted(cast["rita"], [opening_item(window)])
    assert fields_of(refused) == ["items[0].spec.run_at"]


@pytest.mark.parametrize(
    "moved_to",
    [
        "2026-06-07T00:00:00Z",  # its own time
        "2026-06-01T12:10:00Z",  # too soon
        "2026-06-14T01:00:00Z",  # into the next opening
    ],
)
def test_a_new_time_has_to_be_free(window, cast, moved_to):
    with pytest.raises(InvalidInput) as refused:
        asks.drafted(cast["rita"], [opening_item(window, moved_to=moved_to)])
    assert fields_of(refused) == ["items[0].spec.moved_to"]


@pytest.fixture
def never_came(window):
    """It is Sunday morning, AWS was read, and of last night's opening there is no run."""
    clock.set_to(OPENS + timedelta(hours=6))
    AccountRegion.objects.update(last_pulled_at=clock.now())
    return window


def test_an_opening_that_never_came_is_made_up_for_by_an_extra_window(never_came, cast):
    into = OPENS + timedelta(days=1)
    item = opening_item(never_came, moved_to=into.isoformat())
    effect = freeze_effects.of_occurrence(None, with_defaults(item)["spec"])
    assert effect.startswith("payments-dev did not open Sun 7 Jun 02:00 Europe/Berlin (00:00 UTC). It opens")
    request = asks.approve(asks.submitted(cast["rita"], [item]), cast["omar"])
    assert request.state == "approved"
    assert holds() == []  # nothing is left to shut
    (extra,) = desired.moved_now(never_came.account_region, clock.now())
    assert extra.moved_to == into


def test_what_never_came_is_not_skipped(never_came, cast):
    with pytest.raises(InvalidInput) as refused:
        asks.drafted(cast["rita"], [opening_item(never_came)])
    assert fields_of(refused) == ["items[0].spec.moved_to"]


@pytest.mark.parametrize("why", ["it ran", "it was held", "nobody has looked since", "it never opens then"])
def test_an_earlier_opening_is_made_up_for_only_if_it_never_came(never_came, cast, why):
    run_at = OPENS
    if why == "it ran":
        WindowRun.objects.create(
            account_region=never_came.account_region,
            window=never_came,
            aws_window_id="mw-1",
            execution_id="e-1",
            status="SUCCESS",
            started_at=OPENS,
            read_at=OPENS,
        )
    elif why == "it was held":
        WindowHold.objects.create(
            window=never_came, source="freeze:1", starts_at=OPENS, ends_at=OPENS + timedelta(hours=1)
        )
    elif why == "nobody has looked since":
        AccountRegion.objects.update(last_pulled_at=OPENS)
    else:
        run_at = OPENS - timedelta(hours=1)
    into = (OPENS + timedelta(days=1)).isoformat()
    with pytest.raises(InvalidInput) as refused:
        asks.drafted(cast["rita"], [opening_item(never_came, run_at=run_at.isoformat(), moved_to=into)])
    assert fields_of(refused) == ["items[0].spec.run_at"]


def test_into_a_freeze_an_opening_goes_only_with_an_override_that_more_people_decide(window, cast):
    asks.in_effect(cast["rita"], [freeze_item()], cast["omar"])
    into = opening_item(window, moved_to="2026-06-08T00:00:00Z")
    with pytest.raises(InvalidInput) as refused:
        asks.drafted(cast["rita"], [into])
    assert fields_of(refused) == ["items[0].spec.moved_to"]
    allowed = opening_item(window, moved_to=OPENS.isoformat(), override=True)
    assert asks.submitted(cast["rita"], [allowed]).needs == ["team_lead", "security_operations"]


def test_an_opening_that_overrides_a_freeze_is_decided_and_opens_beside_the_shut_window(window, cast):
    asks.in_effect(cast["rita"], [freeze_item()], cast["omar"])
    into = OPENS + timedelta(hours=20)
    item = opening_item(window, moved_to=into.isoformat(), override=True)
    request = asks.approve(asks.submitted(cast["rita"], [item]), cast["omar"], cast["ines"])
    assert request.state == "approved"
    assert (one := Occurrence.objects.get()).moved_to == into
    assert one.spec["override"] is True
    # the freeze and the skipped opening hold the window; nothing holds the extra one
    held = set(WindowHold.objects.filter(ended_at=None).values_list("source", flat=True))
    assert held == {f"freeze:{Freeze.objects.get().pk}", f"occurrence:{one.pk}"}
    found = reading.of_window(window, MADE, OPENS + timedelta(days=2), at=MADE)
    assert (found[OPENS].state, found[OPENS].start, found[OPENS].opens) == ("moved", into, True)


def test_an_override_without_a_freeze_is_needless(window, cast):
    with pytest.raises(InvalidInput) as refused:
        asks.drafted(cast["rita"], [opening_item(window, moved_to="2026-06-08T00:00:00Z", override=True)])
    assert fields_of(refused) == ["items[0].spec.override"]


def test_the_effect_of_a_freeze_is_counted(window):
    told = freeze_effects.of_freeze(None, with_defaults(freeze_item())["spec"])
    assert told.startswith("Shuts 1 window: 2 openings fall out, and 1 instance misses a run.")
    assert "The first of them opens again Sun 21 Jun 02:00 Europe/Berlin" in told
    assert "payments-dev" not in told


def test_a_critical_patch_that_comes_late_is_told(window):
    member = factories.instance(factories.payments(), "dev")
    MaintenanceWindow.objects.update(spec={**window.spec, "instances": [member.instance_id]})
    member.findings.create(
        patch_id="KB1", severity="Critical", state="missing", first_seen_at=MADE, last_seen_at=MADE
    )
    told = freeze_effects.of_freeze(None, with_defaults(freeze_item())["spec"])
    assert "1 instance lacks a critical patch" in told
    short = freeze_item(ends_at="2026-06-08T00:00")
    assert "critical" not in freeze_effects.of_freeze(None, with_defaults(short)["spec"])
