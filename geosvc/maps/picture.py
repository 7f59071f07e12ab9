"""The surface as a small picture of numbers, to be coloured in the browser.

Each pixel of an 8-bit PNG is a whole number of steps (``ceil(value / step)``), so a limit that
is a multiple of the step splits the pixels exactly as it splits the cells. Rows are those of
Web Mercator, because that is how a web map stretches a picture.
"""

from __future__ import annotations

import json
import math
from fractions import Fraction
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np

from geosvc.geo.crs import to_degrees, to_metres, web_mercator
from geosvc.geo.grid import micro_of

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from geosvc.coverage.services import Service
    from geosvc.geo.grid import Surface

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
    from PIL import Image  # noqa: PLC0415

    step = step_of(service)
    numbers, bounds = picture_of(surface, step=step, service=service, study=study)
    Image.fromarray(numbers, mode="L").save(folder / PICTURE_FILE, optimize=False, compress_level=9)
    record: dict[str, Any] = {
        "bounds": bounds, "step": step, "unit": service.shown_unit, "width": numbers.shape[1],
        "height": numbers.shape[0], "farther": FARTHER, "unreachable": UNREACHABLE, "outside": OUTSIDE, "no_data": NO_DATA,
    }
    (folder / PICTURE_RECORD).write_text(json.dumps(record), encoding="utf-8")


def picture_of(
    surface: Surface, *, step: float, service: Service, study: NDArray[np.bool_]
) -> tuple[NDArray[np.uint8], list[float]]:
    """Return (numbers, [west, south, east, north]); numbers of shape (height, width), row 0 north."""
    grid = surface.grid
    west, south, east, north = grid.bbox_degrees()
    (left, right), (bottom, top) = web_mercator([west, east], [south, north])
    width, height = _size(grid.cols, grid.rows)
    x = left + (np.arange(width) + 0.5) * (right - left) / width
    y = top - (np.arange(height) + 0.5) * (top - bottom) / height
    numbers = np.full((height, width), OUTSIDE, dtype=np.uint8)
    cells = _numbers_of_cells(surface, step * service.units_per_shown)
    if study.any():
        cells[~study] = OUTSIDE
    for line in range(height):
        lon, lat = to_degrees(x, np.full(width, y[line]), crs="EPSG:3857")
        row, col = grid.cells_of_metres(*to_metres(lon, lat, crs=grid.crs))
        here = row >= 0
        numbers[line, here] = cells[row[here], col[here]]
    return numbers, [west, south, east, north]


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
