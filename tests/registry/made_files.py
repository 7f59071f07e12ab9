"""Small files as people have them, made for a test, and a picture of a whole workspace."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import sqlite3
import warnings
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import openpyxl
import rasterio
from affine import Affine
from shapely.geometry import LineString, Point, Polygon, box, mapping  # noqa: F401  the tests take them from here

# A made-up county of 0.2 x 0.1 degrees with two townships, west and east.
WEST, SOUTH, EAST, NORTH = 126.8, 42.3, 127.0, 42.4
MIDDLE = 126.9
COUNTY = box(WEST, SOUTH, EAST, NORTH)
TOWNSHIP_W = box(WEST, SOUTH, MIDDLE, NORTH)
TOWNSHIP_E = box(MIDDLE, SOUTH, EAST, NORTH)
BOWTIE = Polygon([(WEST, SOUTH), (EAST, NORTH), (EAST, SOUTH), (WEST, NORTH)])
HEADER = ["name", "class_code", "longitude", "latitude", "datum"]
GOOD_ROW = ["县人民医院", "A100", "126.85", "42.35", "WGS84"]


def write_csv(path: Path, rows: list[list[Any]], *, encoding: str = "utf-8", delimiter: str = ",") -> Path:
    """Write rows as delimited text."""
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter).writerows(rows)
    path.write_bytes(text.getvalue().encode(encoding))
    return path


def write_xlsx(path: Path, rows: list[list[Any]], *, merged: str | None = None, sheet: str = "Sheet1") -> Path:
    """Write rows as a spreadsheet, one range merged."""
    book = openpyxl.Workbook()
    page = book.active
    page.title = sheet
    for row in rows:
        page.append(row)
    if merged:
        page.merge_cells(merged)
    book.save(path)
    book.close()
    return path


def write_geojson(path: Path, features: list[tuple[dict[str, Any], Any]], **members: Any) -> Path:
    """Write features; a shape may be None."""
    body = [
        {"type": "Feature", "properties": told, "geometry": None if shape is None else mapping(shape)}
        for told, shape in features
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": body, **members}, ensure_ascii=False), "utf-8")
    return path


def write_layer(
    path: Path, features: list[tuple[dict[str, Any], Any]], *, crs: str | None = "EPSG:4326", layer: str | None = None
) -> Path:
    """Write features as a Shapefile, or as one layer of a GeoPackage (others in it stay)."""
    frame = gpd.GeoDataFrame([told for told, _ in features], geometry=[shape for _, shape in features], crs=crs)
    options = {"layer": layer} if layer else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frame.to_file(path, engine="pyogrio", mode="a" if layer and path.exists() else "w", **options)
    return path


def write_raster(
    path: Path, values: Any, *, west: float = WEST, north: float = NORTH, cell: float = 0.01,
    crs: str | None = "EPSG:4326", nodata: float | None = None,
) -> Path:
    """Write one band; row 0 is north."""
    values = np.asarray(values)
    with rasterio.open(
        path, "w", driver="GTiff", height=values.shape[0], width=values.shape[1], count=1, dtype=values.dtype.name,
        crs=crs, transform=Affine(cell, 0, west, 0, -cell, north), nodata=nodata,
    ) as target:
        target.write(values, 1)
    return path


def write_sparse(path: Path, size: int = 2 * 1024**3) -> Path:
    """Write a file that says it has 2 GiB and takes no room on the disk."""
    with path.open("wb") as stream:
        stream.truncate(size)
    return path


def write_junk(path: Path) -> Path:
    """Write bytes that are no file format, the same every time."""
    path.write_bytes(b"\x00\xff" + np.random.default_rng(7).bytes(5000))
    return path


def county_files(folder: Path) -> dict[str, Path]:
    """Write the boundary, the roads and the facilities of the made-up county."""
    areas = [
        ({"code": "990001", "name": "试验县", "level": "county"}, COUNTY),
        ({"code": "990001100", "name": "西镇", "level": "township", "parent_code": "990001"}, TOWNSHIP_W),
        ({"code": "990001101", "name": "东镇", "level": "township", "parent_code": "990001"}, TOWNSHIP_E),
    ]
    roads = [({"highway": "primary", "name": "一路"}, LineString([(WEST, 42.35), (EAST, 42.35)]))]
    return {
        "areas": write_geojson(folder / "areas.geojson", areas),
        "roads": write_geojson(folder / "roads.geojson", roads),
        "facilities": write_csv(folder / "facilities.csv", [HEADER, GOOD_ROW]),
    }


def snapshot(workspace: Path) -> dict[str, Any]:
    """Return every row of every table and the checksum of every file of a workspace."""
    connection = sqlite3.connect(f"file:{workspace / 'registry.sqlite'}?mode=ro", uri=True)
    try:
        tables = list(connection.iterdump())
    finally:
        connection.close()
    files = {
        str(path.relative_to(workspace)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
        for path in sorted(workspace.rglob("*")) if not path.name.startswith("registry.sqlite")
    }
    return {"tables": tables, "files": files}


def write_osm(path: Path, nodes: dict[int, tuple[float, float]], ways: list[tuple[list[int], dict[str, str]]]) -> Path:
    """Write a file of OpenStreetMap (.osm.pbf or .osm, by its name): places of nodes, and ways with their tags."""
    import osmium

    with osmium.SimpleWriter(str(path), overwrite=True) as writer:
        for number, place in nodes.items():
            writer.add_node(osmium.osm.mutable.Node(id=number, location=place, version=1))
        for number, (refs, tags) in enumerate(ways, start=1):
            writer.add_way(osmium.osm.mutable.Way(id=number, nodes=refs, tags=tags, version=1))
    return path
