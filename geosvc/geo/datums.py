"""The shifted datums of web maps in China, and degrees out of zoned metres.

GCJ-02 is WGS 84 displaced by some hundred metres within China, after formulas that were never
published by their authority and are known from independent work (the coefficients are those
that all open libraries share); BD-09 is GCJ-02 displaced once more. Forward is the formula;
back is found by iteration, to far below a millimetre, where common libraries stop at metres.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from geosvc.errors import InvalidCoordinate, InvalidParameter
from geosvc.geo.crs import to_degrees

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    Degrees = NDArray[np.float64]
    Pair = tuple[Degrees, Degrees]

WGS84, CGCS2000, GCJ02, BD09 = DATUMS = ("WGS84", "CGCS2000", "GCJ02", "BD09")
_WORDS = {
    "WGS84": WGS84, "WGS-84": WGS84, "EPSG:4326": WGS84, "CRS84": WGS84, "OGC:CRS84": WGS84, "GPS": WGS84,
    "CGCS2000": CGCS2000, "EPSG:4490": CGCS2000, "国家2000": CGCS2000, "2000国家大地坐标系": CGCS2000, "大地2000": CGCS2000,
    "GCJ02": GCJ02, "GCJ-02": GCJ02, "火星坐标": GCJ02, "火星坐标系": GCJ02, "高德": GCJ02, "高德坐标": GCJ02, "腾讯": GCJ02,
    "BD09": BD09, "BD-09": BD09, "BD09LL": BD09, "百度": BD09, "百度坐标": BD09, "百度坐标系": BD09,
}
# Krassovsky's ellipsoid, as the formulas use it.
_AXIS_M, _ECCENTRICITY2 = 6378245.0, 0.00669342162296594323
_SHIFTED_WEST, _SHIFTED_EAST, _SHIFTED_SOUTH, _SHIFTED_NORTH = 72.004, 137.8347, 0.8293, 55.8271
_BD_TURN = math.pi * 3000.0 / 180.0
_ROUNDS, _CLOSE_DEGREES = 30, 1e-11
# Eastings of Gauss-Kruger zones carry their number before six digits of metres.
_METRES_OF_A_ZONE = 1e6
_FIRST_6_DEGREE, _LAST_6_DEGREE, _EPSG_6_DEGREE = 13, 23, 4491
_FIRST_3_DEGREE, _LAST_3_DEGREE, _EPSG_3_DEGREE = 25, 45, 4513


def datum_named(word: str) -> str:
    """Return the datum that a word means.

    Raises
    ------
    InvalidParameter
    """
    known = _WORDS.get(word.strip().upper().replace(" ", ""))
    if known is None:
        raise InvalidParameter(f"datum {word!r} is not known; expected one of {', '.join(DATUMS)} (高德 is GCJ02, 百度 is BD09)")
    return known


def to_wgs84(lon: ArrayLike, lat: ArrayLike, *, datum: str) -> Pair:
    """Return longitude and latitude in WGS 84, degrees, of positions in a datum.

    Parameters
    ----------
    lon, lat : array of float
        Degrees, of any one shape.
    datum : str
        WGS84, CGCS2000 (taken as the same: they differ by centimetres), GCJ02, BD09.

    Raises
    ------
    InvalidParameter
        If the datum is unknown.

    Examples
    --------
    >>> lon, lat = to_wgs84([126.8158], [42.3914], datum="GCJ02")
    >>> print(lon.round(4), lat.round(4))
    [126.8102] [42.3892]
    """
    x, y = np.asarray(lon, np.float64), np.asarray(lat, np.float64)
    name = datum_named(datum)
    if name == BD09:
        x, y = _undone(_bd09_of_gcj02, x, y)
    if name in (BD09, GCJ02):
        x, y = _undone(_gcj02_of_wgs84, x, y)
    return x, y


def from_wgs84(lon: ArrayLike, lat: ArrayLike, *, datum: str) -> Pair:
    """Return longitude and latitude in a datum, degrees, of positions in WGS 84.

    Raises
    ------
    InvalidParameter
        If the datum is unknown.
    """
    x, y = np.asarray(lon, np.float64), np.asarray(lat, np.float64)
    name = datum_named(datum)
    if name in (BD09, GCJ02):
        x, y = _gcj02_of_wgs84(x, y)
    if name == BD09:
        x, y = _bd09_of_gcj02(x, y)
    return x, y


def _gcj02_of_wgs84(lon: Degrees, lat: Degrees) -> Pair:
    x, y = lon - 105.0, lat - 35.0
    root = np.sqrt(np.abs(x))
    waves = (20.0 * np.sin(6.0 * x * np.pi) + 20.0 * np.sin(2.0 * x * np.pi)) * 2.0 / 3.0
    north = (
        -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root + waves
        + (20.0 * np.sin(y * np.pi) + 40.0 * np.sin(y / 3.0 * np.pi)) * 2.0 / 3.0
        + (160.0 * np.sin(y / 12.0 * np.pi) + 320.0 * np.sin(y * np.pi / 30.0)) * 2.0 / 3.0
    )
    east = (
        300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root + waves
        + (20.0 * np.sin(x * np.pi) + 40.0 * np.sin(x / 3.0 * np.pi)) * 2.0 / 3.0
        + (150.0 * np.sin(x / 12.0 * np.pi) + 300.0 * np.sin(x / 30.0 * np.pi)) * 2.0 / 3.0
    )
    phi = np.radians(lat)
    curve = 1.0 - _ECCENTRICITY2 * np.sin(phi) ** 2
    metres_north = _AXIS_M * (1.0 - _ECCENTRICITY2) / (curve * np.sqrt(curve))
    metres_east = _AXIS_M / np.sqrt(curve) * np.cos(phi)
    shifted = (lon >= _SHIFTED_WEST) & (lon <= _SHIFTED_EAST) & (lat >= _SHIFTED_SOUTH) & (lat <= _SHIFTED_NORTH)
    return (
        np.where(shifted, lon + np.degrees(east / metres_east), lon),
        np.where(shifted, lat + np.degrees(north / metres_north), lat),
    )


def _bd09_of_gcj02(lon: Degrees, lat: Degrees) -> Pair:
    radius = np.hypot(lon, lat) + 0.00002 * np.sin(lat * _BD_TURN)
    angle = np.arctan2(lat, lon) + 0.000003 * np.cos(lon * _BD_TURN)
    return radius * np.cos(angle) + 0.0065, radius * np.sin(angle) + 0.006


def _undone(shift: Callable[[Degrees, Degrees], Pair], lon: Degrees, lat: Degrees) -> Pair:
    """Return the positions that a shift brings to these.

    The shift changes by less than a hundredth of the way walked, so each round of taking the
    remaining error off wins two digits.
    """
    x, y = lon.copy(), lat.copy()
    for _ in range(_ROUNDS):
        at_x, at_y = shift(x, y)
        off_x, off_y = lon - at_x, lat - at_y
        x, y = x + off_x, y + off_y
        if not np.any(np.maximum(np.abs(off_x), np.abs(off_y)) > _CLOSE_DEGREES):
            break
    return x, y


def degrees_of_zone(first: float, second: float) -> tuple[float, float]:
    """Return (lon, lat) of a CGCS2000 Gauss-Kruger position whose easting carries its zone.

    Surveyors write the northing first, tables often the easting: the one with eight digits
    before the point is the easting.

    Raises
    ------
    InvalidCoordinate
        If neither carries the number of a zone (13-23 of 6 degrees, 25-45 of 3 degrees).

    Examples
    --------
    >>> [round(each, 4) for each in degrees_of_zone(4694500.0, 42484300.0)]
    [125.8093, 42.3857]
    """
    easting, northing = max(first, second), min(first, second)
    zone = int(easting // _METRES_OF_A_ZONE)
    if _FIRST_6_DEGREE <= zone <= _LAST_6_DEGREE:
        crs = _EPSG_6_DEGREE + zone - _FIRST_6_DEGREE
    elif _FIRST_3_DEGREE <= zone <= _LAST_3_DEGREE:
        crs = _EPSG_3_DEGREE + zone - _FIRST_3_DEGREE
    else:
        raise InvalidCoordinate(
            f"({first:g}, {second:g}) looks like metres, but neither number begins with a zone of CGCS2000 (13-23 or 25-45 "
            "before six digits); convert it to degrees, or put the zone before the easting"
        )
    lon, lat = to_degrees(easting, northing, crs=f"EPSG:{crs}")
    return float(lon), float(lat)
