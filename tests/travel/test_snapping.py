"""Facilities that are drawn in the river, on the other bank, or out at sea."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from travel.worlds import WALK

from geosvc.errors import GroundError, InvalidParameter
from geosvc.travel import snap_sources, solve


def river() -> np.ndarray:
    """A plain with a river three cells wide, in columns 4 to 6."""
    pace = np.full((9, 11), WALK)
    pace[:, 4:7] = np.inf
    return pace


def test_a_facility_on_good_ground_stays():
    """A position anywhere in a crossable cell stays in that cell, at no distance."""
    sources, report = snap_sources(river(), [(2, 2), (2.4, 2.49), (1.6, 1.5)])
    assert sources == [(2, 2), (2, 2), (2, 2)]
    assert [snap.distance_m for snap in report.snaps] == [0.0, 0.0, 0.0]
    assert not report.moved
    assert not report.stranded


def test_a_facility_in_the_river_goes_to_the_nearer_bank():
    """Its distance, and the time for it, are reported one by one."""
    sources, report = snap_sources(river(), [(3, 0), (3, 5.4)], cell_size_m=100.0)
    assert sources == [(3, 0), (3, 7)]
    (snap,) = report.moved
    assert (snap.index, snap.row, snap.column) == (1, 3, 7)
    assert snap.distance_m == pytest.approx(160.0)
    assert snap.seconds == pytest.approx(160.0 * WALK)


def test_half_way_between_the_banks_goes_north_then_west():
    """A tie has one answer, whatever the machine."""
    sources, _ = snap_sources(river(), [(3, 5)])
    assert sources == [(3, 3)]


def test_a_stranded_facility_keeps_its_slot_and_is_reported():
    """Too far from any ground, outside the map, or without a position: None, and said why."""
    points = [(3, 5), None, (0, 0), (-20, 0), (math.nan, 1.0)]
    sources, report = snap_sources(river(), points, max_distance_m=150.0)
    assert sources == [None, None, (0, 0), None, None]
    assert [snap.index for snap in report.stranded] == [0, 1, 3, 4]
    assert "within 150 m" in report.stranded[0].reason
    assert "no position" in report.stranded[1].reason
    assert "outside the grid" in report.stranded[2].reason
    assert math.isinf(report.stranded[0].distance_m)
    assert str(report) == "5 points: 0 moved to crossable ground, 4 stranded"
    assert solve(river(), sources).nearest[0, 1] == 2


def test_the_distance_itself_counts():
    """Ground exactly as far as allowed is near enough."""
    assert snap_sources(river(), [(3, 5)], max_distance_m=200.0)[0] == [(3, 3)]
    assert snap_sources(river(), [(3, 5)], max_distance_m=199.999)[0] == [None]


def test_a_facility_just_outside_the_map_is_brought_in():
    """A position beyond the edge snaps like any other."""
    sources, report = snap_sources(river(), [(-1.5, 2.0)])
    assert sources == [(0, 2)]
    assert report.moved[0].distance_m == pytest.approx(150.0)


def test_delays_are_handed_on():
    """Snapping moves a facility; it does not change how fast its team leaves."""
    sources, _ = snap_sources(river(), [(0, 0, 90.0), (0, 4, 60.0)])
    assert sources == [(0, 0, 90.0), (0, 3, 60.0)]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.integers(0, 2**32 - 1),
    st.floats(-5.0, 25.0),
    st.floats(-5.0, 25.0),
    st.floats(0.0, 1500.0),
)
def test_snapping_equals_looking_at_every_cell(seed, row, column, reach):
    """The nearest crossable cell is the one a look at all cells finds."""
    rng = np.random.default_rng(seed)
    pace = np.where(rng.random((20, 20)) < 0.9, np.inf, 1.0)
    (source,), _ = snap_sources(pace, [(row, column)], max_distance_m=reach)
    own = math.floor(row + 0.5), math.floor(column + 0.5)
    if 0 <= own[0] < 20 and 0 <= own[1] < 20 and np.isfinite(pace[own]):
        assert source == own
        return
    rows, columns = np.nonzero(np.isfinite(pace))
    distances = 100.0 * np.hypot(rows - row, columns - column)
    if distances.min(initial=np.inf) > reach * (1 + 1e-9):
        assert source is None
    elif distances.min() < reach * (1 - 1e-9):
        assert source is not None
        assert 100.0 * math.dist(source, (row, column)) == pytest.approx(distances.min())


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"pace": np.zeros((3, 3))}, GroundError, "more than 0"),
        ({"points": [(1, 2, 3, 4)]}, InvalidParameter, "point 0"),
        ({"points": [7]}, InvalidParameter, "point 0"),
        ({"points": [(0, 0), ("a", "b")]}, InvalidParameter, "point 1"),
        ({"max_distance_m": -1.0}, InvalidParameter, "max_distance_m"),
        ({"cell_size_m": 0.0}, InvalidParameter, "cell_size_m"),
    ],
)
def test_what_is_no_point_is_refused(arguments, error, words):
    """A call that cannot be meant is refused, unlike a point that is merely misplaced."""
    with pytest.raises(error, match=words):
        snap_sources(**{"pace": np.ones((3, 3)), "points": [(0, 0)], **arguments})
