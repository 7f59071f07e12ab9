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

    from geosvc.coverage.tree import AreaTree
    from geosvc.geo.grid import Grid

OUTSIDE = -1
# How far the data of ground and people may miss each other at the edge of what is known.
_EDGE_M = 1000.0


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


class _CellsByArea:
    """The usable cells of each area, and which of them is nearest to a cell."""

    def __init__(self, area_of_cell: NDArray[np.int32], usable: NDArray[np.bool_]) -> None:
        """Sort the cells by area once: a country has thousands of townships."""
        cells = np.flatnonzero(usable)
        areas = area_of_cell.ravel()[cells]
        order = np.argsort(areas, kind="stable")
        self._cells, self._areas = cells[order], areas[order]
        self._cols = area_of_cell.shape[1]

    def nearest(
        self, areas: Sequence[int], row: NDArray[np.int64], col: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]] | None:
        """Return (row, col, distance in cells) of the nearest cell of some areas; None if they have none."""
        from scipy.spatial import cKDTree  # noqa: PLC0415  slow to import

        parts = [
            self._cells[np.searchsorted(self._areas, area) : np.searchsorted(self._areas, area, side="right")]
            for area in areas
        ]
        cells = np.sort(np.concatenate(parts)) if parts else np.array([], dtype=np.int64)
        if len(cells) == 0:
            return None
        rows, cols = np.divmod(cells, self._cols)
        distance, index = cKDTree(np.column_stack([rows, cols])).query(np.column_stack([row, col]))
        return rows[index], cols[index], distance


def at_home(people: People, area_of_cell: NDArray[np.int32], tree: AreaTree, grid: Grid) -> People:
    """Let everybody stand on a cell of the area they belong to, the nearest one.

    A border never follows the cells: who lives just inside of it may fall into a cell whose
    centre lies outside. Table and gaps agree only if a person and the cell are of one area.
    An area known only by code takes the cells of the area above it; where there are none, and
    for people off the grid, nothing moves.
    """
    home_of, cells_of = tree.homes(area_of_cell)
    home = np.append(home_of, OUTSIDE)[people.area]  # people in no area read the last entry
    here = people.on_grid & ((home >= 0) | (people.area < 0))
    cell_area = np.full(len(home), OUTSIDE, dtype=np.int32)
    cell_area[here] = area_of_cell[people.row[here], people.col[here]]
    row, col = people.row.copy(), people.col.copy()
    cells = None
    for one in np.unique(home[here]):
        members = cells_of[int(one)] if one >= 0 else [OUTSIDE]
        away = np.nonzero(here & (home == one) & ~np.isin(cell_area, members))[0]
        if len(away) == 0:
            continue
        cells = cells or _CellsByArea(area_of_cell, np.ones_like(area_of_cell, dtype=bool))
        found = cells.nearest(members, row[away], col[away])
        if found is not None:
            row[away], col[away] = found[0], found[1]
    return replace(_added_up(row, col, people.count, people.area, grid), moved=people.moved)


def off_uncrossable(
    people: People, crossable: NDArray[np.bool_], area_of_cell: NDArray[np.int32], grid: Grid,
    *, known: NDArray[np.bool_] | None = None,
) -> People:
    """Move people who stand on uncrossable cells to the nearest crossable cell of the same area.

    A raster of people and a raster of water never agree along a shore. Nobody is lost: where an
    area has no crossable cell at all, its people stay where they are and ``moved.left`` counts
    them. Land cover and people never end on the same cells either: who lives on ground that is not
    ``known`` is moved to known ground within a kilometre; beyond that nobody can say anything, so
    they stay, without data.
    """
    here = people.on_grid
    stuck = here.copy()
    stuck[here] = ~crossable[people.row[here], people.col[here]]
    if not stuck.any():
        return people
    row, col = people.row.copy(), people.col.copy()
    farthest, left = 0.0, 0.0
    cells = _CellsByArea(area_of_cell, crossable)
    cell_area = np.full(len(row), OUTSIDE, dtype=np.int32)
    cell_area[stuck] = area_of_cell[row[stuck], col[stuck]]
    for index in np.unique(cell_area[stuck]):
        entries = np.nonzero(stuck & (cell_area == index))[0]
        # Who lives in no area belongs to none wherever they are put.
        here_too = [int(index)] if index != OUTSIDE else np.unique(area_of_cell[crossable]).tolist()
        found = cells.nearest(here_too, row[entries], col[entries])
        if found is None:
            left += float(people.count[entries].sum())
            continue
        away = found[2] * grid.cell_size_m
        near = np.ones(len(entries), dtype=bool) if known is None else known[row[entries], col[entries]] | (away <= _EDGE_M)
        stuck[entries[~near]] = False
        row[entries[near]], col[entries[near]] = found[0][near], found[1][near]
        farthest = max(farthest, float(away[near].max(initial=0.0)))
    moved = Moved(people=float(people.count[stuck].sum()) - left, farthest_m=farthest, left=left)
    return replace(_added_up(row, col, people.count, people.area, grid), moved=moved)


def weights_by_cell(people: People, grid: Grid) -> NDArray[np.float64]:
    """Return people per cell, shape (rows, cols); people off the grid are not in it."""
    weights = np.zeros(grid.shape)
    here = people.on_grid
    np.add.at(weights, (people.row[here], people.col[here]), people.count[here])
    return weights

