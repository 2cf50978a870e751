"""What a freeze or a single opening would do: windows shut, openings missed, patches that come late. Reads only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from patching import freezing, missed, openings
from patching.models import MaintenanceWindow, PatchFinding
from patching.shutting_items import ends_of, in_utc, starts_of
from patching.words import counted
from portal.governance import clock

Spec = Mapping[str, Any]
CRITICAL_WITHIN = timedelta(days=14)  # the deadline that the exemption policy names for critical patches
MOST_OPENINGS = 400


@dataclass(frozen=True)
class Shut:
    """One window under a freeze: the openings that it misses, and when it opens next."""

    window: MaintenanceWindow
    missed: tuple[datetime, ...]
    opens_next: datetime | None
    late: int = 0  # instances that lack a critical patch which comes later than its deadline because of this

    @property
    def instances(self) -> int:
        return len(self.window.spec["instances"])


def windows_shut(spec: Spec) -> list[Shut]:
    """Every window that a freeze of this spec keeps shut, those that miss an opening first."""
    start, end = max(starts_of(spec), clock.now()), ends_of(spec)
    found = [_shut(window, start, end) for window in freezing.windows_under(spec)]
    return sorted(found, key=lambda one: (not one.missed, -one.instances, one.window.name))


def of_freeze(approved: Spec | None, proposed: Spec | None) -> str:
    """Its effect in sentences, for those who decide."""
    if proposed is None:
        held = windows_shut(approved) if approved else []
        return f"{counted(len(held), 'window')} {_open(held)} again with the next push."
    shut = windows_shut(proposed)
    if not shut:
        return "No window is under it today; windows made later are."
    missing = [one for one in shut if one.missed]
    if not missing:
        return f"Shuts {counted(len(shut), 'window')}; none of them would have opened in that time."
    runs = sum(len(one.missed) for one in missing)
    told = [
        f"Shuts {counted(len(shut), 'window')}: {counted(runs, 'opening')} fall out, and "
        f"{_miss(sum(one.instances for one in missing))} a run."
    ]
    ahead = [(one.opens_next, one.window.spec["timezone"]) for one in missing if one.opens_next]
    if ahead:
        when, zone = min(ahead)  # no window is named: who asks need not see every one of them
        told.append(f"The first of them opens again {openings.in_words([when], zone)}.")
    late = sum(one.late for one in missing)
    if late:
        told.append(
            f"{_lack(late)} a critical patch that then comes more than {CRITICAL_WITHIN.days} days after it was missed."
        )
    return " ".join(told)


def of_occurrence(approved: Spec | None, proposed: Spec | None) -> str:
    """What skipping or moving one opening means."""
    spec = proposed or approved
    window = _window(spec) if spec else None
    if spec is None or window is None:
        return "Its window is no longer there."
    number, when = len(window.spec["instances"]), in_utc(spec["run_at"])
    many = counted(number, "instance")
    if proposed is None and missed.was_missed(window, when, clock.now()):
        return f"{window.name} gets no extra opening for the one that did not come {_when(when, window)}."
    if proposed is None:
        return f"{window.name} opens as its schedule says, {_when(when, window)}."
    if proposed["moved_to"]:
        new = in_utc(proposed["moved_to"])
        if missed.was_missed(window, when, clock.now()):
            return (
                f"{window.name} did not open {_when(when, window)}. It opens once {_when(new, window)} to make up for "
                f"that, as an extra window in AWS with the same tasks, for {many}; its schedule stays as it is."
            )
        return (
            f"{window.name} stays shut {_when(when, window)} and opens once {_when(new, window)} instead, "
            f"as an extra window in AWS with the same tasks, for {many}."
        )
    after = openings.next_starts(
        window.spec, start=when + timedelta(minutes=1), count=1, since=window.created_at
    )
    then = f"It opens next {_when(after[0], window)}." if after else "It has no opening after that."
    return f"{many} of {window.name} {'misses' if number == 1 else 'miss'} a run. {then}"


def _window(spec: Spec) -> MaintenanceWindow | None:
    rows = MaintenanceWindow.objects.filter(
        name=spec["window"],
        account_region__account__account_id=spec["account"],
        account_region__region=spec["region"],
    )
    return rows.order_by("retired_at").first()


def _shut(window: MaintenanceWindow, start: datetime, end: datetime) -> Shut:
    ahead = openings.next_starts(window.spec, start=start, count=MOST_OPENINGS, since=window.created_at)
    missed = tuple(one for one in ahead if one < end)
    after = openings.next_starts(window.spec, start=end, count=1, since=window.created_at)
    opens_next = after[0] if after else None
    return Shut(window, missed, opens_next, _late(window, missed, opens_next) if missed else 0)


def _late(window: MaintenanceWindow, missed: Sequence[datetime], opens_next: datetime | None) -> int:
    """Instances with a critical patch that the first missed opening would bring in time, and the next does not."""
    in_time = missed[0] - CRITICAL_WITHIN
    too_late = (opens_next or missed[-1]) - CRITICAL_WITHIN
    rows = PatchFinding.objects.filter(
        instance__account_region=window.account_region,
        instance__instance_id__in=window.spec["instances"],
        severity__iexact="Critical",
        resolved_at=None,
        first_seen_at__gte=in_time,
        first_seen_at__lt=too_late,
    )
    return rows.values("instance").distinct().count()


def _when(moment: datetime, window: MaintenanceWindow) -> str:
    return openings.in_words([moment], window.spec["timezone"])


def _open(shut: Sequence[Shut]) -> str:
    return "opens" if len(shut) == 1 else "open"


def _miss(number: int) -> str:
    return f"{counted(number, 'instance')} {'misses' if number == 1 else 'miss'}"


def _lack(number: int) -> str:
    return f"{counted(number, 'instance')} {'lacks' if number == 1 else 'lack'}"


BY_KIND = {"freeze": of_freeze, "occurrence": of_occurrence}
