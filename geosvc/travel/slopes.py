"""What a move costs on a slope: the way up and the way down, people on foot or on wheels.

The slope of a move is its rise over its horizontal length, in the direction people
travel; each part of the move then takes the pace of its own cell times a factor:

- motor: 1, slope does not matter;
- walk: Tobler's hiking function relative to the flat,
  ``exp(-3.5 * 0.05) / exp(-3.5 * |s + 0.05|)``;
- cycle: ``1 / (1 - 6.67 s)`` uphill and ``1 / (1 + 3.98 min(-s, 0.06))`` downhill, or
  5 times the walking factor where pushing the bicycle is quicker.

Sources: W. Tobler (1993), Three presentations on geographical analysis and modeling,
NCGIA Technical Report 93-1. J. Parkin and J. Rotheram (2010), Design speeds and
acceleration characteristics of bicycle traffic, Transport Policy 17(5), 335-341: 21.6
km/h on the flat, 1.44 km/h less for every per cent uphill, 0.86 km/h more for every per
cent downhill. Two assumptions of ours: nobody gains beyond 6 % downhill, where riders
brake, and pushing takes five times the riding pace of the flat (4.3 km/h for 21.6).
"""

# numba infers the types of kernels; what arrays hold is said in their docstrings
# ruff: noqa: ANN001, ANN201, ANN202
# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators
from __future__ import annotations

import math

import numba as nb
import numpy as np

from geosvc.travel.labels import BLOCKED as _BLOCKED
from geosvc.travel.moves import (
    AREA,
    BACK,
    CYCLE,
    DIRECTIONS,
    FIRST,
    LENGTHS,
    OFFSETS,
    PASSED_1,
    PASSED_2,
    STOP,
    WALK,
    packed_cost,
)

_UPHILL = 100 * 1.44 / 21.6
_DOWNHILL = 100 * 0.86 / 21.6
_BRAKING_SLOPE = 0.06
_PUSHING = 5.0
_WAY_DOWN = math.exp(-3.5 * (0.05 + 0.05))  # down against up on the same steep slope

_LN_2 = math.log(2.0)
_TOBLER_LOG2 = 3.5 / _LN_2  # 2 to the power of this is e to the power of 3.5
_INVERSE_FACTORIALS = tuple(1.0 / math.factorial(n) for n in range(14))
_STEEPEST = np.int64(1000)  # as a power of two; such a move takes longer than a label holds
_EXPONENT = 52  # the bits of a float's exponent start here
_AREA = np.uintp(AREA)
LATTICES = 3  # lengths of moves: straight, diagonal, knight
_LATTICE = np.array([0, 0, 1, 1, 2, 2, 2, 2])


@nb.njit(cache=True, inline="always")
def _powers_of_two(f):
    """Return 2**f and 2**-f, for f from -0.5 to 0.5, to about the last bit.

    The library function takes one number at a time; this one (Taylor, even and odd terms
    apart, which gives both) the compiler can apply to eight. It uses no fused
    operations, so that every machine gets the same.
    """
    r = f * _LN_2
    q = r * r
    odd = _INVERSE_FACTORIALS[13]
    odd = odd * q + _INVERSE_FACTORIALS[11]
    odd = odd * q + _INVERSE_FACTORIALS[9]
    odd = odd * q + _INVERSE_FACTORIALS[7]
    odd = odd * q + _INVERSE_FACTORIALS[5]
    odd = odd * q + _INVERSE_FACTORIALS[3]
    odd = r + r * (odd * q)
    even = _INVERSE_FACTORIALS[12]
    even = even * q + _INVERSE_FACTORIALS[10]
    even = even * q + _INVERSE_FACTORIALS[8]
    even = even * q + _INVERSE_FACTORIALS[6]
    even = even * q + _INVERSE_FACTORIALS[4]
    even = even * q + 0.5
    even = even * q
    return 1.0 + (even + odd), 1.0 + (even - odd)


@nb.njit(cache=True, error_model="numpy")
def _heights(elevation, length, at, fraction, inverse, exponent):
    """Fill ``exp(3.5 * elevation / length)`` of every cell, as fraction and power of two.

    The factor of a slope, ``exp(3.5 * (z_b - z_a) / length)``, is the quotient of two of
    these: three exponentials a cell instead of sixteen. Kept as a fraction and a power of
    two they cannot overflow; height and scale are multiplied in two parts each, so that a
    mountain is as exact as a plain.
    """
    scale = _TOBLER_LOG2 / length
    coarse_scale = np.float64(np.float32(scale))
    fine_scale = scale - coarse_scale
    for a in range(_AREA):
        height = elevation[a]
        coarse = np.float64(np.float32(height))
        product = coarse * coarse_scale
        whole = np.rint(product)
        rest = (height - coarse) * scale + coarse * fine_scale
        fraction[at + a], inverse[at + a] = _powers_of_two((product - whole) + rest)
        exponent[at + a] = np.int64(whole)


@nb.njit(cache=True, inline="always")
def _scaled(fraction, powers):
    return np.int64(np.float64(fraction).view(np.int64) + powers).view(np.float64)


@nb.njit(cache=True)
def _walk_factors(elevation, fraction, inverse, exponent, at, first, stop, step, walk):
    """Fill the factors of a forward move (row 0) and of its way back (row 1).

    Tobler's function is ``exp(3.5 s)``, or ``exp(-3.5 s - 0.35)`` where that is more,
    which is on the steeper ways down.
    """
    for a in range(first, stop):
        b = a + step
        powers = exponent[at + b] - exponent[at + a]
        powers = min(max(powers, -_STEEPEST), _STEEPEST) << _EXPONENT
        there = _scaled(fraction[at + b] * inverse[at + a], powers)
        back = _scaled(fraction[at + a] * inverse[at + b], -powers)
        level = elevation[a] == elevation[b]  # exactly the flat, not nearly
        walk[0, a] = 1.0 if level else max(there, back * _WAY_DOWN)
        walk[1, a] = 1.0 if level else max(back, there * _WAY_DOWN)


@nb.njit(cache=True, error_model="numpy")
def _cycle_factors(elevation, first, stop, step, length, walk, cycle):
    """Fill the factors of cycling, given those of walking."""
    for a in range(first, stop):
        slope = (elevation[a + step] - elevation[a]) / length
        steepness = abs(slope)
        climbing = 1.0 - _UPHILL * steepness  # speed against the flat
        riding = 1.0 / climbing if climbing > 0.0 else np.inf
        up = min(riding, _PUSHING * max(walk[0, a], walk[1, a]))
        riding = 1.0 / (1.0 + _DOWNHILL * min(steepness, _BRAKING_SLOPE))
        down = min(riding, _PUSHING * min(walk[0, a], walk[1, a]))
        cycle[0, a] = up if slope >= 0.0 else down
        cycle[1, a] = down if slope >= 0.0 else up


@nb.njit(cache=True, inline="always")
def _slowed(pace, gait, walk, cycle):
    factor = walk if gait == WALK else cycle if gait == CYCLE else 1.0
    return pace * factor


@nb.njit(cache=True)
def _price_pair(pace, gait, cost, at, first, stop, step, length, walk, cycle, mixed):
    """Price a straight or diagonal move, one way."""
    if not mixed:
        for a in range(first, stop):
            ends = pace[a] * walk[a] + pace[a + step] * walk[a]
            cost[at + a] = packed_cost(length * ends / 2.0)
        return
    for a in range(first, stop):
        b = a + step
        start = _slowed(pace[a], gait[a], walk[a], cycle[a])
        end = _slowed(pace[b], gait[b], walk[a], cycle[a])
        cost[at + a] = packed_cost(length * (start + end) / 2.0)


@nb.njit(cache=True)
def _close_corners(pace, cost, at, first, stop, corners):
    """Take back the price of diagonal moves between two uncrossable cells."""
    corner_1, corner_2 = corners
    for a in range(first, stop):
        if min(pace[a + corner_1], pace[a + corner_2]) == np.inf:
            cost[at + a] = _BLOCKED


@nb.njit(cache=True)
def _price_knight(pace, gait, cost, at, first, stop, step, crossed, length, walk, cycle, mixed):
    """Price a knight's move, one way."""
    crossed_1, crossed_2 = crossed
    if not mixed:
        for a in range(first, stop):
            ends = pace[a] * walk[a] + pace[a + step] * walk[a]
            inner = pace[a + crossed_1] * walk[a] + pace[a + crossed_2] * walk[a]
            cost[at + a] = packed_cost(length * (ends + inner) / 4.0)
        return
    for a in range(first, stop):
        b, c, d = a + step, a + crossed_1, a + crossed_2
        start = _slowed(pace[a], gait[a], walk[a], cycle[a])
        end = _slowed(pace[b], gait[b], walk[a], cycle[a])
        one = _slowed(pace[c], gait[c], walk[a], cycle[a])
        two = _slowed(pace[d], gait[d], walk[a], cycle[a])
        cost[at + a] = packed_cost(length * ((start + end) + (one + two)) / 4.0)


@nb.njit(cache=True)
def price_sloped(bench, rules):
    """Price the moves of a tile, both ways, from its pace, elevation and gait.

    The search spreads away from the facility. Where people travel towards it, the price
    of spreading along a move is that of their way back.
    """
    pace, elevation, gait, cost = bench.pace, bench.elevation, bench.gait, bench.cost
    walk, cycle = bench.walk, bench.cycle
    powers = bench.fraction, bench.inverse, bench.exponent
    cycles = np.any(gait == CYCLE)
    mixed = np.any(gait != WALK)
    for lattice in range(LATTICES if rules.sixteen else LATTICES - 1):
        length = rules.cell_size_m * LENGTHS[2 * lattice]
        _heights(elevation, length, np.uintp(lattice * AREA), *powers)
    for direction in range(DIRECTIONS if rules.sixteen else 4):
        first, stop, step = FIRST[direction], STOP[direction], OFFSETS[direction]
        length = rules.cell_size_m * LENGTHS[direction]
        passed = np.uintp(PASSED_1[direction]), np.uintp(PASSED_2[direction])
        at = np.uintp(_LATTICE[direction] * AREA)
        _walk_factors(elevation, *powers, at, first, stop, step, walk)
        if cycles:
            _cycle_factors(elevation, first, stop, step, length, walk, cycle)
        for way in range(2):
            spreads_back = (way == 1) == rules.outwards
            to = np.uintp(direction * AREA) + (BACK if spreads_back else np.uintp(0))
            by = walk[way], cycle[way]
            if direction >= 4:
                _price_knight(pace, gait, cost, to, first, stop, step, passed, length, *by, mixed)
                continue
            _price_pair(pace, gait, cost, to, first, stop, step, length, *by, mixed)
            if direction >= 2 and not rules.leak:
                _close_corners(pace, cost, to, first, stop, passed)
