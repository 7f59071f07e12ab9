"""Coordinates out of cells: numbers, degrees, datum."""

from __future__ import annotations

import math
from typing import NamedTuple

from geosvc.errors import InvalidInput
from geosvc.geo.crs import check_position
from geosvc.geo.datums import CGCS2000, DATUMS, datum_named, degrees_of_zone, to_wgs84
from geosvc.registry.imports.tables import plain

_LARGEST_DEGREES = 1000.0


class Position(NamedTuple):
    """A place in degrees (WGS 84), and the datum in which a row told it."""

    lon: float
    lat: float
    datum: str


def position_of(cells: dict[str, str], told: str | None) -> Position | None:
    """Return the position of a row; None if both its cells are empty.

    Degrees in GCJ-02 and BD-09 are converted; so are metres in a CGCS2000 zone, in either order,
    whose easting begins with the number of the zone.

    Parameters
    ----------
    cells : dict
    told : str or None
        The datum of the whole file; a column ``datum`` goes before it.

    Raises
    ------
    InvalidInput
        If one of the two is missing or no number, they are not on Earth, or no datum is named.
    """
    x, y = cells.get("longitude", ""), cells.get("latitude", "")
    if not x and not y:
        return None
    first, second = number_of(x, "longitude"), number_of(y, "latitude")
    datum = datum_of(cells.get("datum") or told)
    if datum == CGCS2000 and min(abs(first), abs(second)) > _LARGEST_DEGREES:
        return Position(*check_position(*degrees_of_zone(first, second)), datum)
    lon, lat = to_wgs84(*check_position(first, second), datum=datum)
    return Position(float(lon), float(lat), datum)


def number_of(text: str, what: str) -> float:
    """Return a coordinate.

    Raises
    ------
    InvalidInput
    """
    try:
        return float(plain(text))
    except ValueError:
        told = f"{what} is empty while the other coordinate is not" if not text else f"{what} {text!r} is not a number of degrees"
        raise InvalidInput(f"{told}; expected for example 126.80969") from None


def datum_of(told: str | None) -> str:
    """Return the datum that a cell, an option or a sidecar names.

    Raises
    ------
    InvalidInput
        If none is named, or one that is not known.
    """
    word = plain(told or "")
    if not word:
        raise InvalidInput(
            f"the datum of the coordinates is not said (column datum/坐标系, or --datum {' | '.join(DATUMS)}); "
            "高德 and 腾讯 give GCJ02, 百度 gives BD09, a GPS gives WGS84"
        )
    return datum_named(word)


def count_of(text: str, what: str) -> float:
    """Return an amount of 0 or more; thousands separators are allowed.

    Raises
    ------
    InvalidInput
    """
    try:
        value = float(plain(text).replace(",", ""))
    except ValueError:
        raise InvalidInput(f"{what} must be a number, got {text!r}") from None
    if not (math.isfinite(value) and value >= 0):
        raise InvalidInput(f"{what} must be 0 or more, got {text!r}")
    return value
