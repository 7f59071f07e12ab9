"""The gaps as shown, as files: tables for a spreadsheet, polygons for a map."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import shapely

from geosvc.coverage import services
from geosvc.errors import InvalidParameter
from geosvc.geo.vector import write_polygons
from geosvc.language import join, words
from geosvc.maps import numbers
from geosvc.workflows import features, reading
from geosvc.workflows.files import format_of, write_whole
from geosvc.workflows.sheets import Page, write_book, write_table

if TYPE_CHECKING:
    from pathlib import Path

    from geosvc.geo.crs import BBox
    from geosvc.store.engine import Store
    from geosvc.workflows.features import Feature
    from geosvc.workflows.sheets import Cell

FORMATS = ("csv", "xlsx", "geojson", "gpkg")
MOST_GAPS = 100_000
# Columns of a table, each with its width and number format in a workbook.
_COLUMNS: dict[str, tuple[float, str]] = {
    "rank": (6, "0"), "area_name": (16, "@"), "area_code": (14, "@"), "people": (10, "#,##0"),
    "people_unreachable": (14, "#,##0"), "km2": (10, "#,##0.00"), "reached": (12, "@"), "worst": (10, "0.0"),
    "beyond_by": (12, "0.0"), "unit": (7, "@"), "nearest_name": (28, "@"), "nearest_facility": (10, "0"),
    "settlements_count": (12, "0"), "settlements": (60, "@"), "lon": (11, "0.00000"), "lat": (11, "0.00000"),
    "service": (18, "@"), "threshold": (10, "@"), "limit": (8, "General"), "run": (15, "@"), "datetime": (12, "@"),
    "schematic": (8, "@"), "notes": (60, "@"), "id": (24, "@"),
}


def export_gaps(
    store: Store, path: Path, *, service_id: str | None = None, run_id: str | None = None, threshold_id: str | None = None,
    area_code: str | None = None, min_people: float | None = None, bbox: BBox | None = None, sort: str | None = None,
    language: str = "zh", most: int = MOST_GAPS,
) -> dict[str, Any]:
    """Write the gaps that :func:`features.gaps_page` lists to a file, and return what was written.

    The same run gives the same file: nothing in it says when it was written (a GeoPackage does).

    Parameters
    ----------
    store : Store
    path : Path
        Its suffix says the format: .csv, .xlsx, .geojson, .gpkg.
    service_id, run_id, threshold_id, area_code, min_people, bbox, sort
        As in :func:`features.gaps_page`.
    language : str
        Of headers and notes in tables; map files have the names of the API.
    most : int
        More gaps than this are refused.

    Raises
    ------
    ServiceNotFound, RunNotFound
    InvalidParameter
        If the format is unknown, or there are too many gaps.
    StoreError
        If the file cannot be written.
    """
    name = format_of(path, FORMATS)
    found, matched, _next = features.gaps_page(
        store, service_id=service_id, run_id=run_id, threshold_id=threshold_id, area_code=area_code, min_people=min_people,
        bbox=bbox, sort=sort, limit=most,
    )
    if matched > most:
        raise InvalidParameter(f"{matched:,} gaps are more than the {most:,} of one file; choose an area or more people")
    with store.reading() as session:
        answering = reading.run_of(session, service_id, run_id).id
    run = reading.run_record(store, answering)
    asked = {"area": area_code, "min_people": min_people, "bbox": bbox, "sort": features.gap_order(sort)}
    told = _told(run, threshold_id, asked, found)
    write = {"csv": _write_csv, "xlsx": _write_workbook, "geojson": _write_geojson, "gpkg": _write_geopackage}[name]
    write_whole(path, lambda target: write(target, found, told, language), suffix=f".{name}")
    return told


def name_of(told: dict[str, Any]) -> str:
    """Return a name for the file, without its suffix."""
    return f"gaps-{told['service']}-{told['threshold']['id']}-{told['run']['id']}"


def _told(run: dict[str, Any], threshold_id: str | None, asked: dict[str, Any], found: list[Feature]) -> dict[str, Any]:
    service = services.service_from(run["parameters"]["service"])
    threshold = service.threshold(threshold_id)
    return {
        "service": service.id, "measured": service, "threshold": reading.threshold_entry(service, threshold.id), "run": run,
        "asked": asked, "gaps": len(found), "schematic": reading.is_schematic(run["notes"]), "notes": run["notes"],
    }


def _said(told: dict[str, Any]) -> dict[str, Any]:
    """Return what a reader of a map file must know, as plain members."""
    run, threshold = told["run"], told["threshold"]
    return {
        "service": told["service"], "run": run["id"], "datetime": run["datetime"], "recorded": run["recorded"],
        "threshold": threshold["id"], "limit": threshold["value"], "unit": threshold["unit"], "schematic": told["schematic"],
        "notes": told["notes"], "filters": {key: value for key, value in told["asked"].items() if value is not None},
    }


# -- tables ----------------------------------------------------------------------------------


def _rows(found: list[Feature], told: dict[str, Any], language: str) -> list[list[Cell]]:
    text = words(language)
    shared = {
        "service": told["service"], "threshold": told["threshold"]["id"], "limit": told["threshold"]["value"],
        "run": told["run"]["id"], "datetime": told["run"]["datetime"], "schematic": text["yes" if told["schematic"] else "no"],
        # In every row, so that no row is parted from what its reader must know.
        "notes": text["list_mark"].join(note[language] for note in told["notes"]),
    }
    return [_row(each, shared, language) for each in found]


def _row(gap: Feature, shared: dict[str, Cell], language: str) -> list[Cell]:
    text, told = words(language), gap["properties"]
    inside = shapely.geometry.shape(gap["geometry"]).representative_point()
    own: dict[str, Cell] = {
        **shared, **{name: told[name] for name in _COLUMNS if name in told and name not in shared and name != "settlements"},
        "id": gap["id"], "lon": round(inside.x, 6), "lat": round(inside.y, 6),
        "unit": text[told["unit"]],
        "reached": text["gap_none_reached"] if told["worst"] is None else text["gap_reached"],
        "nearest_name": text["nearest_elsewhere"] if told.get("nearest_elsewhere") else told["nearest_name"],
        "settlements": join([f"{each['name']} {each['people']:,.0f}" for each in told["settlements"]], language),
    }
    return [own[name] for name in _COLUMNS]


def _headers(language: str) -> list[str]:
    return [words(language)[f"gap_column_{name}"] for name in _COLUMNS]


def _write_csv(path: Path, found: list[Feature], told: dict[str, Any], language: str) -> None:
    write_table(path, _headers(language), _rows(found, told, language))


def _write_workbook(path: Path, found: list[Feature], told: dict[str, Any], language: str) -> None:
    text = words(language)
    widths, formats = zip(*_COLUMNS.values(), strict=True)
    write_book(path, [
        Page(title=text["gaps"], headers=_headers(language), rows=_rows(found, told, language), widths=widths, formats=formats),
        Page(title=text["sheet_about"], rows=_statements(told, language), widths=(24, 100)),
    ])


def _statements(told: dict[str, Any], language: str) -> list[list[Cell]]:
    """Return what a reader of the table must know: service, limit, run, data, filters, notes."""
    text, run, threshold, service = words(language), told["run"], told["threshold"], told["measured"]
    summary, asked = run["summary"], told["asked"]
    total = summary["people_total"]
    rows: list[list[Cell]] = [
        [text["service"], f"{getattr(service, language)} ({service.id})"],
        [text["question"], getattr(service, f"question_{language}")],
        [text["limit"], numbers.limit_label(threshold["value"], threshold["unit"], threshold["applies_to"], language)],
        [text["sheet_origin"], numbers.origin_text(threshold, language)],
        [text["gap_how"], numbers.travel_text(run, service, language)],
        [text["run"], f"{run['id']} · {run['created_at']} · geosvc {run['version']}"],
        [text["by_date"], f"{run['datetime']} · {run['recorded']}"],
        [text["sheet_people"], text["unknown"] if total is None else f"{total:,.0f} ({join([str(year) for year in summary['people_years']], language)})"],
        [text["sheet_facilities"], str(len(run["inputs"]["facilities"]))],
        [text["to_be_located"], str(len(run["inputs"]["to_be_located"]))],
        [text["sheet_layers"], "; ".join(f"{text.get('layer_' + kind, kind)} {sha256[:12]}" for kind, sha256 in sorted(run["inputs"]["layers"].items()))],
        [text["sheet_filters"], _filters(asked, text)],
        [text["gap_count"], str(told["gaps"])],
    ]
    if told["schematic"]:
        rows.append([text["sheet_schematic"], text["schematic_banner"]])
    return [*rows, *([text["notes"], note[language]] for note in told["notes"])]


def _filters(asked: dict[str, Any], text: Any) -> str:
    named = {"area": text["area"], "min_people": text["min_people"], "bbox": "bbox", "sort": text["sort"]}
    shown = {**asked, "sort": text[f"gap_sort_{asked['sort']}"]}
    if asked["min_people"] is not None:
        shown["min_people"] = f"{asked['min_people']:g}"
    return "; ".join(f"{named[key]} {value}" for key, value in shown.items() if value not in (None, ""))


# -- map files -------------------------------------------------------------------------------


def _write_geojson(path: Path, found: list[Feature], told: dict[str, Any], _language: str) -> None:
    members = {"type": "FeatureCollection", **_said(told), "numberMatched": len(found), "numberReturned": len(found)}
    with path.open("w", encoding="utf-8") as stream:
        stream.write(json.dumps(members, ensure_ascii=False)[:-1] + ', "features": [')
        for number, each in enumerate(found):
            stream.write((",\n" if number else "\n") + json.dumps(each, ensure_ascii=False))
        stream.write("\n]}\n")


def _write_geopackage(path: Path, found: list[Feature], told: dict[str, Any], _language: str) -> None:
    said = _said(told)
    shared = {key: said[key] for key in ("datetime", "schematic")}
    names = [name for name in _COLUMNS if name not in ("reached", "lon", "lat", "notes", *shared)]
    columns: dict[str, list[Any]] = {name: [_attribute(each, name) for each in found] for name in names}
    columns |= {name: [value] * len(found) for name, value in shared.items()}
    write_polygons(
        path, columns, [shapely.geometry.shape(each["geometry"]) for each in found], layer="gaps",
        told={key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) for key, value in said.items()})


def _attribute(gap: Feature, name: str) -> Any:
    if name == "id":
        return gap["id"]
    value = gap["properties"][name]
    return json.dumps(value, ensure_ascii=False) if name == "settlements" else value
