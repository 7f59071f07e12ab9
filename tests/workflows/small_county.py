"""A small county, made of files and imported: two townships, a river with one bridge, people, facilities.

The county is 0.2 degrees wide and 0.1 high (about 16 x 11 km). The river runs from north to
south along its middle; the only road crosses it. The hospital stands in the west, the clinic in
the east; people live on a raster of 3 arc-seconds.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from registry.made_files import EAST, HEADER, NORTH, SOUTH, WEST, county_files, write_csv, write_raster

from geosvc.registry.imports.areas import PeopleOptions
from geosvc.registry.imports.facilities import FacilityOptions
from geosvc.store.engine import Store
from geosvc.workflows import importing
from geosvc.workflows.workspace import init_workspace

ARC3 = 3 / 3600
HOSPITAL = ["县人民医院", "A100", "126.85", "42.35", "WGS84"]
CENTRE = ["东镇卫生院", "C220", "126.95", "42.32", "WGS84"]
UNLOCATED = ["西镇卫生院", "C220", "", "", ""]


def people_values() -> np.ndarray:
    """People of a 120 x 240 raster of 3 arc-seconds: uneven, total not a round number."""
    rng = np.random.default_rng(11)
    return np.where(rng.random((120, 240)) < 0.3, rng.random((120, 240)) * 4, 0).astype(np.float32)


def landcover_values() -> np.ndarray:
    """Grass (30) with a river (80) of about 330 m in the middle; classes of ESA WorldCover."""
    values = np.full((100, 200), 30, dtype=np.uint8)
    values[:, 98:102] = 80
    return values


def write_county(folder: Path) -> dict[str, Path]:
    """Write all files of the county."""
    return {
        **county_files(folder),
        "facilities": write_csv(folder / "facilities.csv", [HEADER, HOSPITAL, CENTRE, UNLOCATED]),
        "people": write_raster(folder / "people.tif", people_values(), west=WEST, north=NORTH, cell=ARC3),
        "landcover": write_raster(folder / "cover.tif", landcover_values(), west=WEST, north=NORTH, cell=0.001),
    }


def furnish(settings, folder: Path, *, leave_out: tuple[str, ...] = (), cell_size_m: float = 200.0) -> Store:
    """Make the workspace of the county, without the kinds of files that are left out."""
    files = write_county(folder)
    store = init_workspace(settings, cell_size_m=cell_size_m)
    steps = {
        "areas": lambda path: importing.import_areas(store, path, settings),
        "roads": lambda path: importing.import_roads(store, path, settings),
        "facilities": lambda path: importing.import_facilities(store, path, FacilityOptions(), settings),
        "people": lambda path: importing.import_population(store, path, settings, options=PeopleOptions(year=2020)),
        "landcover": lambda path: importing.import_landcover(store, [path], settings),
    }
    for name, step in steps.items():
        if name not in leave_out:
            step(files[name])
    return store


__all__ = ["ARC3", "EAST", "NORTH", "SOUTH", "WEST"]
