"""Gaps: which cells, whose, how large, and how many people are in them."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from service_coverage.small_studies import (
    CRS,
    LIMIT,
    LIMIT_S,
    WALK,
    block,
    county_of_two,
    grid_of,
    people_at,
    radius,
    surface_of,
    tree_of,
)

from geosvc.coverage.gaps import find_gaps
from geosvc.coverage.people import weights_by_cell
from geosvc.geo.crs import to_metres
from geosvc.geo.grid import MICRO, Surface
from geosvc.registry.areas import Area

QUICK = settings(max_examples=40, deadline=None, derandomize=True)
IN, OUT, CUT = 600, 3600, None  # within 30 minutes, an hour away, no path


def gaps_of(seconds, *, people=None, tree=None, area_of_cell=None, **options):
    surface = surface_of(seconds, **options)
    tree = tree or tree_of(Area(code="1", name="县", level="county", geometry=block(surface.grid, 0, 0, *surface.grid.shape)))
    cells = tree.area_of_cell(surface.grid) if area_of_cell is None else np.array(area_of_cell, dtype=np.int32)
    return find_gaps(surface, WALK, LIMIT, people=people, tree=tree, area_of_cell=cells)


def metric(geometry):
    return shapely.transform(geometry, lambda xy: np.column_stack(to_metres(xy[:, 0], xy[:, 1], crs=CRS)))


def area_km2(geometry):
    return metric(geometry).area / 1e6


def test_where_everything_is_covered_there_is_no_gap():
    """Full coverage is an empty list, whoever lives there."""
    assert gaps_of([[IN, IN]], people=people_at([(0, 0, 5, 0)])) == []


def test_a_gap_is_one_polygon_of_the_size_of_its_cells():
    """Three cells of 1 km2 in an L are one gap of 3 km2, a polygon of 3 km2, an hour from the facility."""
    (gap,) = gaps_of([[IN, OUT], [OUT, OUT]], people=people_at([(0, 1, 5, 0), (1, 1, 2, 0), (0, 0, 9, 0)]))
    assert (gap.km2, gap.people, gap.people_unreachable, gap.worst, gap.area_code) == (3, 7, 0, 60, "1")
    assert len(gap.geometry.geoms) == 1
    assert area_km2(gap.geometry) == pytest.approx(3, rel=1e-4)


def test_cells_that_touch_at_a_corner_are_one_gap_of_two_polygons():
    """Corners connect; the shape stays valid because the two cells are drawn apart."""
    (gap,) = gaps_of([[OUT, IN], [IN, OUT]])
    assert (gap.km2, len(gap.geometry.geoms)) == (2, 2)
    assert gap.geometry.is_valid


def test_cells_that_do_not_touch_are_two_gaps():
    """A covered cell between them parts two gaps."""
    assert len(gaps_of([[OUT, IN, OUT]])) == 2


def test_gaps_are_split_where_the_area_ends():
    """One stretch of land beyond the limit in two townships is a gap of each."""
    tree = county_of_two(grid_of(1, 4), 1)
    found = gaps_of([[OUT, OUT, OUT, OUT]], tree=tree, people=people_at([(0, 0, 5, 1), (0, 3, 4, 2)]))
    assert [(gap.area_code, gap.km2, gap.people) for gap in found] == [("11", 1, 5), ("12", 3, 4)]


def test_a_hole_in_a_gap_stays_a_hole():
    """A covered clearing in the middle of a gap is not painted over."""
    (gap,) = gaps_of([[OUT] * 3, [OUT, IN, OUT], [OUT] * 3])
    (polygon,) = gap.geometry.geoms
    assert len(polygon.interiors) == 1
    assert gap.km2 == 8
    assert area_km2(gap.geometry) == pytest.approx(8, rel=1e-4)


def test_an_island_of_a_gap_inside_its_hole_is_another_gap():
    """Beyond the limit, inside a covered ring, inside a gap: two gaps, the inner one 1 km2."""
    rows = [[OUT] * 5, [OUT, IN, IN, IN, OUT], [OUT, IN, OUT, IN, OUT], [OUT, IN, IN, IN, OUT], [OUT] * 5]
    outer, inner = gaps_of(rows)
    assert (outer.km2, inner.km2) == (16, 1)
    assert not metric(outer.geometry).buffer(-1).intersects(metric(inner.geometry))


def test_unreachable_cells_are_in_the_gap_and_counted():
    """No path at all is a gap too; the worst time is of those who do arrive."""
    (gap,) = gaps_of([[OUT, CUT, IN]], people=people_at([(0, 0, 5, 0), (0, 1, 3, 0)]))
    assert (gap.people, gap.people_unreachable, gap.worst) == (8, 3, 60)
    (gap,) = gaps_of([[CUT, IN]])
    assert gap.worst is None


def test_no_data_and_beyond_the_horizon_are_no_gap():
    """What was not looked at is not claimed to be a gap."""
    assert gaps_of([[OUT, IN]], looked=[[False, True]]) == []
    assert gaps_of([[CUT, IN]], horizon=7200) == []


def test_cells_outside_every_area_are_no_gap():
    """The neighbours' land beyond the boundary is outside the question."""
    assert gaps_of([[OUT, OUT]], area_of_cell=[[-1, 0]])[0].km2 == 1


def test_a_study_without_polygons_looks_everywhere():
    """Where no area has a polygon every cell belongs to the study."""
    tree = tree_of(Area(code="1", name="县", level="county"))
    (gap,) = gaps_of([[OUT, OUT]], tree=tree, people=people_at([(0, 0, 2, 0)]))
    assert (gap.area_code, gap.km2, gap.people) == (None, 2, 2)
    assert gap.settlements == [{"code": "1", "name": "县", "people": 2}]


def test_gaps_come_with_most_people_first_then_the_largest():
    """The order is by people; of gaps with equally many the larger, then the northern one first."""
    found = gaps_of(
        [[OUT, IN, OUT, OUT, IN, OUT, IN, OUT, OUT, OUT]], people=people_at([(0, 0, 1, 0), (0, 2, 1, 0), (0, 5, 9, 0)]))
    assert [(gap.people, gap.km2) for gap in found] == [(9, 1), (1, 2), (1, 1), (0, 3)]
    ring = gaps_of([[OUT, IN, OUT], [IN, IN, IN], [OUT, IN, OUT]])
    corners = [shapely.get_coordinates(metric(gap.geometry)).mean(axis=0) for gap in ring]
    assert [(x < 501_500, y > 4_698_500) for x, y in corners] == [(True, True), (False, True), (True, False), (False, False)]


def test_without_population_a_gap_has_unknown_people():
    """People None, not 0; the polygon and its size are still there."""
    (gap,) = gaps_of([[OUT, IN]])
    assert (gap.people, gap.people_unreachable, gap.km2) == (None, None, 1)


def test_the_nearest_facility_is_that_of_most_cells():
    """Two of three cells go to facility 1; a tie goes to the facility registered first."""
    (gap,) = gaps_of([[OUT, OUT, OUT]], nearest=[[0, 1, 1]])
    assert gap.nearest == 1
    (gap,) = gaps_of([[OUT, OUT]], nearest=[[1, 0]])
    assert gap.nearest == 0
    (gap,) = gaps_of([[CUT, CUT]])
    assert gap.nearest == -1


def test_the_villages_of_a_gap_are_named_with_their_people_in_it():
    """Of each village only those who live in the gap are counted, most people first."""
    grid = grid_of(1, 3)
    tree = tree_of(
        Area(code="1", name="县", level="county", geometry=block(grid, 0, 0, 1, 3)),
        Area(code="11", name="甲村", level="village", parent_code="1"), Area(code="12", name="乙村", level="village", parent_code="1"))
    people = people_at([(0, 0, 3, 1), (0, 1, 4, 2), (0, 0, 2, 2), (0, 2, 50, 1)])
    (gap,) = gaps_of([[OUT, OUT, IN]], tree=tree, people=people)
    assert gap.settlements == [{"code": "12", "name": "乙村", "people": 6}, {"code": "11", "name": "甲村", "people": 3}]


@pytest.mark.parametrize("villages", [0, 1, 20, 21, 57])
def test_all_villages_of_a_gap_are_counted_though_only_the_largest_are_named(villages):
    """Of 57 villages 20 are named and 57 counted; where nobody is known the count is unknown, not 0."""
    grid = grid_of(1, 2)
    tree = tree_of(
        Area(code="1", name="县", level="county", geometry=block(grid, 0, 0, 1, 2)),
        *(Area(code=f"1{i:02}", name=f"村{i}", level="village", parent_code="1") for i in range(villages)))
    entries = [(0, 0, 1.0 + i, 1 + i) for i in range(villages)]
    (gap,) = gaps_of([[OUT, IN]], tree=tree, people=people_at([*entries, (0, 1, 99, 0)]))
    assert (len(gap.settlements), gap.settlement_count) == (min(villages, 20), villages)
    (unknown,) = gaps_of([[OUT, IN]], tree=tree)
    assert unknown.settlement_count is None


def test_worst_of_a_radius_is_in_kilometres():
    """A straight-line service speaks of kilometres."""
    surface = surface_of([[4000, 12_345]], unit="m")
    service = radius(10)
    tree = tree_of(Area(code="1", name="县", level="county"))
    (gap,) = find_gaps(surface, service, service.thresholds[0], people=None, tree=tree, area_of_cell=np.full((1, 2), -1, np.int32))
    assert gap.worst == 12.345


@QUICK
@given(st.integers(0, 2**32 - 1), st.integers(2, 9), st.integers(2, 9))
def test_laws_of_gaps(seed, rows, cols):
    """On any surface: valid shapes, area equals cells, each cell in one gap, people conserved, ordered by people."""
    rng = np.random.default_rng(seed)
    micro = np.where(rng.random((rows, cols)) < 0.1, -1, rng.integers(0, 3600, (rows, cols)) * MICRO).astype(np.int64)
    looked = rng.random((rows, cols)) > 0.1
    surface = Surface(grid=grid_of(rows, cols), micro=micro, nearest=np.zeros((rows, cols), np.int32), unit="s", looked=looked)
    tree = county_of_two(surface.grid, cols // 2)
    cells = tree.area_of_cell(surface.grid)
    cells[rng.random((rows, cols)) < 0.1] = -1
    people = people_at([(int(r), int(c), float(n), int(cells[r, c])) for r, c, n in zip(
        rng.integers(0, rows, 20), rng.integers(0, cols, 20), rng.random(20) * 50, strict=True)])
    found = find_gaps(surface, WALK, LIMIT, people=people, tree=tree, area_of_cell=cells)
    wanted = looked & (cells >= 0) & ~surface.within(LIMIT_S)
    if not (cells >= 0).any():
        return
    assert sum(gap.km2 for gap in found) == pytest.approx(wanted.sum())
    for gap in found:
        assert gap.geometry.is_valid
        assert area_km2(gap.geometry) == pytest.approx(gap.km2, rel=1e-4)
    weights = weights_by_cell(people, surface.grid)
    assert sum(gap.people for gap in found) == pytest.approx(weights[wanted].sum(), abs=1e-9)
    assert sum(gap.people_unreachable for gap in found) == pytest.approx(weights[wanted & (micro < 0)].sum(), abs=1e-9)
    order = [(-gap.people, -gap.km2) for gap in found]
    assert order == sorted(order)
    joined = shapely.union_all([metric(gap.geometry) for gap in found])
    assert joined.area / 1e6 == pytest.approx(wanted.sum(), rel=1e-3)
