"""What a move costs: the kernels that price every move of one tile at once.

The cells of a tile and the two rings around it lie in flat arrays of ``AREA`` cells,
``SIDE`` to a row. There are eight *forward* moves, east and downwards; every other
move is the way back of one of them. ``cost[d * AREA + a]`` is the price of spreading
from cell ``a`` along forward move ``d``; where uphill and downhill differ, the price of
spreading back to ``a`` lies ``BACK`` further on.

Unsigned indices keep numba from checking for negative ones, which is what lets the
compiler work on several cells at once.
"""

# numba infers the types of kernels; what arrays hold is said in their docstrings
# ruff: noqa: ANN001, ANN201, ANN202
# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators
from __future__ import annotations

import math
from typing import NamedTuple

import numba as nb
import numpy as np

from geosvc.travel.labels import BLOCKED as _BLOCKED
from geosvc.travel.labels import SOURCE_BITS as _SOURCE_BITS
from geosvc.travel.labels import TIME_BIAS as _TIME_BIAS

TILE = 16
HALO = 2
SIDE = TILE + 2 * HALO
AREA = SIDE * SIDE
DIRECTIONS = 8

_AREA = np.uintp(AREA)
BACK = np.uintp(DIRECTIONS * AREA)

# (rows down, columns east) of the forward moves, and the two cells that each passes:
# the corner cells of a diagonal, the crossed cells of a knight's move
FORWARD = ((0, 1), (1, 0), (1, 1), (1, -1), (1, 2), (1, -2), (2, 1), (2, -1))
PASSED = (
    ((0, 0), (0, 0)),
    ((0, 0), (0, 0)),
    ((0, 1), (1, 0)),
    ((0, -1), (1, 0)),
    ((0, 1), (1, 1)),
    ((0, -1), (1, -1)),
    ((1, 0), (1, 1)),
    ((1, 0), (1, -1)),
)
OFFSETS = np.array([rows * SIDE + columns for rows, columns in FORWARD], np.uintp)
PASSED_1 = np.array([p[0] * SIDE + p[1] for p, _ in PASSED], np.int64)
PASSED_2 = np.array([q[0] * SIDE + q[1] for _, q in PASSED], np.int64)
LENGTHS = np.array([math.hypot(*move) for move in FORWARD])
# Only moves that begin or end in the tile proper are ever used: they start at cells
# FIRST to STOP of their direction, within the flat array.
FIRST = np.array([(HALO - rows) * SIDE + max(0, -columns) for rows, columns in FORWARD], np.uintp)
STOP = np.minimum(np.uintp((HALO + TILE) * SIDE), np.uintp(AREA) - OFFSETS)

_TOO_LONG = float(_TIME_BIAS)

MOTOR, WALK, CYCLE = 0, 1, 2


class Rules(NamedTuple):
    """How people may move, and what slope does to them."""

    cell_size_m: float
    sixteen: bool  # knight's moves too
    leak: bool  # diagonal moves between two uncrossable cells
    sloped: bool
    outwards: bool  # people come from the facility


@nb.njit(cache=True, inline="always")
def packed_cost(seconds):
    """Round the seconds of a move to whole microseconds, at least 1: the only place.

    A move that takes longer than a label can hold is as good as impossible.
    """
    microseconds = max(np.rint(seconds * 1e6), 1.0)
    if microseconds < _TOO_LONG:
        return np.int64(microseconds) << _SOURCE_BITS
    return _BLOCKED


@nb.njit(cache=True)
def _price_straight(pace, cost, at, first, stop, step, length):
    for a in range(first, stop):
        cost[at + a] = packed_cost(length * (pace[a] + pace[a + step]) / 2.0)


@nb.njit(cache=True)
def _price_diagonal(pace, cost, at, first, stop, step, corner_1, corner_2, length, leak):
    for a in range(first, stop):
        price = packed_cost(length * (pace[a] + pace[a + step]) / 2.0)
        gate = min(pace[a + corner_1], pace[a + corner_2])
        cost[at + a] = price if leak or gate < np.inf else _BLOCKED


@nb.njit(cache=True)
def _price_knight(pace, cost, at, first, stop, step, crossed_1, crossed_2, length):
    for a in range(first, stop):
        ends = pace[a] + pace[a + step]
        crossed = pace[a + crossed_1] + pace[a + crossed_2]
        cost[at + a] = packed_cost(length * (ends + crossed) / 4.0)


@nb.njit(cache=True)
def price_flat(pace, cost, rules):
    """Price the moves of a tile where slope does not matter; both ways cost the same."""
    for d in range(2):
        step = OFFSETS[d]
        _price_straight(pace, cost, np.uintp(d) * _AREA, FIRST[d], STOP[d], step, rules.cell_size_m)
    for d in range(2, 4):
        _price_diagonal(
            pace,
            cost,
            np.uintp(d) * _AREA,
            FIRST[d],
            STOP[d],
            OFFSETS[d],
            np.uintp(PASSED_1[d]),
            np.uintp(PASSED_2[d]),
            rules.cell_size_m * LENGTHS[d],
            rules.leak,
        )
    if rules.sixteen:
        for d in range(4, 8):
            _price_knight(
                pace,
                cost,
                np.uintp(d) * _AREA,
                FIRST[d],
                STOP[d],
                OFFSETS[d],
                np.uintp(PASSED_1[d]),
                np.uintp(PASSED_2[d]),
                rules.cell_size_m * LENGTHS[d],
            )
