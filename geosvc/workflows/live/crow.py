"""Distances as the crow flies, kept and corrected where facilities differ from those asked for before."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np

from geosvc.coverage.straight_line import Places, straight_line_surface
from geosvc.geo.grid import MICRO, Surface
from geosvc.workflows.surfaces import positions_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from geosvc.geo.grid import Grid
    from geosvc.registry.facilities import Registered

# Beyond the rounding of any distance on Earth: who is not nearer than this by a rough reckoning is not nearer.
_SURELY_M = 1e-3


class Crow:
    """The last surface of one service; what differs is looked up again, cell by cell, as for a new one."""

    def __init__(self, grid: Grid) -> None:
        """Keep the grid; nothing is computed yet."""
        self._grid = grid
        self._lock = threading.Lock()
        self._places: dict[int, tuple[float, float]] = {}
        self._micro = np.zeros(0, np.int64)
        self._ids = np.zeros(0, np.int64)  # the nearest facility of each cell

    def surface(self, located: Sequence[Registered]) -> Surface:
        """Return what :func:`straight_line_surface` does, in the order of the facilities' ids."""
        lon, lat = positions_of(list(located))
        wanted = {each.id: (float(x), float(y)) for each, x, y in zip(located, lon, lat, strict=True)}
        ids = np.fromiter(wanted, np.int64, len(wanted))
        with self._lock:
            if not self._places or not (self._places.items() & wanted.items()):
                whole = straight_line_surface(lon, lat, self._grid)
                self._micro, self._ids = whole.micro.ravel(), ids[whole.nearest].ravel()
            elif self._places != wanted:
                self._correct(wanted, ids, Places(lon, lat, self._grid))
            self._places = wanted
            micro, nearest = self._micro.copy(), np.searchsorted(ids, self._ids).astype(np.int32)
        shape = self._grid.shape
        return Surface(grid=self._grid, micro=micro.reshape(shape), nearest=nearest.reshape(shape), unit="m")

    def _correct(self, wanted: dict[int, tuple[float, float]], ids: NDArray[np.int64], places: Places) -> None:
        """Look up again the cells of those that went, and those to which somebody new may be as near."""
        gone = [one for one, place in self._places.items() if wanted.get(one) != place]
        new = [n for n, one in enumerate(wanted) if self._places.get(one) != wanted[one]]
        again = np.isin(self._ids, gone)
        x, y = (each.ravel() for each in self._grid.centres(*np.indices(self._grid.shape, sparse=True)))
        near = self._micro / MICRO + _SURELY_M
        for n in new:
            across, down = (x - places.x[n]) ** 2, (y - places.y[n]) ** 2
            again |= (down[:, None] + across[None, :]).ravel() <= near**2
        row, col = np.divmod(np.flatnonzero(again), self._grid.cols)
        micro, nearest = places.nearest_to(row, col)
        self._micro[again], self._ids[again] = micro, ids[nearest]
