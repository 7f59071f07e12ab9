"""How the benchmarks take times."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any


def seconds_of(work: Callable[[], Any], repeat: int) -> float:
    """Return the median seconds of a piece of work."""
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)
