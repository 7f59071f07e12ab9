"""Compiling the kernels ahead of time, so that nobody waits for it in front of a map.

The compiler keeps its results beside each file and looks at that file only: after a change
of ``moves`` the kernels of the other files would go on with the old one. So results that are
older than any of the sources are removed first.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from geosvc.travel.hybrid import solve_hybrid
from geosvc.travel.network import build_network
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
        field.alone(0, 1.0)
        field.way(2, 2)
    _compile_hybrid()


def _compile_hybrid() -> None:
    """Compile the kernels of roads, of their edits, and of explaining a way with and without slope."""
    from shapely import LineString

    roads = build_network(
        [LineString([(0.5, 1.5), (2.5, 1.5)])],
        ["road"],
        pace_by_class={"road": 0.1},
        west_m=0.0,
        north_m=3.0,
        cell_size_m=1.0,
        rows=3,
        cols=3,
    )
    for kind in (np.float32, np.float64):
        for hills in (None, np.zeros((3, 3), kind)):
            field = solve_hybrid(np.ones((3, 3), kind), roads, [(1, 0)], elevation=hills)
            field.explain(1, 2)
            field.change_pace([0], [0], [2.0])
            field.change_roads(roads.closed([0]))
            field.close(0)


def _forget_outdated() -> None:
    """Remove compiled kernels that are older than the newest source of this package."""
    folder = Path(__file__).parent
    newest = max(source.stat().st_mtime for source in folder.glob("*.py"))
    for compiled in folder.glob("__pycache__/*.nb[ic]"):
        if compiled.stat().st_mtime < newest:
            compiled.unlink(missing_ok=True)
