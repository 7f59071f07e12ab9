"""While much is held in memory, cycles of dead objects are looked for seldom; afterwards as before."""

from __future__ import annotations

import gc
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from geosvc.workflows.holding import holding_much


def test_the_thresholds_come_back_with_the_last_of_several():
    """Two imports at once, one in the other, and one that fails: Python collects afterwards as it did before."""
    before = gc.get_threshold()
    with holding_much():
        seldom = gc.get_threshold()
        with pytest.raises(ZeroDivisionError), holding_much():
            assert 1 / 0
        assert gc.get_threshold() == seldom
    assert gc.get_threshold() == before
    assert seldom[0] > before[0]
    assert gc.isenabled()


def test_several_threads_give_back_what_was_there():
    """Whoever comes first and whoever goes last: no thread keeps the thresholds of another."""
    before = gc.get_threshold()
    together = Barrier(4)

    @holding_much()
    def work() -> tuple[int, int, int]:
        together.wait(timeout=30)
        return gc.get_threshold()

    with ThreadPoolExecutor(4) as threads:
        found = {each.result() for each in [threads.submit(work) for _ in range(8)]}
    assert len(found) == 1
    assert before not in found
    assert gc.get_threshold() == before
