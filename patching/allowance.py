"""What the role of an account does not allow us: a reading goes on without it, and says which line is missing."""

import re
from collections.abc import Iterable, Iterator, MutableSequence
from contextlib import contextmanager

from patching import iam
from patching.aws.errors import AwsDenied
from patching.models import AccountRegion, PullRun

NOT_ALLOWED = "not_allowed"  # the code of a reading that did without something
_ACTION = re.compile(r"\b[a-z0-9-]+:[A-Z][A-Za-z]+\b")


@contextmanager
def doing_without(lacking: MutableSequence[str]) -> Iterator[None]:
    """Inside, an action that a policy does not allow is noted, and the rest of it left undone.

    What is refused for another reason, such as credentials, still ends the reading: nothing else would work either.
    """
    try:
        yield
    except AwsDenied as problem:
        if not problem.action:
            raise
        if problem.action not in lacking:
            lacking.append(problem.action)


def told(role: str, lacking: Iterable[str]) -> str:
    """What a reading did without, in one sentence; ``missing`` finds the actions in it again."""
    return f"The role {role} does not allow {' and '.join(lacking)}; the rest was read."


def missing(place: AccountRegion) -> list[str]:
    """Actions that the policy of an account-region's role lacks, by its last error and its last whole reading."""
    texts = [place.last_error]
    runs = PullRun.objects.filter(account_region=place).exclude(finished_at=None)
    if (run := runs.first()) is not None and run.error_code == NOT_ALLOWED:
        texts.append(run.error)
    named = {action for text in texts for action in _ACTION.findall(text)}
    return sorted(named & iam.actions())
