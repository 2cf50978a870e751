"""Rows that lists are read from: two teams' instances with scans, findings, windows and runs."""

from datetime import timedelta
from typing import Any

from patching.models import ManagedInstance, PatchFinding, PushRun, Scan
from portal.governance import clock
from tests import asks, factories, people


def of_two_teams() -> dict[str, list[ManagedInstance]]:
    """Payments with windows and groups, decided; data-lake of another team beside it."""
    payments = asks.fleet()
    request = asks.submitted(people.person("rita"), asks.ha_items(payments))
    asks.approve(request, *(people.person(name) for name in ("omar", "ivan", "clara")))
    lake = factories.application("data-lake", "analytics")
    factories.selector(lake, "dev")
    return {"payments": payments, "data-lake": [factories.instance(lake, "dev") for _ in range(3)]}


def scanned(instance: ManagedInstance, *missing: str, hours_ago: float = 2, **fields: Any) -> Scan:
    """Its latest scan, with a finding of each of these severities."""
    at = clock.now() - timedelta(hours=hours_ago)
    for number, severity in enumerate(missing):
        PatchFinding.objects.create(
            instance=instance,
            patch_id=f"KB50392{number:02}",
            title="2026-06 Cumulative Update",
            classification="SecurityUpdates",
            severity=severity,
            cves=[f"CVE-2026-1{number}"],
            state="missing",
            first_seen_at=at,
            last_seen_at=at,
        )
    return Scan.objects.create(
        instance=instance,
        operation="Scan",
        started_at=at,
        ended_at=at,
        pulled_at=at,
        aws_baseline_id="pb-0000000000000000a",
        missing=len(missing),
        is_compliant=not missing,
        **fields,
    )


def run(place: Any = None, **fields: Any) -> PushRun:
    given = {
        "state": PushRun.State.SUCCEEDED,
        "trigger": "tick",
        "generation": 1,
        "fence": 1,
        "started_at": clock.now(),
        "finished_at": clock.now(),
        **fields,
    }
    return PushRun.objects.create(account_region=place or factories.account_region(), **given)
