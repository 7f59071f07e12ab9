"""Travel time over a grid, against the slow twin and against pencil and paper."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from travel.worlds import WALK, World, assert_same, crossable, random_world, seeds

from geosvc.errors import GroundError, InvalidParameter, UnreachableSource
from geosvc.travel import solve

ORACLE = settings(max_examples=120, deadline=None, derandomize=True)


@ORACLE
@given(seeds)
def test_flat_times_equal_the_slow_twin(seed):
    """On flat ground every microsecond and every nearest facility equals the slow twin."""
    world = random_world(seed)
    assert_same(world.solve(), *world.solve_slowly())


@ORACLE
@given(seeds)
def test_times_on_slopes_equal_the_slow_twin(seed):
    """On slopes, for every gait and both directions, the engine equals the slow twin."""
    world = random_world(seed, slope=True)
    assert_same(world.solve(), *world.solve_slowly())


@pytest.mark.parametrize("shape", [(1, 1), (1, 70), (70, 1), (2, 2), (16, 16), (17, 33), (3, 50)])
@pytest.mark.parametrize("neighbours", [8, 16])
def test_narrow_grids_work(shape, neighbours):
    """One row, one column, one cell and grids of exactly one tile are grids too."""
    pace = np.full(shape, WALK)
    world = World(pace, [(0, 0), (shape[0] - 1, shape[1] - 1)], {"neighbours": neighbours})
    assert_same(world.solve(), *world.solve_slowly())


def test_the_oracle_can_fail():
    """A guard for the guard: one wrong microsecond is noticed."""
    world = World(np.full((3, 3), WALK), [(0, 0)])
    microseconds, nearest = world.solve_slowly()
    microseconds[2, 2] += 1
    with pytest.raises(AssertionError):
        assert_same(world.solve(), microseconds, nearest)


def test_a_street_takes_its_known_time():
    """Ten cells of 100 m at 5 km/h are one kilometre, 12 minutes to the microsecond."""
    field = solve(np.full((1, 11), WALK), [(0, 0)])
    assert field.microseconds[0, 10] == 720_000_000
    assert field.seconds[0, 10] == 720.0
    assert field.nearest.dtype == np.int32
    assert field.seconds.dtype == np.float32


def test_a_diagonal_is_longer_by_the_root_of_two():
    """A diagonal move costs sqrt(2) cells, a knight's move sqrt(5)."""
    field = solve(np.ones((3, 3)), [(0, 0)], cell_size_m=1000.0)
    assert field.microseconds[1, 1] == round(1000 * math.sqrt(2) * 1e6)
    assert field.microseconds[2, 1] == round(1000 * math.sqrt(5) * 1e6)


def test_a_knights_move_takes_the_mean_of_four_cells():
    """A knight's move over slow cells costs the mean pace of its ends and what it crosses."""
    pace = np.array([[1.0, 9.0, 9.0], [9.0, 2.0, 4.0]])
    pace[1, 0] = np.inf
    field = solve(pace, [(0, 0)], cell_size_m=1.0)
    mean = ((1.0 + 4.0) + (9.0 + 2.0)) / 4
    assert field.microseconds[1, 2] == min(
        round(math.sqrt(5) * mean * 1e6),
        round(math.sqrt(2) * 1.5e6) + 3_000_000,
    )


def test_a_knight_does_not_jump_a_wall():
    """A knight's move is refused when one of the crossed cells cannot be crossed."""
    pace = np.ones((2, 3))
    pace[0, 1] = np.inf
    pace[1, 0] = np.inf
    field = solve(pace, [(0, 0)], cell_size_m=1.0, diagonal_leak=True)
    assert field.microseconds[1, 2] == round(math.sqrt(2) * 1e6) + 1_000_000


@pytest.mark.parametrize("neighbours", [8, 16])
def test_a_river_drawn_corner_to_corner_does_not_leak(neighbours):
    """A diagonal river parts the land, unless the leak of other tools is asked for."""
    pace = np.full((20, 20), WALK)
    np.fill_diagonal(pace, np.inf)
    closed = solve(pace, [(0, 19)], neighbours=neighbours)
    assert np.isinf(closed.seconds[19, 0])
    assert closed.nearest[19, 0] == -1
    assert closed.microseconds[19, 0] == -1
    leaking = solve(pace, [(0, 19)], neighbours=neighbours, diagonal_leak=True)
    assert np.isfinite(leaking.seconds[19, 0])


def test_a_tie_goes_to_the_smaller_index():
    """Half-way between two facilities the one that comes first in the list has the cell."""
    field = solve(np.ones((1, 5)), [(0, 4), (0, 0)])
    assert field.nearest.tolist() == [[1, 1, 0, 0, 0]]


def test_two_facilities_in_one_cell_share_it_in_order():
    """A team that leaves at once beats one that gets ready, whatever their order."""
    field = solve(np.ones((1, 3)), [(0, 0, 60.0), (0, 0), (0, 0)])
    assert field.nearest.tolist() == [[1, 1, 1]]


def test_a_delay_is_the_time_at_the_facility_itself():
    """The readiness of a team counts from the first cell on."""
    field = solve(np.ones((1, 2)), [(0, 0, 90.5)])
    assert field.microseconds.tolist() == [[90_500_000, 190_500_000]]


def test_the_limit_itself_counts():
    """A cell at exactly the limit is reached, one a microsecond beyond is not."""
    pace = np.full((1, 4), WALK)
    field = solve(pace, [(0, 0)], limit_seconds=144.0)
    assert field.microseconds.tolist() == [[0, 72_000_000, 144_000_000, -1]]
    short = solve(pace, [(0, 0)], limit_seconds=143.999999)
    assert short.microseconds.tolist() == [[0, 72_000_000, -1, -1]]
    assert field.limit_seconds == 144.0


def test_a_limit_beyond_the_horizon_is_no_limit():
    """A limit of a year, or of the age of the world, looks as far as a label can tell."""
    for limit in (3.2e7, 1e300, 1.7e308):
        assert math.isinf(solve(np.ones((1, 2)), [(0, 0)], limit_seconds=limit).limit_seconds)


def test_a_limit_of_nothing_reaches_the_facilities_only():
    """With no time at all one reaches the cell one is in; a team not ready, not even that."""
    field = solve(np.ones((1, 3)), [(0, 0), (0, 2, 1.0)], limit_seconds=0.0)
    assert field.nearest.tolist() == [[0, -1, -1]]


def test_a_run_with_a_limit_touches_only_what_it_reaches():
    """15 minutes on foot in a country of a million cells settle a few tiles, not thousands."""
    pace = np.full((1000, 1000), WALK)
    near = solve(pace, [(500, 500)], limit_seconds=900.0)
    far = solve(pace, [(500, 500)])
    assert near.tiles_settled < 60 < far.tiles_settled / 50
    within = (far.microseconds >= 0) & (far.microseconds <= 900_000_000)
    np.testing.assert_array_equal(near.microseconds, np.where(within, far.microseconds, -1))


def test_nobody_is_served_without_a_facility():
    """No sources at all, or only closed ones, is a map on which nothing is reached."""
    for sources in ([], [None, None]):
        field = solve(np.ones((3, 3)), sources)
        assert np.isinf(field.seconds).all()
        assert (field.nearest == -1).all()


def test_a_closed_facility_keeps_its_slot():
    """The index of a facility does not shift when one before it is closed."""
    field = solve(np.ones((1, 2)), [None, (0, 0)])
    assert field.nearest.tolist() == [[1, 1]]
    assert field.sources == [None, (0, 0, 0.0)]


def test_one_microsecond_is_the_least_a_move_can_cost():
    """Even on ground as fast as light a move takes a microsecond, so times always grow."""
    field = solve(np.full((1, 3), 1e-12), [(0, 0)])
    assert field.microseconds.tolist() == [[0, 1, 2]]


def test_a_move_beyond_the_horizon_is_no_move():
    """Ground that takes more than a hundred days to cross is not reached."""
    field = solve(np.array([[1.0, 1e9, 1.0]]), [(0, 0)])
    assert field.nearest.tolist() == [[0, -1, -1]]


def test_float32_ground_is_taken_as_it_is():
    """float32 and float64 of the same numbers give the same field."""
    single = np.random.default_rng(1).uniform(0.1, 2.0, (40, 50)).astype(np.float32)
    one, two = solve(single, [(5, 5)]), solve(single.astype(np.float64), [(5, 5)])
    np.testing.assert_array_equal(one.microseconds, two.microseconds)
    assert one.pace.dtype == np.float32


def test_the_callers_ground_is_left_alone():
    """A field keeps its own ground: changing it, or the caller's, does not touch the other."""
    pace = np.ones((4, 4))
    field = solve(pace, [(0, 0)])
    field.change_pace([3], [3], [5.0])
    assert pace[3, 3] == 1.0
    pace[:] = 9.0
    assert field.pace[0, 0] == 1.0
    with pytest.raises(ValueError, match="read-only"):
        field.pace[0, 0] = 2.0


def test_strided_and_whole_number_grounds_are_accepted():
    """Any real numbers will do: views, columns first, integers."""
    pace = np.asfortranarray(np.arange(1, 61).reshape(6, 10)[:, ::2])
    world = World(pace, [(2, 2)])
    assert_same(world.solve(), *world.solve_slowly())


@pytest.mark.parametrize("bad", [math.nan, 0.0, -1.0, -math.inf])
def test_ground_that_is_not_a_pace_is_refused(bad):
    """NaN, zero and negative paces are refused, and the message says where they are."""
    pace = np.ones((4, 5))
    pace[2, 3] = bad
    with pytest.raises(GroundError, match="row 2, column 3"):
        solve(pace, [(0, 0)])


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"pace": np.ones(5)}, GroundError, "rows and columns"),
        ({"pace": np.ones((0, 5))}, GroundError, "at least one cell"),
        ({"pace": np.array([["a"]])}, GroundError, "numbers"),
        ({"sources": [(3, 0)]}, InvalidParameter, "outside the grid of 3 rows and 4 columns"),
        ({"sources": [(0, 0), (-1, 0)]}, InvalidParameter, "source 1"),
        ({"sources": [(0, 3), (3, 2)]}, InvalidParameter, "swapped"),
        ({"sources": [(0.5, 0)]}, InvalidParameter, "whole number"),
        ({"sources": [(0,)]}, InvalidParameter, "row, col"),
        ({"sources": [7]}, InvalidParameter, "row, col"),
        ({"sources": [("a", 0)]}, InvalidParameter, "must be a number"),
        ({"sources": [(0, 0, -1.0)]}, InvalidParameter, "delay_seconds"),
        ({"sources": [(0, 0, math.inf)]}, InvalidParameter, "None in place"),
        ({"sources": [(0, 0, 1e7)]}, InvalidParameter, "a hundred days"),
        ({"sources": [(1, 1)]}, UnreachableSource, "snap_sources"),
        ({"sources": [(1, 1)] * 5}, UnreachableSource, "and 2 more"),
        ({"neighbours": 4}, InvalidParameter, "8 or 16"),
        ({"direction": "sideways"}, InvalidParameter, "'to_facility' or 'from_facility'"),
        ({"cell_size_m": 0.0}, InvalidParameter, "cell_size_m"),
        ({"cell_size_m": math.nan}, InvalidParameter, "cell_size_m"),
        ({"limit_seconds": -1.0}, InvalidParameter, "limit_seconds"),
        ({"limit_seconds": math.nan}, InvalidParameter, "limit_seconds"),
        ({"limit_seconds": "soon"}, InvalidParameter, "must be a number"),
        ({"elevation": np.ones((2, 2))}, GroundError, "shape of pace"),
        ({"elevation": np.full((3, 4), np.nan)}, GroundError, "Fill the holes"),
        ({"elevation": np.full((3, 4), -32768)}, GroundError, "nodata value"),
        ({"gait": np.ones((2, 2))}, GroundError, "shape of pace"),
        ({"gait": np.full((3, 4), 3)}, GroundError, "2 .cycle."),
    ],
)
def test_what_cannot_be_used_is_refused_with_a_reason(arguments, error, words):
    """Every refusal says what was expected, what came, and where."""
    pace = np.ones((3, 4))
    pace[1, 1] = np.inf
    with pytest.raises(error, match=words):
        solve(**{"pace": pace, "sources": [(0, 0)], **arguments})


def test_holes_in_the_elevation_are_fine_where_nobody_walks():
    """Elevation may be missing in the sea."""
    pace, elevation = np.ones((5, 5)), np.zeros((5, 5))
    pace[2, 2], elevation[2, 2] = np.inf, np.nan
    level = solve(pace, [(0, 0)], elevation=elevation)
    flat = solve(pace, [(0, 0)])
    np.testing.assert_array_equal(level.microseconds, flat.microseconds)


def test_times_agree_with_plain_seconds():
    """Whole microseconds stay within 1e-5 of the same sums in floating point."""
    world = random_world(11, largest=30)
    world.pace[np.isinf(world.pace)] = 2.0
    field, cells = world.solve(), crossable(world.pace)
    times = dict.fromkeys(cells, math.inf)
    from travel.oracles import Oracle

    slow = Oracle(world.pace, **world.options)
    for row, column, delay in filter(None, world.sources):
        times[row, column] = min(times[row, column], delay)
    improved = True
    while improved:
        improved = False
        for here in cells:
            for step in slow.steps:
                there = here[0] + step[0], here[1] + step[1]
                if there in times and (time := times[here] + slow.cost(here, step)) < times[there]:
                    times[there], improved = time, True
    expected = np.array([times[cell] for cell in cells])
    expected[expected > world.limit_seconds] = np.inf
    np.testing.assert_allclose(field.seconds.ravel(), expected, rtol=1e-5)


def test_importing_the_package_does_not_load_the_compiler():
    """Asking for help must not cost the seconds that numba needs to load."""
    code = "import sys, geosvc.travel; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
