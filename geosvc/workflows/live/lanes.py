"""How many questions are worked on at once, and how many may wait."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from geosvc.errors import Busy

if TYPE_CHECKING:
    from collections.abc import Iterator


class Lanes:
    """So many at once; a few more wait, for a few seconds; whoever comes then is told to come back."""

    def __init__(self, at_once: int, *, waiting: int, seconds: float) -> None:
        """Open the lanes."""
        self._free = threading.Semaphore(at_once)
        self._lock = threading.Lock()
        self._most, self._seconds, self._waiting = waiting, seconds, 0

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for a turn and keep it for as long as the block lasts.

        Raises
        ------
        Busy
            If too many wait already, or it takes too long.
        """
        if not self._free.acquire(blocking=False):
            self._wait()
        try:
            yield
        finally:
            self._free.release()

    def _wait(self) -> None:
        with self._lock:
            if self._waiting >= self._most:
                raise Busy(f"{self._waiting} questions wait for an answer already; ask again in a second")
            self._waiting += 1
        try:
            if not self._free.acquire(timeout=self._seconds):
                raise Busy(f"no turn came within {self._seconds:g} s: too much is asked at once; ask again in a second")
        finally:
            with self._lock:
                self._waiting -= 1
