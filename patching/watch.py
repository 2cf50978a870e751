"""How account-regions do, for those who look after them: what is wrong with each, and what to do about the worst first.

Ten queries for any number of account-regions. Figures are of the whole place; no names of resources are among them.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, Max, Min, Q

from patching import limits
from patching.models import AccountRegion, Drift, PushRun, ResourceState, Tombstone, Unmanaged
from portal.governance import clock

WAITS_TOO_LONG = timedelta(minutes=15)  # an approved change that no push has finished
UNREAD_TOO_LONG = 4  # readings missed
NO_GOOD_PUSH = timedelta(hours=2)  # AWS is compared every quarter of an hour
NEARLY_FULL = 0.9
Condition, Health, Policy = ResourceState.Condition, AccountRegion.Health, AccountRegion.DriftPolicy


@dataclass(frozen=True)
class Concern:
    """One thing that is wrong: a code, how bad, what it is, what to do, and the part of the page that shows it."""

    code: str
    role: str  # bad, warn, off
    what: str
    todo: str
    tab: str = "overview"


# the worst first: what stops everything there, then what waits for a person, then what may pass
ORDER = (
    "denied",
    "clock",
    "refused",
    "waiting",
    "paused",
    "parked",
    "fought",
    "failed",
    "drift",
    "no_good_push",
    "unreachable",
    "throttled",
    "unread",
    "quota",
    "unproved",
    "off",
)
WORDS = {
    "denied": "AWS does not let us in",
    "clock": "Clock is wrong",
    "refused": "Push refused itself",
    "waiting": "Approved changes wait",
    "paused": "Paused by drift",
    "parked": "Parked",
    "fought": "Two managers",
    "failed": "Failed",
    "drift": "Drift",
    "no_good_push": "No good push",
    "unreachable": "AWS does not answer",
    "throttled": "Throttled",
    "unread": "Not read",
    "quota": "Nearly full",
    "unproved": "Not proved",
    "off": "Switched off",
}


@dataclass(frozen=True)
class Use:
    """How much of an AWS quota is used, and how much of that is not ours."""

    what: str
    used: int
    limit: int
    others: int

    @property
    def text(self) -> str:
        return f"{self.used} of {self.limit}" + (f", {self.others} not ours" if self.others else "")

    @property
    def segments(self) -> list[dict[str, Any]]:
        """For the bar."""
        role = "warn" if self.is_nearly_full else "low"
        return [{"role": role, "value": self.used}]

    @property
    def is_nearly_full(self) -> bool:
        return self.used >= self.limit * NEARLY_FULL


@dataclass
class Watch:
    """One account-region with everything that an operator asks about it."""

    place: AccountRegion
    last_good_push: datetime | None = None
    last_run: PushRun | None = None
    conditions: Counter[str] = field(default_factory=Counter)
    open_drifts: int = 0
    fought_drifts: int = 0
    oldest_drift: datetime | None = None
    removals: int = 0
    uses: list[Use] = field(default_factory=list)
    concerns: list[Concern] = field(default_factory=list)

    @property
    def worst(self) -> Concern | None:
        return self.concerns[0] if self.concerns else None

    @property
    def rank(self) -> tuple[int, int, str, str]:
        """Where it stands among the others: the worst concern, then how many."""
        first = ORDER.index(self.concerns[0].code) if self.concerns else len(ORDER)
        return first, -len(self.concerns), self.place.account.name, self.place.region

    @property
    def queue_age(self) -> timedelta | None:
        """How long the oldest open wish for a push waits; real time."""
        place = self.place
        if place.wanted_at is None or place.push_wanted <= place.push_done:
            return None
        return max(clock.real_now() - place.wanted_at, timedelta())

    @property
    def next_try(self) -> timedelta | None:
        """How long nobody asks AWS anything there: the circuit is open, or the last push was told to come later."""
        moments = [one for one in (self.place.circuit_until, self.place.backoff_until) if one is not None]
        left = max(moments, default=clock.real_now()) - clock.real_now()
        return left if left > timedelta() else None

    @property
    def is_shut(self) -> bool:
        """Whether the circuit breaker is open now."""
        until = self.place.circuit_until
        return until is not None and until > clock.real_now()

    @property
    def breaker(self) -> str:
        """closed, open, or trying: it was open, and the next pass decides."""
        if self.is_shut:
            return "open"
        return "trying" if self.place.circuit_opens else "closed"

    @property
    def parked(self) -> int:
        return self.conditions[Condition.PARKED]


def over(places: Iterable[AccountRegion]) -> list[Watch]:
    """Every one of these with its concerns, in the order given."""
    found = {place.pk: Watch(place) for place in places}
    if found:
        _add_pushes(found)
        _add_resources(found)
        _add_drifts(found)
        _add_quotas(found)
    for watch in found.values():
        watch.concerns = sorted(_concerns(watch), key=lambda one: ORDER.index(one.code))
    return list(found.values())


def worst_first(watches: Iterable[Watch]) -> list[Watch]:
    return sorted(watches, key=lambda watch: watch.rank)


def _add_pushes(found: dict[int, Watch]) -> None:
    runs = PushRun.objects.filter(account_region__in=found).order_by()
    good = runs.filter(state=PushRun.State.SUCCEEDED).values("account_region").annotate(at=Max("finished_at"))
    for row in good:
        found[row["account_region"]].last_good_push = row["at"]
    ended = runs.exclude(state=PushRun.State.RUNNING).values("account_region").annotate(last=Max("pk"))
    for run in PushRun.objects.in_bulk([row["last"] for row in ended]).values():
        found[run.account_region_id].last_run = run


def _add_resources(found: dict[int, Watch]) -> None:
    rows = ResourceState.objects.filter(account_region__in=found).order_by()
    for pk, condition, number in rows.values_list("account_region", "condition").annotate(Count("pk")):
        found[pk].conditions[condition] = number
    stones = Tombstone.objects.filter(account_region__in=found, buried_at=None).order_by()
    for pk, number in stones.values_list("account_region").annotate(Count("pk")):
        found[pk].removals = number


def _add_drifts(found: dict[int, Watch]) -> None:
    rows = Drift.objects.filter(resource__account_region__in=found, state=Drift.Outcome.OPEN).order_by()
    told = rows.values("resource__account_region").annotate(
        all=Count("pk"), fought=Count("pk", filter=Q(paused=True)), oldest=Min("found_at")
    )
    for row in told:
        watch = found[row["resource__account_region"]]
        watch.open_drifts, watch.fought_drifts = row["all"], row["fought"]
        watch.oldest_drift = row["oldest"]


def _add_quotas(found: dict[int, Watch]) -> None:
    """Windows and baselines in AWS against the quota, those of others included: AWS counts them all."""
    ours, others = _counted(_in_aws(found)), _counted(_not_ours(found))
    for pk, watch in found.items():
        for kind, what, limit in (
            ("window", "Windows", "windows"),
            ("baseline", "Baselines", "baselines"),
        ):
            strange = others[pk, kind]
            most = limits.limit(watch.place, limit)
            watch.uses.append(Use(what, ours[pk, kind] + strange, most, strange))


def _in_aws(found: dict[int, Watch]) -> Any:
    rows = ResourceState.objects.filter(account_region__in=found, kind__in=("window", "baseline"))
    return rows.exclude(aws_id="").exclude(condition=Condition.REMOVED)


def _not_ours(found: dict[int, Watch]) -> Any:
    return Unmanaged.objects.filter(account_region__in=found, gone_at=None)


def _counted(rows: Any) -> dict[tuple[int, str], int]:
    told = rows.order_by().values_list("account_region", "kind").annotate(Count("pk"))
    return defaultdict(int, {(pk, kind): number for pk, kind, number in told})


# What is wrong


def _concerns(watch: Watch) -> Iterable[Concern]:
    place = watch.place
    if not place.is_active:
        yield Concern(
            "off", "off", "It is switched off: nothing is read or written.", "Switch it on, or leave it so."
        )
        return
    yield from _about_the_way_in(watch)
    yield from _about_pushes(watch)
    yield from _about_resources(watch)
    yield from _about_drift(watch)
    if _is_unread(place):
        yield Concern(
            "unread",
            "warn",
            "Its readings are overdue; compliance figures are old.",
            "Read this account now.",
        )
    for use in watch.uses:
        if use.is_nearly_full:
            what = f"{use.what}: {use.used} of AWS's {use.limit} are used, {use.others} of them not ours."
            yield Concern("quota", "warn", what, "Raise the quota in AWS, or remove what nobody needs.")


def _about_the_way_in(watch: Watch) -> Iterable[Concern]:
    place = watch.place
    later = f" Tried again in {_in_words(watch.next_try)}." if watch.next_try else " It is tried again now."
    if place.health == Health.DENIED:
        what = f"AWS has let nobody in, {_times(place.circuit_opens)} in a row.{later}"
        yield Concern("denied", "bad", what, "Mend the role in the account, then check the connection.")
    elif place.health == Health.CLOCK:
        what = f"AWS refuses the time of the workers' host.{later}"
        yield Concern("clock", "bad", what, "Set the clock of the workers' host right.")
    elif place.health == Health.UNREACHABLE:
        what = f"AWS did not answer, {_times(place.circuit_opens)} in a row.{later}"
        yield Concern("unreachable", "warn", what, "Wait; look at AWS's health page if it lasts.")
    elif place.health == Health.THROTTLED:
        yield Concern(
            "throttled", "warn", f"AWS asks us to slow down.{later}", "Wait; pushes and readings take turns."
        )
    if place.identity_at is None and place.health != Health.DENIED:
        yield Concern("unproved", "warn", "Who we are there was never proved.", "Check the connection.")


def _about_pushes(watch: Watch) -> Iterable[Concern]:
    run, age = watch.last_run, watch.queue_age
    refused = run is not None and run.state == PushRun.State.REFUSED
    if refused and run is not None and run.error_code != "paused":
        what = "The last push refused its own plan: it would delete or disable too much."
        yield Concern("refused", "bad", what, "Read its plan; raise PUSH_MAX_DELETE_SHARE if it is right.")
    if age is not None and age > WAITS_TOO_LONG:
        what = f"An approved change has waited for {_in_words(age)}."
        yield Concern("waiting", "bad", what, "Push this account now, and look at what it says.")
    good = watch.last_good_push
    if run is not None and (good is None or clock.now() - good > NO_GOOD_PUSH):
        since = f"since {good:%d %b %Y %H:%M} UTC" if good else "yet"
        yield Concern("no_good_push", "warn", f"No push has ended well {since}.", "Look at the last push.")


def _about_resources(watch: Watch) -> Iterable[Concern]:
    if parked := watch.parked:
        what = f"{_many(parked, 'resource')} parked: nothing more is tried."
        yield Concern("parked", "bad", what, "Mend the cause, then retry.", "resources")
    if failed := watch.conditions[Condition.FAILED]:
        what = f"{_many(failed, 'resource')} failed and will be tried again."
        yield Concern("failed", "warn", what, "Read why; retry at once if it is mended.", "resources")


def _about_drift(watch: Watch) -> Iterable[Concern]:
    if not watch.open_drifts:
        return
    changes = _many(watch.open_drifts, "change", "changes")
    if watch.place.drift_policy == Policy.PAUSE:
        what = f"{changes} made outside: nothing at all is written there until a person decides."
        yield Concern("paused", "bad", what, "Restore each, or ask to keep it.", "drift")
    if watch.fought_drifts:
        what = f"{_many(watch.fought_drifts, 'change', 'changes')} came back after three restores in an hour."
        yield Concern("fought", "bad", what, "Find out who else manages it, then decide.", "drift")
    if watch.place.drift_policy != Policy.PAUSE:
        what = f"{changes} made outside, the oldest since {watch.oldest_drift:%d %b %Y %H:%M} UTC."
        yield Concern("drift", "warn", what, "Restore each, or ask to keep it.", "drift")


def _is_unread(place: AccountRegion) -> bool:
    missed = timedelta(seconds=settings.PULL_EVERY_SECONDS * UNREAD_TOO_LONG)
    return place.last_pulled_at is None or clock.now() - place.last_pulled_at > missed


def _many(number: int, noun: str, many: str = "") -> str:
    return f"{number:,} {noun if number == 1 else many or noun + 's'}"


def _times(number: int) -> str:
    return "once" if number <= 1 else f"{number} times"


def _in_words(span: timedelta | None) -> str:
    minutes = max(1, round((span or timedelta()).total_seconds() / 60))
    if minutes < 90:
        return f"{minutes} min"
    hours = round(minutes / 60)
    return f"{hours} h" if hours < 48 else f"{round(hours / 24)} days"


def counts(watches: Sequence[Watch]) -> list[tuple[str, str, int]]:
    """Concerns over all, the worst first: code, words, in how many account-regions."""
    found = Counter(
        one.code for watch in watches for one in {each.code: each for each in watch.concerns}.values()
    )
    return [(code, WORDS[code], found[code]) for code in ORDER if found[code]]
