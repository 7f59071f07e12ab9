"""Compiling the kernels of coverage ahead of time, so that nobody waits for it in front of a map."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from geosvc.coverage import live, live_kernels
from geosvc.coverage.people import People
from geosvc.coverage.services import shipped_services
from geosvc.coverage.tree import AreaTree
from geosvc.geo.grid import Grid, Surface


def compile_kernels() -> None:
    """Compile every kernel of coverage, or load what an earlier run left in the cache."""
    grid = Grid(crs="EPSG:4551", west_m=0.0, north_m=0.0, cell_size_m=100.0, rows=2, cols=2)
    nowhere = np.full(grid.shape, -1, np.int32)
    one = np.zeros(1, np.int64)
    people = People(row=one, col=one, count=np.ones(1), area=np.full(1, -1, np.int32))
    surface = Surface(grid=grid, micro=np.zeros(grid.shape, np.int64), nearest=nowhere, unit="s")
    layout = live.Layout(people, AreaTree(()), nowhere, {0: np.ones(grid.shape, bool)}, grid)
    service = shipped_services()[0]
    for looked in (None, np.ones(grid.shape, bool)):
        found = live.live_figures(layout, replace(surface, looked=looked), service, step=1.0)
    found.gap_curve()
    live_kernels.of_level(np.zeros(1, np.intp), np.zeros(1, np.uint8), np.uint8(0))
