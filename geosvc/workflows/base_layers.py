"""What lies beneath a map: the roads, the water and the named places of the layers that a run was computed on."""

from __future__ import annotations

import csv
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import shapely

from geosvc.geo.vector import read_vector
from geosvc.maps.document import Place
from geosvc.registry import layers
from geosvc.registry.areas import LEVELS, ZONE
from geosvc.registry.barrier_classes import barrier_classes
from geosvc.registry.imports.barriers import BARRIERS_FILE
from geosvc.registry.imports.layers import POINTS_FILE, ROADS_FILE
from geosvc.registry.layers import BARRIERS, POPULATION, ROADS
from geosvc.registry.locating import codes_above
from geosvc.store.runs import select_coverage
from geosvc.store.scope import inside
from geosvc.workflows.reading import coverage_row

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from shapely.geometry.base import BaseGeometry

    from geosvc.registry.areas import Area
    from geosvc.store.engine import Session, Store

_NAMED = tuple(level for level in LEVELS if level != ZONE)


def _file_of(store: Store, run: dict[str, Any], kind: str, name: str) -> Path | None:
    """Return a file of the layer that a run was computed on; None where it had none, or its files are gone."""
    sha256 = run["inputs"]["layers"].get(kind)
    path = None if sha256 is None else store.layers / layers.folder_name(kind, sha256) / name
    return path if path is not None and path.is_file() else None


# Folders are named by the checksum of what is in them, so what was read once stays true.


def roads_of(store: Store, run: dict[str, Any]) -> list[tuple[str, BaseGeometry]]:
    """Return the roads of a run as (class, line in degrees)."""
    path = _file_of(store, run, ROADS, ROADS_FILE)
    return [] if path is None else _road_lines(path)


@lru_cache(maxsize=4)
def _road_lines(path: Path) -> list[tuple[str, BaseGeometry]]:
    frame = read_vector(path, max_mb=2**20, expected="roads")
    return list(zip(frame["road_class"], frame.geometry, strict=True))


def water_of(store: Store, run: dict[str, Any]) -> list[BaseGeometry]:
    """Return rivers, canals, lakes and reservoirs of a run, in degrees: as far as they were imported as barriers."""
    path = _file_of(store, run, BARRIERS, BARRIERS_FILE)
    return [] if path is None else _water_shapes(path)


@lru_cache(maxsize=4)
def _water_shapes(path: Path) -> list[BaseGeometry]:
    frame = read_vector(path, max_mb=2**20, expected="barriers")
    wet = [code for code, each in barrier_classes().items() if each.water]
    # Flooded land is water on some days only.
    always = frame["barrier_class"].isin(wet) & frame["condition"].fillna("").eq("")
    return list(frame.geometry[always])


def places_of(store: Store, session: Session, run: dict[str, Any], outlines: Sequence[Area]) -> list[Place]:
    """Return the areas of a run as places with a name, the higher and larger first.

    One stands where most of its people live together, else in the middle of its outline; of what is nowhere there is no name. Of a level with
    a single area there is none either: that is the title of the map.
    """
    points = _largest_points(store, run)
    middles = {each.code: shapely.point_on_surface(each.geometry) for each in outlines if each.geometry is not None and each.code not in points}
    limit = run["parameters"]["service"]["thresholds"][0]["id"]
    rows = [row for row in map(coverage_row, select_coverage(session, run["id"], limit)) if row["level"] in _NAMED]
    several = {level for level in _NAMED if sum(row["level"] == level for row in rows) > 1}
    found = []
    for row in rows:
        code, middle = row["area_code"], middles.get(row["area_code"])
        at = points.get(code) or (None if middle is None else (middle.x, middle.y))
        if at is not None and row["level"] in several and (store.areas is None or inside(code, store.areas)):
            found.append(Place(name=row["name"], level=row["level"], lon=at[0], lat=at[1], people=row["people_total"]))
    return sorted(found, key=lambda each: (_NAMED.index(each.level), -(each.people or 0.0), each.name))


def _largest_points(store: Store, run: dict[str, Any]) -> dict[str, tuple[float, float]]:
    path = _file_of(store, run, POPULATION, POINTS_FILE)
    return {} if path is None else _largest_in(path)


@lru_cache(maxsize=4)
def _largest_in(path: Path) -> dict[str, tuple[float, float]]:
    """Return, for each area that has points of people, where most of them are (longitude, latitude)."""
    most: dict[str, tuple[float, tuple[float, float]]] = {}
    with path.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            people, at = float(row["people"]), (float(row["longitude"]), float(row["latitude"]))
            for code in codes_above(row["area_code"]):
                if people > most.get(code, (0.0, at))[0]:
                    most[code] = (people, at)
    return {code: at for code, (_people, at) in most.items()}
