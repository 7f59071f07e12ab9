"""The surface as a small picture of numbers, to be coloured in the browser.

Each pixel of an 8-bit PNG is a whole number of steps (``ceil(value / step)``), so a limit that
is a multiple of the step splits the pixels exactly as it splits the cells. Rows are those of
Web Mercator, because that is how a web map stretches a picture.
"""

from __future__ import annotations

import io
import json
import math
from dataclasses import replace
from fractions import Fraction
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np

from geosvc.geo.crs import to_degrees, to_metres, web_mercator
from geosvc.geo.grid import micro_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from geosvc.coverage.services import Service
    from geosvc.geo.grid import Grid, Surface

PICTURE_FILE, PICTURE_RECORD = "surface.png", "surface.json"
FARTHER, OUTSIDE, UNREACHABLE, NO_DATA = 250, 253, 254, 255
_PARTS = (1, 2, 3, 4, 5, 10, 12, 15, 20, 30, 40, 50, 60, 100)
_LARGEST_SIDE = 2000


def step_of(service: Service) -> float:
    """Return the step of the picture, minutes or km: every threshold is a whole number of them.

    The finest step is taken with which twice the largest threshold still fits in a byte.
    """
    values = [each.value for each in service.thresholds if each.value > 0]
    if not values:
        return 1.0
    # The largest step of which every threshold is a whole number, then as fine a part of it as fits.
    common = reduce(_common_divisor, (Fraction(str(value)) for value in values))
    parts = max((n for n in _PARTS if 2 * max(values) * n / common < FARTHER), default=None)
    if parts is None:
        parts = 1
        if max(values) / common >= FARTHER:  # no byte holds them exactly: the picture is for the eye only
            common = Fraction(str(max(values))) * 2 / FARTHER
    return float(common / parts)


def _common_divisor(one: Fraction, other: Fraction) -> Fraction:
    """Return the largest number of which both are whole multiples."""
    denominator = math.lcm(one.denominator, other.denominator)
    return Fraction(math.gcd(int(one * denominator), int(other * denominator)), denominator)


def write_picture(
    folder: Path, surface: Surface, service: Service, *, study: NDArray[np.bool_]
) -> None:
    """Write the picture and the record of what its numbers mean.

    ``study`` are the cells that lie in some area; the others are left clear.
    """
    step = step_of(service)
    numbers, bounds = picture_of(surface, step=step, service=service, study=study)
    (folder / PICTURE_FILE).write_bytes(png_of(numbers, compress_level=9))
    record = picture_record(service, bounds, numbers.shape)
    (folder / PICTURE_RECORD).write_text(json.dumps(record), encoding="utf-8")


def picture_record(service: Service, bounds: Sequence[float], shape: tuple[int, ...]) -> dict[str, Any]:
    """Return what the numbers of a picture mean; ``shape`` is (height, width)."""
    return {
        "bounds": list(bounds), "step": step_of(service), "unit": service.shown_unit, "width": shape[1],
        "height": shape[0], "farther": FARTHER, "unreachable": UNREACHABLE, "outside": OUTSIDE, "no_data": NO_DATA,
    }


def png_of(numbers: NDArray[np.uint8], *, compress_level: int) -> bytes:
    """Return numbers of shape (height, width) as a PNG of one byte a pixel."""
    from PIL import Image  # noqa: PLC0415

    out = io.BytesIO()
    Image.fromarray(numbers, mode="L").save(out, format="PNG", optimize=False, compress_level=compress_level)
    return out.getvalue()


def cells_of_pixels(grid: Grid, study: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Return the flat cell under every pixel of a grid's picture, shape (height, width); -1 = clear.

    It depends on the grid and the study alone: who draws many pictures keeps it.
    """
    width, height = _size(grid.cols, grid.rows)
    found = np.full((height, width), -1, dtype=np.int32)
    seen = study if study.any() else np.ones_like(study)
    for line, row, col in _cells_of_lines(grid, width, height):
        here = np.flatnonzero(row >= 0)
        here = here[seen[row[here], col[here]]]
        found[line, here] = row[here] * grid.cols + col[here]
    return found


def painted(levels: NDArray[np.uint8], pixels: NDArray[np.int32]) -> NDArray[np.uint8]:
    """Return the picture of the levels of all cells (:func:`geosvc.coverage.curves.levels_of` with the picture's step)."""
    # One more than cells: index -1 (clear) reads it.
    return np.append(levels.ravel(), np.uint8(OUTSIDE))[pixels]


def picture_of(
    surface: Surface, *, step: float, service: Service, study: NDArray[np.bool_]
) -> tuple[NDArray[np.uint8], list[float]]:
    """Return (numbers, [west, south, east, north]); numbers of shape (height, width), row 0 north."""
    grid = surface.grid
    width, height = _size(grid.cols, grid.rows)
    numbers = np.full((height, width), OUTSIDE, dtype=np.uint8)
    cells = _numbers_of_cells(surface, step * service.units_per_shown)
    if study.any():
        cells[~study] = OUTSIDE
    for line, row, col in _cells_of_lines(grid, width, height):
        here = row >= 0
        numbers[line, here] = cells[row[here], col[here]]
    return numbers, list(grid.bbox_degrees())


def picture_within(png: bytes, grid: Grid, seen: NDArray[np.bool_]) -> bytes:
    """Return a picture that was written for a grid, clear outside of some cells.

    Parameters
    ----------
    png : bytes
    grid : Grid
    seen : array of bool, shape (rows, cols)
        The cells to show; the pixels of all others say :data:`OUTSIDE`.
    """
    from PIL import Image  # noqa: PLC0415

    with Image.open(io.BytesIO(png)) as image:
        numbers = np.asarray(image)
    shown = np.full_like(numbers, OUTSIDE)
    height, width = numbers.shape
    for line, row, col in _cells_of_lines(grid, width, height, _lines_of(grid, seen, height)):
        here = np.flatnonzero((row >= 0) & (numbers[line] != OUTSIDE))
        here = here[seen[row[here], col[here]]]
        shown[line, here] = numbers[line, here]
    return png_of(shown, compress_level=9)


def _lines_of(grid: Grid, seen: NDArray[np.bool_], height: int) -> range:
    """Return the lines of a picture on which some cells can lie; none for no cells."""
    rows = np.flatnonzero(seen.any(axis=1))
    if len(rows) == 0:
        return range(0)
    part = replace(grid, north_m=grid.north_m - float(rows[0]) * grid.cell_size_m, rows=int(rows[-1] - rows[0]) + 1)
    _left, top, _right, bottom = _edges(grid)
    _left, first, _right, last = _edges(part)
    height_of_line = (top - bottom) / height
    # A line more on either side: a straight border is curved here.
    start, stop = (top - first) / height_of_line - 1, (top - last) / height_of_line + 1
    return range(max(0, math.floor(start)), min(height, math.ceil(stop)))


def _edges(grid: Grid) -> tuple[float, float, float, float]:
    """Return (left, top, right, bottom) of a grid in Web Mercator."""
    west, south, east, north = grid.bbox_degrees()
    (left, right), (bottom, top) = web_mercator([west, east], [south, north])
    return left, top, right, bottom


def _cells_of_lines(
    grid: Grid, width: int, height: int, lines: Iterable[int] | None = None
) -> Iterator[tuple[int, NDArray[np.int64], NDArray[np.int64]]]:
    """Yield (line, row, col) of the cell under every pixel of a picture, line by line; -1 = none."""
    left, top, right, bottom = _edges(grid)
    x = left + (np.arange(width) + 0.5) * (right - left) / width
    y = top - (np.arange(height) + 0.5) * (top - bottom) / height
    for line in range(height) if lines is None else lines:
        lon, lat = to_degrees(x, np.full(width, y[line]), crs="EPSG:3857")
        yield line, *grid.cells_of_metres(*to_metres(lon, lat, crs=grid.crs))


def _size(cols: int, rows: int) -> tuple[int, int]:
    # A screen shows no more than this; the exact cells are in the GeoTIFF.
    shrink = max(1.0, max(cols, rows) / _LARGEST_SIDE)
    return max(1, round(cols / shrink)), max(1, round(rows / shrink))


def _numbers_of_cells(surface: Surface, step: float) -> NDArray[np.uint8]:
    edges = np.array([micro_of(k * step) for k in range(FARTHER)])
    steps = np.searchsorted(edges, surface.micro, side="left")
    numbers = np.where(surface.micro < 0, UNREACHABLE, steps).astype(np.uint8)
    if surface.looked is not None:
        numbers[~surface.looked] = NO_DATA
    return numbers
