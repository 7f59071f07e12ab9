"""Figures made while somebody drags, against measuring: the same to the last digit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from service_coverage.small_studies import WALK, county_of_two, grid_of, people_at, surface_of, tree_of

from geosvc.coverage import live
from geosvc.coverage.curves import curves
from geosvc.coverage.gaps import find_gaps
from geosvc.coverage.measure import measure
from geosvc.coverage.people import People
from geosvc.registry.areas import Area

LAW = settings(max_examples=60, deadline=None, derandomize=True)
STEP = 1.0
TIMES = [0, 59.999999, 60, 60.000001, 599.999999, 600, 600.000001, 1800, 1800.000001, 3600, 9000, 300_000]


def random_study(seed):
    """Return (surface, people, tree, area of each cell, zones): cells unreachable or without data, zones across areas, people nowhere."""
    rng = np.random.default_rng(seed)
    rows, cols = (int(each) for each in rng.integers(2, 12, 2))
    seconds = np.where(rng.random((rows, cols)) < 0.2, None, rng.choice(TIMES, (rows, cols)))
    looked = None if rng.random() < 0.3 else rng.random((rows, cols)) > 0.15
    surface = surface_of(seconds.tolist(), looked=looked, horizon=float(rng.choice([1e5, np.inf])))
    base = county_of_two(surface.grid, int(rng.integers(1, cols)))
    drawn = replace(base.areas[1], code="9", name="片区", level="zone", parent_code=None)
    joined = Area(code="91", name="东西", level="zone", members=("11", "12"))
    unknown = Area(code="92", name="不明", level="zone", members=("11", "77"))
    nowhere = Area(code="13", name="无边界镇", level="township", parent_code="1")
    tree = tree_of(*base.areas, drawn, joined, unknown, nowhere)
    area_of_cell = base.area_of_cell(surface.grid)
    area_of_cell = np.where(area_of_cell >= 0, np.array([tree.index[each.code] for each in base.areas])[area_of_cell], -1).astype(np.int32)
    area_of_cell[rng.random((rows, cols)) < 0.1] = -1
    entries = [(int(r), int(c), float(rng.choice([0.0, 1.5, 40.0, rng.random()])), int(area_of_cell[r, c]))
               for r in range(rows) for c in range(cols) for _ in range(rng.integers(0, 3))]
    entries += [(-1, -1, 3.3, tree.index["13"]), (0, 0, 0.7, tree.index["13"])]
    people = None if rng.random() < 0.1 else people_at(entries)
    return surface, people, tree, area_of_cell, tree.zones(surface.grid)


def compare(surface, people, tree, area_of_cell, zones, step=STEP):
    """Compare every number of every row, and the curves."""
    layout = live.Layout(people, tree, area_of_cell, zones, surface.grid)
    found = live.live_figures(layout, surface, WALK, step=step)
    given_ = {"people": people, "tree": tree, "area_of_cell": area_of_cell, "zones": zones}
    for threshold in WALK.thresholds:
        assert found.tables[threshold.id] == measure(surface, WALK, threshold, **given_)
        gaps = find_gaps(surface, WALK, threshold, people=people, tree=tree, area_of_cell=area_of_cell)
        counted = people is not None
        assert found.gaps[threshold.id] == {
            "gaps": len(gaps), "gaps_with_people": sum(each.people > 0 for each in gaps) if counted else None,
            "people_in_gaps": float(sum(each.people for each in gaps)) if counted else None,
            "largest_gap_people": gaps[0].people if gaps and counted else None}
    assert found.curves(found.gap_curve()) == curves(surface, WALK, step=step, **given_)


@LAW
@given(st.integers(0, 2**32 - 1), st.sampled_from([0, 3, 2000]))
def test_every_number_is_what_measuring_gives(seed, few):
    """Bit for bit, whether a row is sorted or looked up by its curve."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(live, "_FEW", few)
        compare(*random_study(seed))


def test_many_people_too():
    """A hundred thousand people, uneven numbers of them: the sums are added in the same order."""
    rng = np.random.default_rng(5)
    grid = grid_of(300, 300)
    seconds = np.rint(rng.random((300, 300)) * 9e9) / 1e6
    seconds[rng.random((300, 300)) < 0.05] = -1e-6
    surface = replace(surface_of([[0]]), grid=grid, micro=np.rint(seconds * 1e6).astype(np.int64), nearest=np.zeros((300, 300), np.int32))
    tree = county_of_two(grid, 120)
    area = tree.area_of_cell(grid)
    row, col = rng.integers(0, 300, (2, 100_000))
    people = People(row=row, col=col, count=rng.gamma(0.5, 3.0, 100_000), area=area[row, col])
    compare(surface, people, tree, area, {})
