"""Roads, people, elevation and land cover from files."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from shapely import Point

from geosvc.errors import InvalidGeometry, InvalidInput, Refusal, RefusedRows
from geosvc.geo.files import sidecar_of
from geosvc.geo.osm import OSM_SUFFIXES, read_roads
from geosvc.geo.raster import RASTER_SUFFIXES, codes_of, read_header, read_people
from geosvc.geo.vector import READ_AS, in_metres, read_vector
from geosvc.registry.imports.positions import count_of, position_of
from geosvc.registry.imports.report import ImportReport
from geosvc.registry.imports.road_lines import OSM_TAGS, normalised_roads
from geosvc.registry.imports.tables import Row, plain, read_table
from geosvc.registry.layers import ELEVATION, LANDCOVER, POPULATION, ROADS, UNSAID, Layer, Provenance

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import geopandas as gpd

    from geosvc.geo.crs import BBox

EXPECTED_ROADS = "roads as lines (.osm.pbf, GeoPackage, Shapefile, GeoJSON)"
ROADS_FILE, POINTS_FILE = "roads.fgb", "people.csv"
# ESA WorldCover's class codes and what they mean for a traveller.
WORLDCOVER = {10: "tree", 20: "shrub", 30: "grass", 40: "crops", 50: "builtup", 60: "bare", 70: "snow",
              80: "permanentwater", 90: "seasonalwater", 95: "tree", 100: "bare"}
LANDCOVER_CLASSES = ("tree", "shrub", "grass", "crops", "builtup", "bare", "snow", "permanentwater", "seasonalwater")


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A layer that was read and checked, and how to put its files into the workspace."""

    kind: str
    layer: Layer
    write: Callable[[Path], None]
    report: ImportReport


def prepare_roads(
    path: Path, *, max_mb: int, study_bbox: BBox | None, layer: str | None = None, crs: str | None = None
) -> Prepared:
    """Read roads from a file of OpenStreetMap or from any line layer.

    Raises
    ------
    UnreadableFile, MissingCRS, InvalidCoordinate, InvalidGeometry
    InvalidInput
        If no road lies in the study area.
    """
    report = ImportReport(kind=ROADS, file_name=path.name)
    read = _osm_roads if path.suffix.lower() in OSM_SUFFIXES else _layer_roads
    roads = normalised_roads(read(path, report, max_mb=max_mb, layer=layer, crs=crs), report)
    if study_bbox is not None:
        inside = int(roads.cx[study_bbox[0] : study_bbox[2], study_bbox[1] : study_bbox[3]].shape[0])
        if inside == 0:
            raise InvalidInput(_outside(path, tuple(roads.total_bounds), study_bbox, "no road"))
        if inside < len(roads):
            report.notes.append(f"{len(roads) - inside} of {len(roads)} roads lie outside the study area and play no part")
    metric = in_metres(roads)
    report.figures |= {
        "roads": len(roads),
        "length_km": round(float(metric.length.sum()) / 1000, 1),
        "classes": {str(k): int(v) for k, v in roads["road_class"].value_counts().items()},
    }
    told = sidecar_of(path)

    def write(folder: Path) -> None:
        roads.to_file(folder / ROADS_FILE, driver="FlatGeobuf", engine="pyogrio", SPATIAL_INDEX="NO")

    return _prepared(ROADS, path, told, report, write)


def _osm_roads(
    path: Path, report: ImportReport, *, max_mb: int, layer: str | None, crs: str | None
) -> gpd.GeoDataFrame:
    frame, cut, lost = read_roads(path, OSM_TAGS, max_mb=max_mb, expected=EXPECTED_ROADS, layer=layer, crs=crs)
    if cut or lost:
        report.notes.append(
            f"{cut} roads are read in part and {lost} not at all: the file does not place all of their nodes (it was clipped), "
            "or they have no length")
    return frame


def _layer_roads(
    path: Path, report: ImportReport, *, max_mb: int, layer: str | None, crs: str | None
) -> gpd.GeoDataFrame:
    frame = read_vector(path, max_mb=max_mb, expected=EXPECTED_ROADS, layer=layer, crs=crs)
    if read_as := frame.attrs.get(READ_AS):
        report.notes.append(read_as)
    frame = frame[frame.geometry.geom_type.isin(["LineString", "MultiLineString"])]
    if "highway" in frame.columns:
        frame = frame[frame["highway"].notna()]
    if len(frame) == 0:
        raise InvalidGeometry(f"{path.name} has no roads (no lines); expected {EXPECTED_ROADS}")
    return frame


def prepare_population(
    path: Path, *, max_mb: int, study_bbox: BBox | None, datum: str | None = None, year: int | None = None
) -> Prepared:
    """Read people on a grid (raster) or as points (table with longitude, latitude, people).

    Raises
    ------
    RefusedRows, InvalidInput, UnreadableFile, MissingCRS
    """
    if path.suffix.lower() in RASTER_SUFFIXES:
        return _population_raster(path, max_mb, study_bbox, year)
    return _population_points(path, max_mb, study_bbox, datum, year)


def _population_raster(path: Path, max_mb: int, study_bbox: BBox | None, year: int | None) -> Prepared:
    header = read_header(path, max_mb=max_mb)
    _check_overlap(path, header.bbox, study_bbox, "no cell of people")
    people = read_people(path, max_mb=max_mb)
    report = ImportReport(kind=POPULATION, file_name=path.name)
    report.figures |= {
        "people": float(people.people.sum()), "populated_cells": len(people.people), "format": "grid",
        "year": year, "crs": header.crs,
        "bbox": [float(people.lon.min()), float(people.lat.min()), float(people.lon.max()), float(people.lat.max())]
        if len(people.people) else list(header.bbox),
    }
    if not len(people.people):
        report.notes.append("the raster holds nobody: every count of people will be 0")
    return _prepared(POPULATION, path, sidecar_of(path), report, _copier([path]))


def _population_points(
    path: Path, max_mb: int, study_bbox: BBox | None, datum: str | None, year: int | None
) -> Prepared:
    expected = "people as a raster (.tif), or as a table with longitude, latitude, people"
    table = read_table(path, max_mb=max_mb, expected=expected)
    if "people" not in table.columns:
        raise InvalidInput(f"{path.name} has no column for the people (people/人口); expected {expected}")
    told = sidecar_of(path)
    told_datum = "CRS84" if table.has_geometry else datum or told.get("crs")
    lon, lat, people, codes, refusals = [], [], [], [], []
    for row in table.rows:
        try:
            count = count_of(row.cells.get("people", ""), "people")
            x, y = _point_of(row, told_datum)
        except InvalidInput as error:
            refusals.append(Refusal(row.number, None, None, str(error)))
            continue
        lon.append(x)
        lat.append(y)
        people.append(count)
        codes.append(plain(row.cells.get("area_code", "")))
    if refusals:
        raise RefusedRows(path.name, refusals)
    bbox = (min(lon), min(lat), max(lon), max(lat))
    _check_overlap(path, bbox, study_bbox, "no point")
    report = ImportReport(kind=POPULATION, file_name=path.name)
    report.figures |= {"people": float(sum(people)), "points": len(people), "format": "points", "year": year,
                       "bbox": list(bbox), "with_area_code": sum(bool(code) for code in codes)}

    def write(folder: Path) -> None:
        lines = ["longitude,latitude,people,area_code"]
        lines += [f"{x!r},{y!r},{n!r},{c}" for x, y, n, c in zip(lon, lat, people, codes, strict=True)]
        (folder / POINTS_FILE).write_text("\n".join(lines) + "\n", encoding="utf-8")

    return _prepared(POPULATION, path, told, report, write)


def _point_of(row: Row, datum: str | None) -> tuple[float, float]:
    if row.geometry is not None:
        if not isinstance(row.geometry, Point):
            raise InvalidInput(f"people must stand at one point each, got a {row.geometry.geom_type}")
        return float(row.geometry.x), float(row.geometry.y)
    position = position_of(row.cells, datum)
    if position is None:
        raise InvalidInput("longitude and latitude are empty; people without a place belong into a table by area")
    return position.lon, position.lat


def prepare_elevation(paths: Sequence[Path], *, max_mb: int, study_bbox: BBox | None) -> Prepared:
    """Read elevation, metres above sea level, from one or several adjoining rasters."""
    headers = [read_header(path, max_mb=max_mb, whole=True) for path in paths]
    bbox = _around([header.bbox for header in headers])
    _check_overlap(paths[0], bbox, study_bbox, "no cell of elevation")
    report = ImportReport(kind=ELEVATION, file_name=", ".join(path.name for path in paths))
    report.figures |= {"tiles": len(paths), "bbox": list(bbox)}
    return _prepared(ELEVATION, paths[0], sidecar_of(paths[0]), report, _copier(paths))


def prepare_landcover(paths: Sequence[Path], *, max_mb: int, study_bbox: BBox | None) -> Prepared:
    """Read land cover: one raster of classes, or one raster of percent for each class.

    The class of a fraction raster stands in its name (``landcover_Tree.tif``).
    """
    headers = [read_header(path, max_mb=max_mb, whole=True) for path in paths]
    bbox = _around([header.bbox for header in headers])
    _check_overlap(paths[0], bbox, study_bbox, "no cell of land cover")
    report = ImportReport(kind=LANDCOVER, file_name=", ".join(path.name for path in paths))
    report.figures |= {"bbox": list(bbox)}
    if len(paths) == 1:
        unknown = sorted(set(codes_of(paths[0])) - set(WORLDCOVER))
        if unknown:
            raise InvalidInput(
                f"{paths[0].name} holds the codes {', '.join(f'{code:g}' for code in unknown[:10])}, which are not of ESA "
                f"WorldCover ({', '.join(map(str, WORLDCOVER))}); recode it, or give one raster of percent for each class"
            )
        report.figures |= {"format": "classes"}
        report.notes.append("read as classes with the codes of ESA WorldCover (10 trees … 80 water)")
    else:
        named = {landcover_class_of(path): path.name for path in paths}
        if len(named) < len(paths):
            raise InvalidInput("two of the files hold the same land-cover class; give each class once")
        report.figures |= {"format": "fractions", "classes": sorted(named)}
    return _prepared(LANDCOVER, paths[0], sidecar_of(paths[0]), report, _copier(paths))


def landcover_class_of(path: Path) -> str:
    """Return the land-cover class that a fraction raster's name ends with.

    Raises
    ------
    InvalidInput
    """
    word = re.split(r"[_\-.]", path.stem)[-1].lower()
    if word not in LANDCOVER_CLASSES:
        raise InvalidInput(
            f"{path.name} does not end with the name of a land-cover class ({', '.join(LANDCOVER_CLASSES)}); "
            "rename it, for example landcover_Tree.tif"
        )
    return word


# Its licence asks for the credit, whoever made the extract.
OSM = Provenance(source="© OpenStreetMap contributors (ODbL)", licence="ODbL 1.0")


def _prepared(
    kind: str, path: Path, told: dict[str, Any], report: ImportReport, write: Callable[[Path], None]
) -> Prepared:
    known = OSM if path.suffix.lower() in OSM_SUFFIXES else UNSAID
    layer = Layer(
        kind=kind, title=str(told.get("title_zh") or path.stem), file_name=report.file_name, folder=Path(),
        sha256="", source=told.get("source") or known.source, licence=told.get("licence") or known.licence, dated=told.get("date"),
        schematic=bool(told.get("schematic")), summary=dict(report.figures),
    )
    return Prepared(kind=kind, layer=layer, write=write, report=report)


def _copier(paths: Sequence[Path]) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        for path in paths:
            shutil.copyfile(path, folder / path.name)

    return write


def _around(boxes: Sequence[BBox]) -> BBox:
    corners = np.asarray(boxes)
    return (
        float(corners[:, 0].min()), float(corners[:, 1].min()),
        float(corners[:, 2].max()), float(corners[:, 3].max()),
    )


def _check_overlap(path: Path, bbox: BBox, study_bbox: BBox | None, what: str) -> None:
    if study_bbox is None:
        return
    west, south, east, north = study_bbox
    if bbox[0] > east or bbox[2] < west or bbox[1] > north or bbox[3] < south:
        raise InvalidInput(_outside(path, bbox, study_bbox, what))


def _outside(path: Path, found: Sequence[float], study: BBox, what: str) -> str:
    def say(box: Sequence[float]) -> str:
        return f"longitude {box[0]:.3f} to {box[2]:.3f}, latitude {box[1]:.3f} to {box[3]:.3f}"

    return (
        f"{path.name}: {what} lies in the study area ({say(study)}); the file covers {say(found)}; "
        "is it the file of another county, or are longitude and latitude swapped?"
    )
