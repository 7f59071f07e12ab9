"""A facility as a document (a GeoJSON feature), read back with every part checked.

The document that a reader was given can be sent back as it is: what only the registry can say
(revision, names of the class …) is left out when it is read, anything unknown is refused.
"""

from __future__ import annotations

import math
from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any

from geosvc.errors import InvalidInput
from geosvc.geo.crs import distance_m
from geosvc.registry.classes import class_of
from geosvc.registry.exports.cells import tidy
from geosvc.registry.facilities import Facility, PositionMethod
from geosvc.registry.imports.positions import position_of

if TYPE_CHECKING:
    from collections.abc import Mapping

# Parts of a document that the registry alone says.
READ_ONLY = frozenset({
    "class_zh", "class_en", "class_group", "located", "valid_from", "valid_to", "recorded_at", "revision",
})
_POSITION = ("lon", "lat", "raw_x", "raw_y", "raw_datum")
_GROUPS: dict[str, dict[str, type | tuple[type, ...]]] = {
    # what an entry must hold; anything else in it is kept
    "identifiers": {"scheme": str, "value": str},
    "beds": {"kind": str, "count": int},
    "staff": {"cadre": str, "count": int},
    "vehicles": {"kind": str, "count": int},
    "capabilities": {"code": str, "value": str},
    "relations": {"kind": str, "facility_id": (int, str)},
}
_ANSWERS = ("yes", "no", "unknown")
_LISTS = ("areas_served", "aliases")
_LONGEST = 2000
_MOST_ENTRIES = 200
_LARGEST_COUNT = 10_000_000
_SAME_PLACE_M = 1.0
_DEFAULTS = {
    each.name: each.default if each.default is not MISSING else each.default_factory() if each.default_factory is not MISSING else None
    for each in fields(Facility)
}


def properties_of(facility: Facility) -> dict[str, Any]:
    """Return all that a facility says of itself but its position and its contact."""
    return {name: getattr(facility, name) for name in _DEFAULTS if name not in ("lon", "lat", "contact")}


def facility_of(document: Any, *, old: Facility | None = None) -> Facility:
    """Return the facility that a document describes.

    Parameters
    ----------
    document : Any
        A GeoJSON feature: ``geometry`` a point in degrees (CRS84) or null, ``properties`` the fields. A
        position in another datum comes as ``raw_x``, ``raw_y``, ``raw_datum`` and is converted.
    old : Facility or None
        As it is believed now: a contact that is not mentioned stays, and of geometry and raw position
        the one that was changed counts.

    Raises
    ------
    InvalidInput
        Naming the field, what was expected and what came.
    """
    if not isinstance(document, dict) or document.get("type") != "Feature" or not isinstance(document.get("properties"), dict):
        raise InvalidInput('expected a GeoJSON feature: {"type": "Feature", "geometry": …, "properties": {…}}')
    told = {name: value for name, value in document["properties"].items() if name not in READ_ONLY}
    unknown = sorted(set(told) - set(_DEFAULTS) - {"lon", "lat"} | (set(told) & {"lon", "lat"}))
    if unknown:
        raise InvalidInput(f"unknown field {', '.join(unknown)}; a facility has {', '.join(sorted(set(_DEFAULTS) - {'lon', 'lat'}))}, and its place in geometry")
    values = {name: _read(name, told.get(name)) for name in _DEFAULTS if name not in _POSITION}
    if "contact" not in told and old is not None:
        values["contact"] = old.contact
    if not values["name"]:
        raise InvalidInput("a facility needs a name")
    values["class_code"] = class_of(values["class_code"] or "").code
    values.update(_place(document.get("geometry"), {name: text_of(name, told.get(name)) for name in ("raw_x", "raw_y", "raw_datum")}, old))
    if values["lon"] is None:
        values["position_method"] = PositionMethod.NONE.value if "position_method" not in told or old is not None else values["position_method"]
    elif values["position_method"] == PositionMethod.NONE:
        values["position_method"] = PositionMethod.UNKNOWN.value
    return Facility(**values)


def merged(document: Mapping[str, Any], patch: Any) -> dict[str, Any]:
    """Return a document with a merge patch applied (RFC 7396): null takes a member away.

    Raises
    ------
    InvalidInput
    """
    if not isinstance(patch, dict) or not set(patch) <= {"type", "id", "geometry", "properties", "links"}:
        raise InvalidInput('expected a merge patch such as {"properties": {"name": "…"}} or {"geometry": {"type": "Point", "coordinates": [lon, lat]}}')
    properties = patch.get("properties", {})
    if not isinstance(properties, dict):
        raise InvalidInput(f"properties must be an object, got {properties!r}")
    made = {**document, "properties": _merge(document["properties"], properties)}
    if "geometry" in patch:
        made["geometry"] = patch["geometry"]
    return made


def _merge(old: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    made = dict(old) if isinstance(old, dict) else {}
    for name, value in patch.items():
        if value is None:
            made.pop(name, None)
        else:
            made[name] = _merge(made.get(name), value)
    return made


def _read(name: str, value: Any) -> Any:
    if value is None:
        default = _DEFAULTS[name]
        return list(default) if isinstance(default, list) else dict(default) if isinstance(default, dict) else default
    if name in _LISTS:
        return [_listed(name, each) for each in _list(name, value)]
    if name in _GROUPS:
        return [_entry(name, each) for each in _list(name, value)]
    if name == "contact":
        return _contact(value)
    if name == "illustrative":
        if not isinstance(value, bool):
            raise InvalidInput(f"illustrative must be true or false, got {value!r}")
        return value
    text = text_of(name, value)
    return _DEFAULTS[name] if text is None else text


def text_of(name: str, value: Any) -> str | None:
    """Return what a document says in words, without the blanks around it; None where it says nothing.

    Raises
    ------
    InvalidInput
        If it is no text, or too long.
    """
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidInput(f"{name} must be text, got {value!r}")
    if len(value) > _LONGEST:
        raise InvalidInput(f"{name} has {len(value)} characters; {_LONGEST} is the most")
    return tidy(value) or None


def _list(name: str, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise InvalidInput(f"{name} must be a list, got {value!r}")
    if len(value) > _MOST_ENTRIES:
        raise InvalidInput(f"{name} has {len(value)} entries; {_MOST_ENTRIES} is the most")
    return value


def _listed(name: str, value: Any) -> str:
    text = text_of(name, value)
    if text is None:
        raise InvalidInput(f"an entry of {name} is empty")
    return text


def _entry(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InvalidInput(f"an entry of {name} must be an object with {', '.join(_GROUPS[name])}, got {value!r}")
    for part, kind in _GROUPS[name].items():
        if not isinstance(value.get(part), kind) or isinstance(value.get(part), bool):
            raise InvalidInput(f"an entry of {name} needs {part} ({_kind(kind)}), got {value.get(part)!r}")
    if any(isinstance(inner, dict | list) or (isinstance(inner, float) and not math.isfinite(inner)) for inner in value.values()):
        raise InvalidInput(f"an entry of {name} holds texts and numbers, no lists or objects")
    if "count" in _GROUPS[name] and not 0 <= value["count"] <= _LARGEST_COUNT:
        raise InvalidInput(f"count in {name} must be 0 to {_LARGEST_COUNT}, got {str(value['count'])[:30]}")
    if name == "capabilities" and value["value"] not in _ANSWERS:
        raise InvalidInput(f"value in capabilities must be {', '.join(_ANSWERS)}; got {value['value']!r}")
    if name == "beds":
        value = {"year": None, **value}
    return {part: text_of(f"{part} in {name}", inner) if isinstance(inner, str) else inner for part, inner in value.items()}


def _kind(kind: type | tuple[type, ...]) -> str:
    names = {str: "text", int: "a whole number"}
    return " or ".join(names[each] for each in (kind if isinstance(kind, tuple) else (kind,)))


def _contact(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict) or len(value) > _MOST_ENTRIES:
        raise InvalidInput(f"contact must be an object of texts (telephone, opening_hours, officer), got {value!r}")
    return {str(key): text for key, each in value.items() if (text := text_of(f"contact {key}", each)) is not None}


def _place(geometry: Any, raw: dict[str, str | None], old: Facility | None) -> dict[str, Any]:
    """Return the position: from the geometry, or from the raw value where only that says something new."""
    point = _point(geometry)
    told = raw["raw_x"] is not None and raw["raw_y"] is not None
    was = (None, None, None) if old is None else (old.raw_x, old.raw_y, old.raw_datum)
    new_raw = told and tuple(raw.values()) != was
    unmoved = old is not None and point == ((old.lon, old.lat) if old.located else None)
    if new_raw:
        converted = position_of({"longitude": raw["raw_x"] or "", "latitude": raw["raw_y"] or ""}, raw["raw_datum"])
        assert converted is not None
        if point is not None and not unmoved and distance_m(*point, converted.lon, converted.lat) > _SAME_PLACE_M:
            raise InvalidInput(
                f"geometry {point} and raw_x, raw_y ({raw['raw_x']}, {raw['raw_y']} in {converted.datum}) are two places; send one of them")
        return {"lon": converted.lon, "lat": converted.lat, **raw, "raw_datum": converted.datum}
    if told and point is not None and old is not None and not old.located and _told_so(raw, point):
        return {"lon": point[0], "lat": point[1], **raw}
    if point is None:
        # What was told and could not be used stays beside the empty place: somebody will want to know it.
        return {"lon": None, "lat": None, **raw}
    if unmoved and (told or raw["raw_x"] is None):
        return {"lon": point[0], "lat": point[1], **raw}
    return {"lon": point[0], "lat": point[1], "raw_x": repr(point[0]), "raw_y": repr(point[1]), "raw_datum": "WGS84"}


def _told_so(raw: Mapping[str, str | None], point: tuple[float, float]) -> bool:
    """Return whether a raw value that nobody had used says this very place."""
    try:
        told = position_of({"longitude": raw["raw_x"] or "", "latitude": raw["raw_y"] or ""}, raw["raw_datum"])
    except InvalidInput:
        return False
    return told is not None and distance_m(*point, told.lon, told.lat) <= _SAME_PLACE_M


def _point(geometry: Any) -> tuple[float, float] | None:
    if geometry is None:
        return None
    coordinates = geometry.get("coordinates") if isinstance(geometry, dict) and geometry.get("type") == "Point" else None
    usable = isinstance(coordinates, list) and len(coordinates) in (2, 3) and all(
        isinstance(each, int | float) and not isinstance(each, bool) for each in coordinates)
    if not usable or coordinates is None:
        raise InvalidInput(f'geometry must be null or {{"type": "Point", "coordinates": [lon, lat]}}, got {str(geometry)[:100]}')
    return float(coordinates[0]), float(coordinates[1])
