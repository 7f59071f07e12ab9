"""Holding much in memory: while a registry is gone through, the search for cycles of dead objects is made seldom."""

from __future__ import annotations

import gc
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# How many new objects set off a search, and how many searches one that looks farther back; Python's own are 700, 10, 10.
_SELDOM = (100_000, 50, 100)


class _Holders:
    """The work that holds much, in all threads; the first one of it changes the thresholds, the last one gives them back."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._working = 0
        self._before = gc.get_threshold()

    def come(self) -> None:
        with self._lock:
            if not self._working:
                self._before = gc.get_threshold()
                gc.set_threshold(*_SELDOM)
            self._working += 1

    def go(self) -> None:
        with self._lock:
            self._working -= 1
            if not self._working:
                gc.set_threshold(*self._before)


_HOLDERS = _Holders()


@contextmanager
def holding_much() -> Iterator[None]:
    """Look for cycles of dead objects seldom while this lasts, in the whole process.

    Python looks through all that is held whenever a quarter more is held, and through the newest after every 700 objects:
    an import into 100,000 facilities spends a third of its time on that (3.5 of 10 s) and finds nothing.
    Whatever is not part of a cycle is freed at once as ever.
    """
    _HOLDERS.come()
    try:
        yield
    finally:
        _HOLDERS.go()
