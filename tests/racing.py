"""Several people who do something at the same moment, each in a thread with a database connection of its own."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

from django.db import connection

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


def race(*attempts: Attempt) -> list[DomainError | None]:
    """Run these at once; what each came to, in order: None or the error."""
    start = threading.Barrier(len(attempts))
    came_to: list[DomainError | None] = [None] * len(attempts)

    def run(number: int, attempt: Attempt) -> None:
        start.wait()
        try:
            attempt()
        except DomainError as error:
            came_to[number] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(attempts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return came_to


def verb(name: str, request: ChangeRequest, person: User, **extra: Any) -> Attempt:
    """The verb by somebody who has read the request as it stands now."""
    reading = asks.reading(request)

    def attempt() -> None:
        getattr(workflow, name)(request, by=person, **reading, **extra)

    return attempt
