"""Compiling the kernels ahead of time, so that nobody waits for it in front of a map.

The compiler keeps its results beside each file and looks at that file only: after a change
of ``moves`` the kernels of the other files would go on with the old one. So results that are
older than any of the sources are removed first.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from geosvc.travel.raster import solve


def compile_kernels() -> None:
    """Compile every kernel of travel time, or load what an earlier run left in the cache.

    Pace of either float type has its own kernels; one solve and one edit of each kind
    use them all.
    """
    _forget_outdated()
    for kind in (np.float32, np.float64):
        field = solve(np.ones((3, 3), kind), [(0, 0)])
        field.open(2, 2)
        field.move(1, 1, 2)
        field.change_pace([1], [1], [2.0])
        field.change_pace([1], [1], [1.0])
        field.close(1)


def _forget_outdated() -> None:
    """Remove compiled kernels that are older than the newest source of this package."""
    folder = Path(__file__).parent
    newest = max(source.stat().st_mtime for source in folder.glob("*.py"))
    for compiled in folder.glob("__pycache__/*.nb[ic]"):
        if compiled.stat().st_mtime < newest:
            compiled.unlink(missing_ok=True)
