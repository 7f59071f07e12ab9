"""Editing a settled grid: wiping exactly what an edit may have spoilt, and no more.

After a wipe the border of what is left flows in again, by the same loop that settled
the grid in the first place. Wiping too much costs time and never changes the answer.
"""

# numba infers the types of kernels; what arrays hold is said in their docstrings
# ruff: noqa: ANN001, ANN201, ANN202
# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators
from __future__ import annotations

import numba as nb
import numpy as np

from geosvc.travel.labels import SOURCE_BITS, TIME_BIAS, UNREACHED
from geosvc.travel.moves import HALO, TILE
from geosvc.travel.tiles import wait

_INDEX = np.int64((1 << SOURCE_BITS) - 1)


@nb.njit(cache=True)
def _label_of(delay, index):
    return (delay - TIME_BIAS) << SOURCE_BITS | index


@nb.njit(cache=True)
def _wait_at(queue, row, column, key):
    """Let the tile of a cell wait, with news in that row."""
    tile = row // TILE * queue.shape[1] + column // TILE
    wait(queue, tile, key, np.int64(1) << row % TILE)


@nb.njit(cache=True)
def seed(label, rows, columns, delays, first, limit, queue):
    """Write the labels of the open sources from ``first`` on; a negative delay is closed."""
    for index in range(first, rows.size):
        if delays[index] < 0:
            continue
        start = _label_of(delays[index], index)
        row, column = rows[index], columns[index]
        if start <= limit and start < label[row, column]:
            label[row, column] = start
            _wait_at(queue, row, column, start)


@nb.njit(cache=True)
def _wipe_index(label, index, tile, queue):
    """Wipe the cells of one source in one tile; return their rows and the sides they touch."""
    top, left = tile // queue.shape[1] * TILE, tile % queue.shape[1] * TILE
    bottom, right = min(top + TILE, label.shape[0]), min(left + TILE, label.shape[1])
    rows = np.int64(0)
    sides = np.int64(0)
    for row in range(top, bottom):
        for column in range(left, right):
            value = label[row, column]
            if value != UNREACHED and value & _INDEX == index:
                label[row, column] = UNREACHED
                rows |= np.int64(1) << row - top
                sides |= column < left + HALO
                sides |= (column >= right - HALO) << 1
    return rows, sides


@nb.njit(cache=True)
def wipe_catchment(label, index, row, column, queue):
    """Wipe all cells whose nearest source is this one; return the tiles they lie in.

    A catchment hangs together by moves, because a shortest way stays in it; so tiles are
    visited from the source outwards, and the rest of the grid is not looked at.
    """
    found = 0
    wiped = np.empty(queue.keys.size, np.int64)
    value = label[row, column]
    if value == UNREACHED or value & _INDEX != index:
        return wiped[:0]  # another source is quicker even here
    todo = np.empty(queue.keys.size, np.int64)
    marked = np.zeros(queue.keys.size, np.bool_)
    todo[0] = row // TILE * queue.shape[1] + column // TILE
    marked[todo[0]] = True
    waiting = 1
    while waiting > 0:
        waiting -= 1
        tile = todo[waiting]
        rows, sides = _wipe_index(label, index, tile, queue)
        if rows == 0:
            continue
        wiped[found] = tile
        found += 1
        queue.rows[tile] |= rows
        down, across = tile // queue.shape[1], tile % queue.shape[1]
        for i in range(-1, 2):
            for j in range(-1, 2):
                inside = 0 <= down + i < queue.shape[0] and 0 <= across + j < queue.shape[1]
                reaches = j == 0 or (sides & 1 if j < 0 else sides & 2)
                other = tile + i * queue.shape[1] + j
                if inside and reaches and not marked[other]:
                    marked[other] = True
                    todo[waiting] = other
                    waiting += 1
    return wiped[:found]


@nb.njit(cache=True)
def _smallest_around(label, top, left, bottom, right):
    """Return the smallest label in a window of cells."""
    smallest = np.int64(UNREACHED)
    for row in range(max(0, top), min(bottom, label.shape[0])):
        for column in range(max(0, left), min(right, label.shape[1])):
            smallest = min(smallest, label[row, column])
    return smallest


@nb.njit(cache=True)
def refill(label, tiles, queue):
    """Let tiles with noted rows wait under the smallest label that can flow into them.

    A tile with nothing but wiped cells around is not queued: its neighbours will be, and
    the note of its rows stays until something reaches it.
    """
    for tile in tiles:
        top, left = tile // queue.shape[1] * TILE, tile % queue.shape[1] * TILE
        key = _smallest_around(label, top - HALO, left - HALO, top + TILE + HALO, left + TILE + HALO)
        if key != UNREACHED:
            wait(queue, tile, key, 0)


@nb.njit(cache=True)
def _note(queue, row, column, marked, tiles, found):
    """Note the row of a cell in its tile, and the tile if it is a new one."""
    tile = row // TILE * queue.shape[1] + column // TILE
    queue.rows[tile] |= np.int64(1) << row % TILE
    if not marked[tile]:
        marked[tile] = True
        tiles[found] = tile
        found += 1
    return found


@nb.njit(cache=True)
def _is_source(value, row, column, rows, columns, delays):
    """Say whether a label is that of a source in its own cell."""
    index = value & _INDEX
    here = rows[index] == row and columns[index] == column
    return here and value == _label_of(delays[index], index)


@nb.njit(cache=True)
def mark_worse(label, marks, pace, cells, new_pace, rows, columns, delays, queue):
    """Mark the cells whose label may come by a move that gets slower; return their tiles.

    A move that starts or ends at a changed cell is found from that cell itself; one that
    crosses it, or passes its corner, begins and ends in the ring around it. The cell of a
    source owes its label to no move and is left out, unless it is changed itself.
    """
    found = 0
    tiles = np.empty(queue.keys.size, np.int64)
    marked = np.zeros(queue.keys.size, np.bool_)
    for n in range(new_pace.size):
        row, column = cells[0, n], cells[1, n]
        value = label[row, column]
        if value != UNREACHED and new_pace[n] > pace[row, column]:
            marks[row, column] = value
            found = _note(queue, row, column, marked, tiles, found)
    for n in range(new_pace.size):
        row, column = cells[0, n], cells[1, n]
        if not new_pace[n] > pace[row, column]:
            continue
        for r in range(max(0, row - 1), min(row + 2, label.shape[0])):
            for c in range(max(0, column - 1), min(column + 2, label.shape[1])):
                value = label[r, c]
                if marks[r, c] != UNREACHED or value == UNREACHED:
                    continue
                if not _is_source(value, r, c, rows, columns, delays):
                    marks[r, c] = value
                    found = _note(queue, r, c, marked, tiles, found)
    return tiles[:found]


@nb.njit(cache=True)
def wipe_marked(label, marks, queue):
    """Wipe the marked cells; return the tiles they lie in."""
    found = 0
    wiped = np.empty(queue.seen.size, np.int64)
    for tile in range(queue.seen.size):
        if not queue.seen[tile]:
            continue
        top, left = tile // queue.shape[1] * TILE, tile % queue.shape[1] * TILE
        for row in range(top, min(top + TILE, label.shape[0])):
            for column in range(left, min(left + TILE, label.shape[1])):
                if marks[row, column] != UNREACHED:
                    label[row, column] = UNREACHED
                    queue.rows[tile] |= np.int64(1) << row - top
        if queue.rows[tile]:
            wiped[found] = tile
            found += 1
    return wiped[:found]


@nb.njit(cache=True)
def wipe_sources(label, spoilt, queue):
    """Wipe the cells of the marked sources wherever they lie; return their tiles.

    ``spoilt`` says for each source whether it is wiped. Unlike a catchment on the raster
    alone, one with a ride in it need not hang together, so all cells are looked at.
    """
    found = 0
    wiped = np.empty(queue.keys.size, np.int64)
    marked = np.zeros(queue.keys.size, np.bool_)
    for row in range(label.shape[0]):
        for column in range(label.shape[1]):
            value = label[row, column]
            if value != UNREACHED and spoilt[value & _INDEX]:
                label[row, column] = UNREACHED
                found = _note(queue, row, column, marked, wiped, found)
    return wiped[:found]


@nb.njit(cache=True)
def gather(label, queue):
    """Return the cells that were reached in the tiles that were settled, ascending, and their microseconds."""
    count = 0
    for tile in range(queue.seen.size):
        count += TILE * TILE if queue.seen[tile] else 0
    cells = np.empty(count, np.int64)
    microseconds = np.empty(count, np.int64)
    found = 0
    for row in range(label.shape[0]):
        first = row // TILE * queue.shape[1]
        for across in range(queue.shape[1]):
            if not queue.seen[first + across]:
                continue
            for column in range(across * TILE, min(across * TILE + TILE, label.shape[1])):
                if label[row, column] != UNREACHED:
                    cells[found] = row * label.shape[1] + column
                    microseconds[found] = (label[row, column] >> SOURCE_BITS) + TIME_BIAS
                    found += 1
    return cells[:found].copy(), microseconds[:found].copy()


@nb.njit(cache=True)
def lay_under(other, label, queue):
    """Take over the labels of another grid where they are better, and let their tiles wait."""
    for row in range(label.shape[0]):
        for column in range(label.shape[1]):
            if other[row, column] < label[row, column]:
                label[row, column] = other[row, column]
                _wait_at(queue, row, column, other[row, column])


@nb.njit(cache=True)
def mark_around(label, cells, spoilt):
    """Mark the sources of the labels in and around some cells, (2, n).

    A label that came by a move which starts or ends in such a cell, crosses it, or passes
    its corner ends in the ring around it, or hands on what stands there.
    """
    for n in range(cells.shape[1]):
        row, column = cells[0, n], cells[1, n]
        for r in range(max(0, row - 1), min(row + 2, label.shape[0])):
            for c in range(max(0, column - 1), min(column + 2, label.shape[1])):
                if label[r, c] != UNREACHED:
                    spoilt[label[r, c] & _INDEX] = True


@nb.njit(cache=True)
def take_pace(pace, cells, new_pace, queue):
    """Write the new pace; return the tiles that some quicker move may improve.

    A changed cell takes part in moves that end at most two cells from it.
    """
    found = 0
    tiles = np.empty(queue.keys.size, np.int64)
    marked = np.zeros(queue.keys.size, np.bool_)
    for n in range(new_pace.size):
        row, column = cells[0, n], cells[1, n]
        better = new_pace[n] < pace[row, column]
        pace[row, column] = new_pace[n]
        if not better:
            continue
        top, bottom = max(0, row - HALO), min(row + HALO, pace.shape[0] - 1)
        left, right = max(0, column - HALO), min(column + HALO, pace.shape[1] - 1)
        for down in range(top // TILE, bottom // TILE + 1):
            rows = np.int64(0)
            for r in range(max(top, down * TILE), min(bottom + 1, down * TILE + TILE)):
                rows |= np.int64(1) << r % TILE
            for across in range(left // TILE, right // TILE + 1):
                tile = down * queue.shape[1] + across
                queue.rows[tile] |= rows
                if not marked[tile]:
                    marked[tile] = True
                    tiles[found] = tile
                    found += 1
    return tiles[:found]
