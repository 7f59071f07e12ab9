"""Cells and people of one surface, read once: levels, states, and their sums by area."""

# numba infers the types of kernels; what arrays hold is said in their docstrings
# ruff: noqa: ANN001, ANN201, ANN202
# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators
from __future__ import annotations

import numba as nb
import numpy as np

_NO_DATA, _COVERED, _BEYOND = 0, 1, 2  # of CoverageState
_STATES = 5
_LEVEL_UNREACHABLE, _LEVEL_NO_DATA = np.uint8(254), np.uint8(255)  # of coverage.curves


@nb.njit(cache=True, nogil=True)
def _level(micro, edges, per_step):
    """Return the first edge that is not below a value; their number where all are."""
    if micro < 0:
        return _LEVEL_UNREACHABLE
    last = edges.size - 1
    if micro > edges[last]:
        return np.uint8(edges.size)
    level = min(last, np.int64(micro * per_step))
    while edges[level] < micro:
        level += 1
    while level > 0 and edges[level - 1] >= micro:
        level -= 1
    return np.uint8(level)


@nb.njit(cache=True, nogil=True)
def read_cells(micro, looked, areas, edges, limits, not_reached, n_areas):
    """Return the level of every cell, and cells by (limit, area, state); the last area are cells in none.

    All grids are flat; ``looked`` has no cells where there is data everywhere. ``edges`` and ``limits`` are whole
    millionths of the surface's unit, ``not_reached`` the state of cells that are not.
    """
    per_step = 0.0 if edges[edges.size - 1] == 0 else (edges.size - 1) / edges[edges.size - 1]
    levels = np.empty(micro.size, np.uint8)
    cells = np.zeros((limits.size, n_areas + 1, _STATES), np.int64)
    for cell in range(micro.size):
        area = areas[cell] if areas[cell] >= 0 else n_areas
        if looked.size > 0 and not looked[cell]:
            levels[cell] = _LEVEL_NO_DATA
            for n in range(limits.size):
                cells[n, area, _NO_DATA] += 1
            continue
        value = micro[cell]
        levels[cell] = _level(value, edges, per_step)
        for n in range(limits.size):
            state = not_reached if value < 0 else _COVERED if value <= limits[n] else _BEYOND
            cells[n, area, state] += 1
    return levels, cells


@nb.njit(cache=True, nogil=True)
def count_states(micro, looked, within, limits, not_reached):
    """Return the cells of a zone by (limit, state); ``within`` are its flat cells."""
    cells = np.zeros((limits.size, _STATES), np.int64)
    for cell in within:
        value = micro[cell]
        for n in range(limits.size):
            if looked.size > 0 and not looked[cell]:
                cells[n, _NO_DATA] += 1
            else:
                cells[n, not_reached if value < 0 else _COVERED if value <= limits[n] else _BEYOND] += 1
    return cells


@nb.njit(cache=True, nogil=True)
def read_people(cell_of, count, members, starts, micro, levels, limits, not_reached):
    """Return (micro, level) of every entry, and people by (limit, list, state) and by (list, level).

    ``cell_of`` is the flat cell of each entry, -1 off the grid; list ``a`` are the entries
    ``members[starts[a]:starts[a + 1]]``, added up in that order.
    """
    entries, lists = cell_of.size, starts.size - 1
    micros, level, state = np.empty(entries, np.int64), np.empty(entries, np.uint8), np.empty((entries, limits.size), np.uint8)
    for entry in range(entries):
        cell = cell_of[entry]
        micros[entry] = micro[cell] if cell >= 0 else -1
        level[entry] = levels[cell] if cell >= 0 else _LEVEL_NO_DATA
        for n in range(limits.size):
            if level[entry] == _LEVEL_NO_DATA:
                state[entry, n] = _NO_DATA
            elif micros[entry] < 0:
                state[entry, n] = not_reached
            else:
                state[entry, n] = _COVERED if micros[entry] <= limits[n] else _BEYOND
    people, curve = np.zeros((lists, limits.size, _STATES)), np.zeros((lists, 256))
    for one in range(lists):
        for place in range(starts[one], starts[one + 1]):
            entry = members[place]
            curve[one, level[entry]] += count[entry]
            for n in range(limits.size):
                people[one, n, state[entry, n]] += count[entry]
    return micros, level, people, curve


@nb.njit(cache=True, nogil=True)
def of_level(members, level, wanted):
    """Return the members of one level, in their order."""
    found = 0
    for place in range(members.size):
        found += level[members[place]] == wanted
    chosen = np.empty(found, members.dtype)
    found = 0
    for place in range(members.size):
        if level[members[place]] == wanted:
            chosen[found] = members[place]
            found += 1
    return chosen


@nb.njit(cache=True, nogil=True)
def _first_of(parent, cell):
    """Return the first cell of a gap, halving the way to it."""
    while parent[cell] != cell:
        parent[cell] = parent[parent[cell]]
        cell = parent[cell]
    return cell


@nb.njit(cache=True, nogil=True)
def _join(parent, one, other):
    """Join two gaps; the cell that comes first stands for both."""
    a, b = _first_of(parent, one), _first_of(parent, other)
    parent[max(a, b)] = min(a, b)


@nb.njit(cache=True, nogil=True)
def _same_gap(parent, areas, row, column, other_row, other_column):
    """Return whether a cell is there and of the same area as another that lies in a gap."""
    inside = other_row >= 0 and 0 <= other_column < areas.shape[1]
    return inside and parent[other_row * areas.shape[1] + other_column] >= 0 and areas[other_row, other_column] == areas[row, column]


@nb.njit(cache=True, nogil=True)
def _join_those_before(parent, areas, row, column):
    """Join a cell to the gaps of the cells around it that come before it."""
    columns = areas.shape[1]
    cell, above = row * columns + column, (row - 1) * columns + column
    if _same_gap(parent, areas, row, column, row - 1, column):  # all others touch it: they are of its gap
        parent[cell] = _first_of(parent, above)
        return
    if _same_gap(parent, areas, row, column, row, column - 1):
        parent[cell] = _first_of(parent, cell - 1)
    elif _same_gap(parent, areas, row, column, row - 1, column - 1):
        parent[cell] = _first_of(parent, above - 1)
    if _same_gap(parent, areas, row, column, row - 1, column + 1):
        _join(parent, cell, above + 1)


@nb.njit(cache=True, nogil=True)
def people_of_gaps(micro, looked, areas, weights, limit, unreachable_is_beyond):
    """Return the people of each gap of one limit, in the order of the gaps' first cells.

    Grids are (rows, cols), ``looked`` and ``weights`` may have no cells: data everywhere, nobody counted. A gap are
    cells beyond the limit that touch, corners too, within one area; cells in none (-1) are in no gap.
    """
    rows, columns = micro.shape
    parent = np.full(rows * columns, -1, np.int32)
    for row in range(rows):
        for column in range(columns):
            value = micro[row, column]
            beyond = value > limit or (value < 0 and unreachable_is_beyond)
            if beyond and areas[row, column] >= 0 and (looked.size == 0 or looked[row, column]):
                parent[row * columns + column] = row * columns + column
                _join_those_before(parent, areas, row, column)
    return _summed(parent, weights)


@nb.njit(cache=True, nogil=True)
def _summed(parent, weights):
    """Return the people of each gap, added up row by row."""
    number = np.full(parent.size, -1, np.int32)
    found = 0
    for cell in range(parent.size):
        if parent[cell] == cell:
            number[cell] = found
            found += 1
    people, flat = np.zeros(found), weights.ravel()
    if weights.size > 0:
        for cell in range(parent.size):
            if parent[cell] >= 0:
                people[number[_first_of(parent, cell)]] += flat[cell]
    return people
