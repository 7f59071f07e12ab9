"""Barriers on the grid of a study: which cells they block, and where a road opens them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import shapely

from geosvc.geo.raster import burn
from geosvc.geo.vector import in_metres, read_vector
from geosvc.registry.imports.barriers import BARRIERS_FILE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import geopandas as gpd
    from numpy.typing import NDArray

    from geosvc.geo.grid import Grid
    from geosvc.registry.layers import Layer


def read_barriers(layer: Layer, grid: Grid) -> gpd.GeoDataFrame:
    """Return the barriers in the grid's CRS, with barrier_class and condition ("" = always)."""
    frame = read_vector(layer.folder / BARRIERS_FILE, max_mb=2**20, expected="barriers")
    frame["condition"] = frame["condition"].fillna("")
    return in_metres(frame, grid.crs)


def under(barriers: gpd.GeoDataFrame, conditions: Iterable[str]) -> gpd.GeoDataFrame:
    """Return the barriers that count always, and those of these conditions."""
    return barriers[barriers["condition"].isin(["", *conditions])]


def blocked_cells(barriers: gpd.GeoDataFrame, grid: Grid) -> NDArray[np.bool_]:
    """Return every cell that a line or the outline of a polygon touches, or whose centre a polygon holds.

    Cells touched by a line are connected edge to edge, so neither a diagonal nor a knight's move
    leaks through.
    """
    blocked: NDArray[np.bool_] = burn(
        [(shape, 1) for shape in barriers.geometry], grid, touched=True, dtype="uint8", fill=0) > 0
    return blocked


def class_of_cells(roads: gpd.GeoDataFrame, classes: Sequence[str], grid: Grid) -> NDArray[np.int32]:
    """Return the class of the best road in each cell, as an index into ``classes`` (the last is the best); -1 = none."""
    number = {name: i for i, name in enumerate(classes)}
    ordered = sorted(zip(roads["road_class"].map(number), roads.geometry, strict=True), key=lambda pair: pair[0])
    return burn([(line, one) for one, line in ordered], grid, touched=True)


def roads_alongside(
    barriers: gpd.GeoDataFrame, roads: gpd.GeoDataFrame, opened: NDArray[np.bool_], grid: Grid
) -> NDArray[np.bool_]:
    """Return the opened cells in which a road only runs beside the barrier: neither there nor in a cell next to it they cross.

    On such cells people seem to cross where there is no bridge; smaller cells part road and river.

    Parameters
    ----------
    barriers, roads : GeoDataFrame
        In the grid's CRS.
    opened : array of bool, shape (rows, cols)
        Cells of barriers that a road opens.
    grid : Grid
    """
    from scipy import ndimage  # noqa: PLC0415  slow to import

    shapes, lines = barriers.geometry.to_numpy(), roads.geometry.to_numpy()
    which_line, which_shape = shapely.STRtree(shapes).query(lines, predicate="intersects")
    crossings = shapely.intersection(lines[which_line], shapes[which_shape])
    crossed = burn([(at, 1) for at in crossings], grid, touched=True, dtype="uint8", fill=0) > 0
    found: NDArray[np.bool_] = opened & ~ndimage.binary_dilation(crossed, np.ones((3, 3), dtype=bool))
    return found
