"""Snapping: every facility to ground that can be crossed, or a word about why not."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from geosvc.errors import InvalidParameter
from geosvc.travel import checks

Cell = tuple[int, int]


@dataclass(frozen=True)
class Snap:
    """What became of one point.

    Attributes
    ----------
    index : int
        Its place among the points, and among the sources.
    row, column : int or None
        The cell it stands on now; None if it is stranded.
    distance_m : float
        Metres from the point to the centre of that cell; 0 if it did not have to move,
        ``inf`` if it is stranded.
    seconds : float
        Time for that distance at the pace of the cell it was moved to. It is reported,
        not added to anything: add it to the delay of the source if people walk it.
    reason : str
        Why it is stranded; empty otherwise.
    """

    index: int
    row: int | None
    column: int | None
    distance_m: float
    seconds: float
    reason: str = ""

    @property
    def moved(self) -> bool:
        """Whether the facility stands on another cell than the one its position is in."""
        return 0.0 < self.distance_m < math.inf

    @property
    def stranded(self) -> bool:
        """Whether no crossable cell is near enough."""
        return self.row is None


@dataclass(frozen=True)
class SnapReport:
    """What became of every point, in their order."""

    snaps: tuple[Snap, ...]

    @property
    def moved(self) -> tuple[Snap, ...]:
        """The points that were moved to another cell."""
        return tuple(snap for snap in self.snaps if snap.moved)

    @property
    def stranded(self) -> tuple[Snap, ...]:
        """The points without crossable ground near enough."""
        return tuple(snap for snap in self.snaps if snap.stranded)

    def __str__(self) -> str:
        """Say it in one line."""
        return f"{len(self.snaps)} points: {len(self.moved)} moved to crossable ground, {len(self.stranded)} stranded"


def snap_sources(
    pace: npt.ArrayLike,
    points: Iterable[Any],
    max_distance_m: float = 500.0,
    cell_size_m: float = 100.0,
) -> tuple[list[tuple[int, int] | tuple[int, int, float] | None], SnapReport]:
    """
    Put every point on the nearest cell that can be crossed, and report what that took.

    A point on a crossable cell stays in it. Any other goes to the crossable cell whose
    centre is nearest, at most ``max_distance_m`` away (the limit itself counts; on a tie
    the northern, then the western cell). A point without one becomes None, which keeps
    its slot, and is reported as stranded: one bad point never fails a run.

    Parameters
    ----------
    pace : array of float, shape (n_rows, n_cols)
        Seconds per metre; ``inf`` cannot be crossed.
    points : iterable of (row, col), (row, col, delay_seconds) or None
        Positions in cells; whole numbers are the *centres* of cells, so (0.0, 0.4) lies
        in cell (0, 0). They may lie outside the grid. None is a facility without a
        position.
    max_distance_m : float
        Farthest cell centre to move a point to, metres.
    cell_size_m : float
        Side of a square cell, metres.

    Returns
    -------
    sources : list of (row, col), (row, col, delay_seconds) or None
        For :func:`geosvc.travel.solve`; delays are handed on as they came.
    report : SnapReport
        One :class:`Snap` per point.

    Raises
    ------
    GroundError
        If pace holds NaN, zero or negative values.
    InvalidParameter
        If a distance is not a number of metres, or a point is not a pair of numbers.

    Examples
    --------
    The second facility was drawn in the river; the third lies far out at sea.

    >>> ground = np.array([[0.72, np.inf, 0.5]])
    >>> sources, report = snap_sources(ground, [(0, 0), (0, 1.2), (40, 2)], cell_size_m=100)
    >>> sources
    [(0, 0), (0, 2), None]
    >>> print(report)
    3 points: 1 moved to crossable ground, 1 stranded
    >>> print(f"{report.moved[0].distance_m:.0f} m, {report.moved[0].seconds:.0f} s")
    80 m, 40 s
    """
    grid = checks.checked_ground(pace)
    size = checks.checked_length(cell_size_m)
    reach = checks.checked_distance(max_distance_m)
    sources: list[Any] = []
    snaps = []
    for index, point in enumerate(points):
        position, delay = _position(point, index)
        snap = _snap(grid, index, position, reach, size)
        snaps.append(snap)
        sources.append(None if snap.stranded else (snap.row, snap.column, *delay))
    return sources, SnapReport(tuple(snaps))


def _position(point: Any, index: int) -> tuple[tuple[float, float] | None, tuple[float, ...]]:
    """Return the position of a point, None without one, and its delay if it has one."""
    if point is None:
        return None, ()
    try:
        row, column, *delay = (float(number) for number in point)
    except (TypeError, ValueError):
        row, column, delay = math.nan, math.nan, [0.0, 0.0]
    if len(delay) > 1:
        raise InvalidParameter(f"point {index} must be (row, col), (row, col, delay_seconds) or None, got {point!r}")
    known = math.isfinite(row) and math.isfinite(column)
    return ((row, column) if known else None), tuple(delay)


def _snap(
    grid: checks.Floats,
    index: int,
    position: tuple[float, float] | None,
    reach: float,
    size: float,
) -> Snap:
    if position is None:
        return _stranded(index, "it has no position")
    own = math.floor(position[0] + 0.5), math.floor(position[1] + 0.5)
    if _inside(own, grid.shape) and np.isfinite(grid[own]):
        return Snap(index, *own, 0.0, 0.0)
    cell = _nearest_crossable(grid, position, reach / size)
    if cell is None:
        where = "on uncrossable ground" if _inside(own, grid.shape) else "outside the grid"
        return _stranded(index, f"it lies {where}, with no crossable cell within {reach:g} m")
    distance_m = size * math.dist(cell, position)
    return Snap(index, *cell, distance_m, distance_m * float(grid[cell]))


def _stranded(index: int, reason: str) -> Snap:
    return Snap(index, None, None, math.inf, math.inf, reason)


def _inside(cell: Cell, shape: tuple[int, ...]) -> bool:
    return 0 <= cell[0] < shape[0] and 0 <= cell[1] < shape[1]


def _nearest_crossable(grid: checks.Floats, position: tuple[float, float], reach: float) -> Cell | None:
    """Return the crossable cell whose centre is nearest, at most ``reach`` cells away.

    The window grows by doubling: most facilities in a river are one cell from its bank.
    """
    widest = max(grid.shape) + max(abs(number) for number in position)
    radius = min(2.0, reach)
    while True:
        cell = _nearest_in_window(grid, position, radius)
        if cell is not None or radius >= min(reach, widest):
            return cell
        radius = min(2.0 * radius, reach)


def _nearest_in_window(grid: checks.Floats, position: tuple[float, float], radius: float) -> Cell | None:
    row, column = position
    # a hair wider, so that a centre exactly at the limit is not lost to rounding
    radius *= 1.0 + 1e-12
    top, left = max(0, math.ceil(row - radius)), max(0, math.ceil(column - radius))
    bottom = min(grid.shape[0], math.floor(row + radius) + 1)
    right = min(grid.shape[1], math.floor(column + radius) + 1)
    if top >= bottom or left >= right:
        return None
    window = grid[top:bottom, left:right]
    rows, columns = np.ogrid[top:bottom, left:right]
    squares = (rows - row) ** 2 + (columns - column) ** 2
    squares = np.where(np.isfinite(window), squares, np.inf)
    best = int(np.argmin(squares))
    i, j = divmod(best, window.shape[1])
    if squares[i, j] > radius**2:
        return None
    return top + i, left + j
