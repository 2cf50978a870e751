"""Several people who do something at the same moment, each in a thread with a database connection of its own."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import connections

from patching import workflow
from patching.models import ChangeRequest
from portal.governance.errors import DomainError
from portal.governance.models import User
from tests import asks, factories

Attempt = Callable[[], object]


def waiting(by: User, needs: Sequence[str]) -> ChangeRequest:
    """A submitted request as rows, so that each round costs the race and nothing else."""
    request = factories.change_request(by, state=ChangeRequest.State.SUBMITTED, needs=needs)
    factories.revision(request)
    return request


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Run these at once; what each returned or raised, in order."""
    start = threading.Barrier(len(calls))

    def run(call: Callable[[], Any]) -> Any:
        start.wait()
        try:
            return call()
        except Exception as problem:  # noqa: BLE001 - the test looks at whatever came
            return problem
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(run, calls))


def race(*attempts: Attempt) -> list[DomainError | None]:
    """Run these at once; what each came to, in order: None or the error. Raises what is no refusal of ours."""
    outcomes = at_once(*attempts)
    for one in outcomes:
        if isinstance(one, Exception) and not isinstance(one, DomainError):
            raise one
    return [one if isinstance(one, DomainError) else None for one in outcomes]


def verb(name: str, request: ChangeRequest, person: User, **extra: Any) -> Attempt:
    """The verb by somebody who has read the request as it stands now."""
    reading = asks.reading(request)

    def attempt() -> None:
        getattr(workflow, name)(request, by=person, **reading, **extra)

    return attempt
