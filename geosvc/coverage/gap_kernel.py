"""The gaps of every limit in one pass: from the farthest cells to the nearest, each joins the gaps it touches."""

# numba infers the types of kernels; what arrays hold is said in their docstrings
# ruff: noqa: ANN001, ANN201, ANN202
# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators
from __future__ import annotations

import numba as nb
import numpy as np

_NO_DATA = np.uint8(255)
_ALONE = np.int32(-1)


@nb.njit(cache=True)
def _root(parent, cell):
    """Return the cell that stands for a gap, halving the way to it."""
    while parent[cell] >= 0:
        above = parent[cell]
        if parent[above] >= 0:
            parent[cell] = parent[above]
        cell = above
    return cell


@nb.njit(cache=True)
def _farthest_first(levels, areas, steps):
    """Return the cells of the study by level, the farthest first, and where each level begins; no data is left out."""
    starts = np.zeros(steps + 3, np.int64)
    for cell in range(levels.size):
        if levels[cell] != _NO_DATA and areas[cell] >= 0:
            starts[steps - min(np.int64(levels[cell]), steps) + 1] += 1
    for level in range(1, starts.size):
        starts[level] += starts[level - 1]
    order = np.empty(starts[steps + 1], np.int32)
    fill = starts.copy()
    for cell in range(levels.size):
        if levels[cell] != _NO_DATA and areas[cell] >= 0:
            slot = steps - min(np.int64(levels[cell]), steps)
            order[fill[slot]] = cell
            fill[slot] += 1
    return order, starts


@nb.njit(cache=True)
def sweep(levels, areas, people, steps):
    """Return, for a limit of 0, 1 … ``steps - 1`` steps: gaps, those with people, and the people of the largest.

    ``levels`` (rows, cols) are whole steps, more than ``steps`` farther or unreachable, 255 no data; cells of
    another area, or of none (-1), are never of one gap.
    """
    rows, columns = levels.shape
    flat_levels, flat_areas, flat_people = levels.ravel(), areas.ravel(), people.ravel()
    order, starts = _farthest_first(flat_levels, flat_areas, steps)
    # Above 0: the cell above it in its gap. Below 0: it stands for a gap; -1 - its number of joins.
    parent = np.full(levels.size, np.int32(-2_000_000_000), np.int32)
    total = np.zeros(levels.size, np.float64)
    count, inhabited, largest = np.int64(0), np.int64(0), 0.0
    counts, with_people, largests = np.zeros(steps, np.int64), np.zeros(steps, np.int64), np.zeros(steps, np.float64)
    for slot in range(steps):
        for n in range(starts[slot], starts[slot + 1]):
            cell = order[n]
            parent[cell] = _ALONE
            total[cell] = flat_people[cell]
            here = cell
            count += 1
            inhabited += total[cell] > 0
            row, column = cell // columns, cell % columns
            for r in range(max(0, row - 1), min(rows, row + 2)):
                for c in range(max(0, column - 1), min(columns, column + 2)):
                    other = r * columns + c
                    if parent[other] == -2_000_000_000 or flat_areas[other] != flat_areas[cell]:
                        continue
                    there = _root(parent, other)
                    if there == here:
                        continue
                    count -= 1
                    inhabited -= total[there] > 0 and total[here] > 0
                    if parent[there] < parent[here]:  # the one with more joins stays
                        there, here = here, there
                    parent[here] += parent[there]
                    total[here] += total[there]
                    parent[there] = here
            largest = max(largest, total[here])
        limit = steps - 1 - slot
        counts[limit], with_people[limit], largests[limit] = count, inhabited, largest
    return counts, with_people, largests
