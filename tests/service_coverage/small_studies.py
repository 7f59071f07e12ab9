"""Studies small enough for a pencil: a grid of a few cells, a surface written by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import shapely

from geosvc.coverage.people import People
from geosvc.coverage.services import Service, Threshold
from geosvc.coverage.tree import AreaTree
from geosvc.geo.crs import to_degrees
from geosvc.geo.grid import MICRO, Grid, Surface
from geosvc.registry.areas import Area

CRS = "EPSG:4551"
CELL_M = 1000.0
WALK = Service(
    id="walk", zh="步行", en="Walk", facility_classes=("A",), method="travel_time", profile="walk",
    thresholds=(Threshold(id="30min", value=30), Threshold(id="60min", value=60)),
)
LIMIT = WALK.thresholds[0]
LIMIT_S = 1800


def radius(*kilometres, applies_to="any"):
    """Return a straight-line service with these limits in kilometres."""
    return Service(
        id="radius", zh="半径", en="Radius", facility_classes=("A",), method="straight_line",
        thresholds=tuple(
            Threshold(id=f"t{i}", value=km, applies_to=applies_to) for i, km in enumerate(kilometres)
        ),
    )


def grid_of(rows, cols, cell_m=CELL_M):
    """Return a grid whose north-west corner stands on the central meridian at about 42.4 N."""
    return Grid(crs=CRS, west_m=500_000.0, north_m=4_700_000.0, cell_size_m=cell_m, rows=rows, cols=cols)


def surface_of(seconds, *, looked=None, horizon=float("inf"), nearest=None, unit="s"):
    """Return a surface from rows of seconds; None = not reached."""
    micro = np.array([[-1 if s is None else round(s * MICRO) for s in row] for row in seconds], dtype=np.int64)
    found = np.where(micro < 0, -1, 0).astype(np.int32) if nearest is None else np.array(nearest, dtype=np.int32)
    return Surface(
        grid=grid_of(*micro.shape), micro=micro, nearest=found, unit=unit, horizon=horizon,
        looked=None if looked is None else np.array(looked, dtype=bool),
    )


def people_at(entries):
    """Return people from (row, col, count, area index)."""
    row, col, count, area = (np.array(each) for each in zip(*entries, strict=True))
    return People(row=row.astype(np.int64), col=col.astype(np.int64), count=count.astype(float), area=area.astype(np.int32))


def block(grid, top, left, bottom, right):
    """Return, in degrees, the outline of rows top..bottom-1 and columns left..right-1."""
    def corner(row, col):
        return grid.west_m + col * grid.cell_size_m, grid.north_m - row * grid.cell_size_m

    ring = [corner(top, left), corner(top, right), corner(bottom, right), corner(bottom, left)]
    lon, lat = to_degrees([x for x, _ in ring], [y for _, y in ring], crs=grid.crs)
    return shapely.Polygon(list(zip(lon, lat, strict=True)))


def tree_of(*areas):
    """Return a tree; areas come in the order of their code, as the store gives them."""
    return AreaTree(tuple(sorted(areas, key=lambda area: area.code)))


def county_of_two(grid, split):
    """Return a county and two townships, the border west of column ``split``."""
    county = Area(code="1", name="县", level="county", geometry=block(grid, 0, 0, grid.rows, grid.cols))
    west = Area(code="11", name="西镇", level="township", parent_code="1", geometry=block(grid, 0, 0, grid.rows, split))
    east = replace(west, code="12", name="东镇", geometry=block(grid, 0, split, grid.rows, grid.cols))
    return tree_of(county, west, east)
