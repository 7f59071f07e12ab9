"""The grid on which everything is computed, and the surface that a computation leaves on it.

Arrays are (row, col); row 0 is north.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from geosvc.errors import InvalidParameter
from geosvc.geo import crs as crossing
from geosvc.measures import km2_from_m2

if TYPE_CHECKING:
    from affine import Affine
    from numpy.typing import ArrayLike, NDArray

    from geosvc.geo.crs import BBox

Unit = Literal["s", "m"]
NOT_REACHED = -1
MICRO = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Square cells in a metric CRS.

    Parameters
    ----------
    crs : str
        A projected CRS that counts in metres.
    west_m, north_m : float
        Outer corner of cell (0, 0), in ``crs``.
    cell_size_m : float
        Side of a cell, metres.
    rows, cols : int
        Shape of the arrays that lie on this grid.
    """

    crs: str
    west_m: float
    north_m: float
    cell_size_m: float
    rows: int
    cols: int

    @classmethod
    def covering(
        cls, bbox: BBox, *, crs: str, cell_size_m: float, margin_m: float = 0.0, max_cells: int
    ) -> Self:
        """Return the grid over a box in degrees, its corners on multiples of the cell size.

        Raises
        ------
        InvalidParameter
            If the cell size is not positive or the grid would have more than ``max_cells``.
        """
        if not (math.isfinite(cell_size_m) and cell_size_m > 0):
            raise InvalidParameter(f"cell size must be a positive number of metres, got {cell_size_m}")
        west, south, east, north = _bounds_in_metres(bbox, crs)
        first_col = math.floor((west - margin_m) / cell_size_m)
        last_col = math.ceil((east + margin_m) / cell_size_m)
        first_row = math.ceil((north + margin_m) / cell_size_m)
        last_row = math.floor((south - margin_m) / cell_size_m)
        rows, cols = max(first_row - last_row, 1), max(last_col - first_col, 1)
        if rows * cols > max_cells:
            fitting = cell_size_m * math.sqrt(rows * cols / max_cells)
            raise InvalidParameter(
                f"a grid of {rows} x {cols} cells of {cell_size_m:g} m has {rows * cols:,} cells, more "
                f"than the {max_cells:,} allowed; use cells of at least {math.ceil(fitting)} m, or raise "
                "GEOSVC_MAX_CELLS"
            )
        return cls(
            crs=crs,
            west_m=first_col * cell_size_m,
            north_m=first_row * cell_size_m,
            cell_size_m=cell_size_m,
            rows=rows,
            cols=cols,
        )

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, cols)."""
        return (self.rows, self.cols)

    @property
    def transform(self) -> Affine:
        """The affine of rasterio: (col, row) to (easting, northing)."""
        from affine import Affine  # noqa: PLC0415  only where files are touched

        return Affine(self.cell_size_m, 0.0, self.west_m, 0.0, -self.cell_size_m, self.north_m)

    @property
    def cell_km2(self) -> float:
        """Area of one cell in the grid's CRS."""
        return km2_from_m2(self.cell_size_m**2)

    def cells_of(self, lon: ArrayLike, lat: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the (row, col) of positions in degrees; outside the grid both are -1."""
        x, y = crossing.to_metres(lon, lat, crs=self.crs)
        return self.cells_of_metres(x, y)

    def cells_of_metres(self, x: ArrayLike, y: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the (row, col) of positions in the grid's CRS; outside the grid both are -1."""
        col_position = np.floor((np.asarray(x, float) - self.west_m) / self.cell_size_m)
        row_position = np.floor((self.north_m - np.asarray(y, float)) / self.cell_size_m)
        inside = (
            (row_position >= 0) & (row_position < self.rows)
            & (col_position >= 0) & (col_position < self.cols)
        )
        row = np.where(inside, row_position, -1).astype(np.int64)
        col = np.where(inside, col_position, -1).astype(np.int64)
        return row, col

    def centres(self, row: ArrayLike, col: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return (easting, northing) of cell centres."""
        x = self.west_m + (np.asarray(col, float) + 0.5) * self.cell_size_m
        y = self.north_m - (np.asarray(row, float) + 0.5) * self.cell_size_m
        return x, y

    def bbox_degrees(self) -> BBox:
        """Return (west, south, east, north) of the grid in degrees."""
        steps = np.linspace(0.0, 1.0, 21)
        xs = self.west_m + steps * self.cols * self.cell_size_m
        ys = self.north_m - steps * self.rows * self.cell_size_m
        x = np.concatenate([xs, xs, np.full(21, xs[0]), np.full(21, xs[-1])])
        y = np.concatenate([np.full(21, ys[0]), np.full(21, ys[-1]), ys, ys])
        lon, lat = crossing.to_degrees(x, y, crs=self.crs)
        return (float(lon.min()), float(lat.min()), float(lon.max()), float(lat.max()))

    def as_dict(self) -> dict[str, Any]:
        """Return what a run's record keeps of the grid."""
        return {
            "crs": self.crs,
            "west_m": self.west_m,
            "north_m": self.north_m,
            "cell_size_m": self.cell_size_m,
            "rows": self.rows,
            "cols": self.cols,
        }


def _bounds_in_metres(bbox: BBox, crs: str) -> tuple[float, float, float, float]:
    # The sides of a box in degrees are curved in metres, so points along them are taken too.
    west, south, east, north = crossing.check_bbox(bbox)
    lon, lat = np.meshgrid(np.linspace(west, east, 21), np.linspace(south, north, 21))
    x, y = crossing.to_metres(lon, lat, crs=crs)
    return (float(x.min()), float(y.min()), float(x.max()), float(y.max()))


@dataclass(frozen=True, kw_only=True)
class Surface:
    """For every cell, how far the nearest facility is, and which one that is.

    Parameters
    ----------
    grid : Grid
        Where the arrays lie.
    micro : array of int64, shape (rows, cols)
        Millionths of ``unit`` (microseconds, micrometres); -1 = not reached.
        Limits are compared with these integers, never with rounded minutes.
    nearest : array of int32, shape (rows, cols)
        Index into the facilities of the run, sorted by id; -1 = none.
    unit : {"s", "m"}
        Seconds of travel, or metres as the crow flies.
    horizon : float
        In ``unit``: beyond it the computation did not look. ``inf`` = everywhere.
    looked : array of bool or None
        Cells that have ground at all; elsewhere the state is "no data". None = everywhere.
    """

    grid: Grid
    micro: NDArray[np.int64]
    nearest: NDArray[np.int32]
    unit: Unit
    horizon: float = math.inf
    looked: NDArray[np.bool_] | None = None

    def values(self) -> NDArray[np.float32]:
        """Return ``unit`` per cell as float32; ``inf`` = not reached."""
        return np.where(self.micro == NOT_REACHED, np.inf, self.micro / MICRO).astype(np.float32)

    def within(self, limit: float) -> NDArray[np.bool_]:
        """Return the cells at most ``limit`` (in ``unit``) away; the limit itself counts."""
        found: NDArray[np.bool_] = (self.micro != NOT_REACHED) & (self.micro <= micro_of(limit))
        return found


def micro_of(value: float) -> int:
    """Return millionths of a unit as a whole number, rounded to nearest."""
    return round(value * MICRO)
