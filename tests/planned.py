"""Windows as somebody plans them, without a database: two instances of payments in production unless said otherwise."""

from datetime import UTC, datetime
from typing import Any

from patching.findings import Planned
from patching.items import with_defaults

NOW = datetime(2026, 6, 1, 6, tzinfo=UTC)
RANKS = {"dev": 1, "test": 2, "prod": 3}


def window(
    name: str = "payments-prod-a", env: str = "prod", *, instances: int = 2, asked: bool = True, **spec: Any
) -> Planned:
    given = {
        "name": name,
        "application": "payments",
        "environment": env,
        "account": "211125483017",
        "region": "eu-central-1",
        "az": f"eu-central-1{name[-1]}",
        "schedule": "cron(0 20 ? * TUE#2 *)",
        "timezone": "Europe/Berlin",
        "offset": 6,
        "duration": 4,
        "cutoff": 1,
        "start_date": "",
        "end_date": "",
        "instances": [f"i-{number}" for number in range(instances)],
        "tasks": [{"name": "Install", "kind": "install", "max_concurrency": "50%"}],
        **spec,
    }
    filled = with_defaults({"action": "create", "kind": "window", "spec": given})["spec"]
    return Planned(
        filled, rank=RANKS[env], production=env == "prod", asked=asked, environment=env.capitalize()
    )


TEST = window("payments-test-a", "test", offset=1)
