"""Labels: a time and the source it comes from, packed in one integer.

A label is one int64: the upper 43 bits hold whole microseconds, the lower 20 bits
the index of the source. Adding the cost of a move (microseconds shifted by 20)
leaves the index alone, and one comparison decides by time first and then, on equal
times, by the smaller index. Whole numbers add exactly and keep their order, so a
field has one fixed point whatever the order of the work.

The microseconds are stored less ``TIME_BIAS``. Every real label is then negative and
"not reached" is 0, which brings two gifts: memory that the operating system hands out
as zeros needs no filling, so a run with a limit never touches the cells beyond it; and
``label + BLOCKED`` is never negative and never overflows, so the inner loops add the
cost of an impossible move without asking.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from geosvc.measures import MICROSECONDS_PER_SECOND, microseconds_from_seconds

SOURCE_BITS = 20
MAX_SOURCES = 1 << SOURCE_BITS
SOURCE_MASK = MAX_SOURCES - 1  # of a label: the index of its source
TIME_BIAS = (1 << 43) - 1
HORIZON_MICROSECONDS = TIME_BIAS - 1  # a little over 101 days
_CELLS_AT_ONCE = 1 << 16
UNREACHED = 0
BLOCKED = (1 << 63) - 1
HIGHEST_M = 9000.0  # no ground is higher; below minus this lie only nodata values

Labels = npt.NDArray[np.int64]


def pack(microseconds: int, index: int) -> int:
    """Return the label of a cell reached after so many microseconds from a source.

    Examples
    --------
    >>> pack(5, 7) < pack(5, 8) < pack(6, 0) < UNREACHED
    True
    """
    return ((microseconds - TIME_BIAS) << SOURCE_BITS) | index


def limit_microseconds(limit_seconds: float) -> int:
    """Return the limit in whole microseconds; no limit means the horizon of a label."""
    if limit_seconds >= HORIZON_MICROSECONDS / MICROSECONDS_PER_SECOND:
        return HORIZON_MICROSECONDS
    return microseconds_from_seconds(limit_seconds)


def last_label(microseconds: int) -> int:
    """Return the largest label that is still within the limit; the limit itself counts."""
    return pack(microseconds, SOURCE_MASK)


def microseconds_of(labels: Labels) -> npt.NDArray[np.int64]:
    """Return whole microseconds, -1 where not reached."""
    times = labels >> SOURCE_BITS
    for part, out in _parts(labels, times):
        np.add(out, TIME_BIAS, out=out)
        out[part == UNREACHED] = -1
    return times


def nearest_of(labels: Labels) -> npt.NDArray[np.int32]:
    """Return the index of the source of each label, -1 where not reached."""
    indices = np.empty(labels.shape, np.int32)
    for part, out in _parts(labels, indices):
        np.bitwise_and(part, SOURCE_MASK, out=out, casting="unsafe")
        out[part == UNREACHED] = -1
    return indices


def seconds_of(labels: Labels) -> npt.NDArray[np.float32]:
    """Return seconds as float32, ``inf`` where not reached."""
    seconds = np.empty(labels.shape, np.float32)
    for part, out in _parts(labels, seconds):
        times = (part >> SOURCE_BITS) + TIME_BIAS
        np.divide(times, MICROSECONDS_PER_SECOND, out=out, casting="unsafe")
        out[part == UNREACHED] = np.inf
    return seconds


def _parts(labels: Labels, out: npt.NDArray[Any]) -> Iterator[tuple[Labels, npt.NDArray[Any]]]:
    """Yield matching pieces of both grids, small enough to stay in the cache."""
    flat, flat_out = labels.reshape(-1), out.reshape(-1)
    for start in range(0, flat.size, _CELLS_AT_ONCE):
        piece = slice(start, start + _CELLS_AT_ONCE)
        yield flat[piece], flat_out[piece]
