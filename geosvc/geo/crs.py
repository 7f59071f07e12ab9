"""Degrees outside, one metric grid inside; only this module crosses between them.

Positions outside are (longitude, latitude) in degrees, CRS84. CGCS2000 (EPSG:4490) and
WGS 84 differ by centimetres and are read as the same.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import shapely
from pyproj import CRS, Geod, Transformer
from pyproj.exceptions import CRSError

from geosvc.errors import InvalidCoordinate, InvalidParameter

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray
    from shapely.geometry.base import BaseGeometry

CRS84 = "OGC:CRS84"
GEOD = Geod(ellps="WGS84")
BBox = tuple[float, float, float, float]

# Beyond this width one transverse Mercator zone distorts lengths by more than 0.4 %.
_WIDEST_ZONE_DEGREES = 6.0
# EPSG:4490's area of use; over its neighbours the projection is as good, only less customary.
_CHINA_BBOX: BBox = (73.62, 3.41, 134.77, 53.56)
_FIRST_CGCS2000_3_DEGREE = 4534  # central meridian 75 E; one code for every 3 degrees up to 135 E
_FIRST_MERIDIAN, _LAST_MERIDIAN = 75, 135


def grid_crs_for(bbox: BBox) -> str:
    """Return the metric CRS in which a study area is computed.

    CGCS2000 3-degree Gauss-Kruger of the central meridian inside China, UTM elsewhere,
    Albers equal-area where the area is wider than 6 degrees.

    Parameters
    ----------
    bbox : tuple
        (west, south, east, north), degrees.

    Examples
    --------
    >>> grid_crs_for((126.5, 42.1, 127.3, 42.8))
    'EPSG:4551'
    >>> grid_crs_for((43.2, -12.5, 44.6, -11.3))
    'EPSG:32738'
    """
    west, south, east, north = check_bbox(bbox)
    lon, lat = (west + east) / 2, (south + north) / 2
    if east - west > _WIDEST_ZONE_DEGREES:
        return _albers(lon, south, north)
    if _CHINA_BBOX[0] <= lon <= _CHINA_BBOX[2] and _CHINA_BBOX[1] <= lat <= _CHINA_BBOX[3]:
        meridian = min(max(3 * round(lon / 3), _FIRST_MERIDIAN), _LAST_MERIDIAN)
        return f"EPSG:{_FIRST_CGCS2000_3_DEGREE + (meridian - _FIRST_MERIDIAN) // 3}"
    zone = min(int((lon + 180) // 6) + 1, 60)
    return f"EPSG:{(32600 if lat >= 0 else 32700) + zone}"


def _albers(lon: float, south: float, north: float) -> str:
    # Standard parallels a sixth of the height inside the edges (the usual rule of Deetz & Adams).
    sixth = (north - south) / 6
    first, second = south + sixth, north - sixth
    if math.isclose(first, -second, abs_tol=1e-6):
        first += 1.0  # parallels symmetric about the equator make the cone degenerate
    return (
        f"+proj=aea +lat_1={first:.4f} +lat_2={second:.4f} +lat_0={(south + north) / 2:.4f} "
        f"+lon_0={lon:.4f} +ellps=GRS80 +units=m +no_defs"
    )


def check_known(crs: str) -> str:
    """Return ``crs`` if PROJ knows it.

    Raises
    ------
    InvalidParameter
    """
    try:
        CRS.from_user_input(crs)
    except CRSError:
        raise InvalidParameter(
            f"CRS {crs!r} is not known; expected something like EPSG:4551 or a PROJ string"
        ) from None
    return crs


def check_metric(crs: str) -> str:
    """Return ``crs`` if it is projected with metres as unit.

    Raises
    ------
    InvalidParameter
        If it is unknown, geographic, or counts in feet.
    """
    parsed = CRS.from_user_input(check_known(crs))
    units = {axis.unit_name for axis in parsed.axis_info}
    if not parsed.is_projected or units != {"metre"}:
        raise InvalidParameter(
            f"CRS {crs!r} ({parsed.name}) does not count in metres; "
            "the grid needs a projected metric CRS such as EPSG:4551"
        )
    return crs


def name_of(crs: str) -> str:
    """Return the name of a CRS as a person would write it on a map."""
    parsed = CRS.from_user_input(crs)
    return parsed.name if parsed.name != "unknown" else "Albers equal-area"


@lru_cache(maxsize=32)
def _transformer(source: str, target: str) -> Transformer:
    # always_xy: (lon, lat) and (easting, northing) whatever order the authority prefers.
    found = Transformer.from_crs(source, target, always_xy=True)
    # Every thread makes a transformer its own, and to look an operation up takes a quarter of a second (CGCS2000). Where one
    # operation serves everywhere its definition says all: from that a thread makes its own in no time.
    return Transformer.from_pipeline(found.definition) if found.definition.startswith("proj=pipeline") else found


def to_metres(
    lon: ArrayLike, lat: ArrayLike, *, crs: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (easting, northing) in the metric CRS for positions in degrees."""
    x, y = _transformer(CRS84, crs).transform(np.asarray(lon, float), np.asarray(lat, float))
    return np.asarray(x), np.asarray(y)


def to_degrees(
    x: ArrayLike, y: ArrayLike, *, crs: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (lon, lat) in degrees for positions in any CRS, given in (x, y) order."""
    lon, lat = _transformer(crs, CRS84).transform(np.asarray(x, float), np.asarray(y, float))
    return np.asarray(lon), np.asarray(lat)


def shapes_in_metres(shapes: ArrayLike | BaseGeometry, *, crs: str) -> NDArray[np.object_]:
    """Return geometries in degrees as geometries in the metric CRS, vertex by vertex; None stays None."""
    return np.asarray(shapely.transform(
        np.asarray(shapes, object), lambda xy: np.column_stack(to_metres(xy[:, 0], xy[:, 1], crs=crs))))


def web_mercator(
    lon: ArrayLike, lat: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return EPSG:3857 metres: what a web map stretches an image in, and nothing else."""
    return to_metres(lon, lat, crs="EPSG:3857")


def check_position(lon: float, lat: float) -> tuple[float, float]:
    """Return the position if it can be on Earth.

    Raises
    ------
    InvalidCoordinate
        Saying which number is outside and, where it fits, that the two are swapped.
    """
    if not (math.isfinite(lon) and math.isfinite(lat)):
        raise InvalidCoordinate(f"position ({lon}, {lat}) is not a pair of numbers")
    lon_fits, lat_fits = -180 <= lon <= 180, -90 <= lat <= 90
    if lon_fits and lat_fits:
        return lon, lat
    swapped = -90 <= lon <= 90 and -180 <= lat <= 180
    if swapped:
        cure = "the two would fit the other way round: are the columns swapped?"
    elif abs(lon) > 1000 or abs(lat) > 1000:
        cure = "these look like metres of a projected system: say so with --crs"
    else:
        cure = "expected degrees, longitude first"
    bad = f"longitude {lon} is outside [-180, 180]" if not lon_fits else ""
    bad += " and " if not lon_fits and not lat_fits else ""
    bad += f"latitude {lat} is outside [-90, 90]" if not lat_fits else ""
    raise InvalidCoordinate(f"{bad}; {cure}")


def check_bbox(bbox: BBox) -> BBox:
    """Return (west, south, east, north) if it is a box in degrees.

    Raises
    ------
    InvalidCoordinate
        If a corner is not on Earth or south lies north of north.
    """
    west, south, east, north = bbox
    check_position(west, south)
    check_position(east, north)
    if south > north:
        raise InvalidCoordinate(f"bbox south {south} lies north of its north {north}; the order is "
                                "west, south, east, north")
    return bbox


def distance_m(lon1: float, lat1: float, lon2: float, lat2: float) -> float:
    """Return the geodesic distance in metres (Karney 2013, by PROJ)."""
    return float(GEOD.inv(lon1, lat1, lon2, lat2)[2])
