"""Laws that travel times obey whatever the ground, and closed forms on simple ground."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from travel.worlds import WALK, World, assert_equal_fields, crossable, random_world, seeds

from geosvc.travel import solve

LAW = settings(max_examples=60, deadline=None, derandomize=True)
_TURNS = {
    "quarter turn": (np.rot90, lambda r, c, shape: (shape[1] - 1 - c, r)),
    "half turn": (
        lambda grid: np.rot90(grid, 2),
        lambda r, c, shape: (shape[0] - 1 - r, shape[1] - 1 - c),
    ),
    "east to west": (lambda grid: grid[:, ::-1], lambda r, c, shape: (r, shape[1] - 1 - c)),
    "rows to columns": (lambda grid: grid.T, lambda r, c, shape: (c, r)),
}


@LAW
@given(seeds, st.sampled_from(sorted(_TURNS)), st.booleans())
def test_turning_the_map_turns_the_answer(seed, name, slope):
    """North is a convention: turned or mirrored ground gives turned or mirrored times."""
    turn, move = _TURNS[name]
    world = random_world(seed, slope=slope)
    shape = world.pace.shape
    options = {key: turn(value) if isinstance(value, np.ndarray) else value for key, value in world.options.items()}
    sources = [s and (*move(s[0], s[1], shape), s[2]) for s in world.sources]
    turned = World(turn(world.pace), sources, options, world.limit_seconds).solve()
    straight = world.solve()
    np.testing.assert_array_equal(turned.microseconds, turn(straight.microseconds))
    np.testing.assert_array_equal(turned.nearest, turn(straight.nearest))


@LAW
@given(seeds)
def test_doubling_the_pace_doubles_the_time(seed):
    """Twice as slow takes twice as long, to one microsecond a move."""
    world = random_world(seed, largest=25)
    world.sources = [s and (s[0], s[1], 0.0) for s in world.sources]
    world.limit_seconds = math.inf
    slower = World(world.pace * 2, world.sources, world.options)
    once, twice = world.solve().microseconds, slower.solve().microseconds
    np.testing.assert_array_equal(once < 0, twice < 0)
    assert np.abs(twice - 2 * once)[once >= 0].max(initial=0) <= world.pace.size


@LAW
@given(seeds, seeds)
def test_one_more_facility_never_makes_anyone_slower(seed, where):
    """Opening a facility shortens ways or leaves them as they are."""
    world = random_world(seed, slope=seed % 2 == 0)
    before = world.solve()
    cells = crossable(world.pace)
    world.sources.append(cells[where % len(cells)])
    after = world.solve()
    assert (after.seconds <= before.seconds).all()
    changed = after.microseconds != before.microseconds
    assert (after.nearest[changed] == len(world.sources) - 1).all()


@LAW
@given(seeds)
def test_isochrones_nest(seed):
    """Who is within 5 minutes is within 10: a tighter limit only takes cells away."""
    world = random_world(seed)
    world.limit_seconds = 600.0
    wide = world.solve()
    world.limit_seconds = 300.0
    narrow = world.solve()
    within = (wide.microseconds >= 0) & (wide.microseconds <= 300_000_000)
    np.testing.assert_array_equal(narrow.microseconds, np.where(within, wide.microseconds, -1))


@LAW
@given(seeds)
def test_the_order_of_facilities_decides_ties_only(seed):
    """Naming the facilities in another order changes no time."""
    world = random_world(seed)
    forwards = world.solve()
    world.sources.reverse()
    np.testing.assert_array_equal(world.solve().microseconds, forwards.microseconds)


@LAW
@given(seeds)
def test_there_and_back_take_the_same_time_on_the_flat(seed):
    """Where slope does not matter, the way to a facility is as long as the way from it."""
    world = random_world(seed)
    level = dict(world.options, elevation=np.full(world.pace.shape, 300.0))
    fields = [
        World(world.pace, world.sources, {**level, "direction": direction}).solve()
        for direction in ("to_facility", "from_facility")
    ]
    assert_equal_fields(*fields)
    assert_equal_fields(fields[0], World(world.pace, world.sources, world.options).solve())


@pytest.mark.parametrize(("neighbours", "share"), [(8, 0.9003), (16, 0.9720)])
def test_even_ground_is_reached_as_a_polygon(neighbours, share):
    """On even ground an octagon or a 16-gon is reached: 90.0 % or 97.2 % of the disc."""
    radius = 150
    field = solve(
        np.ones((2 * radius + 1, 2 * radius + 1)),
        [(radius, radius)],
        cell_size_m=1.0,
        neighbours=neighbours,
        limit_seconds=float(radius),
    )
    reached = np.count_nonzero(field.nearest == 0)
    assert reached / (math.pi * radius**2) == pytest.approx(share, abs=0.004)


def test_a_plain_with_one_bridge():
    """Both banks of a river are joined by one bridge: everyone on the other bank uses it."""
    pace = np.full((41, 41), 1.0)
    pace[:, 20] = np.inf
    pace[35, 20] = 1.0
    field = solve(pace, [(35, 0)], cell_size_m=1.0)
    assert field.seconds[35, 40] == 40.0
    bridge = solve(pace, [(35, 20)], cell_size_m=1.0)
    east = np.s_[:, 21:]
    np.testing.assert_array_equal(field.microseconds[east], bridge.microseconds[east] + 20_000_000)
    pace[35, 20] = np.inf
    assert np.isinf(solve(pace, [(35, 0)]).seconds[east]).all()


def test_a_bridge_shrinks_the_gap():
    """Opening a bridge lets the east bank walk to the clinic, so the gap must lose area."""
    pace = np.full((30, 30), WALK)
    pace[:, 15] = np.inf
    field = solve(pace, [(10, 2)], limit_seconds=3600.0)
    gap = np.count_nonzero(field.nearest < 0)
    field.change_pace([12], [15], [WALK])
    assert np.count_nonzero(field.nearest < 0) < gap


def test_a_grid_town_has_the_times_of_its_streets():
    """In a town of blocks one walks along the streets: the sum of both legs."""
    pace = np.full((61, 61), np.inf)
    pace[::10, :] = WALK
    pace[:, ::10] = WALK
    field = solve(pace, [(0, 0)], neighbours=8, cell_size_m=10.0)
    rows, columns = np.nonzero(np.isfinite(pace))
    # at every crossing a corner may be cut once by a diagonal, between its two streets
    along = 10.0 * WALK * (rows + columns)
    turns = np.where((rows > 0) & (columns > 0), np.maximum(rows, columns) // 10 + 10, 0)
    saved = 10.0 * WALK * (2 - math.sqrt(2)) * turns
    seconds = field.seconds[rows, columns]
    assert (seconds <= along + 1e-3).all()
    assert (seconds >= along - saved - 1e-3).all()
    assert seconds[(rows == 0) & (columns == 60)] == pytest.approx(600 * WALK)


def test_going_down_a_gentle_slope_is_quickest():
    """Tobler: at 5 % downhill people walk fastest, exp(0.175) times as fast as on the flat."""
    elevation = np.array([[0.0, 5.0]])
    to = solve(np.full((1, 2), WALK), [(0, 0)], elevation=elevation)
    back = solve(np.full((1, 2), WALK), [(0, 0)], elevation=elevation, direction="from_facility")
    assert to.seconds[0, 1] == pytest.approx(72.0 * math.exp(-0.175), rel=1e-6)
    assert back.seconds[0, 1] == pytest.approx(72.0 * math.exp(0.175), rel=1e-6)


def test_motors_do_not_mind_the_slope():
    """A car takes the same time up and down."""
    elevation = np.random.default_rng(3).normal(0.0, 20.0, (20, 30))
    pace = np.full((20, 30), 0.06)
    flat = solve(pace, [(4, 4)])
    hilly = solve(pace, [(4, 4)], elevation=elevation, gait=np.zeros((20, 30), np.int8))
    assert_equal_fields(flat, hilly)


@pytest.mark.parametrize(
    ("rise_m", "factor"),
    [
        (5.0, 1 / (1 - 5 * 1.44 / 21.6)),
        (-3.0, 1 / (1 + 3 * 0.86 / 21.6)),
        (-20.0, 1 / (1 + 6 * 0.86 / 21.6)),
        (14.0, 5 * math.exp(3.5 * 0.14)),
    ],
)
def test_cyclists_mind_the_slope(rise_m, factor):
    """Cyclists lose 1.44 km/h per per cent uphill, gain 0.86 downhill, push where steep."""
    field = solve(
        np.full((1, 2), 0.2),
        [(0, 1)],
        elevation=np.array([[0.0, rise_m]]),
        gait=np.full((1, 2), 2),
    )
    assert field.seconds[0, 0] == pytest.approx(20.0 * factor, rel=1e-6)
