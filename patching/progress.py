"""How far approved requests have come in AWS, reckoned from the resources made of them, and told to who asked."""

from collections import Counter
from collections.abc import Iterable
from contextlib import suppress

from django.db import transaction

from patching import contents, desired, effects, rules, sealing
from patching.models import AccountRegion, ChangeRequest, PushRun, ResourceState, Tombstone
from patching.specs import Desired, Key
from portal.governance import clock, outbox
from portal.governance.errors import WrongState
from portal.governance.models import User
from portal.governance.states import locked, move

State, Condition = ChangeRequest.State, ResourceState.Condition
STUCK = (Condition.FAILED, Condition.PARKED)
OPEN_IN_AWS = (State.PUSHING, State.FAILED, State.PARTIALLY_APPLIED)


def started(place: AccountRegion) -> bool:
    """Approved requests with an effect here are being pushed from now on, unless what they rest on has moved.

    True when one went stale: what is wanted here is no longer what it was.
    """
    approved = ChangeRequest.objects.filter(state=State.APPROVED).select_related("current")
    stale = [request for request in approved if place in places_of(request) and _start(request)]
    return bool(stale)


@transaction.atomic
def _start(request: ChangeRequest) -> bool:
    request = locked(request)
    if request.state != State.APPROVED or request.current is None:
        return False  # withdrawn or superseded at this very moment
    moved = sealing.what_moved(request, contents.items_of(request.current))
    if not moved:
        move(request, State.PUSHING, by=None)
        return False
    note = " ".join(moved)
    effects.undo(request)
    move(request, State.STALE, by=None, reason=note, outcome_note=note, closed_at=clock.now())
    _tell(request, "stale", f"It was not pushed, because things moved after it was submitted. {note}")
    return True


def settle(place: AccountRegion, *, refusal: str = "") -> None:
    """Move each request that is being pushed to where its resources stand, over all its account-regions."""
    for request in ChangeRequest.objects.filter(state__in=OPEN_IN_AWS).select_related("current"):
        places = places_of(request)
        if place in places:
            _settle(request, places, refusal=refusal)


def settle_idle() -> None:
    """Approved requests that change nothing in AWS, such as a baseline that no group uses yet, are applied.

    So is what a worker finished that died before it could say so.
    """
    for request in ChangeRequest.objects.filter(state=State.PUSHING).select_related("current"):
        places = places_of(request)
        if not any(place.push_runs.filter(state=PushRun.State.RUNNING).exists() for place in places):
            _settle(request, places, refusal="")
    for request in ChangeRequest.objects.filter(state=State.APPROVED).select_related("current"):
        if not places_of(request):
            with suppress(WrongState), transaction.atomic():  # withdrawn at this very moment
                move(request, State.PUSHING, by=None)
                _close(request, State.APPLIED, "Nothing had to change in AWS.")


def try_again(request: ChangeRequest) -> None:
    """What of a request is parked, or waits for its next try, is tried by the next push."""
    stones = Tombstone.objects.filter(source__id=str(request.current_id), buried_at=None)
    leaving = set(stones.values_list("account_region", "kind", "key"))
    for state in ResourceState.objects.filter(account_region__in=places_of(request), condition__in=STUCK):
        sources = {(source["kind"], source["id"]) for source in state.sources}
        here = (state.account_region_id, state.kind, state.key)
        if ("revision", str(request.current_id)) in sources or here in leaving:
            again = {"condition": Condition.OUT_OF_SYNC, "reason_code": "", "failures": 0, "retry_at": None}
            ResourceState.objects.filter(pk=state.pk).update(**again)


def places_of(request: ChangeRequest) -> set[AccountRegion]:
    """Where a request has or had an effect: named by its items, or by resources made from it."""
    if request.current is None:
        return set()
    places = set(rules.account_regions(contents.items_of(request.current)))
    stones = Tombstone.objects.filter(source__id=str(request.current_id), source__kind="revision")
    return places | set(AccountRegion.objects.filter(pk__in=stones.values("account_region")))


def _settle(request: ChangeRequest, places: Iterable[AccountRegion], *, refusal: str) -> None:
    counts: Counter[str] = Counter()
    problems: list[str] = []
    for place in sorted(places, key=lambda place: place.pk):
        _count(request, place, counts, problems)
    if refusal:
        counts["failed"], problems = counts["failed"] + counts.pop("waiting", 0) + 1, [refusal]
    if counts["waiting"]:
        return
    done, failed = counts["done"], counts["failed"]
    if not done and not failed and request.state != State.PUSHING:
        return  # nothing of it is left: later requests replaced what failed then
    if not failed:
        told = (
            f"All {done} resources are in AWS as approved." if done else "Nothing has to change in AWS yet."
        )
        _close(request, State.APPLIED, told)
    elif request.state == State.PUSHING:
        to = State.PARTIALLY_APPLIED if done else State.FAILED
        _close(request, to, f"{done} of {done + failed} resources are as approved. {' '.join(problems[:3])}")


def _count(request: ChangeRequest, place: AccountRegion, counts: Counter[str], problems: list[str]) -> None:
    """Resources of one account-region that were made from the request: done, failed, or still waiting."""
    revision = str(request.current_id)
    if (
        place.push_wanted > place.push_done
        and not place.push_runs.filter(generation=place.push_wanted).exists()
    ):
        counts["waiting"] += 1  # not even begun there
        return
    states = {
        Key(state.kind, state.key): state for state in ResourceState.objects.filter(account_region=place)
    }
    # where everything is paused for a person, what waits goes on once they have decided
    pauses = place.drift_policy == AccountRegion.DriftPolicy.PAUSE
    failed_here = any(state.condition in STUCK if pauses else _is_left(state) for state in states.values())
    for key, wanted in desired.now_for(place).items():
        if ("revision", revision) not in {(source.kind, source.id) for source in wanted.sources}:
            continue
        state = states.get(key)
        if state is not None and state.condition == Condition.IN_SYNC and _is_about(state, wanted):
            counts["done"] += 1
        elif state is not None and (_is_left(state) or (failed_here and not _is_coming(place))):
            counts["failed"] += 1
            problems.append(f"{state.label}: {state.condition_text}")
        else:
            counts["waiting"] += 1
    stones = Tombstone.objects.filter(account_region=place, source__id=revision, source__kind="revision")
    for stone in stones:
        state = states.get(Key(stone.kind, stone.key))
        if stone.buried_at is not None:
            counts["done"] += 1
        elif state is not None and (_is_left(state) or (failed_here and not _is_coming(place))):
            counts["failed"] += 1
            problems.append(f"{state.label}: {state.condition_text}")
        else:
            counts["waiting"] += 1


def _is_left(state: ResourceState) -> bool:
    """Whether only a person brings it further: it failed, is parked, or was changed outside and left alone."""
    return state.condition in STUCK or state.reason_code == "drift"


def _is_about(state: ResourceState, wanted: Desired) -> bool:
    """Whether what is in sync is what this request wanted, not what stood there before it."""
    return state.sources == [source._asdict() for source in wanted.sources]


def _is_coming(place: AccountRegion) -> bool:
    """Whether the next push is to go on at once; otherwise what waits, waits for what failed."""
    return place.push_wanted > place.push_done


@transaction.atomic
def _close(request: ChangeRequest, to: str, note: str) -> None:
    try:
        if request.state in (State.FAILED, State.PARTIALLY_APPLIED):
            move(request, State.PUSHING, by=None)
        move(request, to, by=None, reason=note, outcome_note=note, closed_at=clock.now())
    except WrongState:
        return  # another account-region's worker came to the same end
    _tell(request, str(to), note)


def _tell(request: ChangeRequest, word: str, body: str) -> None:
    """One mail to whoever asked or helped to write it."""
    authors = {request.requested_by_id, *request.revisions.values_list("author", flat=True)}
    said = {"applied": "is applied", "partially_applied": "is partly applied", "failed": "failed"}
    for person in User.objects.filter(pk__in=authors, is_active=True):
        outbox.tell(
            person,
            event=f"request.{word}",
            key=f"{request.pk}/{request.current_id}/{request.closed_at}",
            subject=f"{request.number} {said.get(word, f'is {word}')}: {request.title}",
            body=body,
            url=request.address,
        )
