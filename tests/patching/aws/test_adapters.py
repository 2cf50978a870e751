"""Every adapter that writes: what it creates reads back equal, and it asks for no more than it declares."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from patching import from_aws
from patching.aws import baselines, mirrors, registrations, schedules, session, tags, targets, tasks, windows
from patching.aws.adapters import CLASSES, Adapters
from patching.aws.available import AvailablePatches
from patching.aws.compliance import Compliance
from patching.aws.errors import AwsChanged, AwsError
from patching.aws.executions import Executions
from patching.aws.instances import Instances
from patching.aws.marks import Ids, Mark, Names, Observed
from patching.aws.quotas import Quotas
from patching.aws.system_facts import SystemFacts
from patching.aws.unmanaged import Unmanaged
from patching.desired import _window_parts as window_parts
from patching.specs import (
    ORDER,
    BaselineSpec,
    Desired,
    Key,
    RegistrationSpec,
    ScheduleSpec,
    Spec,
    TagSpec,
    TargetSpec,
    TaskSpec,
    WindowSpec,
    canonical_definition,
    to_plain,
)
from tests.patching import whole_specs
from tests.simulated_aws import REGION, RETAIL

DOCUMENT = Path(__file__).parents[3] / "docs" / "iam.md"
RULE = {"PatchFilterGroup": {"PatchFilters": [{"Key": "PRODUCT", "Values": ["*"]}]}, "ApproveAfterDays": 7}
DEFINITION = {
    "OperatingSystem": "WINDOWS",
    "Description": "Strict",
    "ApprovalRules": {"PatchRules": [RULE]},
    "RejectedPatches": ["KB5034441"],
    "RejectedPatchesAction": "BLOCK",
}
RUN = {"Operation": ("Install",), "RebootOption": ("RebootIfNeeded",)}
SPECS: dict[str, Any] = {
    "baseline": BaselineSpec("payments-strict", canonical_definition(DEFINITION)),
    "registration": RegistrationSpec("payments", "WINDOWS", "baseline"),
    "window": WindowSpec(
        "payments-a",
        "Zone a",
        "cron(0 2 ? * TUE#2 *)",
        "Europe/Berlin",
        4,
        5,
        1,
        "",
        "2030-01-01T00:00:00Z",
        True,
    ),
    "target": TargetSpec("window", "tag:MaintenanceWindow", frozenset({"payments-a"})),
    "task": TaskSpec(
        window="window",
        targets=frozenset({"target"}),
        label="Install",
        task_type="RUN_COMMAND",
        document="AWS-RunPatchBaseline",
        priority=2,
        max_concurrency="50%",
        max_errors="10%",
        cutoff_behavior="CANCEL_TASK",
        parameters=tuple(sorted(RUN.items())),
    ),
    "schedule": ScheduleSpec("2026-07-01T00:00:00", "i-0", "MaintenanceWindow", "payments-a"),
    "tag": TagSpec("i-0", "MaintenanceWindow", "payments-a"),
}
CHANGED: dict[str, Any] = {
    "baseline": replace(
        SPECS["baseline"], definition=canonical_definition({**DEFINITION, "RejectedPatches": ["KB1234567"]})
    ),
    "window": replace(SPECS["window"], description="", offset=0, end_date="", duration=6),
    "target": replace(SPECS["target"], values=frozenset({"payments-a", "payments-b"})),
    "task": replace(SPECS["task"], max_errors="0", parameters=(("Operation", ("Scan",)),)),
    "schedule": replace(SPECS["schedule"], at="2026-07-02T00:00:00", tag_value=""),
    "tag": replace(SPECS["tag"], value="payments-b"),
}


class Bench:
    """All adapters in one account, with what each of them made so far."""

    def __init__(self, aws: Any) -> None:
        session.forget()
        account = SimpleNamespace(
            account_id=RETAIL, role_name="PatchwardenRole", external_id=aws.external_id(RETAIL)
        )
        self.clients = session.clients(SimpleNamespace(region=REGION, account=account))
        self.adapters = Adapters(self.clients, installation="patchwarden", restore_role="PatchwardenRestore")
        self.instance = next(node.instance_id for node in aws.world.nodes.values() if node.account == RETAIL)
        self.ids = Ids({})
        self.called: set[str] = set()
        for client in (self.clients.ssm, self.clients.ec2, self.clients.scheduler):
            client.meta.events.register("before-call", self._note)

    def _note(self, model: Any, **_: Any) -> None:
        self.called.add(f"{model.service_model.endpoint_prefix}:{model.name}")

    def spec(self, kind: str, specs: dict[str, Any] = SPECS) -> Any:
        spec = specs[kind]
        return replace(spec, instance_id=self.instance) if hasattr(spec, "instance_id") else spec

    def create(self, kind: str) -> Key:
        key, adapter, spec = Key(kind, kind), self.adapters[kind], self.spec(kind)
        before = adapter.prepare("0" * 36)
        if before is not None:
            self.clients.send(before)
        call = adapter.create(spec, Mark("patchwarden", f"uid-{kind}", 1), f"token-{kind}", self.ids)
        self.ids.learn(key, adapter.made_id(spec, call, self.clients.send(call)))
        return key

    def read(self) -> dict[Key, Observed]:
        keys = {f"uid-{kind}": Key(kind, kind) for kind in ORDER}
        specs: dict[Key, Spec] = {Key(kind, kind): self.spec(kind) for kind in ORDER}
        return {seen.key: seen for seen in self.adapters.read(Names(keys, specs))}

    def update(self, kind: str) -> None:
        seen = self.read()[Key(kind, kind)]
        self.clients.send(self.adapters[kind].update(self.spec(kind, CHANGED), seen, self.ids))

    def delete(self, kind: str, earlier: str | None = None) -> None:
        self.clients.send(self.adapters[kind].delete(self.read()[Key(kind, kind)], earlier))


@pytest.fixture
def bench(simulated_aws) -> Bench:
    return Bench(simulated_aws)


def test_there_is_an_adapter_for_every_kind_in_order():
    assert tuple(cls.kind for cls in CLASSES) == ORDER


def test_the_life_of_everything_and_the_permissions_it_takes(bench, simulated_aws):
    for kind in ORDER:
        key = bench.create(kind)
        seen = bench.read()[key]
        assert seen.spec == bench.spec(kind)
        assert seen.aws_id == bench.ids[key]
        assert (seen.uid, seen.incarnation) in {(f"uid-{kind}", 1), ("", 0)}
    for kind in CHANGED:
        bench.update(kind)
        assert bench.read()[Key(kind, kind)].spec == bench.spec(kind, CHANGED)
    bench.clients.send(bench.adapters.windows.enable(bench.ids[Key("window", "window")], False))
    assert not bench.read()[Key("window", "window")].spec.enabled
    assert not bench.adapters.windows.is_running(bench.ids[Key("window", "window")], simulated_aws.now)
    for kind in ("baseline", "window"):
        again = Mark("patchwarden", f"uid-{kind}", 2)
        bench.clients.send(bench.adapters[kind].adopt(bench.ids[Key(kind, kind)], again))
        assert bench.read()[Key(kind, kind)].incarnation == 2
    bench.delete("tag", earlier="as-before")
    bench.delete("tag")
    for kind in reversed(ORDER[:-1]):
        bench.delete(kind)
    assert bench.read() == {}
    declared = {permission for cls in CLASSES for permission in cls.permissions}
    assert bench.called == declared


# Whatever may be asked for


def made(bench: Bench, wanted: Sequence[Desired]) -> dict[Key, Spec]:
    """What AWS shows of these after they were created; all of it is gone again then."""
    uids, specs = {one.uid: one.key for one in wanted}, {one.key: one.spec for one in wanted}
    for one in wanted:
        adapter = bench.adapters[one.spec.kind]
        call = adapter.create(one.spec, Mark("patchwarden", one.uid, 1), str(uuid4()), bench.ids)
        bench.ids.learn(one.key, adapter.made_id(one.spec, call, bench.clients.send(call)))
        if isinstance(one.spec, WindowSpec):
            bench.clients.send(bench.adapters.windows.enable(bench.ids[one.key], one.spec.enabled))
    seen = {one.key: one for one in bench.adapters.read(Names(uids, specs))}
    for one in reversed(wanted):
        bench.clients.send(bench.adapters[one.spec.kind].delete(seen[one.key], None))
    return {key: one.spec for key, one in seen.items()}


def test_an_automation_without_parameters_is_sent_without_a_list_of_them():
    run = replace(SPECS["task"], task_type="AUTOMATION", document="Payments-Run", parameters=())
    sent = tasks.to_aws(run, Ids({Key("target", "target"): "mw-1/target"}))
    assert sent["TaskInvocationParameters"] == {"Automation": {}}


@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_whatever_baseline_is_asked_for_reads_back_as_it_was_asked_for(bench, data):
    definition = data.draw(whole_specs.definitions())
    system, name = definition["OperatingSystem"], data.draw(whole_specs.aws_names)
    group = data.draw(whole_specs.groups({system: name}))["name"]
    spec = BaselineSpec(name, canonical_definition(definition))
    wanted = [
        Desired(Key("baseline", "b"), "uid-b", spec, (), name),
        Desired(Key("registration", "r"), "uid-r", RegistrationSpec(group, system, "b"), (), group),
    ]
    assert made(bench, wanted) == {one.key: one.spec for one in wanted}
    assert canonical_definition(from_aws.definition(to_plain(spec))) == canonical_definition(definition)


@settings(max_examples=20, suppress_health_check=list(HealthCheck))
@given(spec=whole_specs.windows())
def test_whatever_window_is_asked_for_reads_back_as_it_was_asked_for(bench, spec):
    wanted = list(window_parts("w", spec["name"], spec, (), spec["name"], "MaintenanceWindow"))
    found = made(bench, wanted)
    assert found == {one.key: one.spec for one in wanted}
    asked = from_aws.window_fields(to_plain(found[Key("window", "w")]))
    assert asked == {name: spec[name] for name in asked}
    for task in spec["tasks"]:
        again = from_aws.task(to_plain(found[Key("task", f"w:{task['name']}")]), task["name"])
        # which of these a task is, AWS is told of documents that patch alone
        assert {**again, "kind": task["kind"], "reboot": task["reboot"]} == task


def test_a_tag_gives_its_earlier_value_back_and_is_otherwise_taken_away(bench):
    key = bench.create("tag")
    bench.delete("tag", earlier="as-before")
    assert bench.read()[key].spec.value == "as-before"
    bench.delete("tag")
    assert key not in bench.read()


def test_a_foreign_schedule_group_of_our_name_is_not_used(bench):
    bench.clients.scheduler.create_schedule_group(Name="patchwarden")
    assert bench.read() == {}
    with pytest.raises(AwsError, match="does not carry our tag"):
        bench.adapters["schedule"].prepare("token")


def test_a_group_that_uses_another_baseline_is_seen_as_foreign(bench):
    ssm = bench.clients.ssm
    theirs = ssm.create_patch_baseline(Name="theirs", OperatingSystem="WINDOWS")["BaselineId"]
    ssm.register_patch_baseline_for_patch_group(BaselineId=theirs, PatchGroup="payments")
    (seen,) = bench.read().values()
    assert (seen.key, seen.aws_id, seen.foreign) == (Key("registration", "registration"), theirs, True)


def test_what_somebody_else_put_into_our_window_is_seen(bench):
    bench.create("window")
    window_id = bench.ids[Key("window", "window")]
    bench.clients.ssm.register_target_with_maintenance_window(
        WindowId=window_id, ResourceType="INSTANCE", Targets=[{"Key": "tag:Name", "Values": ["*"]}]
    )
    (stranger,) = (seen for seen in bench.read().values() if seen.key.kind == "target")
    assert stranger.foreign
    assert stranger.key.name.startswith("unknown mw-")


def test_another_installation_in_the_same_account_is_not_ours(bench):
    bench.create("window")
    others = Adapters(bench.clients, installation="elsewhere", restore_role="PatchwardenRestore")
    assert others.read(Names({}, {})) == []


def test_a_removed_target_that_a_task_still_uses_is_refused(bench):
    for kind in ("window", "target", "task"):
        bench.create(kind)
    with pytest.raises(AwsChanged, match="TargetInUseException"):
        bench.delete("target")


def test_the_documentation_lists_exactly_what_each_adapter_declares():
    rows = re.findall(r"^\| `patching/aws/(\w+)\.py` \| (.+) \|$", DOCUMENT.read_text(), re.MULTILINE)
    documented = {module: tuple(re.findall(r"`([^`]+)`", actions)) for module, actions in rows}
    declared = {
        cls.__module__.rpartition(".")[2]: cls.permissions
        for cls in (
            *CLASSES,
            AvailablePatches,
            Instances,
            Compliance,
            Executions,
            Quotas,
            SystemFacts,
            Unmanaged,
        )
    }
    declared["mirrors"] = tuple(sorted(action for cls in mirrors.CLASSES for action in cls.permissions))
    assert documented == declared


# The pure halves


def test_what_is_sent_is_what_would_be_read():
    names = Names({}, {})
    names.learn("mw-1", Key("window", "window"))
    names.learn("target-1", Key("target", "target"))
    ids = Ids({Key("target", "target"): "mw-1/target-1", Key("baseline", "baseline"): "pb-1"})
    names.learn("pb-1", Key("baseline", "baseline"))
    assert baselines.from_aws(baselines.to_aws(SPECS["baseline"])) == SPECS["baseline"]
    assert windows.from_aws({**windows.to_aws(SPECS["window"]), "Enabled": True}) == SPECS["window"]
    target = {"WindowId": "mw-1", **targets.to_aws(SPECS["target"])}
    assert targets.from_aws(target, names) == SPECS["target"]
    task = {"WindowId": "mw-1", "TaskType": "RUN_COMMAND", **tasks.to_aws(SPECS["task"], ids)}
    assert tasks.from_aws(task, names) == SPECS["task"]
    assert schedules.from_aws(schedules.to_aws(SPECS["schedule"], "arn:role")) == SPECS["schedule"]
    sent = tags.to_aws(SPECS["tag"])
    assert tags.from_aws({"ResourceId": sent["Resources"][0], **sent["Tags"][0]}) == SPECS["tag"]
    registration = registrations.to_aws(SPECS["registration"], ids)
    identity = {"BaselineId": registration["BaselineId"], "OperatingSystem": "WINDOWS"}
    row = {"PatchGroup": registration["PatchGroup"], "BaselineIdentity": identity}
    assert registrations.from_aws(row, names) == SPECS["registration"]


def test_a_window_never_sends_an_empty_text():
    plain = replace(SPECS["window"], description="", end_date="", offset=0)
    assert not {"Description", "EndDate", "StartDate", "ScheduleOffset"} & set(windows.to_aws(plain))


@pytest.mark.parametrize("work", ["", "not json", "{}", '{"Resources": ["i-0"], "Tags": []}'])
def test_a_schedule_that_was_rewritten_by_hand_equals_no_spec(work):
    reply = {"ScheduleExpression": "at(2026-07-01T00:00:00)", "State": "ENABLED", "Target": {"Input": work}}
    assert schedules.from_aws(reply) != SPECS["schedule"]
    assert schedules.from_aws(reply).tag_key == ""


def test_a_disabled_schedule_is_no_way_back():
    reply = {**schedules.to_aws(SPECS["schedule"], "arn:role"), "State": "DISABLED"}
    assert schedules.from_aws(reply) != SPECS["schedule"]
