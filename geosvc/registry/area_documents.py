"""An area as a document (a GeoJSON feature) read back, and the revision of it that its writer has seen.

As with facilities, the document that a reader was given can be sent back as it is: what only the
registry can say is left out when it is read, anything unknown is refused.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

import shapely
import shapely.geometry

from geosvc.errors import AreaNotFound, Conflict, InvalidGeometry, InvalidInput, MissingPrecondition
from geosvc.geo.crs import check_position
from geosvc.registry import areas
from geosvc.registry.areas import Area
from geosvc.registry.documents import text_of
from geosvc.registry.moments import AsOf, today
from geosvc.registry.revisions import true_on
from geosvc.store.areas import select_believed_areas

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shapely.geometry.base import BaseGeometry

    from geosvc.registry.areas import AreaVersion
    from geosvc.store.areas import AreaRow
    from geosvc.store.engine import Session

# Parts of a document that the registry alone says.
READ_ONLY = frozenset({"revision", "valid_from", "valid_to"})
_FIELDS = tuple(each.name for each in fields(Area) if each.name != "geometry")
_POLYGONS = ("Polygon", "MultiPolygon")
_MOST_MEMBERS = 10_000
_LARGEST_KM2 = 5.2e8  # the Earth is not larger


def area_of(document: Any, *, code: str | None = None, old: Area | None = None) -> Area:
    """Return the area that a document describes.

    Parameters
    ----------
    document : Any
        A GeoJSON feature: ``geometry`` a polygon in degrees (CRS84) or null, ``properties`` the fields.
    code : str, optional
        The code that the address names; a document may leave it out, and must not say another.
    old : Area, optional
        As it stands now: a zone of members was shown with the polygon that these have together, and
        sent back with it still has none of its own.

    Raises
    ------
    InvalidInput
        Naming the field, what was expected and what came.
    InvalidGeometry, InvalidCoordinate
    """
    if not isinstance(document, dict) or document.get("type") != "Feature" or not isinstance(document.get("properties"), dict):
        raise InvalidInput('expected a GeoJSON feature: {"type": "Feature", "geometry": …, "properties": {…}}')
    told = {name: value for name, value in document["properties"].items() if name not in READ_ONLY}
    unknown = sorted(set(told) - set(_FIELDS))
    if unknown:
        raise InvalidInput(f"unknown field {', '.join(unknown)}; an area has {', '.join(sorted(_FIELDS))}, and its polygon in geometry")
    geometry, members = _polygon(document.get("geometry")), _members(told.get("members"))
    if members and old is not None and _same_shape(geometry, old.geometry):
        geometry = None
    texts = {name: text_of(name, told.get(name)) for name in _FIELDS if name not in ("members", "published_km2", "schematic", "code")}
    return Area(
        **{**texts, "name": texts["name"] or "", "level": texts["level"] or ""},  # type: ignore[arg-type]
        code=_code(told.get("code"), code), members=members, geometry=geometry, published_km2=_km2(told.get("published_km2")),
        schematic=_flag(told.get("schematic")),
    )


def _code(told: Any, named: str | None) -> str:
    text = text_of("code", told)
    if named is not None and text not in (None, named):
        raise InvalidInput(f"the address names area {named}, the document {text}; a division gets another code with POST /api/divisions/recode")
    return named or text or ""


def _members(told: Any) -> tuple[str, ...]:
    if told is None:
        return ()
    if not isinstance(told, list) or len(told) > _MOST_MEMBERS:
        raise InvalidInput(f"members must be a list of at most {_MOST_MEMBERS} codes of areas, got {str(told)[:100]}")
    codes = [text_of("an entry of members", each) for each in told]
    if None in codes:
        raise InvalidInput("an entry of members is empty; each is the code of an area")
    return tuple(sorted({str(each) for each in codes}))


def _km2(told: Any) -> float | None:
    if told is None:
        return None
    # A comparison that NaN does not pass either.
    if isinstance(told, bool) or not isinstance(told, int | float) or not 0 < told <= _LARGEST_KM2:
        raise InvalidInput(f"published_km2 must be a number above 0 (square kilometres), got {str(told)[:40]}")
    return float(told)


def _flag(told: Any) -> bool:
    if told is None or isinstance(told, bool):
        return bool(told)
    raise InvalidInput(f"schematic must be true or false, got {str(told)[:40]!r}")


def _polygon(told: Any) -> BaseGeometry | None:
    """Return a polygon of a document, in degrees; heights are left out.

    Raises
    ------
    InvalidGeometry, InvalidCoordinate
    """
    if told is None:
        return None
    kind = told.get("type") if isinstance(told, dict) else None
    if kind not in _POLYGONS:
        raise InvalidGeometry(f"geometry of an area must be null, a Polygon or a MultiPolygon in degrees, got {str(kind or told)[:60]}")
    try:
        shape = shapely.force_2d(shapely.geometry.shape(told))
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, shapely.errors.ShapelyError):
        raise InvalidGeometry(f"the coordinates of this {kind} cannot be read; expected rings of [longitude, latitude], the first position again at the end") from None
    if shape.is_empty:
        raise InvalidGeometry("the polygon is empty; send null for an area without one")
    for lon, lat in shapely.get_coordinates(shape):
        check_position(float(lon), float(lat))
    if not shape.is_valid:
        raise InvalidGeometry(f"{shapely.is_valid_reason(shape)}; the ring must not cross or touch itself: repair it (in QGIS: Fix geometries) and send it again")
    return shape


def _same_shape(one: BaseGeometry | None, other: BaseGeometry | None) -> bool:
    return one is not None and other is not None and bool(shapely.to_wkb(one) == shapely.to_wkb(other))


# -- what its writer has seen --------------------------------------------------------------------


def standing(session: Session, code: str, day: str | None = None) -> AreaVersion:
    """Return the revision of an area that stands on a day (today): else the next one, else the last before.

    Raises
    ------
    AreaNotFound
        If no area ever had that code.
    """
    row = _standing(session, code, day or today())
    return next(each for each in areas.versions(session, code) if each.revision == row.id)


def _standing(session: Session, code: str, day: str) -> AreaRow:
    rows = select_believed_areas(session, [code])
    if not rows:
        raise AreaNotFound(f"no area has the code {code!r}")
    ahead = next((row for row in rows if (row.valid_from or "") > day), None)
    return true_on(rows, day) or ahead or rows[-1]


def expect(session: Session, code: str, expected: int | None, day: str | None = None) -> None:
    """Refuse to change another revision of an area than the one that stands today, or on the day of the change.

    Raises
    ------
    AreaNotFound
    MissingPrecondition
        If none was named.
    Conflict
        Naming the fields that somebody else changed.
    """
    # Whoever changes it from a day on may have looked at today's, or at what is true on that day.
    rows = [_standing(session, code, each) for each in dict.fromkeys((today(), day or today()))]
    if expected is None:
        raise MissingPrecondition(f"say which revision of area {code} you have seen (its ETag), so that nobody else's change is lost")
    if expected in (row.id for row in rows):
        return
    row = rows[-1]
    seen = next((each.area for each in areas.versions(session, code) if each.revision == expected), None)
    if seen is None:
        raise Conflict(f"area {code} has no revision {expected}; it stands at revision {row.id}")
    changed = differences(seen, standing(session, code, day).area)
    raise Conflict(
        f"area {code} was changed by {row.author} at {row.recorded_at} (revision {row.id}, you saw {expected}): "
        f"{', '.join(changed) or 'the same content, of another time'}; look at it again, then decide", changed)


def differences(one: Area, other: Area) -> dict[str, tuple[Any, Any]]:
    """Return the fields in which two areas differ, as (one, other); of polygons only what they are."""
    return {name: (before, after) for name in (*_FIELDS, "geometry") if (before := _told(one, name)) != (after := _told(other, name))}


def _told(area: Area, name: str) -> Any:
    if name != "geometry":
        value = getattr(area, name)
        return list(value) if isinstance(value, tuple) else value
    shape = area.geometry
    if shape is None:
        return None
    # The box and the number of positions tell two outlines apart without sending them.
    return {"type": shape.geom_type, "positions": int(shapely.get_num_coordinates(shape)), "bbox": [float(each) for each in shape.bounds],
            "area_degrees2": float(shape.area)}


def check_seen(session: Session, codes: Sequence[str], revisions: Mapping[str, int], day: str) -> None:
    """Refuse a reform of divisions of which one was not seen as it stands.

    Raises
    ------
    AreaNotFound, InvalidInput, MissingPrecondition, Conflict
    """
    extra = sorted(set(revisions) - set(codes))
    if extra:
        raise InvalidInput(f"revisions names {', '.join(extra)}, which are not among the divisions to change: {', '.join(codes)}")
    for code in codes:
        areas.get(session, code, AsOf(valid_at=day))  # refuses one that is not there, with what it became
        expect(session, code, revisions.get(code), day)
