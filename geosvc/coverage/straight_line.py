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
    from scipy.spatial import cKDTree  # noqa: PLC0415  slow to import

    x, y = to_metres(lon, lat, crs=grid.crs)
    places, first = np.unique(np.column_stack([x, y]), axis=0, return_index=True)
    first = np.append(first, -1)  # what lies beyond the limit has the index after the last
    tree = cKDTree(places)
    candidates = min(_CANDIDATES, len(places))
    micro = np.empty(grid.shape, dtype=np.int64)
    nearest = np.empty(grid.shape, dtype=np.int32)
    for top in range(0, grid.rows, _ROWS_AT_ONCE):
        rows = np.arange(top, min(top + _ROWS_AT_ONCE, grid.rows))
        cell_x, cell_y = grid.centres(*np.meshgrid(rows, np.arange(grid.cols), indexing="ij"))
        # A metre more, so that what lies at the limit to the micrometre is found.
        metres, index = tree.query(np.stack([cell_x, cell_y], axis=-1), k=candidates, distance_upper_bound=limit_m + _METRE)
        found = np.isfinite(metres)
        amount = np.where(found, np.rint(np.where(found, metres, 0.0) * MICRO).astype(np.int64), _FAR)
        amount = amount.reshape(*cell_x.shape, candidates)
        order = first[index].reshape(*cell_x.shape, candidates)
        best = amount.min(axis=-1)
        micro[rows] = np.where(best == _FAR, NOT_REACHED, best)
        # Equal to the micrometre is a tie; it goes to the facility that was registered first.
        nearest[rows] = np.where(amount == best[..., None], order, len(lon)).min(axis=-1)
        if candidates < len(places):
            crowded = np.argwhere((amount[..., -1] == best) & (best < _FAR))  # there may be more facilities as near as these
            for line, col in crowded:
                within = (best[line, col] + 0.5) / MICRO
                tied = tree.query_ball_point((cell_x[line, col], cell_y[line, col]), within)
                nearest[rows[line], col] = min(nearest[rows[line], col], *first[tied])
    return Surface(grid=grid, micro=micro, nearest=nearest, unit="m", horizon=limit_m)
