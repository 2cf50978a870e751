"""Whatever people, clocks, crashes and strangers do, in any order: a state machine, and what holds after each step."""

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, seed
from hypothesis import settings as how
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from exemptions import ending
from exemptions import workflow as exemption_workflow
from exemptions.models import Exemption
from patching import contents, progress, push, tasks, workflow, writing
from patching.aws import session
from patching.models import (
    AccountRegion,
    ChangeRequest,
    Decision,
    Drift,
    MaintenanceWindow,
    ManagedInstance,
    PatchGroup,
    PushRun,
    ResourceState,
    Waiver,
)
from portal.governance import clock
from portal.governance.errors import DomainError
from tests import asks, people, pushing
from tests.exemptions import asks as exempt
from tests.faults.rig import matrix, oracle
from tests.faults.test_crash_points import Died, die
from tests.simulated_aws import RETAIL, SimulatedAws

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
HERE = "tests/faults/test_life.py"
WINDOWS = ("payments-dev", "payments-night")
DECIDERS = ("omar", "ines", "ivan", "clara", "dora", "rita", "opal", "adam", "noor", "axel")
POINTS = (
    "before-look",
    "intent-written",
    "call-returned",
    "result-saved",
    "before-read-back",
    "before-run-closed",
)
OUTCOMES = ("approve", "reject", "request_changes")
AWS: dict[str, SimulatedAws] = {}
SEEN: Counter[str] = (
    Counter()
)  # what came to pass in all lives: a machine in which nothing happens proves nothing


class Life(RuleBasedStateMachine):
    """One small company. ``closed`` is what we, not the portal, know of decisions."""

    requests = Bundle("requests")

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.stack.enter_context(undone())
        self.aws = AWS["here"]
        self.witness = oracle.Witness(self.aws)
        self.closed: dict[int, str] = {}  # revision → the outcome that closed it
        self.deaths = 0

    @initialize()
    def begin(self) -> None:
        for name in people.CAST:
            people.person(name)
        self.place = pushing.place_with(self.aws, *pushing.SERVERS)
        session.forget()
        self.foreign = self.aws.client("ssm").create_maintenance_window(
            Name="theirs", Schedule="rate(7 days)", Duration=3, Cutoff=1, AllowUnassociatedTargets=True
        )["WindowId"]
        self.before = oracle.foreign(self.aws)
        self.witness.calls.clear()
        self.ids = [server.instance_id for server in pushing.servers()]
        server = ManagedInstance.objects.get(instance_id=self.ids[0])
        self.everyone_approves(self._asked([asks.window_item([server], name=WINDOWS[0])]))
        push.push(self.place, trigger="tick")

    # People

    @rule(target=requests, number=st.integers(0, 1), duration=st.integers(3, 8), hour=st.integers(0, 23))
    def ask_for_a_window(self, number: int, duration: int, hour: int) -> Any:
        name = WINDOWS[number]
        row = MaintenanceWindow.objects.live().filter(name=name).first()
        changes = {"duration": duration, "schedule": f"cron(0 {hour} ? * SUN *)"}
        if row is not None:
            return self._asked([pushing.change(row, "window", **changes)])
        server = ManagedInstance.objects.get(instance_id=self.ids[number])
        return self._asked([asks.window_item([server], name=name, **changes)])

    @rule(target=requests, days=st.integers(0, 5))
    def ask_for_a_group(self, days: int) -> Any:
        row = PatchGroup.objects.live().first()
        if row is None:
            return self._asked([pushing.baseline_item(f"days-{days}"), pushing.group_item(f"days-{days}")])
        name = f"days-{days}-{row.revision_id}"
        baseline = pushing.baseline_item(name, {**pushing.EVERYTHING, "ApproveAfterDays": days})
        return self._asked([baseline, pushing.change(row, "patch-group", baselines={"WINDOWS": name})])

    @rule(target=requests, number=st.integers(0, 1))
    def ask_to_remove_a_window(self, number: int) -> Any:
        row = MaintenanceWindow.objects.live().filter(name=WINDOWS[number]).first()
        return self._asked([pushing.removal(row, "window")]) if row else multiple()

    @rule(pk=requests, hour=st.integers(0, 23))
    def edit(self, pk: int, hour: int) -> None:
        request = ChangeRequest.objects.get(pk=pk)
        items = [item for item in _items(request) if item["kind"] == "window" and item["spec"]]
        for item in items:
            item["spec"]["schedule"] = f"cron(30 {hour} ? * SUN *)"
        if not items:
            return
        with suppress(DomainError):
            workflow.revise(
                request, by=people.person("rita"), title=request.title, reason=request.reason, items=items
            )

    @rule(pk=requests)
    def submit(self, pk: int) -> None:
        with suppress(DomainError):
            workflow.submit(ChangeRequest.objects.get(pk=pk), by=people.person("rita"))

    @rule(pk=requests, who=st.sampled_from(DECIDERS), outcome=st.sampled_from(OUTCOMES))
    def decide(self, pk: int, who: str, outcome: str) -> None:
        request = ChangeRequest.objects.get(pk=pk)
        revision = request.current_id
        try:
            getattr(workflow, outcome)(
                request, by=people.person(who), reason="As agreed.", **asks.reading(request)
            )
        except DomainError:
            return
        assert who != "rita", "whoever asked has decided"
        assert revision not in self.closed, "decided after it was closed"
        if Decision.objects.filter(revision=revision, closes=True).exists():
            self.closed[revision] = outcome

    @rule(pk=requests)
    def everyone_approves(self, pk: int) -> None:
        request = ChangeRequest.objects.get(pk=pk)
        for who in ("omar", "ivan", "clara", "ines"):
            if request.state == ChangeRequest.State.SUBMITTED:
                self.decide(pk, who, "approve")
                request.refresh_from_db()

    @rule(pk=consumes(requests))
    def withdraw(self, pk: int) -> None:
        with suppress(DomainError):
            workflow.withdraw(ChangeRequest.objects.get(pk=pk), by=people.person("rita"))

    @rule(number=st.integers(0, 1), hours=st.integers(30, 80))
    def exempt_a_server(self, number: int, hours: int) -> None:
        server = ManagedInstance.objects.get(instance_id=self.ids[number])
        with suppress(DomainError):
            exempt.approved(people.person("rita"), [server], ends_at=clock.now() + timedelta(hours=hours))

    @rule()
    def revoke_an_exemption(self) -> None:
        running = Exemption.objects.filter(state="approved").first()
        if running is not None:
            with suppress(DomainError):
                exemption_workflow.revoke(running, by=people.person("clara"), reason="The vendor is ready.")

    # Clocks and workers

    @rule(hours=st.integers(1, 60))
    def time_passes(self, hours: int) -> None:
        ours = len(self.witness.calls)
        self.aws.advance(by=timedelta(hours=hours))
        del self.witness.calls[ours:]  # what AWS's own schedules did meanwhile is no write of ours
        clock.set_to(self.aws.now)

    @rule()
    def a_worker_pushes(self) -> None:
        self._rested()
        push.push(self.place, trigger="tick")

    @rule(point=st.sampled_from(POINTS), number=st.integers(1, 6))
    def a_worker_dies(self, point: str, number: int) -> None:
        self._rested()
        try:
            with _dying_at(point, number):
                push.push(self.place, trigger="tick")
        except Died:
            self.deaths += 1

    @rule()
    def a_message_comes_late(self) -> None:
        tasks.push_account_region(self.place.pk)

    @rule()
    def the_tick(self) -> None:
        progress.settle_idle()
        ending.settle()

    @rule(kind=st.sampled_from(("lost-reply", "throttle", "cut", "forget-tokens")))
    def aws_stumbles(self, kind: str) -> None:
        self.aws.inject(kind)

    # Strangers

    @rule(kind=st.sampled_from(("window", "target", "task")), pick=st.integers(0, 9))
    def somebody_deletes(self, kind: str, pick: int) -> None:
        region = self.aws.world.region(RETAIL, "eu-central-1")
        held = {"window": region.windows, "target": region.targets, "task": region.tasks}[kind]
        ours = sorted(aws_id for aws_id in held if aws_id != self.foreign)
        if ours:
            self.aws.delete(kind, ours[pick % len(ours)])

    @rule(duration=st.integers(3, 20), enabled=st.booleans(), pick=st.integers(0, 9))
    def somebody_edits_a_window(self, duration: int, enabled: bool, pick: int) -> None:
        states = list(ResourceState.objects.filter(kind="window").exclude(aws_id="").order_by("key"))
        region = self.aws.world.region(RETAIL, "eu-central-1")
        for state in states[pick % len(states) : pick % len(states) + 1] if states else []:
            if state.aws_id in region.windows:
                self.aws.edit("window", state.aws_id, Duration=duration, Enabled=enabled)

    # What always holds

    @invariant()
    def nothing_is_there_twice(self) -> None:
        assert oracle.doubles(self.aws) == []

    @invariant()
    def nobody_decided_their_own(self) -> None:
        own = Decision.objects.filter(revision__author__username="rita", decided_by__username="rita")
        assert not own.exists()

    @invariant()
    def one_outcome_a_revision(self) -> None:
        closing = Decision.objects.filter(closes=True).values_list("revision_id", flat=True)
        assert len(closing) == len(set(closing))

    @invariant()
    def what_has_ended_excuses_nobody(self) -> None:
        now = clock.now()
        assert not Waiver.objects.in_force(now).filter(ends_at__lte=now).exists()

    @invariant()
    def what_is_not_ours_is_untouched(self) -> None:
        if hasattr(self, "before"):
            now = oracle.foreign(self.aws)
            assert {name: now.get(name) for name in self.before} == self.before

    def teardown(self) -> None:
        try:
            if hasattr(self, "place"):
                self._everything_comes_to_rest()
        finally:
            self.aws.clear_faults()
            self.witness.leave()
            self.stack.close()

    def _everything_comes_to_rest(self) -> None:
        self.aws.clear_faults()
        ResourceState.objects.exclude(retry_at=None).update(retry_at=None)
        # changes of strangers an hour apart are restored, not fought over
        clock.set_to(clock.now() + timedelta(hours=2))
        ResourceState.objects.filter(condition__in=("parked", "failed")).update(
            condition="out_of_sync", failures=0
        )
        for state in ResourceState.objects.filter(drifts__state="open", drifts__paused=True):
            drift = state.drifts.get(state="open")
            ResourceState.objects.filter(pk=state.pk).update(restore_digest=drift.live_digest)
        oracle.converge([self.place])
        assert oracle.doubles(self.aws) == []
        assert oracle.unbidden(self.witness) == []
        assert _windows_in_aws(self.aws) == _windows_approved()
        assert oracle.chain() == ""
        SEEN["requests approved"] += len([one for one in self.closed.values() if one == "approve"])
        SEEN["exemptions in force"] += Waiver.objects.count()
        SEEN["pushes that wrote"] += PushRun.objects.filter(writes__gt=0).count()
        SEEN["changes made outside"] += Drift.objects.count()
        SEEN["deaths"] += self.deaths

    def _rested(self) -> None:
        AccountRegion.objects.filter(pk=self.place.pk).update(
            backoff_until=None, circuit_until=None, lease_until=None
        )
        self.place.refresh_from_db()

    def _asked(self, items: list[dict[str, Any]]) -> Any:
        try:
            return asks.submitted(people.person("rita"), items).pk
        except DomainError:
            return multiple()


def _items(request: ChangeRequest) -> list[dict[str, Any]]:
    assert request.current is not None
    return contents.content_of(request.current)["items"]


def _windows_in_aws(aws: SimulatedAws) -> dict[str, tuple[str, int]]:
    region = aws.world.region(RETAIL, "eu-central-1")
    return {
        one["Name"]: (one["Schedule"], one["Duration"])
        for one in region.windows.values()
        if one["Name"] in WINDOWS and one["Enabled"]
    }


def _windows_approved() -> dict[str, tuple[str, int]]:
    return {
        row.name: (row.spec["schedule"], row.spec["duration"]) for row in MaintenanceWindow.objects.live()
    }


@contextmanager
def undone() -> Iterator[None]:
    """All that happens inside is taken back: the next life begins with nothing."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@contextmanager
def _dying_at(place: str, number: int) -> Iterator[None]:
    """The n-th time that a push comes by there, its process ends."""
    passed = iter(range(1, 10_000))
    kept = {module: module.crashpoint for module in (push, writing)}

    def crashpoint(name: str) -> None:
        if name == place and next(passed) == number:
            die()

    try:
        for module in kept:
            module.crashpoint = crashpoint
        yield
    finally:
        for module, was in kept.items():
            module.crashpoint = was


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """Nobody waits: not for AWS to settle, not after a throttled call."""
    monkeypatch.setattr(session, "THROTTLED_PAUSE", 0.001)
    settings.PUSH_SETTLE_SECONDS, settings.PUSH_MAX_DELETE_SHARE = 0, 1.0


def test_whatever_happens_in_whatever_order(simulated_aws, hurried, figures):
    AWS["here"] = simulated_aws
    (number,) = matrix.seeds()
    matrix.announce(number, HERE)
    tally = figures("F0", "people, clocks, crashes, lost replies and strangers in any order")
    lives, steps = matrix.rounds(12, 200), matrix.rounds(25, 30)
    machine = seed(number)(Life)
    run_state_machine_as_test(
        machine,
        settings=how(
            max_examples=lives,
            stateful_step_count=steps,
            deadline=None,
            # a failure is made small when it is repeated by its seed: that takes minutes
            phases=(Phase.generate, *((Phase.shrink,) if matrix.is_repeated() else ())),
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    tally.rounds += lives * steps
    for what, times in SEEN.items():
        tally.count(what, times)
    assert min(SEEN[what] for what in ("requests approved", "pushes that wrote")) > 0
    tally.seeds.append(number)
    tally.tell()
