"""The verbs of a change request: what works, in which state, for whom, and twice."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from patching import desired, findings, permissions, sealing, sources, workflow
from patching.contents import items_of
from patching.models import (
    ChangeRequest,
    Decision,
    MaintenanceWindow,
    PatchBaseline,
    PatchGroup,
    ResourceState,
    Revision,
    Tombstone,
)
from patching.specs import TagSpec, WindowSpec
from portal.governance import audit, clock, conversation
from portal.governance.errors import (
    DomainError,
    InvalidInput,
    NotAllowed,
    SignInAgain,
    StaleRevision,
    WrongState,
)
from portal.governance.models import Delegation, Membership, OutboxMessage, Outcome, RoleGrant
from tests import asks, factories, people

State = ChangeRequest.State


@pytest.fixture
def ha(cast):
    """The HA Windows application, submitted by rita."""
    return asks.submitted(cast["rita"], asks.ha_items(asks.fleet()))


def fields_of(raised):
    return [problem.field for problem in raised.value.problems]


def test_the_ha_application_goes_from_wish_to_rows(cast, ha):
    assert ha.needs == ["team_lead", "security_operations", "ciso"]

    ha = asks.approve(ha, cast["omar"], cast["ivan"], cast["clara"])

    assert ha.state == State.APPROVED
    assert (PatchGroup.objects.live().count(), MaintenanceWindow.objects.live().count()) == (3, 6)
    assert PatchBaseline.objects.live().count() == 3
    world = desired.now_for(factories.account_region())
    windows = [one.spec.name for one in world.values() if isinstance(one.spec, WindowSpec)]
    assert sorted(windows) == [
        "patchwarden-daily-scan",
        *(f"payments-{env}-{zone}" for env in ("dev", "prod", "test") for zone in "ab"),
    ]
    assert len([one for one in world.values() if isinstance(one.spec, TagSpec)]) == 12
    assert all(sources.hold(one.sources, clock.now()) for one in world.values())


def test_an_approval_wants_a_push_of_the_place_it_touches(cast, ha):
    asks.approve(ha, cast["omar"], cast["ivan"], cast["clara"])
    place = factories.account_region()
    place.refresh_from_db()
    assert place.push_wanted == 1


def test_nothing_is_desired_before_the_last_word(cast, ha):
    asks.approve(ha, cast["omar"], cast["ivan"])
    assert desired.now_for(factories.account_region()) == {}


def test_nobody_decides_on_their_own_request(cast):
    request = asks.submitted(cast["omar"], [asks.window_item(asks.fleet()[:1])])
    with pytest.raises(NotAllowed, match="You asked for"):
        asks.approve(request, cast["omar"])


def test_nobody_decides_on_what_they_helped_to_write(cast, ha):
    Membership.objects.create(team=ha.team, user=cast["noor"], is_lead=True)
    workflow.revise(
        ha,
        by=cast["omar"],
        title=asks.TITLE,
        reason=asks.REASON + " Sooner.",
        items=asks.ha_items(fleet_of()),
    )
    ha.refresh_from_db()
    with pytest.raises(NotAllowed, match="helped to write"):
        asks.approve(ha, cast["omar"])


def fleet_of():
    return list(factories.payments().instances.order_by("pk").select_related("environment"))


def test_an_edit_that_leaves_nobody_to_decide_is_refused(cast, ha):
    Delegation.objects.all().delete()
    RoleGrant.objects.filter(user=cast["clara"]).delete()
    with pytest.raises(DomainError, match="Nobody can decide as CISO"):
        workflow.revise(
            ha, by=cast["rita"], title=asks.TITLE, reason=asks.REASON, items=asks.ha_items(fleet_of())
        )


def test_the_database_refuses_an_author_as_decider_by_any_door(cast, ha):
    author = Revision.objects.create(
        request=ha, number=2, content="{}", digest="0" * 64, author=cast["omar"], created_at=clock.now()
    )
    with pytest.raises(IntegrityError, match="helped to write"), transaction.atomic():
        raw_decision(author, decided_by=cast["omar"], requested_by=cast["rita"])
    with pytest.raises(IntegrityError), transaction.atomic():
        raw_decision(author, decided_by=cast["rita"], requested_by=cast["rita"])


def test_the_database_refuses_a_revision_by_somebody_who_decided(cast, ha):
    asks.approve(ha, cast["omar"])
    with pytest.raises(IntegrityError, match="have decided on"), transaction.atomic():
        Revision.objects.create(
            request=ha, number=2, content="{}", digest="0" * 64, author=cast["omar"], created_at=clock.now()
        )


@pytest.mark.parametrize("table", ["patching_decision", "patching_revision", "governance_auditentry"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET id = id", "DELETE FROM {}"])
def test_what_was_decided_cannot_be_rewritten(cast, ha, table, statement):
    asks.approve(ha, cast["omar"])
    with (
        pytest.raises(IntegrityError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement.format(table))


def raw_decision(revision, **people):
    return Decision.objects.create(
        revision=revision,
        slot="team_lead",
        outcome=Outcome.APPROVE,
        digest=revision.digest,
        decided_at=clock.now(),
        **people,
    )


def test_a_stale_form_is_refused_and_says_which_revision_is_current(cast, ha):
    read_before = asks.reading(ha)
    workflow.revise(
        ha, by=cast["rita"], title=asks.TITLE, reason=asks.REASON, items=asks.ha_items(fleet_of())
    )
    with pytest.raises(StaleRevision, match="you read revision 1, now it is revision 2"):
        workflow.approve(ha, by=cast["omar"], **read_before)


def test_a_digest_that_does_not_match_is_stale(cast, ha):
    with pytest.raises(StaleRevision):
        workflow.approve(ha, by=cast["omar"], **{**asks.reading(ha), "digest": "f" * 64})


def test_an_edit_dismisses_earlier_approvals(cast, ha):
    asks.approve(ha, cast["omar"], cast["ivan"])
    workflow.revise(
        ha, by=cast["rita"], title=asks.TITLE, reason=asks.REASON, items=asks.ha_items(fleet_of())
    )
    ha.refresh_from_db()
    assert permissions.open_slots(ha) == ["team_lead", "security_operations", "ciso"]


def test_deciding_wants_a_recent_sign_in(cast, ha, settings):
    long_ago = clock.real_now() - timedelta(seconds=settings.DECISION_SIGN_IN_MAX_AGE + 1)
    for moment in (None, long_ago):
        with pytest.raises(SignInAgain):
            workflow.approve(ha, by=cast["omar"], **{**asks.reading(ha), "signed_in_at": moment})


def test_a_stranger_and_a_member_have_no_slot(cast, ha):
    for name in ("noor", "axel", "opal", "adam"):
        with pytest.raises(NotAllowed, match="that is not you"):
            asks.approve(ha, cast[name])


def test_a_superuser_without_a_role_decides_nothing(cast, ha):
    cast["adam"].is_superuser = True
    cast["adam"].save()
    with pytest.raises(NotAllowed):
        asks.approve(ha, cast["adam"])


def test_a_delegate_decides_for_the_ciso_between_the_dates(cast, ha):
    asks.approve(ha, cast["omar"], cast["ines"], cast["dora"])
    assert Decision.objects.get(decided_by=cast["dora"]).on_behalf_of == cast["clara"]


def test_one_person_gives_one_word(cast, ha):
    asks.approve(ha, cast["ines"])
    with pytest.raises(NotAllowed, match="decided on this revision"):
        asks.approve(ha, cast["ines"])
    with pytest.raises(NotAllowed):
        asks.approve(ha, cast["ivan"])


def test_changes_are_requested_with_a_reason_and_answered_by_a_new_revision(cast, ha):
    with pytest.raises(InvalidInput) as raised:
        workflow.request_changes(ha, by=cast["ines"], reason=" ", **asks.reading(ha))
    assert fields_of(raised) == ["reason"]

    ha = workflow.request_changes(ha, by=cast["ines"], reason="Prod one day later.", **asks.reading(ha))
    assert ha.state == State.CHANGES_REQUESTED
    with pytest.raises(DomainError, match="Change what was asked for"):
        workflow.submit(ha, by=cast["rita"])

    workflow.revise(
        ha,
        by=cast["rita"],
        title=asks.TITLE,
        reason=asks.REASON,
        items=asks.ha_items(fleet_of()),
        note="Moved prod.",
    )
    ha = workflow.submit(ChangeRequest.objects.get(pk=ha.pk), by=cast["rita"])
    assert (ha.state, ha.current.number) == (State.SUBMITTED, 2)
    assert asks.approve(ha, cast["omar"], cast["ivan"], cast["clara"]).state == State.APPROVED


def test_a_rejection_closes_the_request(cast, ha):
    ha = workflow.reject(ha, by=cast["clara"], reason="Not in the freeze.", **asks.reading(ha))
    assert ha.state == State.REJECTED
    with pytest.raises(WrongState, match="Clara Weiss rejected it"):
        asks.approve(ha, cast["omar"])


def test_a_blocking_comment_holds_up_every_approval_until_it_is_resolved(cast):
    request = asks.submitted(cast["rita"], [asks.window_item(asks.fleet()[-1:], "prod")])
    asks.approve(request, cast["omar"])
    said = conversation.say(request, by=cast["ivan"], text="Name a rollback first.", blocking=True)

    with pytest.raises(DomainError, match="blocking comments are open: by Ivan Petrov") as refused:
        workflow.approve(request, by=cast["ines"], **asks.reading(request))
    assert refused.value.http_status == 422
    request.refresh_from_db()
    assert request.state == State.SUBMITTED

    conversation.resolve(request, said, by=cast["ines"])
    assert asks.approve(request, cast["ines"]).state == State.APPROVED


@pytest.mark.parametrize(
    ("verb", "state"), [("reject", "rejected"), ("request_changes", "changes_requested")]
)
def test_a_blocking_comment_holds_up_no_refusal(cast, verb, state):
    request = asks.submitted(cast["rita"], [asks.window_item(asks.fleet()[-1:], "prod")])
    conversation.say(request, by=cast["ivan"], text="Name a rollback first.", blocking=True)

    request = getattr(workflow, verb)(
        request, by=cast["ines"], reason="No rollback.", **asks.reading(request)
    )

    assert request.state == state


def test_a_request_nobody_decides_on_lapses_by_its_date(cast, ha):
    ChangeRequest.objects.filter(pk=ha.pk).update(lapses_at=clock.now() - timedelta(seconds=1))
    ha.refresh_from_db()
    assert (ha.state, workflow.effective_state(ha)) == (State.SUBMITTED, "lapsed")
    with pytest.raises(WrongState, match="lapsed undecided"):
        asks.approve(ha, cast["omar"])


def test_an_approved_request_is_taken_back_before_its_push(cast, ha):
    ha = asks.approve(ha, cast["omar"], cast["ivan"], cast["clara"])
    ha = workflow.withdraw(ha, by=cast["rita"], reason="Wrong week.")
    assert ha.state == State.WITHDRAWN
    assert desired.now_for(factories.account_region()) == {}


def test_taking_back_a_change_restores_the_row_as_it_was(cast, ha):
    asks.approve(ha, cast["omar"], cast["ivan"], cast["clara"])
    ChangeRequest.objects.filter(pk=ha.pk).update(state=State.APPLIED)
    window = MaintenanceWindow.objects.get(name="payments-dev-a")
    item = {"action": "change", "kind": "window", "target": window.pk, "spec": {**window.spec, "duration": 6}}
    change = asks.approve(asks.submitted(cast["rita"], [item]), cast["omar"])
    window.refresh_from_db()
    assert window.spec["duration"] == 6

    workflow.withdraw(change, by=cast["rita"])

    window.refresh_from_db()
    assert (window.spec["duration"], window.revision_id) == (4, ha.current_id)


def test_a_newer_word_on_the_same_rows_supersedes_the_one_not_pushed_yet(cast, ha):
    asks.approve(ha, cast["omar"], cast["ivan"], cast["clara"])
    ChangeRequest.objects.filter(pk=ha.pk).update(state=State.APPLIED)
    window = MaintenanceWindow.objects.get(name="payments-dev-a")

    def change(hours):
        spec = {**window.spec, "duration": hours}
        item = {"action": "change", "kind": "window", "target": window.pk, "spec": spec}
        return asks.approve(asks.submitted(cast["rita"], [item]), cast["omar"])

    first, second = change(6), change(8)
    first.refresh_from_db()
    assert (first.state, second.state) == (State.SUPERSEDED, State.APPROVED)


def test_what_a_deletion_takes_out_may_leave_aws(cast, ha):
    asks.approve(ha, cast["omar"], cast["ivan"], cast["clara"])
    ChangeRequest.objects.filter(pk=ha.pk).update(state=State.APPLIED)
    place = factories.account_region()
    for key, one in desired.now_for(place).items():
        ResourceState.objects.create(
            account_region=place,
            kind=key.kind,
            key=key.name,
            label=one.label,
            uid=one.uid,
            changed_at=clock.now(),
        )
    window = MaintenanceWindow.objects.get(name="payments-dev-a")
    gone = asks.submitted(
        cast["rita"], [{"action": "delete", "kind": "window", "target": window.pk, "spec": {}}]
    )
    asks.approve(gone, cast["omar"])
    buried = sorted(Tombstone.objects.values_list("kind", flat=True))
    assert buried == ["tag", "target", "task", "task", "window"]


def test_the_requester_is_told_of_every_outcome(cast, ha):
    workflow.request_changes(ha, by=cast["ines"], reason="Later, please.", **asks.reading(ha))
    told = OutboxMessage.objects.filter(recipient=cast["rita"])
    assert [message.event for message in told] == ["request.sent_back"]
    assert "Later, please." in told[0].body


def test_those_who_may_decide_are_told_that_it_waits(cast, ha):
    told = OutboxMessage.objects.filter(event="request.waits").values_list("recipient__username", flat=True)
    assert sorted(told) == ["clara", "dora", "ines", "ivan", "omar"]


def test_every_step_is_in_the_audit_chain(cast, ha):
    asks.approve(ha, cast["omar"], cast["ivan"], cast["clara"])
    actions = [entry.action.split(".", 2)[-1] for entry in audit.timeline(ha)]
    assert actions == ["revised", "submitted", *["decision.approve"] * 3, "approved"]
    assert audit.verify().holds


def test_every_bad_field_is_named_at_once_and_nothing_is_saved(cast):
    bad = asks.window_item(asks.fleet()[:1], name="a", duration=25, cutoff=24, schedule="0 2 * * SUN")
    with pytest.raises(InvalidInput) as raised:
        asks.drafted(cast["rita"], [bad])
    assert {"items[0].spec.name", "items[0].spec.duration", "items[0].spec.schedule"} <= set(
        fields_of(raised)
    )
    assert not ChangeRequest.objects.exists()


def test_somebody_elses_instance_is_refused_in_the_words_for_none_at_all(cast):
    theirs = factories.instance(factories.application("lake", "analytics"), "dev")
    asks.fleet()
    answers = []
    for instance_id in (theirs.instance_id, "i-0aaaaaaaaaaaaaaaa"):
        item = asks.window_item([], instances=[instance_id])
        with pytest.raises(InvalidInput) as raised:
            asks.drafted(cast["rita"], [item])
        answers.append(str(raised.value).replace(instance_id, "…"))
    assert answers[0] == answers[1]


def test_an_instance_of_an_auto_scaling_group_is_kept_out_with_the_reason(cast):
    asg = factories.instance(factories.payments(), "dev", auto_scaling_group="pay-asg")
    with pytest.raises(InvalidInput, match="Auto Scaling group pay-asg"):
        asks.drafted(cast["rita"], [asks.window_item([asg])])


def test_the_fifty_first_window_is_refused_with_the_numbers(cast):
    one = asks.fleet()[0]
    items = [asks.window_item([one] if n == 0 else [], name=f"window-{n}") for n in range(50)]
    draft = asks.drafted(cast["rita"], items)
    with pytest.raises(InvalidInput, match="has 1 of 50 maintenance windows, the daily scan included"):
        workflow.submit(draft, by=cast["rita"])


def test_a_stranger_cannot_ask_for_payments(cast):
    with pytest.raises(InvalidInput, match="member of"):
        asks.drafted(cast["noor"], [asks.window_item(asks.fleet()[:1])])


def test_what_can_no_longer_take_effect_cannot_be_approved_and_the_page_of_findings_says_so(cast):
    fleet = asks.fleet()
    first, second = (asks.submitted(cast["rita"], [asks.window_item(fleet[:1])]) for _ in range(2))
    assert [one.claim for one in findings.of_request(second)] == [
        f"{first.number} is about 1 object of this one"
    ]

    asks.approve(first, cast["omar"])

    with pytest.raises(DomainError, match="can no longer take effect as it stands"):
        asks.approve(second, cast["omar"])
    assert not Decision.objects.filter(revision=second.current).exists()
    assert findings.of_request(second)[0].claim == "It can no longer take effect as it stands"


def test_a_request_whose_author_has_left_the_team_says_so_and_a_member_takes_it_up(cast):
    request = asks.submitted(cast["rita"], [asks.window_item(asks.fleet()[:1])])
    Membership.objects.filter(user=cast["rita"]).delete()
    with pytest.raises(
        DomainError, match="Rita .*, who wrote revision 1, is no longer in .*: a member edits"
    ):
        asks.approve(request, cast["ivan"])
    mate = people.person("noor")
    Membership.objects.create(user=mate, team=request.team)
    items = [asks.window_item(asks.fleet()[:1])]
    workflow.revise(request, by=mate, title=request.title, reason=request.reason, items=items)
    asks.approve(request, cast["ivan"])
    request.refresh_from_db()
    assert request.state == State.APPROVED


def test_a_lapsed_request_waits_for_nobody_and_an_edit_puts_it_up_again(cast, ha):
    ChangeRequest.objects.filter(pk=ha.pk).update(lapses_at=clock.now() - timedelta(seconds=1))
    assert not permissions.waiting_for(cast["clara"]).exists()
    ha.refresh_from_db()
    assert permissions.slot_for(cast["clara"], ha) is None

    workflow.revise(
        ha, by=cast["rita"], title=asks.TITLE, reason=asks.REASON, items=asks.ha_items(fleet_of())
    )
    assert permissions.waiting_for(cast["clara"]).get() == ha


def named_for_dev(items):
    """The HA request with its production baseline passed off as one for dev."""
    return [
        {**item, "spec": {**item["spec"], "environment": "dev"}} if item["kind"] == "baseline" else item
        for item in items
    ]


def test_a_baseline_that_will_judge_production_needs_the_ciso_whatever_it_calls_itself(cast):
    request = asks.submitted(cast["rita"], named_for_dev(asks.ha_items(asks.fleet())))
    assert request.needs == ["team_lead", "security_operations", "ciso"]


def test_a_baseline_cannot_slip_into_production_in_a_second_request(cast, ha):
    applied(asks.approve(ha, cast["omar"], cast["ivan"], cast["clara"]))
    group = PatchGroup.objects.get(name="payments-prod")
    spec = {**group.spec, "baselines": {"WINDOWS": "payments-dev-win"}}
    item = {"action": "change", "kind": "patch-group", "target": group.pk, "spec": spec}
    assert "ciso" in asks.submitted(cast["rita"], [item]).needs


def test_who_must_decide_is_reckoned_again_at_each_decision(cast, ha):
    ChangeRequest.objects.filter(pk=ha.pk).update(needs=["team_lead"])
    ha = asks.approve(ha, cast["omar"])
    assert (ha.state, ha.needs) == (State.SUBMITTED, ["team_lead", "security_operations", "ciso"])


def applied(request):
    ChangeRequest.objects.filter(pk=request.pk).update(state=State.APPLIED)
    return request


def test_a_baseline_in_use_is_not_renamed_away_from_its_groups(cast, ha):
    applied(asks.approve(ha, cast["omar"], cast["ivan"], cast["clara"]))
    baseline = PatchBaseline.objects.get(name="payments-dev-win")
    renamed = {
        "action": "change",
        "kind": "baseline",
        "target": baseline.pk,
        "spec": {**baseline.spec, "name": "payments-dev-win2"},
    }
    with pytest.raises(InvalidInput, match="is used by payments-dev; rename it there in the same request"):
        asks.drafted(cast["rita"], [renamed])
    group = PatchGroup.objects.get(name="payments-dev")
    spec = {**group.spec, "baselines": {"WINDOWS": "payments-dev-win2"}}
    asks.drafted(
        cast["rita"], [renamed, {"action": "change", "kind": "patch-group", "target": group.pk, "spec": spec}]
    )


def test_a_group_keeps_the_name_that_it_has_and_gets_no_new_one_that_is_easily_mistaken(cast, ha):
    asks.approve(ha, cast["omar"], cast["ivan"], cast["clara"])
    group = PatchGroup.objects.get(name="payments-dev")
    PatchGroup.objects.filter(pk=group.pk).update(name="\N{GREEK SMALL LETTER PI}-dev")

    def item(name, **spec):
        said = {**group.spec, "name": name, **spec}
        return {"action": "change", "kind": "patch-group", "target": group.pk, "spec": said}

    asks.drafted(cast["rita"], [item("\N{GREEK SMALL LETTER PI}-dev", instances=group.spec["instances"][:1])])
    with pytest.raises(InvalidInput, match=r"cyrillic small letter o\) is easily taken"):
        asks.drafted(cast["rita"], [item("pr\N{CYRILLIC SMALL LETTER O}d")])


def test_a_delegate_does_not_decide_for_a_ciso_who_asked(cast, ha):
    Membership.objects.create(team=ha.team, user=cast["clara"])
    window = asks.window_item(fleet_of()[:1], env="dev", name="from-clara")
    with pytest.raises(DomainError, match="Nobody can decide as CISO"):
        asks.submitted(cast["clara"], asks.ha_items(fleet_of()))
    assert asks.submitted(cast["clara"], [window]).needs == ["lead_or_security"]
    with pytest.raises(IntegrityError), transaction.atomic():
        raw_decision(
            ha.current, decided_by=cast["dora"], requested_by=cast["clara"], on_behalf_of=cast["clara"]
        )


def test_auditors_and_administrators_decide_nothing_even_as_team_leads(cast, ha):
    Membership.objects.create(team=ha.team, user=cast["axel"], is_lead=True)
    assert not permissions.waiting_for(cast["axel"]).exists()
    with pytest.raises(NotAllowed):
        asks.approve(ha, cast["axel"])


SHARED = {
    "name": "company-al2023",
    "definition": {
        "OperatingSystem": "AMAZON_LINUX_2023",
        "ApprovalRules": {
            "PatchRules": [
                {
                    "PatchFilterGroup": {"PatchFilters": [{"Key": "CLASSIFICATION", "Values": ["Security"]}]},
                    "ApproveAfterDays": 7,
                }
            ]
        },
    },
}


def test_whoever_is_in_no_team_is_told_that_requests_are_a_teams(cast):
    item = {"action": "create", "kind": "baseline", "target": None, "spec": SHARED}
    with pytest.raises(InvalidInput, match="security operations have one of their own") as refused:
        asks.submitted(cast["ines"], [item])
    assert refused.value.problems[0].field == "team"


def test_security_operations_own_the_shared_baselines(cast):
    Membership.objects.create(team=people.team("security"), user=cast["ines"])
    factories.environment("prod")
    made = asks.submitted(
        cast["ines"], [{"action": "create", "kind": "baseline", "target": None, "spec": SHARED}]
    )
    asks.approve(made, cast["ivan"], cast["clara"])
    row = PatchBaseline.objects.get(name="company-al2023")
    change = {"action": "change", "kind": "baseline", "target": row.pk, "spec": row.spec}
    assert asks.submitted(cast["ines"], [change]).needs == ["security_operations", "ciso"]
    with pytest.raises(InvalidInput):
        asks.drafted(cast["rita"], [change])


def two_changes(cast, ha):
    applied(asks.approve(ha, cast["omar"], cast["ivan"], cast["clara"]))
    window = MaintenanceWindow.objects.get(name="payments-dev-a")
    other = MaintenanceWindow.objects.get(name="payments-dev-b")

    def change(row, hours):
        return {
            "action": "change",
            "kind": "window",
            "target": row.pk,
            "spec": {**row.spec, "duration": hours},
        }

    first = asks.approve(asks.submitted(cast["rita"], [change(window, 6), change(other, 6)]), cast["omar"])
    second = asks.approve(asks.submitted(cast["rita"], [change(window, 8)]), cast["omar"])
    return first, second, window


def test_an_earlier_word_is_not_taken_back_under_a_later_one(cast, ha):
    first, second, window = two_changes(cast, ha)
    with pytest.raises(WrongState, match=f"{second.number} has changed the same since"):
        workflow.withdraw(first, by=cast["rita"])
    workflow.withdraw(second, by=cast["rita"])
    window.refresh_from_db()
    assert (window.spec["duration"], window.revision_id) == (6, first.current_id)


def test_taking_back_the_later_of_two_words_takes_back_the_one_it_replaced(cast, ha):
    applied(asks.approve(ha, cast["omar"], cast["ivan"], cast["clara"]))
    window = MaintenanceWindow.objects.get(name="payments-dev-a")
    for hours in (6, 8):
        item = {
            "action": "change",
            "kind": "window",
            "target": window.pk,
            "spec": {**window.spec, "duration": hours},
        }
        last = asks.approve(asks.submitted(cast["rita"], [item]), cast["omar"])
    workflow.withdraw(last, by=cast["rita"])
    window.refresh_from_db()
    assert (window.spec["duration"], window.revision_id) == (4, ha.current_id)


def test_a_group_and_a_window_of_the_same_instances_do_not_make_each_other_stale(cast):
    fleet = asks.fleet(per_zone=4)
    dev = [one for one in fleet if one.environment.slug == "dev"]
    request = asks.submitted(cast["rita"], [asks.window_item(dev)])
    for one in dev:
        one.tags = {**one.tags, "PatchGroup": "payments-dev"}
        one.save()
    assert sealing.what_moved(request, items_of(request.current)) == []
    for one in dev:
        one.tags = {**one.tags, "MaintenanceWindow": "by-hand"}
        one.save()
    assert "8 carry other tags" in sealing.what_moved(request, items_of(request.current))[0]
