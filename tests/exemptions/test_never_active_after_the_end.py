"""Property: whatever the dates, the revocations and the clock, nothing that has ended counts as active anywhere."""

from datetime import UTC, datetime, timedelta

from django.db import transaction
from hypothesis import given
from hypothesis import settings as how
from hypothesis import strategies as st

from exemptions import debt, ending, register_export, workflow
from exemptions.models import Exemption
from patching import posture
from patching.models import ManagedInstance, Waiver
from tests import people
from tests.exemptions import asks
from tests.patching.api import fleet

START = datetime(2026, 3, 1, tzinfo=UTC)
HOURS = st.integers(1, 60 * 24)
LIVES = st.lists(st.tuples(HOURS, HOURS, st.none() | HOURS), min_size=1, max_size=3)
ACTIVE = {"active", "expiring"}


def test_what_has_ended_is_counted_as_active_nowhere(cast, monkeypatch):
    servers = asks.servers(3)
    made = [asks.approved(people.person("rita"), [one]) for one in servers]

    @how(max_examples=40, deadline=None)
    @given(lives=LIVES, clocks=st.lists(HOURS, min_size=1, max_size=4), settles=st.booleans())
    def holds(lives, clocks, settles):
        with transaction.atomic():
            _live(made, lives)
            revoked = _revoke(made, lives, monkeypatch, cast["clara"])
            for hours in sorted(clocks):
                # what was revoked is not looked at before it was
                moment = max(START + timedelta(hours=60 * 24 + hours), *revoked)
                _agree(moment, monkeypatch, settles=settles)
            transaction.set_rollback(True)

    holds()
    assert Exemption.objects.holding(made[0].approved_at).exists()


def _live(made, lives):
    """Each begins so many hours after the start, and lasts so many; what has no life of its own is left out."""
    for index, exemption in enumerate(made):
        begins, lasts, _ = lives[index % len(lives)]
        start = START + timedelta(hours=begins)
        end = start + timedelta(hours=lasts)
        Exemption.objects.filter(pk=exemption.pk).update(approved_at=start, ends_at=end)
        Waiver.objects.filter(source=f"exemption:{exemption.pk}").update(starts_at=start, ends_at=end)


def _revoke(made, lives, monkeypatch, clara):
    """End by hand what is to be ended; gives the moments, and the start where there is none."""
    moments = [START, START]
    for index, exemption in enumerate(made):
        begins, lasts, after = lives[index % len(lives)]
        if after is not None and after < lasts:
            moments.append(START + timedelta(hours=begins + after))
            asks.later(monkeypatch, moments[-1])
            workflow.revoke(Exemption.objects.get(pk=exemption.pk), by=clara, reason="The fix is out.")
    return moments


def _agree(now, monkeypatch, *, settles):
    """All counts are of the same exemptions, and those have not ended."""
    asks.later(monkeypatch, now)
    if settles:
        ending.settle()
    rows = {one.pk: one for one in Exemption.objects.with_effective_state(now)}
    active = {pk for pk, one in rows.items() if one.state_at(now) in ACTIVE}
    assert active == {pk for pk, one in rows.items() if one.effective_state in ACTIVE}
    assert active == set(Exemption.objects.holding(now).values_list("pk", flat=True))
    assert active == {int(one.source.split(":")[1]) for one in Waiver.objects.in_force(now)}
    told = register_export.register_at(now)["exemptions"]
    assert active == {int(one["number"].removeprefix("EX-")) for one in told if one["state"] in ACTIVE}
    assert len(active) == debt.report(Exemption.objects.all(), now).everything.exemptions
    assert all(rows[pk].ends_at > now and rows[pk].closed_at is None for pk in active)
    held = {one.instance_id for one in Waiver.objects.in_force(now)}
    with transaction.atomic():
        for instance in ManagedInstance.objects.all():
            fleet.scanned(instance, "Critical", hours_ago=1)
        figures = posture.fleet(people.person("clara"), at=now)
        assert figures.excused == len(held)
        assert figures.net_compliant == figures.compliant + len(held)
        transaction.set_rollback(True)
