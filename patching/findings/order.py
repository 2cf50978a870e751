"""Environments that are patched in the wrong order, or too soon after one another. Pure."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from patching.findings.edits import Edit
from patching.findings.planned import RUNS_AHEAD, Planned
from patching.findings.shifting import later
from patching.findings.telling import NOTE, WARNING, Finding, clock_of, day_of
from patching.schedules import publications
from patching.words import counted

SOAK = timedelta(days=2)  # shorter than this, nobody has worked with what was patched before


def order_of_environments(windows: Sequence[Planned], at: datetime) -> Iterator[Finding]:
    """What is patched first must be patched long enough before what matters most."""
    for application in sorted({window.whose[0] for window in windows if window.asked}):
        mine = [window for window in windows if window.whose[0] == application]
        ranks = sorted({window.rank for window in mine})
        production = [window for window in mine if window.production]
        if production and len(ranks) == 1 and any(window.asked for window in production):
            yield Finding(
                WARNING,
                f"{application} is patched in production first",
                "No window patches another environment of it, so nothing shows a bad patch earlier.",
                "Ask for a window in test that runs some days before.",
            )
        for lower, upper in zip(ranks, ranks[1:], strict=False):
            before = [window for window in mine if window.rank == lower]
            after = [window for window in mine if window.rank == upper]
            if any(window.asked for window in (*before, *after)):
                yield from _soak(application, before, after, at)


def _soak(
    application: str, before: Sequence[Planned], after: Sequence[Planned], at: datetime
) -> Iterator[Finding]:
    short: list[tuple[datetime, timedelta]] = []
    months = 0
    for cycle in publications(at, count=RUNS_AHEAD):
        firsts = [run for window in before if (run := window.first_from(cycle))]
        nexts = [run for window in after if (run := window.first_from(cycle))]
        if not firsts or not nexts:
            continue
        months += 1
        tested, reached = max(run.end for run in firsts), min(run.start for run in nexts)
        if reached - tested < SOAK:
            short.append((reached, reached - tested))
    if not short:
        return
    early, late, zone = before[0].environment, after[0].environment, after[0].timezone
    level = WARNING if after[0].production else NOTE
    when, gap = short[0]
    share = f"in {len(short)} of the next {months} months"
    if gap < timedelta():
        yield Finding(
            level,
            f"{late} of {application} is patched before {early.lower()} has ended {share}",
            f"First on {day_of(when, zone)}, {clock_of(when, zone)} {zone}, counted from each Patch Tuesday.",
            f"Move {late.lower()} at least {SOAK.days} days behind {early.lower()}.",
            code="overtakes",
            about=after[0].name,
            edits=_moved(after, SOAK - min(gap for _, gap in short)),
        )
        return
    hours = int(gap.total_seconds() // 3600)
    yield Finding(
        level,
        f"{late} of {application} follows {early.lower()} after only {hours} h {share}",
        f"First on {day_of(when, zone)}, {clock_of(when, zone)} {zone}. "
        f"{SOAK.days} days show whether a patch does harm.",
        f"Move {late.lower()} back by {counted(SOAK.days - gap.days, 'day')}.",
        code="soak",
        about=after[0].name,
        edits=_moved(after, SOAK - min(gap for _, gap in short)),
    )


def _moved(windows: Sequence[Planned], by: timedelta) -> tuple[Edit, ...]:
    """All of them by so many whole days; none where one of them cannot be moved so."""
    days = timedelta(days=-(-by // timedelta(days=1)))
    fields = [(window, later(window.spec, days)) for window in windows]
    if any(one is None for _, one in fields):
        return ()
    return tuple(Edit.of(window, **one) for window, one in fields if one)
