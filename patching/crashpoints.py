"""Named places in which a test lets the process die, as a power cut would. In production they do nothing."""

import os
import sys
from collections import Counter

_passed: Counter[str] = Counter()


def crashpoint(name: str) -> None:
    """Die here when ``CRASH_AT`` is ``name:n`` and this is the n-th time."""
    wanted = os.environ.get("CRASH_AT")
    if not wanted:
        return
    _passed[name] += 1
    if wanted == f"{name}:{_passed[name]}":
        sys.stderr.write(f"Died at {wanted}.\n")
        sys.stderr.flush()
        os._exit(137)
