"""The gaps of every limit in one pass: from the farthest cells to the nearest, each joins the gaps it touches."""

# numba infers the types of kernels; what arrays hold is said in their docstrings
# ruff: noqa: ANN001, ANN201, ANN202
# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators
from __future__ import annotations

import numba as nb
import numpy as np

_NO_DATA = np.uint8(255)
_ALONE = np.int32(-1)
# The cells around one, clockwise from the north: rows and columns away.
_AROUND = np.array([(-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1)])


# Whose numbers are likely to be at hand: in the same row, then in the row above.
_LIKELY = (2, 4, 1, 4, 2, 4, 0, 4)


def _one_of_each_group():
    """Return for every set of cells around one (as bits) one of each group that touches, -1 = no more.

    Cells around one that touch each other, corners too, are of one gap already: it is enough to join one of them.
    """
    found = np.full((256, 5), -1, np.int8)
    for bits in range(256):
        there = [i for i in range(8) if bits >> i & 1]
        group = {i: i for i in there}
        for i in there:
            for j in there:
                if np.abs(_AROUND[i] - _AROUND[j]).max() == 1:
                    group = {one: group[i] if of == group[j] else of for one, of in group.items()}
        groups: dict[int, list[int]] = {}
        for one in there:
            groups.setdefault(group[one], []).append(one)
        for n, members in enumerate(groups.values()):
            found[bits, n] = min(members, key=_LIKELY.__getitem__)
    return found


_TO_JOIN = _one_of_each_group()


@nb.njit(cache=True, nogil=True)
def _root(parent, cell):
    """Return the cell that stands for a gap, halving the way to it."""
    while parent[cell] >= 0:
        above = parent[cell]
        if parent[above] >= 0:
            parent[cell] = parent[above]
        cell = above
    return cell


@nb.njit(cache=True, nogil=True)
def _join(parent, total, here, groups, around):
    """Join a cell to the gaps around it; return what stands for them all, how many it joined, how often both had people."""
    joined, both = 0, 0
    cell = here
    for i in groups:
        if i < 0:
            break
        there = np.int64(_root(parent, cell + around[i]))
        if there == here:
            continue
        joined += 1
        both += total[there] > 0 and total[here] > 0
        if parent[there] < parent[here]:  # the one with more joins stays
            there, here = here, there
        parent[here] += parent[there]
        total[here] += total[there]
        parent[there] = here
    return here, joined, both


@nb.njit(cache=True, nogil=True)
def _framed(levels, areas, people, steps):
    """Return flat grids with a frame of one cell: steps (0 = in no gap at any limit), people, whether areas meet here."""
    rows, columns = levels.shape
    wide = columns + 2
    rank, meets = np.zeros((rows + 2) * wide, np.uint8), np.zeros((rows + 2) * wide, np.bool_)
    total = np.zeros((rows + 2) * wide)
    for row in range(rows):
        start = (row + 1) * wide + 1
        for column in range(columns):
            if levels[row, column] != _NO_DATA and areas[row, column] >= 0:
                rank[start + column] = min(levels[row, column], np.uint8(steps))
                total[start + column] = people[row, column]
        for column in range(columns - 1):
            if areas[row, column] != areas[row, column + 1]:
                meets[start + column] = meets[start + column + 1] = True
    for row in range(rows - 1):
        for shift in (-1, 0, 1):
            start = (row + 1) * wide + 1
            for column in range(max(0, -shift), min(columns, columns - shift)):
                if areas[row, column] != areas[row + 1, column + shift]:
                    meets[start + column] = meets[start + wide + column + shift] = True
    return rank, total, meets


@nb.njit(cache=True, nogil=True)
def _farthest_first(rank, steps):
    """Return the cells by step, the farthest first, and where each step begins; those in no gap are left out."""
    starts = np.zeros(steps + 1, np.int64)
    for cell in range(rank.size):
        if rank[cell] > 0:
            starts[steps - rank[cell] + 1] += 1
    for step in range(1, starts.size):
        starts[step] += starts[step - 1]
    order = np.empty(starts[steps], np.int32)
    fill = starts.copy()
    for cell in range(rank.size):
        if rank[cell] > 0:
            slot = steps - rank[cell]
            order[fill[slot]] = cell
            fill[slot] += 1
    return order, starts


@nb.njit(cache=True, nogil=True)
def sweep(levels, areas, people, steps):
    """Return, for a limit of 0, 1 … ``steps - 1`` steps: gaps, those with people, and the people of the largest.

    ``levels`` (rows, cols) are whole steps, more than ``steps`` farther or unreachable, 255 no data; cells of
    another area, or of none (-1), are never of one gap.
    """
    rank, total, meets = _framed(levels, areas, people, steps)
    order, starts = _farthest_first(rank, steps)
    columns = levels.shape[1]
    around, least = np.empty(8, np.int64), np.empty(8, np.int64)
    for i in range(8):
        around[i] = _AROUND[i, 0] * (columns + 2) + _AROUND[i, 1]
    # From 0 on: the cell above it in its gap. Below 0: it stands for a gap; -1 - its number of joins.
    parent = np.full(rank.size, _ALONE, np.int32)
    count, inhabited, largest = np.int64(0), np.int64(0), 0.0
    counts, with_people, largests = np.zeros(steps, np.int64), np.zeros(steps, np.int64), np.zeros(steps, np.float64)
    for slot in range(steps):
        for i in range(8):
            least[i] = steps - slot + (0 if i in (0, 1, 6, 7) else 1)
        for n in range(starts[slot], starts[slot + 1]):
            cell = order[n]
            bits = 0
            for i in range(8):  # there already: farther, or as far and earlier in the order
                bits |= (rank[cell + around[i]] >= least[i]) << i
            if meets[cell]:
                bits &= _of_its_area(cell, areas)
            total_alone = total[cell]
            here, joined, both = _join(parent, total, np.int64(cell), _TO_JOIN[bits], around)
            count += 1 - joined
            inhabited += (total_alone > 0) - both
            largest = max(largest, total[here])
        limit = steps - 1 - slot
        counts[limit], with_people[limit], largests[limit] = count, inhabited, largest
    return counts, with_people, largests


@nb.njit(cache=True, nogil=True)
def _of_its_area(cell, areas):
    """Return which of the cells around one of the framed grid are of its area, as bits."""
    rows, columns = areas.shape
    row, column = cell // (columns + 2) - 1, cell % (columns + 2) - 1
    bits = 0
    for i in range(8):
        r, c = row + _AROUND[i, 0], column + _AROUND[i, 1]
        if 0 <= r < rows and 0 <= c < columns:
            bits |= (areas[r, c] == areas[row, column]) << i
    return bits
