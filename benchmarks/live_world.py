"""A made county for the live what-if: a million cells with hills, forest, a river, roads, people in villages, facilities.

Every number is drawn from one seed; no place is real.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import shapely
from affine import Affine
from scipy import ndimage
from shapely.geometry import LineString, box, mapping

from geosvc.geo.crs import to_degrees
from geosvc.registry.imports.facilities import FacilityOptions
from geosvc.settings import Settings
from geosvc.store.engine import Store
from geosvc.workflows import importing
from geosvc.workflows.workspace import init_workspace

CRS, CELL_M, WEST_M, SOUTH_M = "EPSG:4551", 100.0, 500_000.0, 4_600_000.0
_TOWNSHIPS, _VILLAGES = 4, 3  # on a side: 16 townships of 9 villages
_ROAD_EVERY_M, _MAIN_EVERY = 2000.0, 5
_SETTLED = 0.35


class World:
    """The files of the county, and where things stand."""

    def __init__(self, folder: Path, cells: int, facilities: int, *, hills: bool) -> None:
        """Keep what is asked for; :meth:`furnish` makes it."""
        self.folder, self.cells, self.size, self.hills = folder, cells, cells * CELL_M, hills
        self.rng = np.random.default_rng(1)
        self.places = self.rng.uniform(0.02, 0.98, (facilities, 2)) * self.size

    def degrees(self, x: float, y: float) -> tuple[float, float]:
        """Return the longitude and latitude of metres from the south-west corner."""
        lon, lat = to_degrees([WEST_M + x], [SOUTH_M + y], crs=CRS)
        return float(lon[0]), float(lat[0])

    def furnish(self, settings: Settings) -> Store:
        """Make the workspace."""
        store = init_workspace(settings, grid_crs=CRS, cell_size_m=CELL_M, margin_km=0.0)
        importing.import_areas(store, self._areas(), settings)
        importing.import_roads(store, self._roads(), settings)
        importing.import_facilities(store, self._facilities(), FacilityOptions(), settings)
        importing.import_landcover(store, [self._cover()], settings)
        if self.hills:
            importing.import_elevation(store, [self._raster("heights.tif", self._noise(40) * 400.0 + 600.0)], settings)
        importing.import_population(store, self._people(), settings)
        return store

    def _shape(self, left: float, bottom: float, right: float, top: float) -> Any:
        corners = shapely.segmentize(box(left, bottom, right, top), self.size / 20)
        return shapely.transform(corners, lambda xy: np.column_stack(to_degrees(WEST_M + xy[:, 0], SOUTH_M + xy[:, 1], crs=CRS)))

    def _areas(self) -> Path:
        edge = 0.1
        features = [({"code": "990001", "name": "试验县", "level": "county"}, self._shape(edge, edge, self.size - edge, self.size - edge))]
        across = _TOWNSHIPS * _VILLAGES
        for level, parts, parent in (("township", _TOWNSHIPS, None), ("village", across, _VILLAGES)):
            step = self.size / parts
            for row in range(parts):
                for col in range(parts):
                    own = f"990001{row * parts + col + 1:03d}" if parent is None else ""
                    above = f"990001{(row // _VILLAGES) * _TOWNSHIPS + col // _VILLAGES + 1:03d}"
                    code = own or f"{above}{(row % _VILLAGES) * _VILLAGES + col % _VILLAGES + 1:03d}"
                    sides = (max(col * step, edge), max(row * step, edge), min((col + 1) * step, self.size - edge), min((row + 1) * step, self.size - edge))
                    told = {"code": code, "name": f"{level}{code[6:]}", "level": level, "parent_code": "990001" if parent is None else above}
                    features.append((told, self._shape(*sides)))
        return self._geojson("areas.geojson", features)

    def _roads(self) -> Path:
        steps = np.arange(CELL_M / 2, self.size, _ROAD_EVERY_M)
        ends = [1.0, *steps, self.size - 1.0]
        features = []
        for n, at in enumerate(steps):
            told = {"highway": "primary" if n % _MAIN_EVERY == 0 else "unclassified"}
            features += [(told, LineString([self.degrees(x, at) for x in ends])), (told, LineString([self.degrees(at, y) for y in ends]))]
        return self._geojson("roads.geojson", features)

    def _geojson(self, name: str, features: list[tuple[dict[str, Any], Any]]) -> Path:
        body = [{"type": "Feature", "properties": told, "geometry": mapping(shape)} for told, shape in features]
        path = self.folder / name
        path.write_text(json.dumps({"type": "FeatureCollection", "features": body}), "utf-8")
        return path

    def _facilities(self) -> Path:
        path = self.folder / "facilities.csv"
        with path.open("w", encoding="utf-8", newline="") as stream:
            rows = csv.writer(stream)
            rows.writerow(["name", "class_code", "longitude", "latitude", "datum"])
            rows.writerows([f"医院{n}", "A100", *self.degrees(*place), "WGS84"] for n, place in enumerate(self.places))
        return path

    def _noise(self, cells: float) -> Any:
        found = ndimage.gaussian_filter(self.rng.standard_normal((self.cells, self.cells)), cells, mode="wrap")
        return (found / np.abs(found).max()).astype(np.float32)

    def _cover(self) -> Path:
        noise = self._noise(15)
        codes = np.where(noise > 0.1, 10, 30).astype(np.uint8)  # forest, grass
        row = np.arange(self.cells)
        river = (self.cells * (0.5 + 0.1 * np.sin(row / self.cells * 9))).astype(int)
        for wide in range(3):
            codes[row, np.minimum(river + wide, self.cells - 1)] = 80
        return self._raster("cover.tif", codes)

    def _people(self) -> Path:
        noise = self._noise(8)
        many = np.where(noise > np.quantile(noise, 1 - _SETTLED), self.rng.gamma(0.6, 4.0, noise.shape), 0)
        return self._raster("people.tif", many.astype(np.float32))

    def _raster(self, name: str, values: Any) -> Path:
        path = self.folder / name
        shape = {"height": values.shape[0], "width": values.shape[1], "count": 1, "dtype": values.dtype}
        with rasterio.open(path, "w", driver="GTiff", crs=CRS, transform=Affine(CELL_M, 0, WEST_M, 0, -CELL_M, SOUTH_M + self.size), **shape) as out:
            out.write(values, 1)
        return path
