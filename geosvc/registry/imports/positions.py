"""Coordinates out of cells: numbers, degrees, datum."""

from __future__ import annotations

import math
import re
from typing import NamedTuple

from geosvc.errors import InvalidInput
from geosvc.geo.crs import check_position
from geosvc.geo.datums import CGCS2000, DATUMS, datum_named, degrees_of_zone, to_wgs84
from geosvc.registry.imports.tables import plain

_LARGEST_DEGREES = 1000.0
# 126°48′35.2″, 126度48分35秒, N42°23′; primes and quotes of every kind. Whole degrees alone are too coarse to be meant.
_DEGREES = re.compile(
    r"(?P<before>东经|西经|北纬|南纬|[EWNS])?\s*(?P<degrees>\d+(?:\.\d+)?)\s*[°º˚度]\s*"
    r"(?:(?P<minutes>\d+(?:\.\d+)?)\s*['’‘′分]\s*(?:(?P<seconds>\d+(?:\.\d+)?)\s*(?:[\"”“″秒]|['’′]{2})\s*)?)?(?P<after>[EWNS])?",
    re.IGNORECASE,
)
_NEGATIVE = ("西经", "南纬", "W", "S")
_LETTERS = {"longitude": ("北纬", "南纬", "N", "S"), "latitude": ("东经", "西经", "E", "W")}


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
        told = _sexagesimal(text, what)
    if told is not None:
        return told
    came = f"{what} is empty while the other coordinate is not" if not text else f"{what} {text!r} is not a number of degrees"
    raise InvalidInput(f"{came}; expected for example 126.80969 or 126°48′35″")


def _sexagesimal(text: str, what: str) -> float | None:
    """Return degrees, minutes and seconds as degrees; None if the text is not written so."""
    # NFKC would make º an o and ″ two primes: only the width of letters and digits is changed.
    narrow = "".join(chr(ord(each) - 0xFEE0) if "！" <= each <= "～" else each for each in text).strip()
    found = _DEGREES.fullmatch(narrow)
    if found is None or (found["minutes"] is None and "." not in found["degrees"]):
        return None
    degrees, minutes, seconds = (float(found[part] or 0) for part in ("degrees", "minutes", "seconds"))
    letter = (found["before"] or found["after"] or "").upper()
    if letter in _LETTERS.get(what, ()):
        raise InvalidInput(f"{what} {text!r} says {letter}; are longitude and latitude swapped?")
    if minutes >= 60 or seconds >= 60:
        raise InvalidInput(f"{what} {text!r} has 60 minutes or seconds or more; expected for example 126°48′35″")
    value = degrees + minutes / 60 + seconds / 3600
    return -value if letter in _NEGATIVE else value


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
