"""What ``solve`` and the edits refuse, and how they say it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from geosvc.errors import GroundError, InvalidParameter, UnreachableSource
from geosvc.measures import MICROSECONDS_PER_SECOND, microseconds_from_seconds
from geosvc.travel.labels import HIGHEST_M, HORIZON_MICROSECONDS, MAX_SOURCES

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.floating[Any]]
_SHOWN = 3
_GAITS = 3


class Source(NamedTuple):
    """A cell that holds a facility, and how long its team needs to leave."""

    row: int
    column: int
    delay_microseconds: int = 0


def _grid(values: object, name: str) -> Array:
    """Return the values as a two-dimensional array of numbers."""
    grid = np.asarray(values)
    if grid.ndim != 2 or grid.size == 0:
        raise GroundError(
            f"{name} must be a grid of rows and columns with at least one cell, got an array of shape {grid.shape}"
        )
    if grid.dtype.kind not in "fiu":
        raise GroundError(f"{name} must hold numbers, got values of type {grid.dtype}")
    return grid


def _storable(grid: Array) -> type[np.floating[Any]]:
    """Return the float type that keeps these values as they came."""
    return np.float32 if grid.dtype in (np.float32, np.float16) else np.float64


def _refuse_cells(wrong: npt.NDArray[np.bool_], grid: Array, name: str, cure: str) -> None:
    """Raise for cells that are wrong, naming the first of them."""
    count = int(np.count_nonzero(wrong))
    if count:
        row, column = (int(i) for i in np.argwhere(wrong)[0])
        cells = "1 cell is" if count == 1 else f"{count} cells are"
        raise GroundError(
            f"{name}: {cells} unusable, the first {grid[row, column]} at row {row}, column {column}; {cure}"
        )


def checked_ground(pace: object) -> Floats:
    """Return the pace, seconds per metre, as it came; refuse what is not a pace."""
    grid = _grid(pace, "pace")
    with np.errstate(invalid="ignore"):
        lowest = grid.min()
    if not lowest > 0:  # NaN fails this comparison too
        _refuse_cells(
            ~(grid > 0),
            grid,
            "pace",
            "expected more than 0 seconds per metre, and inf where nobody can cross;"
            " is a nodata value or a speed of 0 left in it?",
        )
    return grid


def checked_pace(pace: object) -> Floats:
    """Return a private copy of the pace.

    float32 stays float32 (12 bytes a cell with the label); all else becomes float64.
    """
    grid = checked_ground(pace)
    return np.array(grid, _storable(grid), order="C")


def checked_elevation(elevation: object, pace: Floats) -> Floats:
    """Return a private copy of the elevation, metres, with a value on all crossable ground."""
    grid = _grid(elevation, "elevation")
    if grid.shape != pace.shape:
        raise GroundError(f"elevation must have the shape of pace, {pace.shape}, got {grid.shape}")
    _refuse_cells(
        unknown_heights(grid) & np.isfinite(pace),
        grid,
        "elevation",
        f"expected metres, from -{HIGHEST_M:.0f} to {HIGHEST_M:.0f}, wherever the ground can be"
        " crossed; is a nodata value left in it? Fill the holes or set the pace there to inf",
    )
    return np.array(grid, _storable(grid), order="C")


def unknown_heights(elevation: Array) -> npt.NDArray[np.bool_]:
    """Say which cells have no elevation: NaN, or a nodata value such as -32768."""
    with np.errstate(invalid="ignore"):
        return ~(np.abs(elevation) <= HIGHEST_M)


def checked_gait(gait: object, pace: Floats) -> npt.NDArray[np.int8]:
    """Return a private copy of the gait of every cell: 0 motor, 1 walk, 2 cycle."""
    grid = _grid(gait, "gait")
    if grid.shape != pace.shape:
        raise GroundError(f"gait must have the shape of pace, {pace.shape}, got {grid.shape}")
    _refuse_cells(
        ~np.isin(grid, range(_GAITS)),
        grid,
        "gait",
        "expected 0 (motor), 1 (walk) or 2 (cycle)",
    )
    return np.array(grid, np.int8, order="C")


def checked_length(cell_size_m: float) -> float:
    """Return the side of a cell, metres."""
    size = _number(cell_size_m, "cell_size_m")
    if not (math.isfinite(size) and size > 0):
        raise InvalidParameter(f"cell_size_m must be a positive number of metres, got {cell_size_m!r}")
    return size


def checked_distance(max_distance_m: float) -> float:
    """Return a distance in metres; ``inf`` means any."""
    distance = _number(max_distance_m, "max_distance_m")
    if not distance >= 0:
        raise InvalidParameter(f"max_distance_m must be 0 or more, got {max_distance_m!r}")
    return distance


def checked_limit(limit_seconds: float) -> float:
    """Return the limit in seconds; ``inf`` means none."""
    limit = _number(limit_seconds, "limit_seconds")
    if not limit >= 0:
        raise InvalidParameter(f"limit_seconds must be 0 or more, or inf for none, got {limit_seconds!r}")
    return limit


def checked_choice(value: object, name: str, choices: Sequence[object]) -> None:
    """Refuse a value that is not one of the choices."""
    if not any(value == choice for choice in choices):
        listed = " or ".join(repr(choice) for choice in choices)
        raise InvalidParameter(f"{name} must be {listed}, got {value!r}")


def checked_delay(delay_seconds: float) -> int:
    """Return a delay in whole microseconds."""
    delay = _number(delay_seconds, "delay_seconds")
    if not (math.isfinite(delay) and delay >= 0):
        raise InvalidParameter(
            f"delay_seconds must be 0 or more, got {delay_seconds!r}; give None in place of a source that is closed"
        )
    if delay > HORIZON_MICROSECONDS / MICROSECONDS_PER_SECOND:
        raise InvalidParameter(f"delay_seconds must be less than a hundred days, got {delay_seconds!r}")
    return microseconds_from_seconds(delay)


def checked_source(row: Any, column: Any, delay_seconds: Any, pace: Floats, name: str) -> Source:
    """Return a source that stands on crossable ground inside the grid."""
    place = Source(
        whole(row, f"{name}: row"),
        whole(column, f"{name}: column"),
        checked_delay(delay_seconds),
    )
    n_rows, n_columns = pace.shape
    if not (0 <= place.row < n_rows and 0 <= place.column < n_columns):
        swapped = 0 <= place.column < n_rows and 0 <= place.row < n_columns
        hint = "; are row and column swapped?" if swapped else ""
        raise InvalidParameter(
            f"{name}: row {place.row}, column {place.column} is outside the grid"
            f" of {n_rows} rows and {n_columns} columns{hint}"
        )
    if np.isinf(pace[place.row, place.column]):
        raise UnreachableSource(
            f"{name}: row {place.row}, column {place.column} cannot be crossed;"
            " move it to crossable ground first, for example with snap_sources"
        )
    return place


def checked_sources(sources: Iterable[Any], pace: Floats) -> list[Source | None]:
    """Return all sources; every fault is collected and raised once."""
    given = list(sources)
    if len(given) > MAX_SOURCES:
        raise InvalidParameter(f"at most {MAX_SOURCES} sources fit, got {len(given)}")
    places: list[Source | None] = []
    faults: list[InvalidParameter | UnreachableSource] = []
    for index, source in enumerate(given):
        try:
            places.append(_one_source(source, pace, f"source {index}"))
        except (InvalidParameter, UnreachableSource) as fault:
            faults.append(fault)
    if faults:
        more = f"; and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
        raise type(faults[0])("; ".join(str(fault) for fault in faults[:_SHOWN]) + more)
    return places


def checked_index(index: Any, is_open: npt.NDArray[np.bool_]) -> int:
    """Return the index of an open source."""
    number = whole(index, "index of a source")
    if not 0 <= number < is_open.size:
        raise InvalidParameter(f"no source {number}: there are {is_open.size}, counted from 0")
    if not is_open[number]:
        raise InvalidParameter(f"source {number} is closed already; its index is not reused")
    return number


def checked_places(places: Mapping[int, tuple[Any, ...] | None], count: int, pace: Floats) -> dict[int, Source | None]:
    """Return where sources with these indices are to stand, None = closed."""
    anyone = np.ones(count, np.bool_)
    return {
        checked_index(index, anyone): _one_source(place, pace, f"source {index}") for index, place in places.items()
    }


def refuse_one_more(count: int) -> None:
    """Refuse a source more than a label can name."""
    if count >= MAX_SOURCES:
        raise InvalidParameter(f"at most {MAX_SOURCES} sources fit; close does not free")


def checked_change(
    rows: npt.ArrayLike,
    columns: npt.ArrayLike,
    new_pace: npt.ArrayLike,
    shape: tuple[int, int],
    pace_type: np.dtype[Any],
    stored: np.dtype[Any],
) -> tuple[npt.NDArray[np.int64], Floats]:
    """Return the cells to change, shape (2, n), and their pace: as exact as it was given, of the type that is stored."""
    given = np.asarray(new_pace)
    if given.dtype.kind not in "fiu":
        raise GroundError(f"new_pace must hold numbers, got values of type {given.dtype}")
    try:
        row, column, values = np.broadcast_arrays(np.asarray(rows), np.asarray(columns), given)
    except ValueError:
        raise InvalidParameter(
            "rows, cols and new_pace must be of one length, got shapes"
            f" {np.shape(rows)}, {np.shape(columns)} and {given.shape}"
        ) from None
    if values.size and (row.dtype.kind not in "iu" or column.dtype.kind not in "iu"):
        raise InvalidParameter(f"rows and cols must be whole numbers, got types {row.dtype} and {column.dtype}")
    cells = np.stack([row.ravel(), column.ravel()]).astype(np.int64)
    outside = (cells < 0).any(axis=0) | (cells >= np.array([shape]).T).any(axis=0)
    if outside.any():
        first = cells[:, int(np.argmax(outside))]
        raise InvalidParameter(
            f"row {first[0]}, column {first[1]} is outside the grid of {shape[0]} rows and {shape[1]} columns"
        )
    values = values.ravel().astype(pace_type)
    wrong = ~(values > 0)
    if wrong.any():
        at = int(np.argmax(wrong))
        raise GroundError(
            f"new_pace: {values[at]} for row {cells[0, at]}, column {cells[1, at]}; expected more"
            " than 0 seconds per metre, and inf where nobody can cross"
        )
    return cells, values.astype(stored)


def _one_source(source: Any, pace: Floats, name: str) -> Source | None:
    if source is None:
        return None
    try:
        parts = tuple(source)
    except TypeError:
        parts = ()
    if len(parts) not in (2, 3):
        raise InvalidParameter(f"{name} must be (row, col), (row, col, delay_seconds) or None, got {source!r}")
    row, column, delay = (*parts, 0.0)[:3]
    return checked_source(row, column, delay, pace, name)


def _number(value: Any, name: str) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise InvalidParameter(f"{name} must be a number, got {value!r}") from None


def whole(value: Any, name: str) -> int:
    """Return a whole number; 3.0 is one (arrays that also hold delays are of floats)."""
    number = _number(value, name)
    if not number.is_integer():
        raise InvalidParameter(
            f"{name} must be a whole number of cells, got {value!r}; snap_sources turns positions into cells"
        )
    return int(number)
