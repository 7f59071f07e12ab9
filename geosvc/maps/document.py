"""What one map says, as plain JSON: the page, the single file and the script read only this."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import shapely

from geosvc.coverage.changes import PLANNED_FROM
from geosvc.geo.crs import name_of
from geosvc.language import LANGUAGES, words
from geosvc.maps import numbers
from geosvc.maps.numbers import percent
from geosvc.registry.classes import facility_classes
from geosvc.registry.moments import day_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shapely.geometry.base import BaseGeometry

    from geosvc.coverage.services import Service, Threshold
    from geosvc.registry.areas import Area
    from geosvc.registry.facilities import Registered

__all__ = ["MapContent", "assets_checksum", "data_url", "map_document", "percent"]

OWN_SCRIPT, OWN_STYLE = "coverage.js", "coverage.css"
ALL_LIMITS = "all"  # in place of a threshold's id where no limit speaks for everybody
_MOST_POINTS = 60_000
_COARSE_M = 30.0
_MOST_PLACES = 4000
_DECIMALS = 5  # about a metre
_MAIN_ROADS = {"motorway": 4, "trunk": 4, "primary": 3, "secondary": 2}
_METRES_PER_DEGREE = 111_320.0


def asset_text(name: str) -> str:
    """Return a script or style sheet that is shipped with the maps."""
    return files("geosvc.maps").joinpath("assets", *name.split("/")).read_text("utf-8")


def assets_checksum() -> str:
    """Return the checksum of our own script, style and words: a map drawn by others is another map."""
    parts = [asset_text(OWN_SCRIPT), asset_text(OWN_STYLE), *(repr(sorted(words(each).items())) for each in LANGUAGES)]
    return hashlib.sha256("".join(parts).encode()).hexdigest()


def data_url(png: bytes) -> str:
    """Return a PNG as a data URL."""
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


@dataclass(frozen=True, kw_only=True)
class Place:
    """A place with a name: an area where its people live; degrees. ``people`` is None where that is not known."""

    name: str
    level: str
    lon: float
    lat: float
    people: float | None


@dataclass(frozen=True, kw_only=True)
class MapContent:
    """Everything that a map draws, gathered by the layer above.

    ``threshold`` is None where the limits are for different people and none was chosen: then the
    map judges nobody. ``gaps`` are GeoJSON features; ``picture`` the record of the surface's
    picture with its ``source`` (an address or a data URL); ``roads`` pairs of (class, line in
    degrees); ``water`` lines and polygons, degrees; ``places`` the ones to name first, first; ``people_source`` says whose people are counted (year, kind, status, source, each
    None where unknown); ``data_dates`` pairs of (word, date).
    """

    title: str
    service: Service
    threshold: Threshold | None
    run: dict[str, Any]
    areas: Sequence[Area]
    roads: Sequence[tuple[str, BaseGeometry]]
    water: Sequence[BaseGeometry]
    places: Sequence[Place]
    facilities: Sequence[Registered]
    gaps: Sequence[dict[str, Any]]
    picture: dict[str, Any]
    to_be_located: int
    sources: Sequence[str]
    people_source: Mapping[str, Any]
    data_dates: Sequence[tuple[str, str]]
    schematic: bool


def map_document(content: MapContent, *, language: str, title_block: bool) -> dict[str, Any]:
    """Return the document of a map.

    Parameters
    ----------
    content : MapContent
    language : {"zh", "en"}
    title_block : bool
        Whether the map carries its own title and figures; a page shows them beside it.
    """
    text = words(language)
    service, threshold, run = content.service, content.threshold, content.run
    found = run["summary"]["thresholds"][(threshold or service.thresholds[0]).id]
    outlines = [area for area in content.areas if area.geometry is not None]
    name = service.zh if language == "zh" else service.en
    apart = numbers.stands_apart(run)
    return {
        "language": language,
        "title": f"{content.title} · {name}" if content.title else name,
        "subtitle": _subtitle(service, threshold, language),
        "threshold": _threshold(threshold),
        "limits": sorted({each.value for each in service.thresholds}),
        "side_by_side": numbers.side_by_side(run, service, language) if apart else [],
        "verdict": numbers.verdict_sentence(run, language) if apart else "",
        "run": run["id"],
        "kpis": numbers.kpis(run, service, threshold, language),
        "facts": _facts(content, language) if title_block else [],
        "flags": [note[language] for note in run["notes"]] if title_block else [],
        "flag_title": text["schematic_banner"] if content.schematic else text["notes"],
        "people": _people(found["people"], threshold),
        "gap_count": None if threshold is None else found["gaps"],
        "gap_label": _gap_label(service, threshold, language, apart=apart),
        "to_be_located": content.to_be_located,
        "facilities": _facilities(content.facilities, run, language),
        "gaps": _simplified({"type": "FeatureCollection", "features": [_with_list(each, language) for each in content.gaps]}, content),
        "boundary": _boundary(outlines),
        "roads": _roads(content.roads),
        "water": _water(content.water),
        "places": _places(content.places),
        "picture": content.picture,
        "bounds": _bounds(outlines, content.picture),
        "attribution": attribution(content, language),
        "title_block": title_block,
        "words": _map_words(text, service),
    }


def _threshold(threshold: Threshold | None) -> dict[str, Any]:
    if threshold is None:
        return {"id": ALL_LIMITS, "value": None}
    return {"id": threshold.id, "value": threshold.value}


def _people(people: dict[str, float] | None, threshold: Threshold | None) -> dict[str, float] | None:
    """Return people by state; without a limit only the states that depend on none."""
    if people is None or threshold is not None:
        return people
    return {state: count for state, count in people.items() if state not in ("covered", "beyond")}


def _gap_label(service: Service, threshold: Threshold | None, language: str, *, apart: bool) -> str:
    """Return what the hatching is called; where a limit is not everybody's it names the limit."""
    text = words(language)
    if threshold is None or not apart:
        return text["gap"]
    return text["beyond_limit"].format(limit=numbers.label_of(threshold, service, language))


def _subtitle(service: Service, threshold: Threshold | None, language: str) -> str:
    if threshold is not None:
        return limit_text(service, threshold, language)
    labels = " / ".join(numbers.label_of(each, service, language) for each in service.thresholds)
    return f"{labels} · {words(language)['limits_beside']}"


def limit_text(service: Service, threshold: Threshold, language: str) -> str:
    """Return the limit and whose limit it is, as a reader should see it."""
    text = words(language)
    return f"{text['limit']} {numbers.label_of(threshold, service, language)} · {text['origin_' + threshold.origin]}"


def _facts(content: MapContent, language: str) -> list[dict[str, str]]:
    """Return what a sheet must say of itself when nobody is there to ask: whose people, how, which run, what data."""
    text, run = words(language), content.run
    review = next((area.review_number for area in content.areas if area.review_number), "")
    rows = [
        (text["denominator_label"], numbers.denominator(run, content.people_source, language)),
        (text["source"], content.people_source["source"] or ""),
        (text["profile"], numbers.travel_text(run, content.service, language)),
        (text["limit"], _limit_origin(content, language)),
        (text["run"], f"{run['id']} · {text['dated']} {day_of(run['created_at'])}"),
        (text["data_dates"], text["list_mark"].join(f"{text[word]} {date}" for word, date in content.data_dates)),
        (text["crs_label"], name_of(run["inputs"]["grid"]["crs"])),
        (text["review_number"], review or text["internal"]),
    ]
    return [{"label": label, "text": value} for label, value in rows if value]


def _limit_origin(content: MapContent, language: str) -> str:
    """Return each limit on the map with where it comes from."""
    shown = [content.threshold] if content.threshold is not None else list(content.service.thresholds)
    text = words(language)
    by_source: dict[str, list[str]] = {}
    for each in shown:
        by_source.setdefault(_source_of(each, language), []).append(numbers.label_of(each, content.service, language))
    return text["list_mark"].join(
        f"{text['list_comma'].join(labels)}{text['colon']}{source}" for source, labels in by_source.items()
    )


def _source_of(threshold: Threshold, language: str) -> str:
    source = threshold.source_zh if language == "zh" else threshold.source_en
    return source or words(language)[f"origin_{threshold.origin}"]


def _with_list(feature: dict[str, Any], language: str) -> dict[str, Any]:
    """Return a gap with the settlements that a popup lists, and the word for those it does not."""
    listed, more = numbers.settlements_shown(feature["properties"], language)
    return {**feature, "properties": {**feature["properties"], "settlements": listed, "settlements_more": more}}


def _facilities(found: Sequence[Registered], run: dict[str, Any], language: str) -> dict[str, list[Any]]:
    """Return the facilities in columns; ``change`` says of each what the scenario of the run does to it (None: nothing)."""
    text = words(language)
    classes = facility_classes()
    moved = {each["facility"] for each in run["parameters"].get("changes", {}).get("move", ())}
    change = ["planned" if each.id >= PLANNED_FROM else "moved" if each.id in moved else None for each in found]
    return {
        "change": change,
        "id": [each.id for each in found],
        "lon": [round(each.facility.lon or 0.0, 6) for each in found],
        "lat": [round(each.facility.lat or 0.0, 6) for each in found],
        "name": [each.facility.name for each in found],
        "group": [classes[each.facility.class_code].group for each in found],
        "class": [getattr(classes[each.facility.class_code], language) for each in found],
        "method": [text[f"change_{what}" if what else f"method_{each.facility.position_method}"] for each, what in zip(found, change, strict=True)],
        "illustrative": [each.facility.illustrative for each in found],
    }


def _map_words(text: Mapping[str, str], service: Service) -> dict[str, str]:
    names = ("legend", "states", "unreachable", "no_data", "facilities", "to_be_located", "illustrative_mark", "people",
             "people_label", "area_label", "worst", "settlements", "north", "open_bracket", "close_bracket", "colon",
             "unknown", "details", "zoom_in", "zoom_out", "close", "map_layer_gaps", "map_layer_facilities",
             "map_layer_roads", "map_layer_water", "map_layer_places", "change_planned", "change_moved")
    groups = {key: value for key, value in text.items() if key.startswith("group_")}
    by_unit = {name: text[f"{name}_{service.shown_unit}"] for name in ("surface", "hover", "reading")}
    return {name: text[name] for name in names} | groups | by_unit | {"unit": text[service.shown_unit]}


def _boundary(outlines: Sequence[Area]) -> dict[str, Any] | None:
    if not outlines:
        return None
    return {
        "type": "FeatureCollection",
        "features": [
            {"type": "Feature", "properties": {}, "geometry": _rounded(area.geometry)} for area in outlines if area.geometry is not None
        ],
    }


def _roads(roads: Sequence[tuple[str, BaseGeometry]]) -> dict[str, Any] | None:
    if not roads:
        return None
    points = _points([line for _name, line in roads])
    # Beyond what a browser draws with ease only the main roads are sent, then simplified ones.
    chosen = [pair for pair in roads if points <= _MOST_POINTS or pair[0].removesuffix("_link") in (*_MAIN_ROADS, "tertiary")]
    lines = _light([line for _name, line in chosen], points)
    return _collection(lines, [{"rank": _MAIN_ROADS.get(name.removesuffix("_link"), 1)} for name, _line in chosen])


def _water(shapes: Sequence[BaseGeometry]) -> dict[str, Any] | None:
    """Return water as it is drawn; where a browser cannot draw all of it with ease, simplified."""
    if not shapes:
        return None
    light = _light(shapes, _points(shapes))
    return _collection(light, [{} for _each in light])


def _points(shapes: Sequence[BaseGeometry]) -> int:
    return sum(int(shapely.get_num_coordinates(each)) for each in shapes)


def _light(shapes: Sequence[BaseGeometry], points: int) -> list[BaseGeometry]:
    if points <= _MOST_POINTS:
        return list(shapes)
    return [shapely.simplify(each, _COARSE_M / _METRES_PER_DEGREE) for each in shapes]


def _collection(shapes: Sequence[BaseGeometry], properties: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": [
        {"type": "Feature", "properties": told, "geometry": _rounded(shape)} for shape, told in zip(shapes, properties, strict=True)]}


def _places(places: Sequence[Place]) -> dict[str, list[Any]] | None:
    """Return the names in columns, those to write first, first."""
    if not places:
        return None
    told = places[:_MOST_PLACES]
    return {"name": [each.name for each in told], "level": [each.level for each in told],
            "lon": [round(each.lon, _DECIMALS) for each in told], "lat": [round(each.lat, _DECIMALS) for each in told]}


def _simplified(collection: dict[str, Any], content: MapContent) -> dict[str, Any]:
    """Return gaps with edges smoothed by half a cell: for display only, the API has the exact ones."""
    tolerance = 0.5 * content.run["inputs"]["grid"]["cell_size_m"] / _METRES_PER_DEGREE
    features = []
    for feature in collection["features"]:
        shape = shapely.geometry.shape(feature["geometry"])
        smooth = shapely.simplify(shape, tolerance)
        features.append({**feature, "geometry": _rounded(shape if smooth.is_empty else smooth)})
    return {"type": "FeatureCollection", "features": features}


def _rounded(shape: BaseGeometry) -> dict[str, Any]:
    turned = shapely.transform(shape, lambda xy: xy.round(_DECIMALS))
    return dict(shapely.geometry.mapping(turned))


def _bounds(outlines: Sequence[Area], picture: dict[str, Any]) -> list[float]:
    boxes = [area.bbox for area in outlines if area.bbox is not None]
    if not boxes:
        return [float(edge) for edge in picture["bounds"]]
    west, south, east, north = zip(*boxes, strict=True)
    return [min(west), min(south), max(east), max(north)]


def attribution(content: MapContent, language: str) -> list[str]:
    """Return who made what is drawn, and that it is schematic where it is."""
    parts = list(dict.fromkeys(source for source in content.sources if source))
    return [words(language)["schematic"], *parts] if content.schematic else parts
