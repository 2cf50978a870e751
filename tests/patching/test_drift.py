"""Somebody changed it in AWS: people restore it, ask to keep it, or say what a push does about such changes."""

import json

import pytest

from patching import contents
from patching import drift as drifts
from patching.models import (
    AccountRegion,
    ChangeRequest,
    Drift,
    MaintenanceWindow,
    PatchBaseline,
    PatchGroup,
    ResourceState,
)
from portal.governance import audit, clock
from portal.governance.errors import DomainError, InvalidInput, NotAllowed, StaleRevision, WrongState
from portal.governance.models import OutboxMessage
from tests import asks, factories, pushing
from tests.pushing import approved, pushed, resource

WHY = "Somebody slipped in the console."
Policy = AccountRegion.DriftPolicy


@pytest.fixture
def standing(asked, retail):
    """Everything approved is in AWS, and what is changed outside is only reported."""
    assert pushed(retail).state == "succeeded"
    AccountRegion.objects.update(drift_policy=Policy.REPORT)
    return AccountRegion.objects.select_related("account").get()


@pytest.fixture
def ssm(simulated_aws):
    return simulated_aws.client("ssm")


@pytest.fixture
def longer(standing, ssm):
    """The window was made longer outside."""
    return found(standing, ssm.update_maintenance_window, WindowId=window().aws_id, Duration=9, Cutoff=2)


def window():
    return resource("window", label="payments-dev")


def task():
    return resource("task", label="payments-dev: Install")


def found(place, call, **request):
    """The drift that a push finds after a call that was made outside."""
    call(**request)
    pushed(place)
    return Drift.objects.get(state="open")


def item_of(request):
    (item,) = contents.items_of(request.current)
    return item


def why_not(drift, user):
    return drifts.asking(user, [drift])[drift.pk].why_not


def decided(request):
    """The draft submitted by who wrote it, and approved by everyone it needs."""
    request = asks.workflow.submit(request, by=request.requested_by)
    while slots := pushing.permissions.open_slots(request):
        request = asks.approve(request, pushing.permissions.eligible(request, slots[0])[0])
    return request


# Restore


def test_what_was_only_reported_is_restored_when_a_person_says_so(longer, standing, ssm, opal):
    drifts.restore(longer, reason=WHY, by=opal, digest=longer.live_digest)
    assert AccountRegion.objects.get().push_wanted > standing.push_wanted
    assert pushed(standing).state == "succeeded"
    assert ssm.get_maintenance_window(WindowId=window().aws_id)["Duration"] == 4
    longer.refresh_from_db()
    assert longer.state == "restored"
    entry = audit.timeline(longer).get(action="patching.drift.restore_asked")
    assert (entry.actor, entry.reason) == (opal, WHY)


def test_what_changed_again_since_it_was_looked_at_is_not_overwritten_unseen(longer, standing, ssm, ines):
    seen = longer.live_digest
    found(standing, ssm.update_maintenance_window, WindowId=window().aws_id, Duration=12)
    with pytest.raises(StaleRevision, match="changed again"):
        drifts.restore(longer, reason=WHY, by=ines, digest=seen)
    assert window().restore_digest == ""


def test_a_closed_one_is_closed(longer, opal):
    Drift.objects.update(state="passed")
    with pytest.raises(WrongState, match="went away by itself"):
        drifts.restore(longer, reason=WHY, by=opal)
    with pytest.raises(WrongState):
        drifts.adopt(longer, by=opal)


def test_only_operators_and_security_operations_restore_and_say_the_policy(cast, longer, standing):
    for name in ("rita", "omar", "clara", "dora", "axel", "adam", "noor"):
        with pytest.raises(NotAllowed):
            drifts.restore(longer, reason=WHY, by=cast[name])
        with pytest.raises(NotAllowed):
            drifts.set_policy(standing, Policy.PAUSE, reason=WHY, by=cast[name])
    for name in ("opal", "ines"):
        drifts.restore(longer, reason=WHY, by=cast[name])
        assert drifts.set_policy(standing, Policy.PAUSE, reason=WHY, by=cast[name]).drift_policy == "pause"


def test_the_team_that_owns_it_asks_once_that_it_is_restored(longer, cast):
    drifts.ask_to_restore(longer, reason=WHY, by=cast["rita"], digest=longer.live_digest)
    told = OutboxMessage.objects.filter(event="drift.restore_wished")
    assert set(told.values_list("recipient__username", flat=True)) == {"opal", "ines", "ivan"}
    wish = drifts.wished([longer])[longer.pk]
    assert (wish.actor, wish.reason) == (cast["rita"], WHY)
    assert window().restore_digest == ""  # nothing is written on the owners' word alone
    with pytest.raises(WrongState, match="Rita Braun has asked for that already"):
        drifts.ask_to_restore(longer, reason=WHY, by=cast["omar"])


def test_what_changed_again_is_asked_for_anew(longer, standing, ssm, cast):
    drifts.ask_to_restore(longer, reason=WHY, by=cast["rita"])
    again = found(standing, ssm.update_maintenance_window, WindowId=window().aws_id, Duration=12)
    assert drifts.wished([again]) == {}
    drifts.ask_to_restore(again, reason=WHY, by=cast["omar"])


def test_nobody_else_asks_and_nobody_asks_for_what_is_on_its_way(longer, cast, opal):
    for name in ("ines", "noor", "axel", "opal"):
        with pytest.raises(NotAllowed):
            drifts.ask_to_restore(longer, reason=WHY, by=cast[name])
    drifts.restore(longer, reason=WHY, by=opal)
    longer.refresh_from_db()
    with pytest.raises(WrongState, match="already"):
        drifts.ask_to_restore(longer, reason=WHY, by=cast["rita"])


def test_without_a_reason_nothing_is_restored_and_every_bad_field_is_named(longer, standing, opal):
    with pytest.raises(InvalidInput) as raised:
        drifts.set_policy(standing, "ignore", reason=" ", by=opal)
    assert [problem.field for problem in raised.value.problems] == ["reason", "policy"]
    with pytest.raises(InvalidInput):
        drifts.restore(longer, reason="no", by=opal)
    assert window().restore_digest == ""


def test_the_policy_is_audited_with_what_it_was_and_what_lies_open_is_taken_up(longer, standing, opal):
    drifts.set_policy(standing, Policy.ENFORCE, reason=WHY, by=opal)
    entry = audit.timeline(standing).get(action="patching.accountregion.drift_policy")
    assert (entry.detail, entry.reason) == ({"from": "report", "to": "enforce"}, WHY)
    pushed(standing)
    longer.refresh_from_db()
    assert longer.state == "restored"


# Keep


def test_a_changed_window_is_kept_by_a_request_and_aws_is_not_written(
    longer, standing, ssm, rita, simulated_aws
):
    request = drifts.adopt(longer, by=rita)
    item = item_of(request)
    assert (item["action"], item["kind"]) == ("change", "window")
    assert (item["spec"]["duration"], item["spec"]["cutoff"]) == (9, 2)
    assert item["spec"]["tasks"] == MaintenanceWindow.objects.get().spec["tasks"]
    assert f"Drift {longer.pk}" in request.reason
    assert "Duration: 9 instead of 4" in request.reason
    assert drifts.asked_for([longer]) == {longer.pk: request}
    decided(request)
    before = len(simulated_aws.log())
    assert pushed(standing).state == "succeeded"
    assert len(simulated_aws.log()) == before
    longer.refresh_from_db()
    assert longer.state == "adopted"


def test_a_changed_task_is_kept_with_all_it_says(standing, ssm, rita):
    window_id, task_id = task().aws_id.split("/")
    drift = found(
        standing,
        ssm.update_maintenance_window_task,
        WindowId=window_id,
        WindowTaskId=task_id,
        MaxConcurrency="3",
        TaskInvocationParameters={
            "RunCommand": {
                "Parameters": {
                    "Operation": ["Scan"],
                    "RebootOption": ["NoReboot"],
                    "InstallOverrideList": ["s3://patching/list.yaml"],
                }
            }
        },
    )
    request = drifts.adopt(drift, by=rita)
    (asked,) = item_of(request)["spec"]["tasks"]
    assert (asked["name"], asked["kind"], asked["reboot"]) == ("Install", "scan", "")
    assert (asked["max_concurrency"], asked["parameters"]) == (
        "3",
        {"InstallOverrideList": ["s3://patching/list.yaml"]},
    )
    decided(request)
    assert pushed(standing).state == "succeeded"
    drift.refresh_from_db()
    assert drift.state == "adopted"


def test_changed_rules_are_kept_and_told_in_words(standing, ssm, rita):
    baseline = resource("baseline").aws_id
    drift = found(standing, ssm.update_patch_baseline, BaselineId=baseline, RejectedPatches=["KB5034441"])
    assert [(row["field"], row["live"], row["approved"]) for row in drifts.rows_of(drift)] == [
        ("Rejected by name", "KB5034441", "None"),
        ("Rejected patches that others need", "Are installed with those", "None"),
    ]
    item = item_of(drifts.adopt(drift, by=rita))
    assert (item["kind"], item["target"]) == ("baseline", PatchBaseline.objects.get().pk)
    assert item["spec"]["definition"]["RejectedPatches"] == ["KB5034441"]


def test_a_removed_window_is_let_go_by_a_removal(standing, ssm, rita):
    ssm.delete_maintenance_window(WindowId=window().aws_id)
    pushed(standing)
    drift = Drift.objects.get(resource=window())
    assert "window is gone as well" in why_not(Drift.objects.get(resource=task()), rita)
    request = drifts.adopt(drift, by=rita)
    assert item_of(request) == {
        "action": "delete",
        "kind": "window",
        "target": MaintenanceWindow.objects.get().pk,
        "spec": {},
    }
    assert request.title.startswith("Let go of")


def a_drift(kind, key, live, *changes):
    """A drift as rows alone."""
    state = ResourceState.objects.filter(kind=kind, key=key).first() or ResourceState.objects.create(
        account_region=AccountRegion.objects.get(),
        kind=kind,
        key=key,
        label=key,
        uid=key,
        changed_at=clock.now(),
    )
    told = [{"field": field, "live": "x", "desired": "y"} for field in changes]
    return Drift.objects.create(
        resource=state, live=live, live_digest="d", changes=told, found_at=clock.now()
    )


def test_another_baseline_of_ours_is_kept_as_the_groups(standing, rita):
    approved(rita, [pushing.baseline_item("payments-other-win")])
    other, key = PatchBaseline.objects.get(name="payments-other-win"), "payments-dev:WINDOWS"
    live = {"patch_group": "payments-dev", "operating_system": "WINDOWS", "baseline": str(other.uid)}
    item = item_of(drifts.adopt(a_drift("registration", key, live, "baseline"), by=rita))
    assert (item["kind"], item["target"]) == ("patch-group", PatchGroup.objects.get().pk)
    assert item["spec"]["baselines"] == {"WINDOWS": "payments-other-win"}


REFUSED = [
    ("tag", "i-1:PatchGroup", {}, ["value"], "change its instances by"),
    ("target", "w:MaintenanceWindow", {}, ["values"], "carries its tag"),
    ("schedule", "i-1:MaintenanceWindow", {}, ["at"], "prolong the exemption"),
    ("window", "WINDOW", {}, ["enabled"], "switched off"),
    ("window", "nobodys", {}, ["duration"], "Patchwarden's own settings"),
    ("task", "WINDOW:Install", {}, ["label"], "how Patchwarden knows it"),
    ("registration", "payments-dev:WINDOWS", None, [], "fall to AWS's own"),
    (
        "registration",
        "payments-dev:WINDOWS",
        {"baseline": "pb-0123456789abcdef0"},
        ["baseline"],
        "no baseline of Patch",
    ),
]


@pytest.mark.parametrize(("kind", "key", "live", "changes", "words"), REFUSED)
def test_what_no_request_can_say_is_refused_with_what_to_do_instead(
    standing, rita, kind, key, live, changes, words
):
    drift = a_drift(
        kind, key.replace("WINDOW", window().key) if "WINDOWS" not in key else key, live, *changes
    )
    with pytest.raises(DomainError, match=words):
        drifts.adopt(drift, by=rita)
    assert words in why_not(drift, rita)
    assert not ChangeRequest.objects.filter(state="draft").exists()


def test_keeping_it_is_asked_for_by_the_team_that_owns_it(cast, longer):
    assert [name for name in cast if drifts.asking(cast[name], [longer])[longer.pk].may] == ["rita", "omar"]
    for name in ("opal", "ines", "noor", "adam"):
        with pytest.raises(InvalidInput, match="one team that you are a member of"):
            drifts.adopt(longer, by=cast[name])


def test_a_team_sees_what_its_requests_brought_about_and_others_nothing(cast, longer):
    for name in ("rita", "omar", "ines", "clara", "dora", "axel", "opal"):
        assert list(drifts.visible_to(cast[name])) == [longer]
    for name in ("noor", "adam"):
        assert not drifts.visible_to(cast[name]).exists()
    factories.selector(factories.application("data-lake", "analytics"), "dev")
    assert not drifts.visible_to(cast["noor"]).exists()


def test_names_stand_where_aws_has_only_ids(longer):
    longer.changes = [{"field": "baseline", "live": "u-1", "desired": "u-2"}]
    assert drifts.rows_of(longer, {"u-1": "theirs", "u-2": "ours"}) == [
        {"field": "Baseline", "live": "theirs", "approved": "ours", "proposed": "ours"}
    ]
    longer.changes = [{"field": "definition", "live": json.dumps({"x": 1}), "desired": "{}"}]
    assert [row["field"] for row in drifts.rows_of(longer)] == ["Definition"]
