"""What one map says, as plain JSON: the page, the single file and the script read only this."""

from __future__ import annotations

import base64
import hashlib
import math
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import shapely

from geosvc.geo.crs import name_of
from geosvc.language import words
from geosvc.registry.classes import facility_classes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapely.geometry.base import BaseGeometry

    from geosvc.coverage.services import Service, Threshold
    from geosvc.registry.areas import Area
    from geosvc.registry.facilities import Registered

OWN_SCRIPT, OWN_STYLE = "coverage.js", "coverage.css"
_MOST_ROAD_POINTS = 60_000
_DECIMALS = 5  # about a metre
_MAIN_ROADS = {"motorway": 4, "trunk": 4, "primary": 3, "secondary": 2}
_METRES_PER_DEGREE = 111_320.0


def asset_text(name: str) -> str:
    """Return a script or style sheet that is shipped with the maps."""
    return files("geosvc.maps").joinpath("assets", *name.split("/")).read_text("utf-8")


def assets_checksum() -> str:
    """Return the checksum of our own script and style: a map drawn by others is another map."""
    return hashlib.sha256((asset_text(OWN_SCRIPT) + asset_text(OWN_STYLE)).encode()).hexdigest()


def data_url(png: bytes) -> str:
    """Return a PNG as a data URL."""
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


@dataclass(frozen=True, kw_only=True)
class MapContent:
    """Everything that a map draws, gathered by the layer above.

    ``gaps`` are GeoJSON features; ``picture`` the record of the surface's picture with its
    ``source`` (an address or a data URL); ``roads`` pairs of (class, line in degrees).
    """

    title: str
    service: Service
    threshold: Threshold
    run: dict[str, Any]
    areas: Sequence[Area]
    roads: Sequence[tuple[str, BaseGeometry]]
    facilities: Sequence[Registered]
    gaps: Sequence[dict[str, Any]]
    picture: dict[str, Any]
    to_be_located: int
    sources: Sequence[str]
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
    service, threshold = content.service, content.threshold
    found = content.run["summary"]["thresholds"][threshold.id]
    outlines = [area for area in content.areas if area.geometry is not None]
    name = service.zh if language == "zh" else service.en
    review = next((area.review_number for area in outlines if area.review_number), "")
    return {
        "language": language,
        "title": f"{content.title} · {name}" if content.title else name,
        "subtitle": limit_text(service, threshold, language),
        "threshold": {"id": threshold.id, "value": threshold.value},
        "run": content.run["id"],
        "dated": content.run["created_at"][:10],
        "crs": f"{text['crs_label']} {name_of(content.run['inputs']['grid']['crs'])}",
        "review_number": review,
        "kpis": kpis(found, content.run["summary"]["people_total"], service, language),
        "flags": [note[language] for note in content.run["notes"]] if title_block else [],
        "flag_title": text["schematic_banner"] if content.schematic else text["notes"],
        "people": found["people"],
        "gap_count": found["gaps"],
        "to_be_located": content.to_be_located,
        "facilities": _facilities(content.facilities, language),
        "gaps": _simplified({"type": "FeatureCollection", "features": list(content.gaps)}, content),
        "boundary": _boundary(outlines),
        "roads": _roads(content.roads),
        "picture": content.picture,
        "bounds": _bounds(outlines, content.picture),
        "attribution": attribution(content, language),
        "title_block": title_block,
        "words": _map_words(text, service),
    }


def limit_text(service: Service, threshold: Threshold, language: str) -> str:
    """Return the limit and whose limit it is, as a reader should see it."""
    text = words(language)
    applies = "" if threshold.applies_to == "any" else f"{text['open_bracket']}{text['applies_' + threshold.applies_to]}{text['close_bracket']}"
    return (
        f"{text['limit']} {threshold.value:g} {text[service.shown_unit]}{applies} · {text['origin_' + threshold.origin]}"
    )


def kpis(
    found: dict[str, Any], people_total: float | None, service: Service, language: str
) -> list[dict[str, str]]:
    """Return the figures of a map: covered share and people, people not covered, P50 and P90."""
    text = words(language)
    people = found["people"]
    if people is None or people_total is None:
        return [{"label": text["people_covered"], "text": text["no_population"]}]
    covered = people["covered"]
    share = found["share"]["of_all_people"]
    rows = [
        {"label": text["share_covered"], "text": percent(share, language)},
        {"label": text["people_covered"], "text": f"{covered:,.0f}"},
        {"label": text["people_not_covered"], "text": f"{people_total - covered:,.0f}"},
    ]
    rows += [
        {"label": text[name], "text": text["unreachable"] if found.get(name) is None else
         f"{shown(found[name], service)} {text[service.shown_unit]} {text['within']}".strip()}
        for name in ("p50", "p90") if people_total > 0
    ]
    if found["km2"]:
        rows.append({"label": text["area_covered"],
                     "text": percent(found["km2"]["covered"] / sum(found["km2"].values()), language)})
    return rows


def percent(share: float | None, language: str) -> str:
    """Return a share with one decimal, cut and not rounded, so that 99.96 % never reads 100 %.

    Examples
    --------
    >>> percent(0.9996, "en"), percent(1.0, "en")
    ('99.9 %', '100 %')
    """
    if share is None:
        return words(language)["unknown"]
    cut = math.floor(share * 1000 + 1e-9) / 10
    return f"{cut:g} %"


def shown(value: float, service: Service) -> str:
    """Return minutes rounded up to whole ones, kilometres rounded up to a tenth."""
    if service.shown_unit == "min":
        return f"{math.ceil(value - 1e-9):,}"
    return f"{math.ceil(value * 10 - 1e-9) / 10:,.1f}"


def _facilities(found: Sequence[Registered], language: str) -> dict[str, list[Any]]:
    text = words(language)
    classes = facility_classes()
    return {
        "id": [each.id for each in found],
        "lon": [round(each.facility.lon or 0.0, 6) for each in found],
        "lat": [round(each.facility.lat or 0.0, 6) for each in found],
        "name": [each.facility.name for each in found],
        "group": [classes[each.facility.class_code].group for each in found],
        "class": [getattr(classes[each.facility.class_code], language) for each in found],
        "method": [text[f"method_{each.facility.position_method}"] for each in found],
        "illustrative": [each.facility.illustrative for each in found],
    }


def _map_words(text: Any, service: Service) -> dict[str, str]:
    names = ("legend", "surface", "states", "gap", "unreachable", "no_data", "facilities", "to_be_located",
             "illustrative_mark", "people", "people_label", "area_label", "worst", "settlements", "hover", "north",
             "open_bracket", "close_bracket", "colon", "run", "review_number", "internal", "unknown", "outside")
    groups = {key: value for key, value in text.items() if key.startswith("group_")}
    return {name: text[name] for name in names} | groups | {"unit": text[service.shown_unit]}


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
    points = sum(shapely.get_num_coordinates(line) for _, line in roads)
    # Beyond what a browser draws with ease only the main roads are sent, then simplified ones.
    chosen = [pair for pair in roads if points <= _MOST_ROAD_POINTS or pair[0].removesuffix("_link") in (*_MAIN_ROADS, "tertiary")]
    tolerance = 0.0 if points <= _MOST_ROAD_POINTS else 30 / _METRES_PER_DEGREE
    return {
        "type": "FeatureCollection",
        "features": [
            {"type": "Feature", "properties": {"rank": _MAIN_ROADS.get(name.removesuffix("_link"), 1)},
             "geometry": _rounded(shapely.simplify(line, tolerance) if tolerance else line)}
            for name, line in chosen
        ],
    }


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


def attribution(content: MapContent, language: str) -> str:
    """Return who made what is drawn, and that it is schematic where it is."""
    text = words(language)
    parts = list(dict.fromkeys(source for source in content.sources if source))
    if content.schematic:
        parts.insert(0, text["schematic"])
    return " · ".join(parts)
