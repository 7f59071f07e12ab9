"""The service radius: distance as the crow flies to the nearest facility."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from geosvc.geo.crs import to_metres
from geosvc.geo.grid import MICRO, NOT_REACHED, Grid, Surface

if TYPE_CHECKING:
    from numpy.typing import NDArray

_CANDIDATES = 4
_ROWS_AT_ONCE = 256
_FAR = np.iinfo(np.int64).max
_METRE = 1.0


def straight_line_surface(
    lon: NDArray[np.float64], lat: NDArray[np.float64], grid: Grid, *, limit_m: float = math.inf
) -> Surface:
    """Return metres from every cell's centre to the nearest facility.

    Distances are taken in the grid's metric CRS, whose scale is within 0.1 % of the ellipsoid
    over a county. Facilities outside the grid count too.

    Parameters
    ----------
    lon, lat : arrays of shape (n,)
        Facilities in the order of their id, degrees; n >= 1. A tie goes to the first.
    grid : Grid
    limit_m : float
        Look no further than this; the limit itself counts.
    """
    places = Places(lon, lat, grid)
    micro = np.empty(grid.shape, dtype=np.int64)
    nearest = np.empty(grid.shape, dtype=np.int32)
    for top in range(0, grid.rows, _ROWS_AT_ONCE):
        rows = np.arange(top, min(top + _ROWS_AT_ONCE, grid.rows))
        row, col = np.meshgrid(rows, np.arange(grid.cols), indexing="ij")
        found = places.nearest_to(row.ravel(), col.ravel(), limit_m=limit_m)
        micro[rows], nearest[rows] = (each.reshape(row.shape) for each in found)
    return Surface(grid=grid, micro=micro, nearest=nearest, unit="m", horizon=limit_m)


class Places:
    """Facilities in the order of their id, to be asked which of them is the nearest."""

    def __init__(self, lon: NDArray[np.float64], lat: NDArray[np.float64], grid: Grid) -> None:
        """Put them into the grid's CRS; degrees, n >= 1."""
        from scipy.spatial import cKDTree  # noqa: PLC0415  slow to import

        self._grid, self._count = grid, len(lon)
        self.x, self.y = to_metres(lon, lat, crs=grid.crs)
        places, first = np.unique(np.column_stack([self.x, self.y]), axis=0, return_index=True)
        self._first = np.append(first, -1)  # what lies beyond the limit has the index after the last
        self._tree, self._places = cKDTree(places), len(places)

    def nearest_to(
        self, row: NDArray[np.int64], col: NDArray[np.int64], *, limit_m: float = math.inf
    ) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """Return (micrometres, index of the nearest) of cells; -1 beyond the limit. A tie goes to the first."""
        x, y = self._grid.centres(row, col)
        candidates = min(_CANDIDATES, self._places)
        # A metre more, so that what lies at the limit to the micrometre is found.
        metres, index = self._tree.query(np.stack([x, y], axis=-1), k=candidates, distance_upper_bound=limit_m + _METRE)
        found = np.isfinite(metres)
        amount = np.where(found, np.rint(np.where(found, metres, 0.0) * MICRO).astype(np.int64), _FAR)
        amount = amount.reshape(len(x), candidates)
        order = self._first[index].reshape(len(x), candidates)
        best = amount.min(axis=-1)
        # Equal to the micrometre is a tie; it goes to the facility that was registered first.
        nearest = np.where(amount == best[:, None], order, self._count).min(axis=-1)
        if candidates < self._places:
            for cell in np.flatnonzero((amount[:, -1] == best) & (best < _FAR)):  # there may be more facilities as near as these
                tied = self._tree.query_ball_point((x[cell], y[cell]), (best[cell] + 0.5) / MICRO)
                nearest[cell] = min(nearest[cell], *self._first[tied])
        return np.where(best == _FAR, NOT_REACHED, best), nearest.astype(np.int32)
