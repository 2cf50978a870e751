"""What a freeze or an occurrence may ask given what is there. Reads rows, writes nothing."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from patching import freezing, missed, openings
from patching.item_words import Problem
from patching.models import AccountRegion, Application, Environment, Freeze, MaintenanceWindow, Occurrence
from patching.models.governed import Governed
from patching.shutting_items import ends_of, in_utc
from portal.governance import clock
from portal.governance.models import Team, User

Spec = Mapping[str, Any]
OPENINGS_AHEAD = 60


def check_freeze(spec: Spec, at: str, row: Governed | None, *, by: User, team: Team) -> list[Problem]:
    """Its application is the team's own, its environment and account are there, and it is not over already."""
    problems = []
    if slug := spec["application"]:
        mine = Application.objects.visible_to(by).filter(slug=slug).select_related("team").first()
        if mine is None:
            problems.append(
                Problem(f"{at}.application", "unknown", f"There is no application “{slug}” of yours.")
            )
        elif mine.team_id != team.pk:
            message = f"{slug} belongs to {mine.team}; one request is about one team's applications."
            problems.append(Problem(f"{at}.application", "not_yours", message))
    if spec["environment"] and not Environment.objects.filter(slug=spec["environment"]).exists():
        known = ", ".join(Environment.objects.values_list("slug", flat=True))
        problems.append(
            Problem(f"{at}.environment", "unknown", f"Use one of {known}, or leave it empty for all.")
        )
    if spec["account"]:
        place = AccountRegion.objects.filter(account__account_id=spec["account"], region=spec["region"])
        if not place.filter(is_active=True).exists():
            message = (
                f"Account {spec['account']} in {spec['region']} is not connected; leave both empty for all."
            )
            problems.append(Problem(f"{at}.account", "unknown", message))
    if ends_of(spec) <= clock.now():
        problems.append(
            Problem(f"{at}.ends_at", "past", "It would be over already; name an end that lies ahead.")
        )
    same = Freeze.objects.live().filter(name__iexact=spec["name"], ends_at__gt=clock.now())
    if same.exclude(pk=row.pk if row else None).exists():
        message = (
            f"There is a freeze called “{spec['name']}” already; change that one or choose another name."
        )
        problems.append(Problem(f"{at}.name", "taken", message))
    return problems


def check_occurrence(spec: Spec, at: str, row: Governed | None, *, by: User, team: Team) -> list[Problem]:
    """It names an opening of a window of the team, ahead or never come, and a time at which it can run instead."""
    window = window_of(spec, by=by)
    if window is None or window.application is None or window.application.team_id != team.pk:
        # the same words for a stranger's window and for none at all
        message = (
            f"There is no window “{spec['window']}” of {spec['application']} {spec['environment']} there."
        )
        return [Problem(f"{at}.window", "unknown", message)]
    run_at = in_utc(spec["run_at"])
    ahead = openings.next_starts(
        window.spec, start=clock.now(), count=OPENINGS_AHEAD, since=window.created_at
    )
    never_came = missed.is_missed(window, run_at, clock.now())
    if run_at not in ahead and not never_came:
        example = f", such as {ahead[0]:%Y-%m-%dT%H:%M:%SZ}" if ahead else "; it has none"
        return [
            Problem(f"{at}.run_at", "unknown", f"Name one of the openings of {window.name} ahead{example}.")
        ]
    others = Occurrence.objects.live().filter(window=window, run_at=run_at)
    if others.exclude(pk=row.pk if row else None).exists():
        message = "This opening is skipped or moved already; ask to change that."
        return [Problem(f"{at}.run_at", "taken", message)]
    if not spec["moved_to"] and never_came:
        message = (
            "It never came, so there is nothing to skip. Say when the window opens once to make up for it."
        )
        return [Problem(f"{at}.moved_to", "required", message)]
    if not spec["moved_to"]:
        return []
    return _check_new_time(spec, at, window, in_utc(spec["moved_to"]), run_at)


def window_of(spec: Spec, *, by: User | None = None) -> MaintenanceWindow | None:
    """The live window that an occurrence names."""
    rows = MaintenanceWindow.objects.visible_to(by) if by is not None else MaintenanceWindow.objects.all()
    return (
        rows.live()
        .filter(
            name=spec["window"],
            account_region__account__account_id=spec["account"],
            account_region__region=spec["region"],
            application__slug=spec["application"],
            environment__slug=spec["environment"],
        )
        .select_related("account_region__account", "application__team", "environment")
        .first()
    )


def _check_new_time(
    spec: Spec, at: str, window: MaintenanceWindow, moved_to: datetime, run_at: datetime
) -> list[Problem]:
    field = f"{at}.moved_to"
    if moved_to <= clock.now() + timedelta(minutes=30):
        message = "Name a time at least half an hour ahead: the extra window has to be in AWS by then."
        return [Problem(field, "past", message)]
    length = timedelta(hours=window.spec["duration"])
    frozen = freezing.freezes_of(window, moved_to, moved_to + timedelta(minutes=1))
    if moved_to == run_at and not (spec["override"] and frozen):
        return [Problem(field, "same", "This is its own time. Name another, or leave it empty to skip it.")]
    near = openings.next_starts(
        window.spec, start=moved_to - length, count=OPENINGS_AHEAD, since=window.created_at
    )
    clash = [one for one in near if one != run_at and one - length < moved_to < one + length]
    if clash:
        other = f"{clash[0]:%Y-%m-%d %H:%M} UTC"
        message = f"{window.name} opens at {other} anyway; name a time clear of its other openings."
        return [Problem(field, "overlap", message)]
    if frozen and not spec["override"]:
        until = max(one.ends_at for one in frozen)
        message = (
            f"{frozen[0].name} keeps windows shut until {until:%Y-%m-%d %H:%M} UTC. Name a time after it, or ask "
            "with override, which the CISO decides too."
        )
        return [Problem(field, "freeze", message)]
    if spec["override"] and not frozen:
        message = "No freeze covers this time; leave override out."
        return [Problem(f"{at}.override", "needless", message)]
    return []
