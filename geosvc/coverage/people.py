"""Who lives where: people as entries of (cell, area, count), their total conserved.

An entry belongs to an area either because its cell lies in the area's polygon, or because
the source says so by code; the second wins, so that an area without a polygon still has its
people.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from geosvc.geo.grid import Grid

OUTSIDE = -1


@dataclass(frozen=True, kw_only=True)
class Moved:
    """People who were counted on ground that cannot be crossed, and were moved off it."""

    people: float = 0.0
    farthest_m: float = 0.0
    left: float = 0.0


@dataclass(frozen=True, kw_only=True)
class People:
    """People on the grid, sparse.

    Parameters
    ----------
    row, col : array of int64
        Cell of each entry; -1 = outside the grid.
    count : array of float64
        People of the entry, 0 or more.
    area : array of int32
        Index into the areas of the study; -1 = outside every area.
    moved : Moved
    """

    row: NDArray[np.int64]
    col: NDArray[np.int64]
    count: NDArray[np.float64]
    area: NDArray[np.int32]
    moved: Moved = Moved()

    @property
    def total(self) -> float:
        """All people, in an area or not, on the grid or not."""
        return float(self.count.sum())

    @property
    def on_grid(self) -> NDArray[np.bool_]:
        """Which entries lie on the grid."""
        return self.row >= 0

    def at(self, values: NDArray[np.generic], *, outside: float) -> NDArray[np.generic]:
        """Return, for every entry, the value of its cell; ``outside`` for entries off the grid."""
        found = np.full(len(self.count), outside, dtype=values.dtype)
        here = self.on_grid
        found[here] = values[self.row[here], self.col[here]]
        return found


def people_from_points(
    lon: NDArray[np.float64],
    lat: NDArray[np.float64],
    people: NDArray[np.float64],
    *,
    grid: Grid,
    areas: NDArray[np.int32],
    codes: Sequence[str] | None = None,
    area_index: Mapping[str, int] | None = None,
) -> People:
    """Return people from positions in degrees, those of one cell and area added up.

    Parameters
    ----------
    lon, lat, people : arrays of shape (n,)
    grid : Grid
    areas : array of int32, shape (n,)
        Index of the smallest area whose polygon holds each position, -1 = none.
    codes : sequence of str, optional
        The area of each position as the source says it; "" = not said.
    area_index : mapping, optional
        Index of each area code; a code that is not in it is treated as not said.
    """
    row, col = grid.cells_of(lon, lat)
    area = areas
    if codes is not None and area_index is not None:
        told = np.array([area_index.get(code, OUTSIDE) for code in codes], dtype=np.int32)
        area = np.where(told != OUTSIDE, told, area)
    return _added_up(row, col, people, area, grid)


def _added_up(
    row: NDArray[np.int64], col: NDArray[np.int64], count: NDArray[np.float64], area: NDArray[np.int32], grid: Grid
) -> People:
    key = (np.where(row < 0, -1, row * grid.cols + col) + 1) * (int(area.max(initial=0)) + 2) + area + 1
    _, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    return People(
        row=row[first], col=col[first], area=area[first],
        count=np.bincount(inverse, weights=count, minlength=len(first)).astype(np.float64),
    )


def people_from_counts(
    counts: Mapping[int, float], *, grid: Grid, area_of_cell: NDArray[np.int32], habitable: NDArray[np.bool_]
) -> People:
    """Spread the people of each area evenly over its habitable cells.

    Used when nothing better than a count by area is known. People of an area without such a
    cell stay in it, off the grid.

    Parameters
    ----------
    counts : mapping of area index to people
    grid : Grid
    area_of_cell : array of int32, shape (rows, cols)
    habitable : array of bool, shape (rows, cols)
    """
    rows, cols, people, areas = [], [], [], []
    for index, count in sorted(counts.items()):
        row, col = np.nonzero((area_of_cell == index) & habitable)
        if len(row) == 0:
            row = col = np.array([-1])
        rows.append(row)
        cols.append(col)
        people.append(np.full(len(row), count / len(row)))
        areas.append(np.full(len(row), index, dtype=np.int32))
    if not rows:
        empty = np.array([], dtype=np.int64)
        return People(row=empty, col=empty, count=empty.astype(float), area=empty.astype(np.int32))
    return _added_up(
        np.concatenate(rows).astype(np.int64), np.concatenate(cols).astype(np.int64),
        np.concatenate(people), np.concatenate(areas), grid,
    )


def off_uncrossable(
    people: People, crossable: NDArray[np.bool_], area_of_cell: NDArray[np.int32], grid: Grid
) -> People:
    """Move people who stand on uncrossable cells to the nearest crossable cell of their area.

    A raster of people and a raster of water never agree along a shore. Nobody is lost: where an
    area has no crossable cell at all, its people stay where they are and ``moved.left`` counts
    them. An area known only by code has no cells of its own: that of the cell's area counts.
    """
    here = people.on_grid
    stuck = here.copy()
    stuck[here] = ~crossable[people.row[here], people.col[here]]
    if not stuck.any():
        return people
    row, col = people.row.copy(), people.col.copy()
    farthest, left = 0.0, 0.0
    has_cells = np.zeros(max(int(area_of_cell.max(initial=0)), int(people.area.max(initial=0))) + 2, dtype=bool)
    has_cells[np.unique(area_of_cell)] = True
    cell_area = np.full(len(row), OUTSIDE, dtype=np.int32)
    cell_area[stuck] = np.where(
        has_cells[people.area[stuck]], people.area[stuck], area_of_cell[row[stuck], col[stuck]]
    )
    for index in np.unique(cell_area[stuck]):
        entries = np.nonzero(stuck & (cell_area == index))[0]
        targets = crossable & (area_of_cell == index)
        if not targets.any():
            left += float(people.count[entries].sum())
            continue
        to_row, to_col, distance = _nearest(targets, row[entries], col[entries])
        row[entries], col[entries] = to_row, to_col
        farthest = max(farthest, float(distance.max()) * grid.cell_size_m)
    moved = Moved(people=float(people.count[stuck].sum()) - left, farthest_m=farthest, left=left)
    return replace(_added_up(row, col, people.count, people.area, grid), moved=moved)


def _nearest(
    targets: NDArray[np.bool_], row: NDArray[np.int64], col: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    from scipy import ndimage  # noqa: PLC0415  slow to import

    distance, (to_row, to_col) = ndimage.distance_transform_edt(~targets, return_indices=True)
    return to_row[row, col].astype(np.int64), to_col[row, col].astype(np.int64), distance[row, col]


def weights_by_cell(people: People, grid: Grid) -> NDArray[np.float64]:
    """Return people per cell, shape (rows, cols); people off the grid are not in it."""
    weights = np.zeros(grid.shape)
    here = people.on_grid
    np.add.at(weights, (people.row[here], people.col[here]), people.count[here])
    return weights


__all__ = ["Moved", "People", "off_uncrossable", "people_from_counts", "people_from_points", "weights_by_cell"]
