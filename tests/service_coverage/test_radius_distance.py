"""The service radius: kilometres on the ground, never degrees, and ties are decided."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from pyproj import Geod
from service_coverage.small_studies import grid_of

from geosvc.coverage.straight_line import straight_line_surface
from geosvc.geo.crs import grid_crs_for, to_degrees
from geosvc.geo.grid import MICRO, Grid

GEOD = Geod(ellps="WGS84")
COUNTIES = {
    "靖宇": (126.5, 42.1, 127.3, 42.8), "Comoros": (43.2, -12.5, 44.6, -11.3), "equator": (36.0, -0.5, 37.0, 0.5),
    "包头": (109.3, 40.2, 111.2, 41.4), "far north": (18.0, 69.0, 20.0, 70.0),
}


@pytest.mark.parametrize("name", COUNTIES)
def test_distances_agree_with_the_ellipsoid_within_a_thousandth(name):
    """Over a county every cell's distance is the geodesic one to 0.1 %, and the nearest facility the same."""
    bbox = COUNTIES[name]
    grid = Grid.covering(bbox, crs=grid_crs_for(bbox), cell_size_m=4000, max_cells=10**6)
    rng = np.random.default_rng(3)
    lon, lat = rng.uniform(bbox[0], bbox[2], 12), rng.uniform(bbox[1], bbox[3], 12)
    surface = straight_line_surface(lon, lat, grid)
    row, col = (each.ravel() for each in np.meshgrid(np.arange(grid.rows), np.arange(grid.cols), indexing="ij"))
    cell_lon, cell_lat = to_degrees(*grid.centres(row, col), crs=grid.crs)
    metres = np.array([
        GEOD.inv(cell_lon, cell_lat, np.full(len(row), x), np.full(len(row), y))[2] for x, y in zip(lon, lat, strict=True)
    ])
    found = surface.micro.ravel() / MICRO
    np.testing.assert_allclose(found, metres.min(axis=0), rtol=1e-3, atol=0.01)
    chosen = metres[surface.nearest.ravel(), np.arange(len(row))]
    np.testing.assert_allclose(chosen, metres.min(axis=0), rtol=2e-3)


def at(grid, *metres):
    """Positions in degrees of places that lie (east, south) metres from the grid's corner."""
    x, y = np.array([(grid.west_m + e, grid.north_m - s) for e, s in metres]).T
    return to_degrees(x, y, crs=grid.crs)


def test_a_row_of_cells_by_hand():
    """A facility in the middle of the first of three cells of 1 km: 0, 1 and 2 km."""
    grid = grid_of(1, 3)
    surface = straight_line_surface(*at(grid, (500, 500)), grid)
    np.testing.assert_allclose(surface.values(), [[0, 1000, 2000]], atol=1e-3)
    assert (surface.unit, surface.nearest.tolist()) == ("m", [[0, 0, 0]])


def test_a_facility_outside_the_grid_counts_too():
    """The hospital across the county line is as near as it is."""
    grid = grid_of(1, 2)
    surface = straight_line_surface(*at(grid, (-2500, 500)), grid)
    np.testing.assert_allclose(surface.values(), [[3000, 4000]], atol=1e-3)


@pytest.mark.parametrize("copies", [1, 2, 3, 5, 9])
def test_stacked_facilities_are_a_tie_and_the_first_is_named(copies):
    """Facilities at one settlement point are equally near: the one registered first has the cell."""
    grid = grid_of(2, 4)
    lon, lat = at(grid, (3500, 500), *[(500, 500)] * copies)
    surface = straight_line_surface(lon, lat, grid)
    assert surface.nearest.tolist() == [[1, 1, 0, 0]] * 2


@pytest.mark.parametrize("first", range(12))
def test_many_facilities_in_a_circle_are_a_tie_and_the_first_is_named(first):
    """Twelve stations exactly 500 m away: whichever is registered first has the cell in the middle."""
    circle = {(a * s, b * t) for (a, b), s, t in itertools.product(
        [(300, 400), (400, 300), (500, 0), (0, 500)], (1, -1), (1, -1))}
    places = sorted(circle)
    assert len(places) == 12
    order = [places[first], *places[:first], *places[first + 1:]]
    grid = grid_of(1, 1)
    surface = straight_line_surface(*at(grid, *[(500 + e, 500 + s) for e, s in order]), grid)
    assert surface.micro[0, 0] == 500 * MICRO
    assert surface.nearest[0, 0] == 0


def test_blocks_of_rows_meet_without_a_seam():
    """A tall grid is computed in blocks; the distances go on by one cell across their edge."""
    grid = grid_of(600, 2)
    surface = straight_line_surface(*at(grid, (500, 500)), grid)
    np.testing.assert_allclose(np.diff(surface.values()[:, 0]), 1000, rtol=1e-4)
