"""Forty account-regions in every state that operators meet, for pages that have to stand real amounts of data."""

from datetime import timedelta
from typing import Any

from patching.models import (
    AccountRegion,
    Drift,
    ManagedInstance,
    PullRun,
    PushRun,
    ResourceState,
    Revision,
    Tombstone,
    Unmanaged,
)
from patching.specs import Key
from portal.governance import clock
from tests import asks, factories, people, pushing
from tests.patching.api import fleet

REGIONS = ("eu-central-1", "eu-west-1")
NAMES = (
    "Retail",
    "Claims",
    "Data lake",
    "Shared services",
    "Payments sandbox",
    "Archive",
    "Mobile",
    "Partners",
)
BY_HAND = {
    "WindowId": "mw-1",
    "WindowTaskId": "t-1",
    "TaskArn": "AWS-RunPatchBaseline",
    "TaskType": "RUN_COMMAND",
    "Targets": [{"Key": "WindowTargetIds", "Values": ["target-1"]}],
    "Priority": 10,
    "MaxConcurrency": "2",
    "MaxErrors": "1",
    "TaskInvocationParameters": {"RunCommand": {"Parameters": {"Operation": ["Install"]}}},
}
DENIED = (
    "Pushing failed: Assuming PatchwardenRole in 100000000003: AWS does not allow it (AccessDenied). User: "
    "arn:aws:sts::111111111111:assumed-role/PatchwardenHub/worker is not authorized to perform: sts:AssumeRole"
)


def build(many: int = 40) -> AccountRegion:
    """The place of the story, with drift and trouble, among many others; returns that one."""
    here = the_story()
    for number in range(1, many):
        _another(number)
    return here


def the_story() -> AccountRegion:
    """Retail with what rita asked for in AWS, and what went wrong there since."""
    for name in people.CAST:
        people.person(name)
    request = asks.submitted(people.person("rita"), asks.ha_items(asks.fleet()))
    asks.approve(request, *(people.person(name) for name in ("omar", "ines", "clara")))
    here = factories.account_region()
    now = clock.now()
    AccountRegion.objects.filter(pk=here.pk).update(
        last_pulled_at=now - timedelta(minutes=4),
        identity_arn="arn:aws:sts::211125483017:assumed-role/PatchwardenRole/patchwarden",
        identity_at=now - timedelta(minutes=40),
        drift_policy="report",
        push_done=1,
        push_wanted=1,
        wanted_at=None,
    )
    states = {Key(one.kind, one.key): one for one in pushing.in_aws(here, since=now)}
    windows = [state for key, state in states.items() if key.kind == "window" and "payments" in state.label]
    changed(
        windows[0], duration=(9, 4), cutoff=(2, 1), schedule=("cron(0 2 ? * SUN *)", "cron(0 20 ? * TUE#2 *)")
    )
    Drift.objects.create(resource=windows[1], live=None, live_digest="gone", found_at=now, paused=True)
    Drift.objects.create(
        resource=windows[2],
        live=windows[2].applied,
        live_digest="was",
        changes=[{"field": "duration", "live": "5", "desired": "4"}],
        found_at=now - timedelta(days=2),
        closed_at=now - timedelta(days=1),
        state="restored",
    )
    tag = next(state for key, state in states.items() if key.kind == "tag")
    changed(tag, value=("somebody-elses", "payments"))
    troubled(windows[2], "parked", "Parked after 5 failures in a row. AWS refused it.", failures=5)
    troubled(next(s for k, s in states.items() if k.kind == "task"), "failed", "AWS is busy.", failures=2)
    run = fleet.run(
        here, state=PushRun.State.PARTIAL, plan=_plan(states), plan_digest="d" * 64, error="3 of 40."
    )
    fleet.run(here, finished_at=now - timedelta(minutes=12))
    revision = Revision.objects.get(request=request)
    Tombstone.objects.create(
        account_region=here,
        kind="window",
        key="old",
        source={"kind": "revision", "id": str(revision.pk), "digest": revision.digest},
        created_at=now - timedelta(hours=5),
    )
    PullRun.objects.create(account_region=here, started_at=now, finished_at=now, instances=6, new_scans=2)
    strangers(here)
    assert run.pk
    return here


def changed(state: ResourceState, **fields: tuple[Any, Any]) -> Drift:
    """A drift of one resource: field=(live, approved)."""
    told = [
        {"field": name, "live": str(live), "desired": str(wanted)} for name, (live, wanted) in fields.items()
    ]
    live = {**state.applied, **{name: live for name, (live, _) in fields.items()}}
    troubled(state, "drifted", "It was changed outside.", reason_code="drift")
    return Drift.objects.create(
        resource=state, live=live, live_digest=f"live-{state.pk}", changes=told, found_at=clock.now()
    )


def troubled(state: ResourceState, condition: str, text: str, **fields: Any) -> None:
    ResourceState.objects.filter(pk=state.pk).update(condition=condition, condition_text=text, **fields)


def strangers(place: AccountRegion, many: int = 12) -> None:
    now = clock.now()
    for number in range(many):
        window = number % 2 == 0
        content: dict[str, Any] = {"tags": {"Owner": "ops"}, "read_at": now.isoformat()}
        if window:
            content |= {
                "listed": {
                    "Name": f"legacy-{number}",
                    "Schedule": "cron(0 2 ? * SUN *)",
                    "ScheduleTimezone": "Europe/Berlin",
                    "Duration": 3,
                    "Cutoff": 1,
                    "Enabled": True,
                },
                "targets": [{"Targets": [{"Key": "tag:Environment", "Values": ["dev", "test"]}]}],
                "tasks": [BY_HAND],
            }
        else:
            content |= {
                "listed": {"BaselineName": f"legacy-{number}"},
                "reply": {
                    "Name": f"legacy-{number}",
                    "OperatingSystem": "WINDOWS",
                    "ApprovalRules": {"PatchRules": []},
                    "PatchGroups": ["legacy"],
                },
            }
        Unmanaged.objects.create(
            account_region=place,
            kind="window" if window else "baseline",
            aws_id=f"{'mw' if window else 'pb'}-{number:017x}",
            name=f"legacy-{number}",
            content=content,
            first_seen_at=now,
            last_seen_at=now,
        )


def _plan(states: dict[Any, ResourceState]) -> list[dict[str, Any]]:
    def note(action: str, kind: str, key: str, label: str, reason: str) -> dict[str, Any]:
        given = {"action": action, "kind": kind, "key": key, "label": label, "aws_id": "mw-0a1b2c3d4e5f67890"}
        return {**given, "reason": reason, "changes": []}

    return [
        *(
            note("blocked", key.kind, key.name, one.label, "Parked.")
            for key, one in list(states.items())[:12]
        ),
        note(
            "orphan",
            "window",
            "unknown u",
            "payments-old",
            "It carries our mark, and no approved request wants it.",
        ),
        note("twin", "window", "unknown v", "payments-prod-a", "It is in AWS twice. Remove mw-0a1b by hand."),
    ]


def _another(number: int) -> None:
    """One more account-region; what is wrong with it follows from its number."""
    now, real = clock.now(), clock.real_now()
    name, region = f"{NAMES[number % len(NAMES)]} {number // 2}", REGIONS[number % 2]
    account = factories.account(f"{100000000000 + number // 2:012}", name)
    wrong: dict[int, dict[str, Any]] = {
        3: {
            "health": "denied",
            "circuit_opens": 3,
            "circuit_until": real + timedelta(hours=2),
            "last_error": DENIED,
        },
        5: {"push_wanted": 4, "push_done": 3, "wanted_at": real - timedelta(minutes=52)},
        7: {"health": "throttled", "backoff_until": real + timedelta(minutes=3)},
        9: {"health": "unreachable", "circuit_opens": 2},
        11: {"health": "clock", "circuit_opens": 1, "circuit_until": real + timedelta(minutes=20)},
        13: {"is_active": False},
        15: {"last_pulled_at": now - timedelta(hours=9)},
        17: {"identity_at": None},
        21: {"drift_policy": "pause"},
    }
    place = AccountRegion.objects.create(
        account=account,
        region=region,
        **{
            "last_pulled_at": now - timedelta(minutes=number % 14),
            "identity_at": now - timedelta(minutes=9),
            "identity_arn": f"arn:aws:sts::{account.account_id}:assumed-role/PatchwardenRole/patchwarden",
            **wrong.get(number, {}),
        },
    )
    state = PushRun.State.REFUSED if number == 19 else PushRun.State.SUCCEEDED
    fleet.run(place, state=state, started_at=now, finished_at=now - timedelta(minutes=number))
    if number % 4 == 1:
        one = ResourceState.objects.create(
            account_region=place,
            kind="window",
            key="w",
            label="their-window",
            uid="w",
            aws_id="mw-0",
            applied={},
            condition="in_sync",
            changed_at=now,
        )
        if number == 21:
            changed(one, duration=(9, 4))
        if number == 25:
            troubled(one, "parked", "Parked after 5 failures in a row.", failures=5)
    if number == 23:
        strangers(place, 96)
    assert not ManagedInstance.objects.filter(account_region=place).exists()
