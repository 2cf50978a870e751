"""Figures of patching for a monitoring system. Names of teams and resources are not among them."""

from collections.abc import Iterator
from datetime import timedelta

from django.db.models import Count

from patching.models import AccountRegion, ChangeRequest, Drift, Operation, ResourceState
from portal.governance import clock
from portal.governance.measures import Measure, seconds_since

Health = AccountRegion.Health


def measured() -> Iterator[Measure]:
    """Every account-region, then requests and writes of all of them."""
    real_now, now = clock.real_now(), clock.now()
    for place in AccountRegion.objects.filter(is_active=True).select_related("account"):
        here = {"account": place.account.account_id, "region": place.region}
        pushed, read = seconds_since(place.last_pushed_at, now), seconds_since(place.last_pulled_at, now)
        waited = seconds_since(place.wanted_at, real_now) if place.wanted_at else 0.0
        yield Measure("last_push_age_seconds", "Since the last push that got through", pushed, here)
        yield Measure("last_reading_age_seconds", "Since the last good reading", read, here)
        behind = place.push_wanted - place.push_done
        yield Measure("push_wishes_open", "Wishes that no push has fulfilled yet", behind, here)
        yield Measure("push_wait_seconds", "How long the oldest open wish waits", waited, here)
        yield Measure("failures_in_a_row", "Pushes that AWS did not let through", place.failures, here)
        paused = max(0.0, (place.backoff_until - real_now).total_seconds()) if place.backoff_until else 0.0
        yield Measure("backoff_seconds", "Until the next try; 0 when nothing holds it up", paused, here)
        opened = place.circuit_until is not None and place.circuit_until > real_now
        yield Measure("circuit_open", "1 while nobody asks AWS anything there", float(opened), here)
        for health in Health:
            about = {**here, "health": str(health)}
            yield Measure("health", "1 for the state that it is in", float(place.health == health), about)
    yield from _resources()
    requests = ChangeRequest.objects.order_by().values_list("state").annotate(Count("pk"))
    for state, number in requests:
        yield Measure("change_requests", "Requests by stored state", number, {"state": state})
    lately = Operation.objects.filter(intent_at__gt=real_now - timedelta(days=1)).order_by()
    for state, number in lately.values_list("state").annotate(Count("pk")):
        yield Measure(
            "writes_last_day", "Writes to AWS of 24 hours, by how they ended", number, {"state": state}
        )


def _resources() -> Iterator[Measure]:
    place = ("account_region__account__account_id", "account_region__region")
    rows = ResourceState.objects.order_by().values_list(*place, "condition").annotate(Count("pk"))
    for account, region, condition, number in rows:
        labels = {"account": account, "region": region, "condition": condition}
        yield Measure("resources", "What is ours in AWS, by how it stands", number, labels)
    drifts = Drift.objects.filter(state=Drift.Outcome.OPEN).order_by()
    open_ones = drifts.values_list(*(f"resource__{name}" for name in place)).annotate(Count("pk"))
    for account, region, number in open_ones:
        labels = {"account": account, "region": region}
        yield Measure("open_drifts", "Changes made outside that nobody has decided about", number, labels)
