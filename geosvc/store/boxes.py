"""Boxes in degrees as SQL, for every table that has the four columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import or_

if TYPE_CHECKING:
    from sqlalchemy.orm import InstrumentedAttribute

    from geosvc.geo.crs import BBox


def overlapping(table: Any, bbox: BBox) -> list[Any]:
    """Return clauses for rows whose box shares a point with ``bbox``; edges count."""
    west, south, east, north = bbox
    if west <= east:
        lon: list[Any] = [table.west <= east, table.east >= west]
    else:  # over the antimeridian (RFC 7946, 5.2)
        lon = [or_(table.west <= east, table.east >= west)]
    return [*lon, table.south <= north, table.north >= south]


def containing(lon: InstrumentedAttribute[Any], lat: InstrumentedAttribute[Any], bbox: BBox) -> list[Any]:
    """Return clauses for points inside ``bbox``; edges count."""
    west, south, east, north = bbox
    between = lon.between(west, east) if west <= east else or_(lon >= west, lon <= east)
    return [between, lat.between(south, north)]
