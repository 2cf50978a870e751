"""A push that dies, is cut off, doubled or overtaken at a chosen step is taken up there: once, and in safe order."""

from collections import Counter

import pytest
from kombu import Connection

from patching import push, turns
from patching.models import Operation, PushRun
from patching.specs import ORDER
from portal.celery import app
from portal.governance import clock
from tests.faults.rig import load, matrix, oracle, processes
from tests.pushing import baseline_item, change

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

HERE = "tests/faults/test_steps.py"
POINTS = ("intent-written", "call-returned", "result-saved")
WRITES = 13  # of a cell with a baseline of its own and a deferred instance: every kind is among them
# baseline, registration, window, target, task, schedule, tag, enabling
ONE_OF_EACH = (1, 2, 3, 5, 6, 8, 9, 13)
CREATES = ["CreateMaintenanceWindow", "CreatePatchBaseline", "RegisterTargetWithMaintenanceWindow"]
CREATES += ["RegisterTaskWithMaintenanceWindow", "CreateSchedule"]
# what may be sent twice without a token, because twice is once
IDEMPOTENT = {
    "AddTagsToResource",
    "CreateScheduleGroup",
    "CreateTags",
    "DeregisterPatchBaselineForPatchGroup",
    "RegisterPatchBaselineForPatchGroup",
    "UpdateMaintenanceWindow",
    "UpdateMaintenanceWindowTarget",
    "UpdateMaintenanceWindowTask",
}


def dies_at(installation, place, where):
    """One pass in a process of its own that is killed there; True if it came so far."""
    turns.want(place, by_hand=True)
    child = installation.push(place, name=f"push-{where.replace(':', '-')}", CRASH_AT=where)
    processes.until(lambda: not child.lives, 60, f"a push at {where} ends: {processes.tail(child.log)}")
    return f"Died at {where}." in child.log.read_text()


def a_new_cell(company, number):
    """The next cell, with a baseline of its own and one instance that an exemption keeps out of its window."""
    cell, baseline = company.cells[number], f"steps-{number}"
    company.ask([baseline_item(baseline), *cell.items(baseline)])
    cell.defer()
    return cell


@pytest.fixture
def crowd(simulated_aws, install, witness):
    """One place with a cell for each round to come, and everything that starts processes."""

    def gather(rounds, **env):
        company = load.company(simulated_aws, cells=rounds, places=1)
        witness.calls.clear()
        return company, company.places[0], install(**env)

    return gather


def test_a_push_killed_at_any_point_of_any_kind_is_taken_up(simulated_aws, crowd, witness, figures):
    tally = figures("F3", "the process dies at a crash point, around every write of every kind of resource")
    plan = [(n, POINTS[n % 3]) for n in ONE_OF_EACH]
    if matrix.LONG:
        plan = [(n, point) for n in range(1, WRITES + 1) for point in POINTS]
    company, place, installation = crowd(len(plan))
    oracle.converge([place])
    kinds: Counter[str] = Counter()
    for round_, (number, point) in enumerate(plan):
        a_new_cell(company, round_)
        died = dies_at(installation, place, f"{point}:{number}")
        assert died, f"a cell takes fewer than {number} writes"
        last = Operation.objects.select_related("resource").latest("pk")
        kinds[last.resource.kind] += 1
        tally.count("windows open half full", len(oracle.exposed(simulated_aws)))
        simulated_aws.inject("forget-tokens")
        oracle.converge([place])
        tally.rounds += 1
    tally.lost += len(oracle.unlike(simulated_aws))
    tally.double += len(oracle.doubles(simulated_aws))
    tally.other["kinds"] = f"{len(kinds)} of {len(ORDER)}"
    tally.tell()
    assert set(kinds) == set(ORDER)
    assert tally.other["windows open half full"] == 0
    assert (tally.lost, oracle.doubles(simulated_aws)) == (0, [])
    assert oracle.unbidden(witness) == []


# AWS lets a baseline serve 25 groups, so five hundred creates are several companies
@pytest.mark.parametrize("run", range(matrix.rounds(1, 5)))
def test_creates_whose_every_answer_is_lost_are_made_once(simulated_aws, crowd, witness, figures, run):
    (seed,) = matrix.seeds()
    tally = figures("F4", "every answer to a create is lost, and AWS forgets the tokens before the next push")
    cells = matrix.rounds(2, 24)
    company, place, _ = crowd(cells)
    company.begin()
    simulated_aws.inject("lost-reply", operation=CREATES, share=1.0, seed=seed)
    for _ in range(6 * cells + 20):
        oracle.pass_the_pauses()
        turns.want(place, by_hand=True)
        passed = push.push(place, trigger="faults")
        simulated_aws.inject("forget-tokens")
        tally.count("passes")
        if passed.state == "succeeded":
            break
    simulated_aws.clear_faults()
    created = [(call.operation, request) for _, call, request in witness.calls if call.operation in CREATES]
    creates = len({str(one) for one in created})
    tally.rounds += creates
    oracle.raise_unless_whole(simulated_aws, [place], witness)
    tally.double += len(oracle.doubles(simulated_aws))
    without = Counter(call.operation for _, call, request in witness.calls if "ClientToken" not in request)
    tally.count("kinds sent without a token that are not idempotent", len(set(without) - IDEMPOTENT))
    tally.tell()
    assert set(without) <= IDEMPOTENT
    assert creates >= 4 * cells


def test_a_push_stopped_after_any_step_of_a_plan_leaves_no_half_full_window_open(
    simulated_aws, crowd, figures
):
    tally = figures("F5", "the process dies after step k of a plan of twelve and more")
    steps = range(1, 13) if matrix.LONG else (2, 8, 12)
    company, place, installation = crowd(len(steps))
    oracle.converge([place])
    for round_, k in enumerate(steps):
        a_new_cell(company, round_)
        assert len(push.preview(place).steps) >= 12
        assert dies_at(installation, place, f"result-saved:{k}")
        assert oracle.exposed(simulated_aws) == []
        oracle.converge([place])
        assert oracle.exposed(simulated_aws) == []
        tally.rounds += 1
    tally.double += len(oracle.doubles(simulated_aws))
    tally.lost += len(oracle.unlike(simulated_aws))
    tally.tell()
    assert (tally.lost, tally.double) == (0, 0)


def test_a_group_between_two_baselines_has_no_open_window(simulated_aws, crowd, figures):
    tally = figures("F6", "the process dies while a group changes its baseline, around each of its calls")
    places = ["between-two-baselines:1", *(f"{point}:{n}" for n in range(1, 5) for point in POINTS)]
    chosen = places if matrix.LONG else places[:1] + places[4:7]
    company, place, installation = crowd(1)
    company.begin()
    oracle.converge([place])
    cell = company.cells[0]
    for where in chosen:
        company.ask(load.change_baseline(cell))
        assert dies_at(installation, place, where)
        region = simulated_aws.world.region(place.account.account_id, place.region)
        window = next(one for one in region.windows.values() if one["Name"] == cell.window().name)
        on_default = cell.name not in region.groups
        tally.count("died on the default baseline", on_default)
        tally.count("open on the default baseline", on_default and window["Enabled"])
        oracle.converge([place])
        tally.rounds += 1
    tally.lost += len(oracle.unlike(simulated_aws))
    tally.double += len(oracle.doubles(simulated_aws))
    tally.tell()
    assert tally.other["died on the default baseline"] > 0
    assert tally.other["open on the default baseline"] == 0
    assert (tally.lost, tally.double) == (0, 0)


@pytest.mark.redis
def test_a_nudge_sent_fifty_times_writes_what_one_writes(simulated_aws, crowd, figures):
    tally = figures("F7", "each nudge is sent 50 times to three workers")
    company, place, installation = crowd(2)
    company.begin()
    oracle.converge([place])
    alone, nudged = company.cells
    workers = [installation.worker(f"worker-{n}") for n in range(3)]
    broker = Connection(installation.env["REDIS_URL"])
    for round_ in range(matrix.rounds(2, 20)):
        writes = []
        for cell, nudges in ((alone, 1), (nudged, 50)):
            before = len(simulated_aws.log())
            company.ask([change(cell.window(), "window", duration=3 + round_ % 2)])
            for _ in range(nudges):
                app.send_task("patching.push_account_region", args=(place.pk, "nudge"), connection=broker)
                tally.rounds += nudges > 1
            tally.worst("s to sync", processes.until(lambda: not oracle.unsettled(), 60, "in sync"))
            processes.until(lambda: installation.queue_length() == 0, 60, "the queue is empty")
            writes.append(len(simulated_aws.log()) - before)
        tally.count("writes", writes[0])
        tally.count("extra writes", writes[1] - writes[0])
    assert all(worker.lives for worker in workers)
    tally.double += len(oracle.doubles(simulated_aws))
    tally.tell()
    assert (tally.other["extra writes"], tally.double) == (0, 0)


@pytest.mark.parametrize("run", range(matrix.rounds(1, 4)))  # a baseline serves 25 groups
def test_a_worker_overtaken_in_a_call_doubles_nothing(simulated_aws, crowd, witness, figures, run):
    (seed,) = matrix.seeds()
    chance = matrix.announce(seed, f"{HERE} -k overtaken")
    tally = figures(
        "F8", "an answer comes 1.5 s after the lease has run out, and a second worker is at it by then"
    )
    rounds = matrix.rounds(3, 24)
    company, place, installation = crowd(rounds, PUSH_LEASE_SECONDS="1")
    company.offer_baselines()
    for round_ in range(rounds):
        company.ask(company.cells[round_].items())
        turns.want(place, by_hand=True)
        simulated_aws.inject("slow-reply", operation=chance.choice(CREATES[:1] + CREATES[2:4]), seconds=2.5)
        first = installation.push(place, name=f"first-{round_}")
        processes.until(lambda: a_call_waits(place), 30, "the first worker waits for AWS")
        second = installation.push(place, name=f"second-{round_}")
        for child in (first, second):
            processes.until(lambda child=child: not child.lives, 90, f"{child.name} ends")
        tally.rounds += 1
    overtaken = PushRun.objects.filter(state="abandoned").count()
    tally.count("overtaken", overtaken)
    tally.seeds.append(seed)
    oracle.raise_unless_whole(simulated_aws, [place], witness)
    tally.double += len(oracle.doubles(simulated_aws))
    tally.tell()
    assert overtaken >= rounds * 0.8


def a_call_waits(place):
    """Whether somebody's lease has run out while their call is still open."""
    place.refresh_from_db()
    late = place.lease_until is not None and place.lease_until < clock.real_now()
    return late and Operation.objects.filter(state=Operation.State.INTENT).exists()
