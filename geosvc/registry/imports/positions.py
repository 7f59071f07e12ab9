"""Coordinates out of cells: numbers, degrees, datum."""

from __future__ import annotations

import math

from geosvc.errors import InvalidInput
from geosvc.geo.crs import check_position
from geosvc.registry.imports.tables import plain

# CGCS2000 and WGS 84 agree within centimetres. The shifted datums of web maps follow with
# their conversion; until then they are refused rather than drawn 500 m off.
DATUMS = {"WGS84": "WGS84", "EPSG:4326": "WGS84", "CRS84": "WGS84", "CGCS2000": "CGCS2000", "EPSG:4490": "CGCS2000"}
_SHIFTED = ("GCJ02", "GCJ-02", "BD09", "BD-09")


def position_of(cells: dict[str, str]) -> tuple[float, float] | None:
    """Return (lon, lat) of a row; None if both cells are empty.

    Raises
    ------
    InvalidInput
        If one of the two is missing, is no number, or they are not degrees on Earth.
    """
    x, y = cells.get("longitude", ""), cells.get("latitude", "")
    if not x and not y:
        return None
    return check_position(number_of(x, "longitude"), number_of(y, "latitude"))


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
        If none is named, or one that is not converted.
    """
    word = plain(told or "").upper()
    if not word:
        raise InvalidInput(
            "the datum of the coordinates is not said (column datum/坐标系, or --datum WGS84 | CGCS2000)"
        )
    if word in _SHIFTED:
        raise InvalidInput(
            f"coordinates in {word} are shifted by some hundred metres and are not converted yet; "
            "convert them to WGS84 or CGCS2000 first"
        )
    if word not in DATUMS:
        raise InvalidInput(f"datum {word!r} is not known; expected WGS84 or CGCS2000")
    return DATUMS[word]


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
