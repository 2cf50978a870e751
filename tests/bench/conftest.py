"""The frame of the benchmarks: each says what it did, how long it took, and what it may take at most."""

import statistics
import time
from collections.abc import Callable

import pytest


@pytest.fixture
def measure(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture) -> Callable[..., float]:
    """``measure(call, at_most=0.2)``: run a few times, print the median in ms, fail when it is too long.

    ``cpu`` counts this process's time on a processor, which others on the machine do not lengthen.
    """

    def run(call: Callable[[], object], *, at_most: float, times: int = 5, cpu: bool = False) -> float:
        now = time.process_time if cpu else time.perf_counter
        call()  # warm caches are the usual case
        taken = []
        for _ in range(times):
            begun = now()
            call()
            taken.append(now() - begun)
        median = statistics.median(taken)
        unit = "ms of CPU" if cpu else "ms"
        with capsys.disabled():
            print(f"\n{request.node.name}: {median * 1000:.1f} {unit} (at most {at_most * 1000:.0f} ms)")  # noqa: T201
        assert median <= at_most
        return median

    return run
