"""The slow, obvious twin of the raster engine: a heap, a dictionary, whole microseconds.

It knows nothing of tiles, packed labels or sweeps, and is written from the description
of the moves, not from the kernels.
"""

from __future__ import annotations

import heapq
import math
from typing import Any

Cell = tuple[int, int]

HORIZON = 2**43 - 2  # microseconds: 43 bits, of which the last value means "not reached"

_STRAIGHT = [(0, 1), (1, 0), (0, -1), (-1, 0)]
_DIAGONAL = [(1, 1), (1, -1), (-1, 1), (-1, -1)]
_KNIGHT = [(2, 1), (2, -1), (-2, 1), (-2, -1), (1, 2), (1, -2), (-1, 2), (-1, -2)]


def walk_factor(slope: float) -> float:
    """Tobler: how many times longer a metre takes than on the flat."""
    return math.exp(-3.5 * 0.05) / math.exp(-3.5 * abs(slope + 0.05))


def _crossed(start: Cell, step: Cell) -> list[Cell]:
    """The two cells a knight's move passes: one straight, one diagonal, both half-way."""
    (row, column), (down, east) = start, step
    half_down, half_east = int(down / 2), int(east / 2)
    if abs(down) == 2:
        return [(row + half_down, column), (row + half_down, column + east)]
    return [(row, column + half_east), (row + down, column + half_east)]


class Oracle:
    """Naive travel times over one ground."""

    def __init__(
        self,
        pace: Any,
        cell_size_m: float = 100.0,
        neighbours: int = 16,
        elevation: Any = None,
        gait: Any = None,
        direction: str = "to_facility",
        diagonal_leak: bool = False,
    ) -> None:
        self.pace, self.elevation, self.gait = pace, elevation, gait
        self.size, self.leak = cell_size_m, diagonal_leak
        self.steps = _STRAIGHT + _DIAGONAL + (_KNIGHT if neighbours == 16 else [])
        self.inwards = direction == "to_facility"

    def cost(self, a: Cell, step: Cell) -> float:
        """Seconds of the move of a traveller from a by one step; inf if not allowed."""
        b = (a[0] + step[0], a[1] + step[1])
        length = self.size * math.sqrt(step[0] ** 2 + step[1] ** 2)
        slope = 0.0
        if self.elevation is not None:
            slope = (float(self.elevation[b]) - float(self.elevation[a])) / length
        pace_a, pace_b = self._pace(a, slope), self._pace(b, slope)
        if abs(step[0]) + abs(step[1]) == 3:
            one, two = _crossed(a, step)
            crossed = self._pace(one, slope) + self._pace(two, slope)
            return length * ((pace_a + pace_b) + crossed) / 4
        if step[0] and step[1] and not self.leak:
            corners = self.pace[a[0], b[1]], self.pace[b[0], a[1]]
            if math.isinf(corners[0]) and math.isinf(corners[1]):
                return math.inf
        return length * (pace_a + pace_b) / 2

    def _pace(self, cell: Cell, slope: float) -> float:
        pace = float(self.pace[cell])
        if self.elevation is None:
            return pace
        gait = 1 if self.gait is None else self.gait[cell]
        return pace * {0: lambda _: 1.0, 1: walk_factor, 2: cycle_factor}[gait](slope)

    def solve(self, sources: list[Any], limit_seconds: float = math.inf) -> dict[Cell, tuple[int, int]]:
        """Return (microseconds, index of the source) of every cell within the limit."""
        n_rows, n_columns = self.pace.shape
        limit = min(limit_seconds * 1e6, HORIZON)
        queue = []
        for index, source in enumerate(sources):
            if source is not None:
                row, column, delay = (*source, 0.0)[:3]
                queue.append((round(delay * 1e6), index, (row, column)))
        heapq.heapify(queue)
        done: dict[Cell, tuple[int, int]] = {}
        while queue:
            time, index, here = heapq.heappop(queue)
            if here in done or time > limit:
                continue
            done[here] = (time, index)
            for step in self.steps:
                there = (here[0] + step[0], here[1] + step[1])
                if not (0 <= there[0] < n_rows and 0 <= there[1] < n_columns) or there in done:
                    continue
                # people move towards the facility, the search away from it
                back = -step[0], -step[1]
                seconds = self.cost(there, back) if self.inwards else self.cost(here, step)
                if seconds * 1e6 < HORIZON:
                    heapq.heappush(queue, (time + max(round(seconds * 1e6), 1), index, there))
        return done


def cycle_factor(slope: float) -> float:
    """Parkin and Rotheram on a bicycle, or pushing it, whichever is quicker."""
    uphill, downhill = 1 - 100 * 1.44 / 21.6 * slope, 1 + 100 * 0.86 / 21.6 * min(-slope, 0.06)
    speed = uphill if slope > 0 else downhill
    push = 5 * walk_factor(slope)
    return min(1 / speed, push) if speed > 0 else push
