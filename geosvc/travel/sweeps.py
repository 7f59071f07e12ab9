"""Settling one tile: sweeps over its rows, and what then flows out to its neighbours.

A sweep down improves every row from the rows above it, then runs along the row both
ways; a sweep up does the same from below. Each uses only the neighbours its own order
has already visited, which is half of them. Bit masks of rows say which rows have news
to take in, so a sweep skips the others.
"""

# numba infers the types of kernels; what arrays hold is said in their docstrings
# ruff: noqa: ANN001, ANN201, ANN202
# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators
from __future__ import annotations

import numba as nb
import numpy as np

from geosvc.travel.moves import AREA, DIRECTIONS, HALO, OFFSETS, SIDE, TILE

_TILE = np.uintp(TILE)
_ONE = np.uintp(1)
_NONE = np.uintp(0)
_HALF = np.uintp(TILE // 2)
_LAST = np.uintp(TILE - 1)
_AREA = np.uintp(AREA)
_S, _SE, _SW, _ESE, _WSW, _SSE, _SSW = (np.uintp(step) for step in OFFSETS[1:])
_AT_S, _AT_SE, _AT_SW, _AT_ESE, _AT_WSW, _AT_SSE, _AT_SSW = (np.uintp(d * AREA) for d in range(1, DIRECTIONS))
ALL_ROWS = (1 << TILE) - 1


@nb.njit(cache=True)
def _from_above(label, cost, best, base, sixteen):
    """Put into ``best`` the best labels of a row, given the rows above it."""
    for j in range(_TILE):
        a = base + j
        b = label[a]
        b = min(b, label[a - _S] + cost[_AT_S + a - _S])
        b = min(b, label[a - _SE] + cost[_AT_SE + a - _SE])
        b = min(b, label[a - _SW] + cost[_AT_SW + a - _SW])
        best[j] = b
    if sixteen:
        for j in range(_TILE):
            a = base + j
            b = best[j]
            b = min(b, label[a - _ESE] + cost[_AT_ESE + a - _ESE])
            b = min(b, label[a - _WSW] + cost[_AT_WSW + a - _WSW])
            b = min(b, label[a - _SSE] + cost[_AT_SSE + a - _SSE])
            b = min(b, label[a - _SSW] + cost[_AT_SSW + a - _SSW])
            best[j] = b


@nb.njit(cache=True)
def _from_below(label, cost, best, base, back, sixteen):
    """Put into ``best`` the best labels of a row, given the rows below it."""
    at = base + back
    for j in range(_TILE):
        a = base + j
        c = at + j
        b = label[a]
        b = min(b, label[a + _S] + cost[_AT_S + c])
        b = min(b, label[a + _SE] + cost[_AT_SE + c])
        b = min(b, label[a + _SW] + cost[_AT_SW + c])
        best[j] = b
    if sixteen:
        for j in range(_TILE):
            a = base + j
            c = at + j
            b = best[j]
            b = min(b, label[a + _ESE] + cost[_AT_ESE + c])
            b = min(b, label[a + _WSW] + cost[_AT_WSW + c])
            b = min(b, label[a + _SSE] + cost[_AT_SSE + c])
            b = min(b, label[a + _SSW] + cost[_AT_SSW + c])
            best[j] = b


@nb.njit(cache=True)
def _along(label, cost, best, base, back):
    """Run along a row from both ends and write it; say whether that changed it.

    The runs meet half-way. What each left behind up to there is what the other needs
    to finish, so the second half is final as it is written.
    """
    right = label[base - _ONE]
    left = label[base + _TILE]
    for j in range(_HALF):
        right = min(best[j], right + cost[base + j - _ONE])
        best[j] = right
        k = _LAST - j
        left = min(best[k], left + cost[back + base + k])
        best[k] = left
    news = np.int64(0)
    for j in range(_HALF, _TILE):
        right = min(best[j], right + cost[base + j - _ONE])
        news |= right ^ label[base + j]
        label[base + j] = right
        k = _LAST - j
        left = min(best[k], left + cost[back + base + k])
        news |= left ^ label[base + k]
        label[base + k] = left
    return news != 0


@nb.njit(cache=True)
def _news(label, best, base):
    """Say whether a row would change."""
    news = np.int64(0)
    for j in range(_TILE):
        news |= best[j] ^ label[base + j]
    return news != 0


@nb.njit(cache=True)
def _base(row):
    """Return the index of the first cell of a row of the tile proper."""
    return np.uintp((row + HALO) * SIDE + HALO)


@nb.njit(cache=True)
def _rows_below(bits, sixteen):
    """Return the mask of the rows that moves down from these rows lead to."""
    return (bits << 1 | bits << 2 if sixteen else bits << 1) & ALL_ROWS


@nb.njit(cache=True)
def _rows_above(bits, sixteen):
    """Return the mask of the rows that moves up from these rows lead to."""
    return bits >> 1 | bits >> 2 if sixteen else bits >> 1


@nb.njit(cache=True)
def settle_tile(label, cost, best, back, rows, sixteen):
    """Sweep down and up until nothing changes; return the rows that have news to tell.

    ``rows`` is the mask of rows with news from outside: they take in their surroundings
    too, so a row that was wiped is filled again from its neighbours.
    """
    down = up = rows | _rows_below(rows, sixteen) | _rows_above(rows, sixteen)
    changed = rows
    while down | up:
        for row in range(TILE):
            bit = np.int64(1) << row
            if down & bit:
                base = _base(row)
                _from_above(label, cost, best, base, sixteen)
                # a row with news from outside has yet to run along itself
                if (rows & bit or _news(label, best, base)) and _along(label, cost, best, base, back):
                    changed |= bit
                    down |= _rows_below(bit, sixteen)
                    up |= _rows_above(bit, sixteen)
        down = rows = np.int64(0)
        for row in range(TILE - 1, -1, -1):
            bit = np.int64(1) << row
            if up & bit:
                base = _base(row)
                _from_below(label, cost, best, base, back, sixteen)
                if _news(label, best, base) and _along(label, cost, best, base, back):
                    changed |= bit
                    down |= _rows_below(bit, sixteen)
                    up |= _rows_above(bit, sixteen)
        up = np.int64(0)
    return changed


@nb.njit(cache=True)
def _spread(label, cost, start, stop, step, at, shift):
    """Offer the labels of a run of cells to the cells one move away."""
    for a in range(start, stop):
        b = a + step
        label[b] = min(label[b], label[a] + cost[at + a + shift])


@nb.njit(cache=True)
def _spread_below(label, cost, base, first, last):
    for d in range(first, last):
        _spread(label, cost, base, base + _TILE, OFFSETS[d], np.uintp(d * AREA), _NONE)


@nb.njit(cache=True)
def _spread_above(label, cost, base, back, first, last):
    for d in range(first, last):
        step = OFFSETS[d]
        shift = back - step
        _spread(label, cost, base, base + _TILE, _NONE - step, np.uintp(d * AREA), shift)


@nb.njit(cache=True)
def _spread_cell(label, cost, a, back, onward, backward):
    """Offer the label of one cell along the listed forward moves and ways back."""
    for d in onward:
        step = OFFSETS[d]
        b = a + step
        label[b] = min(label[b], label[a] + cost[np.uintp(d) * _AREA + a])
    for d in backward:
        b = a - OFFSETS[d]
        label[b] = min(label[b], label[a] + cost[back + np.uintp(d) * _AREA + b])


@nb.njit(cache=True)
def _spread_sideways(label, cost, base, back, sixteen):
    """Offer the labels of the outer cells of a row to the neighbours east and west."""
    last = base + _LAST
    if sixteen:
        _spread_cell(label, cost, base, back, (3, 5, 7), (0, 2, 4, 6))
        _spread_cell(label, cost, last, back, (0, 2, 4, 6), (3, 5, 7))
        _spread_cell(label, cost, base + _ONE, back, (5,), (4,))
        _spread_cell(label, cost, last - _ONE, back, (4,), (5,))
    else:
        _spread_cell(label, cost, base, back, (3,), (0, 2))
        _spread_cell(label, cost, last, back, (0, 2), (3,))


@nb.njit(cache=True)
def spread_outside(label, cost, back, changed, sixteen):
    """Offer what changed to the rings around the tile."""
    end = 8 if sixteen else 4
    for row in range(TILE):
        if changed >> row & 1:
            base = _base(row)
            _spread_sideways(label, cost, base, back, sixteen)
            if row == TILE - 1:
                _spread_below(label, cost, base, 1, end)
            elif sixteen and row == TILE - 2:
                _spread_below(label, cost, base, 6, 8)
            if row == 0:
                _spread_above(label, cost, base, back, 1, end)
            elif sixteen and row == 1:
                _spread_above(label, cost, base, back, 6, 8)
