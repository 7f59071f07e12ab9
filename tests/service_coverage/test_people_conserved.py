"""Nobody is lost and nobody is made, on whatever way people come onto the grid."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from service_coverage.small_studies import block, grid_of, people_at, tree_of

from geosvc.coverage.people import off_uncrossable, people_from_counts, people_from_points, weights_by_cell
from geosvc.geo.crs import to_degrees
from geosvc.registry.areas import Area

LAW = settings(max_examples=60, deadline=None, derandomize=True)
seeds = st.integers(0, 2**32 - 1)


def random_study(seed):
    rng = np.random.default_rng(seed)
    rows, cols = int(rng.integers(1, 8)), int(rng.integers(1, 8))
    area_of_cell = rng.integers(-1, 3, (rows, cols)).astype(np.int32)
    crossable = rng.random((rows, cols)) > rng.random()
    return rng, grid_of(rows, cols), area_of_cell, crossable


def by_area(people):
    return np.bincount(people.area + 1, weights=people.count, minlength=4)


@LAW
@given(seeds)
def test_points_on_the_grid_keep_their_total(seed):
    """People at any positions, in the grid or not, add up to the same total, and each stands in its cell."""
    rng, grid, area_of_cell, _ = random_study(seed)
    x = grid.west_m + rng.uniform(-0.3, 1.3, 50) * grid.cols * grid.cell_size_m
    y = grid.north_m - rng.uniform(-0.3, 1.3, 50) * grid.rows * grid.cell_size_m
    lon, lat = to_degrees(x, y, crs=grid.crs)
    count = rng.random(50) * 10
    areas = rng.integers(-1, 3, 50).astype(np.int32)
    people = people_from_points(lon, lat, count, grid=grid, areas=areas)
    np.testing.assert_allclose(by_area(people), np.bincount(areas + 1, weights=count, minlength=4), atol=1e-9)
    assert people.total == pytest.approx(count.sum(), abs=1e-9)
    inside = (x > grid.west_m) & (x < grid.west_m + grid.cols * 1000) & (y < grid.north_m) & (y > grid.north_m - grid.rows * 1000)
    assert weights_by_cell(people, grid).sum() == pytest.approx(count[inside].sum(), abs=1e-6)
    keys = list(zip(people.row.tolist(), people.col.tolist(), people.area.tolist(), strict=True))
    assert len(set(keys)) == len(keys)


def test_the_source_decides_the_area_and_the_polygon_decides_otherwise():
    """A code that the study knows wins over the polygon; an unknown one leaves it to the polygon."""
    grid = grid_of(1, 2)
    lon, lat = to_degrees(*grid.centres([0, 0, 0], [0, 0, 1]), crs=grid.crs)
    people = people_from_points(
        lon, lat, np.array([1.0, 2.0, 4.0]), grid=grid, areas=np.array([0, 0, -1], dtype=np.int32),
        codes=["12", "99", ""], area_index={"11": 0, "12": 1},
    )
    assert by_area(people).tolist() == [4, 2, 1, 0]


@LAW
@given(seeds)
def test_people_leave_the_water_and_nobody_drowns(seed):
    """Moving people off uncrossable cells keeps the total and the people of every area."""
    rng, grid, area_of_cell, crossable = random_study(seed)
    entries = [(int(r), int(c), float(n), int(a)) for r, c, n, a in zip(
        rng.integers(-1, grid.rows, 25), rng.integers(0, grid.cols, 25), rng.random(25) * 10, rng.integers(-1, 3, 25), strict=True)]
    people = people_at(entries)
    moved = off_uncrossable(people, crossable, area_of_cell, grid)
    assert moved.total == pytest.approx(people.total, abs=1e-9)
    np.testing.assert_allclose(by_area(moved), by_area(people), atol=1e-9)
    stuck = moved.on_grid.copy()
    stuck[stuck] = ~crossable[moved.row[stuck], moved.col[stuck]]
    assert moved.count[stuck].sum() == pytest.approx(moved.moved.left, abs=1e-9)


def test_people_on_water_go_to_the_nearest_land_of_their_own_area():
    """The nearest land is across the border: they stay in their area and go to its own land, 2 km away."""
    grid = grid_of(1, 5)
    area_of_cell = np.array([[0, 0, 0, 1, 1]], dtype=np.int32)
    crossable = np.array([[True, False, False, True, True]])
    moved = off_uncrossable(people_at([(0, 2, 7, 0)]), crossable, area_of_cell, grid)
    assert weights_by_cell(moved, grid).tolist() == [[7, 0, 0, 0, 0]]
    assert (moved.moved.people, moved.moved.farthest_m, moved.moved.left) == (7, 2000, 0)


def test_people_of_an_area_that_is_all_water_stay_and_are_counted():
    """Where an area has no land at all its people stay, and the record says how many."""
    grid = grid_of(1, 2)
    moved = off_uncrossable(people_at([(0, 0, 7, 0)]), np.array([[False, True]]), np.array([[0, 1]], dtype=np.int32), grid)
    assert weights_by_cell(moved, grid).tolist() == [[7, 0]]
    assert (moved.moved.people, moved.moved.left) == (0, 7)


def test_people_on_land_are_left_alone():
    """Without anybody on water nothing is moved."""
    people = people_at([(0, 0, 7, 0)])
    assert off_uncrossable(people, np.array([[True]]), np.array([[0]], dtype=np.int32), grid_of(1, 1)) is people


@LAW
@given(seeds)
def test_counts_spread_over_cells_keep_the_total_of_each_area(seed):
    """A count is spread evenly over the habitable cells; without such a cell it is kept off the grid."""
    rng, grid, area_of_cell, habitable = random_study(seed)
    counts = {int(i): float(rng.random() * 1000) for i in rng.permutation(3)[: rng.integers(0, 4)]}
    people = people_from_counts(counts, grid=grid, area_of_cell=area_of_cell, habitable=habitable)
    assert people.total == pytest.approx(sum(counts.values()), abs=1e-9)
    for index, count in counts.items():
        own = people.count[people.area == index]
        assert own.sum() == pytest.approx(count, abs=1e-9)
        assert np.ptp(own) == pytest.approx(0, abs=1e-9)
        cells = int(((area_of_cell == index) & habitable).sum())
        assert len(own) == max(cells, 1)
        assert people.on_grid[people.area == index].all() == (cells > 0)


def test_nobody_at_all_is_an_empty_spread():
    """No counts give no entries and a total of zero."""
    people = people_from_counts({}, grid=grid_of(1, 1), area_of_cell=np.zeros((1, 1), np.int32), habitable=np.ones((1, 1), bool))
    assert people.total == 0


def test_people_belong_to_the_smallest_area_around_them():
    """A position in a township is the township's, elsewhere in the county the county's, outside nobody's."""
    grid = grid_of(2, 4)
    tree = tree_of(
        Area(code="1", name="县", level="county", geometry=block(grid, 0, 0, 2, 3)),
        Area(code="11", name="镇", level="township", parent_code="1", geometry=block(grid, 0, 0, 2, 1)),
        Area(code="z", name="区", level="zone", geometry=block(grid, 0, 0, 2, 4)),
    )
    lon, lat = to_degrees(*grid.centres([0, 0, 0], [0, 1, 3]), crs=grid.crs)
    assert tree.areas_of_positions(lon, lat).tolist() == [1, 0, -1]


def test_people_exactly_on_a_border_are_in_one_area():
    """A house on the line between two townships belongs to one of them; on the county line it is in the county."""
    west, east = shapely.box(126.8, 42.3, 126.9, 42.4), shapely.box(126.9, 42.3, 127.0, 42.4)
    tree = tree_of(
        Area(code="1", name="县", level="county", geometry=shapely.union(west, east)),
        Area(code="11", name="西镇", level="township", parent_code="1", geometry=west),
        Area(code="12", name="东镇", level="township", parent_code="1", geometry=east),
    )
    found = tree.areas_of_positions(np.array([126.9, 126.8]), np.array([42.35, 42.35]))
    assert found[0] in (1, 2)
    assert found[1] in (0, 1)
