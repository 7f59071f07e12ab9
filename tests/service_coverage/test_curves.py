"""What every limit would give, against measuring each limit by itself."""

from __future__ import annotations

from dataclasses import replace
from itertools import accumulate

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from service_coverage.small_studies import WALK, county_of_two, people_at, surface_of

from geosvc.coverage.curves import STEPS, curves, total_curve
from geosvc.coverage.gaps import find_gaps
from geosvc.coverage.measure import measure
from geosvc.coverage.services import Threshold

LAW = settings(max_examples=40, deadline=None, derandomize=True)
STEP = 10.0  # minutes


def random_study(seed):
    """Return (surface, people, tree, area of each cell): some cells unreachable, without data, outside of the study."""
    rng = np.random.default_rng(seed)
    rows, cols = (int(each) for each in rng.integers(2, 9, 2))
    seconds = np.where(rng.random((rows, cols)) < 0.2, None, rng.choice([0, 599.999999, 600, 600.000001, 1800, 9000, 300_000], (rows, cols)))
    surface = surface_of(seconds.tolist(), looked=rng.random((rows, cols)) > 0.15)
    tree = county_of_two(surface.grid, int(rng.integers(1, cols)))
    area_of_cell = tree.area_of_cell(surface.grid)
    area_of_cell[rng.random((rows, cols)) < 0.1] = -1
    entries = [(int(r), int(c), float(rng.choice([0.0, 1.5, 40.0])), int(area_of_cell[r, c])) for r in range(rows) for c in range(cols)]
    return surface, people_at(entries), tree, area_of_cell


@LAW
@given(st.integers(0, 2**32 - 1))
def test_every_limit_gives_what_measuring_it_gives(seed):
    """People covered, unreachable, without data, of every area; the gaps, those with people, the largest."""
    surface, people, tree, area_of_cell = random_study(seed)
    found = curves(surface, WALK, step=STEP, people=people, tree=tree, area_of_cell=area_of_cell, zones={})
    curve = {each.code: each for each in found.areas}
    for step in (0, 1, 2, 3, 15, 16, STEPS - 1):
        limit = Threshold(id="limit", value=step * STEP)
        service = replace(WALK, thresholds=(limit,))
        for row in measure(surface, service, limit, people=people, tree=tree, area_of_cell=area_of_cell, zones={}):
            own = curve[row.area_code]
            assert list(accumulate(own.people))[step] == pytest.approx(row.people["covered"])
            assert sum(own.people[step + 1:]) == pytest.approx(row.people["beyond"])
            assert (own.unreachable, own.no_data) == pytest.approx((row.people["unreachable"], row.people["no_data"]))
        gaps = find_gaps(surface, service, limit, people=people, tree=tree, area_of_cell=area_of_cell)
        assert found.gaps.count[step] == len(gaps)
        assert found.gaps.with_people[step] == sum(each.people > 0 for each in gaps)
        assert found.gaps.largest[step] == pytest.approx(max((each.people for each in gaps), default=0.0))


def test_areas_are_added_up_only_where_each_is_known():
    """A total that leaves somebody out would seem to be of all; of no area there is none."""
    def one(code, people):
        return {"code": code, "name": code, "level": "township", "people": people, "unreachable": 1.5, "no_data": 2.0}

    west, east, unknown = one("w", [1.0, 2.0]), one("e", [0.25, 4.0]), one("u", None)
    assert total_curve([west, east, unknown], ["w", "e"]) == {
        "code": "*total", "name": "", "level": "total", "people": [1.25, 6.0], "unreachable": 3.0, "no_data": 4.0}
    assert total_curve([west, east, unknown], ["w"])["people"] == west["people"]
    for codes in ([], ["w", "u"], ["w", "gone"]):
        assert total_curve([west, east, unknown], codes) is None


def test_nobody_counted_is_unknown_and_not_nobody():
    """Without people there are gaps, and nobody knows how many live in them."""
    surface, _people, tree, area_of_cell = random_study(3)
    told = curves(surface, WALK, step=STEP, people=None, tree=tree, area_of_cell=area_of_cell, zones={}).as_dict()
    assert told["areas"] == []
    assert (told["gaps"]["with_people"], told["gaps"]["largest"]) == (None, None)
    assert max(told["gaps"]["count"]) > 0
