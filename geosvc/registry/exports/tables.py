"""Exported facilities as CSV, and as GeoJSON or GeoPackage."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING

from geosvc.geo.vector import write_points
from geosvc.registry.exports.cells import guarded
from geosvc.registry.exports.columns import HEADERS, About, fields_of, lines, statements

if TYPE_CHECKING:
    from pathlib import Path

    from geosvc.registry.exports.extract import Extract

_NUMBERS = ("longitude", "latitude")


def write_csv(path: Path, found: Extract, about: About) -> None:
    """Write a CSV that spreadsheets open as UTF-8 (with a byte-order mark) and in which they compute nothing."""
    fields = fields_of(about, on_map=False)
    with path.open("w", encoding="utf-8-sig", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\r\n")
        writer.writerow([HEADERS[field] for field in fields])
        # A longitude in the west begins with a minus and is a number.
        columns = [(field, field in _NUMBERS) for field in fields]
        for line in lines(found, about):
            told = line.cells
            writer.writerow([text if not (text := told.get(field)) or plain else guarded(text) for field, plain in columns])


def write_geojson(path: Path, found: Extract, about: About) -> None:
    """Write features one by one; what a reader must know stands before them.

    RFC 7946 knows WGS 84 only. An export in another datum says it in its member ``datum`` and in the
    property 图形坐标系 of every feature, which the importer obeys.
    """
    fields = fields_of(about, on_map=True)
    members = {
        "type": "FeatureCollection", "registry": about.signature, "as_of": about.as_of, "recorded": about.recorded,
        "datum": about.datum, "illustrative": found.illustrative,
        "notes": [f"{title}: {text}" for title, text in statements(found, about)],
    }
    with path.open("w", encoding="utf-8") as stream:
        stream.write(json.dumps(members, ensure_ascii=False)[:-1] + ', "features": [')
        for number, line in enumerate(lines(found, about)):
            feature = {
                "type": "Feature",
                "geometry": None if line.lon is None else {"type": "Point", "coordinates": [line.lon, line.lat]},
                "properties": {HEADERS[field]: guarded(line.cells.get(field, ""), computed=False) or None for field in fields},
            }
            stream.write((",\n" if number else "\n") + json.dumps(feature, ensure_ascii=False))
        stream.write("\n]}\n")


def write_geopackage(path: Path, found: Extract, about: About) -> None:
    """Write one layer of points, every attribute as text, with what a reader must know as its metadata."""
    fields = fields_of(about, on_map=True)
    rows, places = [], []
    for line in lines(found, about):
        rows.append([guarded(line.cells.get(field, ""), computed=False) or None for field in fields])
        places.append(None if line.lon is None or line.lat is None else (line.lon, line.lat))
    write_points(
        path, [HEADERS[field] for field in fields], rows, places, layer="facilities", datum=about.datum,
        told=dict(statements(found, about)),
    )
