"""A workspace of a few cells, drawn cell by cell, so that a pencil can check every time.

Cells are 200 m wide: no default of the engine is, so that a size which is not handed on shows.
Places are (row, col), whole numbers are the centres of cells. Land cover is drawn in letters, one
for each cell.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from registry.made_files import HEADER, write_csv, write_geojson, write_raster
from service_coverage.small_studies import CRS, block, grid_of
from shapely import LineString, Polygon

from geosvc.geo.crs import to_degrees
from geosvc.geo.raster import read_band
from geosvc.registry.imports.facilities import FacilityOptions
from geosvc.settings import Settings
from geosvc.store.runs import RunRow
from geosvc.workflows import importing
from geosvc.workflows.measuring import SURFACE_FILE, measure_service
from geosvc.workflows.study import Study
from geosvc.workflows.workspace import init_workspace, open_workspace

CELL_M = 200.0
# Seconds from the centre of one cell to the next.
GROUND = 180.0  # 4 km/h, on foot over unknown ground and over grass
FOOT_ROAD = 144.0  # 5 km/h, on foot along a road
STREET = 28.8  # 25 km/h, in a vehicle along a residential street
CYCLED = 48.0  # 15 km/h, by bicycle along a road
# Stepping on and off a road at the centre of a cell takes a microsecond each.
ON_AND_OFF = 2e-6
LETTERS = {"g": 30, "b": 50, "~": 80, "?": 0}  # grass, builtup, permanent water, no data


@dataclass(frozen=True)
class Answer:
    """What a run stored: seconds of every cell (inf = not reached), the facility that is nearest, the run."""

    seconds: np.ndarray
    nearest: np.ndarray
    run: RunRow

    @property
    def report(self) -> dict[str, Any]:
        """What became of the facilities."""
        return self.run.summary["facilities"]


@dataclass(frozen=True)
class Drawn:
    """A study that was drawn, and a way to ask it."""

    study: Study
    settings: Settings
    folder: Path
    asked: list[str] = field(default_factory=list)

    def ask(
        self, profile: str, *, trial_kmh: float | None = None, trial_conditions: tuple[str, ...] = (),
        named: str | None = None, **fields: Any,
    ) -> Answer:
        """Declare a service of this profile in a file, measure it, and read what was stored.

        It is a new service each time unless it is ``named``; one of that name is declared anew.
        """
        name = named or f"asked-{len(self.asked)}"
        self.asked.append(name)
        importing.import_services(self.study.store, self._declaration(name, profile, fields), self.settings)
        return self.measure(name, speed_kmh=trial_kmh, conditions=trial_conditions)

    def _declaration(self, name: str, profile: str, fields: dict[str, Any]) -> Path:
        told = {"id": name, "zh": "问", "en": "Asked", "facility_classes": ["A"], "method": "travel_time",
                "profile": profile, **fields}
        lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in told.items()]
        path = self.folder / f"{name}.toml"
        path.write_text("\n".join(["[[service]]", *lines, 'thresholds = [{ id = "limit", value = 60 }]']), "utf-8")
        return path

    def measure(self, service: str, *, speed_kmh: float | None = None, conditions: tuple[str, ...] = ()) -> Answer:
        """Measure a service that is declared already."""
        run = measure_service(self.study, service, speed_kmh=speed_kmh, conditions=conditions)
        path = self.study.store.runs / run.id / SURFACE_FILE
        micro = read_band(path)
        return Answer(np.where(micro < 0, np.inf, micro / 1e6), read_band(path, 2), run)


def place(row: float, col: float) -> tuple[float, float]:
    """Return the longitude and latitude of a place on the drawing."""
    lon, lat = to_degrees(*grid_of(1, 1, CELL_M).centres(row, col), crs=CRS)
    return float(lon), float(lat)


def road(kind: str, *cells: tuple[float, float], **tags: Any) -> tuple[dict[str, Any], LineString]:
    """Return a road through the centres of cells."""
    return {"highway": kind, **tags}, LineString([place(*cell) for cell in cells])


def barrier(kind: str, *cells: tuple[float, float], **told: Any) -> tuple[dict[str, Any], LineString]:
    """Return a barrier through the centres of cells."""
    return {"barrier_class": kind, **told}, LineString([place(*cell) for cell in cells])


def flooded(top: float, left: float, bottom: float, right: float, **told: Any) -> tuple[dict[str, Any], Polygon]:
    """Return land under water in a flood, between places that are half a cell off the edges of cells."""
    corners = [(top, left), (top, right), (bottom, right), (bottom, left)]
    return {"barrier_class": "flood_area", **told}, Polygon([place(*corner) for corner in corners])


def empty_workspace(folder: Path) -> Path:
    """Make a workspace for the grid of the drawings that :func:`draw` can start from."""
    settings = Settings(workspace=folder / "workspace")
    init_workspace(settings, grid_crs=CRS, cell_size_m=CELL_M, margin_km=0.0).close()
    return settings.workspace


def draw(
    folder: Path, empty: Path, *, shape: tuple[int, int], facilities: list[tuple[float, float]],
    facility_class: str = "A100", roads: list[Any] | None = None, cover: Any = None, heights: Any = None,
    people: list[tuple[int, int, float]] | None = None, split: int | None = None, barriers: list[Any] | None = None,
) -> Drawn:
    """Draw a ground of ``shape`` cells, put it into files, and import those.

    Parameters
    ----------
    folder : Path
        Where the files and the workspace go.
    empty : Path
        Made by :func:`empty_workspace`.
    shape : tuple
        (rows, cols).
    facilities : list of (row, col)
        Hospitals unless ``facility_class`` says otherwise; the first has the id 1.
    facility_class : str
    roads : list, optional
        Made by :func:`road`.
    cover : list of str, or dict of rows of percent by class, optional
        One letter for each cell (``LETTERS``), or one raster of percent for each class, NaN = no data.
    heights : rows of float, optional
        Metres.
    people : list of (row, col, people), optional
    split : int, optional
        The county has two townships, the border west of this column.
    barriers : list, optional
        Made by :func:`barrier` and :func:`flooded`.
    """
    grid = grid_of(*shape, CELL_M)
    settings = Settings(workspace=folder / "workspace")
    shutil.copytree(empty, settings.workspace)
    store = open_workspace(settings)
    importing.import_areas(store, _areas(folder, grid, split), settings)
    rows = [[f"医院{i}", facility_class, *map(repr, place(*at)), "WGS84"] for i, at in enumerate(facilities)]
    importing.import_facilities(store, write_csv(folder / "facilities.csv", [HEADER, *rows]), FacilityOptions(), settings)
    if roads:
        importing.import_roads(store, write_geojson(folder / "roads.geojson", roads), settings)
    if barriers:
        importing.import_barriers(store, write_geojson(folder / "barriers.geojson", barriers), settings)
    if cover is not None:
        importing.import_landcover(store, _cover(folder, cover, grid), settings)
    if heights is not None:
        importing.import_elevation(store, [_raster(folder / "heights.tif", np.array(heights, np.float32), grid)], settings)
    if people:
        rows = [[*map(repr, place(row, col)), count] for row, col, count in people]
        path = write_csv(folder / "people.csv", [["longitude", "latitude", "people"], *rows])
        importing.import_population(store, path, settings, datum="WGS84")
    study = Study(store, settings)
    assert study.grid == grid, "the grid is not the one that was drawn on"
    return Drawn(study, settings, folder)


def _areas(folder: Path, grid: Any, split: int | None) -> Path:
    def inside(left: float, right: float) -> Any:
        # A hair inside of the outermost cells: the grid around it has no cell more.
        return block(grid, 0.1, left, grid.rows - 0.1, right)

    whole = [({"code": "990001", "name": "试验县", "level": "county"}, inside(0.1, grid.cols - 0.1))]
    towns = [] if split is None else [
        ({"code": f"99000110{i}", "name": name, "level": "township", "parent_code": "990001"}, inside(*ends))
        for i, (name, ends) in enumerate({"西镇": (0.1, split), "东镇": (split, grid.cols - 0.1)}.items())
    ]
    return write_geojson(folder / "areas.geojson", whole + towns)


def _cover(folder: Path, cover: Any, grid: Any) -> list[Path]:
    if isinstance(cover, dict):
        return [
            _raster(folder / f"landcover_{name}.tif", np.array(percent, np.float32), grid, nodata=float("nan"))
            for name, percent in cover.items()
        ]
    codes = np.array([[LETTERS[letter] for letter in row] for row in cover], np.uint8)
    return [_raster(folder / "cover.tif", codes, grid, nodata=0)]


def _raster(path: Path, values: np.ndarray, grid: Any, *, nodata: float | None = None) -> Path:
    assert values.shape == grid.shape, f"{path.name} is drawn with {values.shape} cells, the grid has {grid.shape}"
    return write_raster(path, values, west=grid.west_m, north=grid.north_m, cell=CELL_M, crs=CRS, nodata=nodata)


def same(seconds, expected):
    """Compare seconds to a hundred-thousandth; inf only equals inf."""
    np.testing.assert_allclose(np.squeeze(seconds), expected, rtol=0, atol=1e-5)
