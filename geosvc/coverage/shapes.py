"""From a surface to shapes: isochrones and catchments, exact outlines of cells.

Both are read off the one field, so isochrones nest, catchments share their borders, and a
point in a shape has the value that the shape says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely

from geosvc.errors import InvalidParameter
from geosvc.geo.crs import to_degrees
from geosvc.geo.raster import outlines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from geosvc.geo.grid import Grid, Surface

_HAIR = 1 + 1e-9  # a side of exactly one cell is not cut


@dataclass(frozen=True, kw_only=True)
class Isochrone:
    """Everything at most ``limit`` away (in the surface's unit; the limit counts), degrees."""

    limit: float
    geometry: shapely.MultiPolygon
    km2: float
    people: float | None


@dataclass(frozen=True, kw_only=True)
class Catchment:
    """Every cell whose nearest facility is ``nearest`` (index into the run's facilities), degrees."""

    nearest: int
    geometry: shapely.MultiPolygon
    km2: float
    people: float | None


def isochrones(surface: Surface, limits: Sequence[float], *, people: NDArray[np.float64] | None = None) -> list[Isochrone]:
    """Return one isochrone for each limit, the smallest first; each lies within the next.

    Parameters
    ----------
    surface : Surface
    limits : sequence of float
        In the surface's unit (seconds or metres), each 0 or more.
    people : array of float64, shape (rows, cols), optional
        People per cell: counts who lives inside.

    Raises
    ------
    InvalidParameter
        If a limit is negative or none is given.
    """
    if not limits or any(not limit >= 0 for limit in limits):
        raise InvalidParameter(f"isochrones need limits of 0 or more, got {list(limits)}")
    found = []
    for limit in sorted(set(limits)):
        inside = surface.within(limit)
        found.append(Isochrone(
            limit=limit, geometry=outline_in_degrees(inside.astype(np.int32), surface.grid).get(1, shapely.MultiPolygon()),
            km2=float(inside.sum()) * surface.grid.cell_km2,
            people=None if people is None else float(people[inside].sum()),
        ))
    return found


def catchments(
    surface: Surface, *, limit: float | None = None, study: NDArray[np.bool_] | None = None,
    people: NDArray[np.float64] | None = None,
) -> list[Catchment]:
    """Return the catchment of each facility that is nearest to some cell, in the order of facilities.

    Parameters
    ----------
    surface : Surface
    limit : float, optional
        Only what is at most this far, in the surface's unit.
    study : array of bool, shape (rows, cols), optional
        Only these cells.
    people : array of float64, shape (rows, cols), optional
        People per cell: counts who lives inside.
    """
    mask = surface.nearest >= 0
    if limit is not None:
        mask &= surface.within(limit)
    if study is not None:
        mask &= study
    labels = np.where(mask, surface.nearest + 1, 0).astype(np.int32)
    shapes = outline_in_degrees(labels, surface.grid)
    cells = np.bincount(labels.ravel())
    counts = None if people is None else np.bincount(labels.ravel(), weights=people.ravel())
    return [
        Catchment(
            nearest=label - 1, geometry=shapes[label], km2=float(cells[label]) * surface.grid.cell_km2,
            people=None if counts is None else float(counts[label]),
        )
        for label in sorted(shapes)
    ]


def outline_in_degrees(labels: NDArray[np.int32], grid: Grid) -> dict[int, shapely.MultiPolygon]:
    """Return the exact outline of the cells of each label above 0, in degrees.

    Cells that meet only at a corner are separate polygons; holes and islands are kept.
    """
    found = {}
    for label, parts in outlines(labels, grid).items():
        # A straight border in metres is not straight in degrees: with a vertex at every cell corner
        # two neighbours still share it to the last digit.
        cornered = shapely.segmentize([part for part in parts if isinstance(part, shapely.Polygon)], grid.cell_size_m * _HAIR)
        joined = shapely.MultiPolygon(list(cornered))
        turned = shapely.transform(joined, lambda xy: np.column_stack(to_degrees(xy[:, 0], xy[:, 1], crs=grid.crs)))
        # 7 decimals are a centimetre; more is noise in every file.
        found[label] = shapely.MultiPolygon(shapely.orient_polygons(shapely.transform(turned, lambda xy: np.round(xy, 7))))
    return found
