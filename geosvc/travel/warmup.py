"""Compiling the kernels ahead of time, so that nobody waits for it in front of a map.

The compiler keeps its results beside each file and looks at that file only. Whoever
changes a constant in ``moves`` deletes ``__pycache__``, or the kernels of the other
files go on with the old one.
"""

from __future__ import annotations

import numpy as np

from geosvc.travel.raster import solve


def compile_kernels() -> None:
    """Compile every kernel of travel time, or load what an earlier run left in the cache.

    Pace of either float type has its own kernels; one solve and one edit of each kind
    use them all.
    """
    for kind in (np.float32, np.float64):
        field = solve(np.ones((3, 3), kind), [(0, 0)])
        field.open(2, 2)
        field.move(1, 1, 2)
        field.change_pace([1], [1], [2.0])
        field.change_pace([1], [1], [1.0])
        field.close(1)
