"""The frame of the benchmarks: each says what it did, how long it took, and what it may take at most."""

import statistics
import time
from collections.abc import Callable

import pytest


@pytest.fixture
def measure(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture) -> Callable[..., float]:
    """``measure(call, at_most=0.2)``: run a few times, print the median in ms, fail when it is too long."""

    def run(call: Callable[[], object], *, at_most: float, times: int = 5) -> float:
        call()  # warm caches are the usual case
        taken = []
        for _ in range(times):
            begun = time.perf_counter()
            call()
            taken.append(time.perf_counter() - begun)
        median = statistics.median(taken)
        with capsys.disabled():
            print(f"\n{request.node.name}: {median * 1000:.1f} ms (at most {at_most * 1000:.0f} ms)")  # noqa: T201
        assert median <= at_most
        return median

    return run
