"""The queue of tiles, and the loop that empties it.

A tile waits in the queue under the smallest label that can enter it. Taking the
smallest first means that most tiles are settled once or twice; the result does not
depend on it, since whatever improves a cell later queues its tile again.
"""

# numba infers the types of kernels; what arrays hold is said in their docstrings
# ruff: noqa: ANN001, ANN201, ANN202
# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators
from __future__ import annotations

from typing import NamedTuple

import numba as nb
import numpy as np
import numpy.typing as npt

from geosvc.travel.labels import HIGHEST_M, UNREACHED
from geosvc.travel.moves import AREA, BACK, DIRECTIONS, HALO, SIDE, TILE, WALK, price_flat
from geosvc.travel.slopes import LATTICES, price_sloped
from geosvc.travel.sweeps import settle_tile, spread_outside

_NOTHING = np.int64(-(1 << 63))  # below every label
_OUTER = np.uintp(HALO)
_SIDE = np.uintp(SIDE)


class Queue(NamedTuple):
    """A binary heap of tiles with their places in it, and the rows that have news."""

    shape: tuple[int, int]  # tiles down, tiles across
    keys: npt.NDArray[np.int64]
    heap: npt.NDArray[np.int32]
    places: npt.NDArray[np.int32]  # -1: not waiting
    rows: npt.NDArray[np.int64]
    size: npt.NDArray[np.int64]  # one number
    seen: npt.NDArray[np.bool_]  # settled in this run


class Ground(NamedTuple):
    """What the caller said of the ground, cell by cell."""

    pace: npt.NDArray[np.floating]
    elevation: npt.NDArray[np.floating]  # no cells: flat
    gait: npt.NDArray[np.int8]  # no cells: everyone walks


class Workbench(NamedTuple):
    """One tile with its halo, as flat arrays that stay in the cache."""

    label: npt.NDArray[np.int64]
    before: npt.NDArray[np.int64]  # the labels as they were laid out
    limits: npt.NDArray[np.int64]  # the largest label that each cell may keep
    cost: npt.NDArray[np.int64]
    best: npt.NDArray[np.int64]
    news: npt.NDArray[np.int64]  # for the nine tiles around: smallest label, rows
    pace: npt.NDArray[np.float64]
    elevation: npt.NDArray[np.float64]
    gait: npt.NDArray[np.int64]
    walk: npt.NDArray[np.float64]  # factors of the slope: (way there or back, cell)
    cycle: npt.NDArray[np.float64]
    fraction: npt.NDArray[np.float64]  # what slopes are made from, for three lengths
    inverse: npt.NDArray[np.float64]
    exponent: npt.NDArray[np.int64]


def empty_queue(shape: tuple[int, int]) -> Queue:
    """Return a queue for a grid of that many cells, with no tile waiting."""
    down, across = -(-shape[0] // TILE), -(-shape[1] // TILE)
    tiles = down * across
    return Queue(
        (down, across),
        np.zeros(tiles, np.int64),
        np.zeros(tiles, np.int32),
        np.full(tiles, -1, np.int32),
        np.zeros(tiles, np.int64),
        np.zeros(1, np.int64),
        np.zeros(tiles, np.bool_),
    )


@nb.njit(cache=True)
def _rise(queue, place, tile):
    key = queue.keys[tile]
    while place > 0:
        parent = (place - 1) >> 1
        other = queue.heap[parent]
        if queue.keys[other] <= key:
            break
        queue.heap[place] = other
        queue.places[other] = place
        place = parent
    queue.heap[place] = tile
    queue.places[tile] = place


@nb.njit(cache=True)
def _sink(queue, tile):
    key = queue.keys[tile]
    size = queue.size[0]
    place = 0
    while True:
        child = 2 * place + 1
        if child >= size:
            break
        if child + 1 < size and queue.keys[queue.heap[child + 1]] < queue.keys[queue.heap[child]]:
            child += 1
        other = queue.heap[child]
        if queue.keys[other] >= key:
            break
        queue.heap[place] = other
        queue.places[other] = place
        place = child
    queue.heap[place] = tile
    queue.places[tile] = place


@nb.njit(cache=True)
def wait(queue, tile, key, rows):
    """Put a tile in the queue, or move it forward; its rows with news add up."""
    queue.rows[tile] |= rows
    place = queue.places[tile]
    if place < 0:
        place = queue.size[0]
        queue.size[0] += 1
    elif queue.keys[tile] <= key:
        return
    queue.keys[tile] = key
    _rise(queue, place, tile)


@nb.njit(cache=True)
def _next(queue):
    """Take the most urgent tile out of the queue; return it and its rows with news."""
    tile = queue.heap[0]
    queue.size[0] -= 1
    queue.places[tile] = -1
    if queue.size[0] > 0:
        _sink(queue, queue.heap[queue.size[0]])
    rows = queue.rows[tile]
    queue.rows[tile] = 0
    return tile, rows


@nb.njit(cache=True)
def _lay_out(grid, top, left, bench, outside):
    """Copy a tile and its halo from the grid; cells outside the grid get ``outside``."""
    n_rows, n_columns = grid.shape
    if top >= 0 and left >= 0 and top + SIDE <= n_rows and left + SIDE <= n_columns:
        for i in range(_SIDE):
            row, at = np.uintp(top) + i, i * _SIDE
            for j in range(_SIDE):
                bench[at + j] = grid[row, np.uintp(left) + j]
        return
    bench[:] = outside
    for i in range(max(0, -top), min(SIDE, n_rows - top)):
        for j in range(max(0, -left), min(SIDE, n_columns - left)):
            bench[i * SIDE + j] = grid[top + i, left + j]


@nb.njit(cache=True)
def _keep(label, bench, top, left, changed):
    """Write the rows of the tile that changed back to the grid."""
    n_rows, n_columns = label.shape
    width = np.uintp(min(TILE, n_columns - left - HALO))
    start = np.uintp(left + HALO)
    for i in range(min(TILE, n_rows - top - HALO)):
        if changed >> i & 1:
            row, at = np.uintp(top + HALO + i), np.uintp((HALO + i) * SIDE + HALO)
            for j in range(width):
                came = bench.label[at + j]
                label[row, start + j] = came if came <= bench.limits[at + j] else UNREACHED


@nb.njit(cache=True)
def _differs(bench, start, stop):
    """Say whether any of these cells of the workbench changed."""
    news = np.int64(0)
    for a in range(start, stop):
        news |= bench.label[a] ^ bench.before[a]
    return news != 0


@nb.njit(cache=True)
def _tell(label, bench, top, left, i, first, last):
    """Give a run of halo cells in one row what reached them; note the best of it."""
    n_rows, n_columns = label.shape
    row = top + i
    if row < 0 or row >= n_rows:
        return
    # counted from the tile above and to the left: which of the nine tiles, which row of it
    down, bit = (i + TILE - HALO) // TILE, np.int64(1) << (i + TILE - HALO) % TILE
    for j in range(max(first, -left), min(last, n_columns - left)):
        came = bench.label[i * SIDE + j]
        if came < label[row, left + j] and came <= bench.limits[i * SIDE + j]:
            label[row, left + j] = came
            to = 3 * down + (j + TILE - HALO) // TILE
            bench.news[to, 0] = min(bench.news[to, 0], came)
            bench.news[to, 1] |= bit


@nb.njit(cache=True)
def _tell_neighbours(label, bench, top, left, queue, tile):
    """Give the tiles around what reached their cells, and let them wait for their turn."""
    bench.news[:] = 0
    for i in range(_SIDE):
        start = i * _SIDE
        stop = start + _SIDE
        if _OUTER <= i < _SIDE - _OUTER:
            if _differs(bench, start, start + _OUTER):
                _tell(label, bench, top, left, np.int64(i), 0, HALO)
            if _differs(bench, stop - _OUTER, stop):
                _tell(label, bench, top, left, np.int64(i), HALO + TILE, SIDE)
        elif _differs(bench, start, stop):
            _tell(label, bench, top, left, np.int64(i), 0, SIDE)
    for to in range(9):
        if bench.news[to, 1]:
            other = tile + (to // 3 - 1) * queue.shape[1] + to % 3 - 1
            wait(queue, other, bench.news[to, 0], bench.news[to, 1])


@nb.njit(cache=True)
def _price(ground, rules, top, left, bench):
    """Lay out the ground of a tile and price its moves."""
    _lay_out(ground.pace, top, left, bench.pace, np.inf)
    if not rules.sloped:
        price_flat(bench.pace, bench.cost, rules)
        return
    _lay_out(ground.elevation, top, left, bench.elevation, 0.0)
    for a in range(AREA):
        # ground that cannot be crossed may have no elevation; it must not spoil the sums
        if not abs(bench.elevation[a]) <= HIGHEST_M:
            bench.elevation[a] = 0.0
    if ground.gait.size > 0:
        _lay_out(ground.gait, top, left, bench.gait, 0)
    price_sloped(bench, rules)


@nb.njit(cache=True)
def _workbench(limit):
    """Return the arrays for one tile with its halo; they are small and stay in the cache."""
    return Workbench(
        np.zeros(AREA, np.int64),
        np.zeros(AREA, np.int64),
        np.full(AREA, limit),
        np.zeros(2 * DIRECTIONS * AREA, np.int64),
        np.zeros(TILE, np.int64),
        np.zeros((9, 2), np.int64),
        np.zeros(AREA),
        np.zeros(AREA),
        np.full(AREA, WALK),
        np.ones((2, AREA)),
        np.ones((2, AREA)),
        np.ones(LATTICES * AREA),
        np.ones(LATTICES * AREA),
        np.zeros(LATTICES * AREA, np.int64),
    )


@nb.njit(cache=True, nogil=True)
def settle(label, ceiling, ground, rules, limit, queue):
    """Empty the queue; return how many times a tile was settled.

    Other threads may run meanwhile, on other fields.

    Labels above the limit are not kept. A ``ceiling`` (a grid of labels, or no cells)
    is a limit for every cell by itself: kept is what is not above it.
    """
    bench = _workbench(limit)
    back = BACK if rules.sloped else np.uintp(0)
    visits = 0
    while queue.size[0] > 0:
        tile, rows = _next(queue)
        top = tile // queue.shape[1] * TILE - HALO
        left = tile % queue.shape[1] * TILE - HALO
        queue.seen[tile] = True
        visits += 1
        _lay_out(label, top, left, bench.label, UNREACHED)
        bench.before[:] = bench.label
        if ceiling.size > 0:
            _lay_out(ceiling, top, left, bench.limits, UNREACHED)
            for a in range(AREA):
                if bench.limits[a] == UNREACHED:
                    bench.limits[a] = _NOTHING
        _price(ground, rules, top, left, bench)
        changed = settle_tile(bench.label, bench.cost, bench.best, back, rows, rules.sixteen)
        spread_outside(bench.label, bench.cost, back, changed, rules.sixteen)
        _keep(label, bench, top, left, changed)
        _tell_neighbours(label, bench, top, left, queue, tile)
    return visits
