"""Riding and walking together: pencil cases, the oracle, and the laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from travel.road_worlds import NORTH, ROAD_PACE, WEST, line, random_world, roads
from travel.worlds import WALK, seeds

from geosvc.errors import GroundError, InvalidParameter, UnreachableSource
from geosvc.travel import HybridField, Network, edits, graph_kernels, solve, solve_hybrid
from geosvc.travel.warmup import compile_kernels

RIDE = 0.1  # seconds per metre: 36 km/h
PACE = {"road": RIDE, "motorway": RIDE / 2}


def country(lines: list, shape: tuple[int, int], classes: list[str] | None = None, **options: object) -> Network:
    """Roads at 36 km/h."""
    return roads(lines, classes or ["road"] * len(lines), shape, pace_by_class=PACE, **options)


def same(field: HybridField, other: HybridField) -> None:
    """Compare two fields, bit for bit."""
    np.testing.assert_array_equal(field.microseconds, other.microseconds)
    np.testing.assert_array_equal(field.nearest, other.nearest)


@settings(max_examples=200, deadline=None)
@given(seeds)
def test_every_bit_agrees_with_the_oracle(seed: int):
    """One ride or any, one-way roads, bridges, barriers, limits: times and nearest are those of the slow twin."""
    world = random_world(seed)
    network = world.network()
    field = world.solve(network)
    microseconds, nearest = world.solve_slowly(network)
    np.testing.assert_array_equal(field.microseconds, microseconds)
    np.testing.assert_array_equal(field.nearest, nearest)


@settings(max_examples=40, deadline=None)
@given(seeds)
def test_slope_counts_on_foot_only(seed: int):
    """With slope the two kinds of exponential may round one microsecond apart in a move, no more."""
    world = random_world(seed, slope=True, largest=6)
    world.limits = {}
    field, (microseconds, _) = world.solve(), world.solve_slowly()
    np.testing.assert_array_equal(field.microseconds < 0, microseconds < 0)
    np.testing.assert_allclose(field.microseconds, microseconds, rtol=1e-9, atol=60)


def test_walking_riding_and_walking_again():
    """Neither the road alone nor the ground alone gives the right answer.

    The clinic is one cell north of the road's west end, the village two cells south of its
    east end: 100 m at 1 s/m, 400 m at 0.1 s/m, 200 m at 1 s/m are 340 s, and two transfers of
    a microsecond. On foot alone it would be over 500 s; the road alone touches neither.
    """
    walk = np.ones((4, 5))
    field = solve_hybrid(walk, country([line((1, 0), (1, 4))], walk.shape), [(0, 0)])
    assert field.microseconds[3, 4] == 340_000_002
    assert solve(walk, [(0, 0)]).seconds[3, 4] > 500
    assert [(leg.mode, leg.microseconds, leg.metres) for leg in field.explain(3, 4)] == [
        ("foot", 200_000_001, 200.0),
        ("ride", 40_000_000, 400.0),
        ("foot", 100_000_001, 100.0),
    ]


def test_a_second_ride_must_not_be_taken():
    """Two roads with a walk of 200 m between them: there is no second vehicle beyond it."""
    walk = np.ones((1, 9))
    network = country([line((0, 0), (0, 3)), line((0, 5), (0, 8))], walk.shape)
    one = solve_hybrid(walk, network, [(0, 0)])
    either = solve_hybrid(walk, network, [(0, 0)], rides="any")
    assert one.microseconds[0, 8] == (30 + 500) * 1_000_000 + 2
    assert either.microseconds[0, 8] == (30 + 200 + 30) * 1_000_000 + 4
    assert [leg.mode for leg in one.explain(0, 8)] == ["foot", "ride", "foot"]
    assert [leg.mode for leg in either.explain(0, 8)] == ["foot", "ride", "foot", "ride", "foot"]


@pytest.mark.parametrize("rides", ["one", "any"])
def test_two_banks_in_one_cell_are_two_roads(rides: str):
    """Roads on both banks of a river run through one cell; nobody drives through the water."""
    walk = np.ones((1, 5))
    north, south = line((-0.2, 0), (-0.2, 4)), line((0.2, 2), (0.2, 4))
    field = solve_hybrid(walk, country([north, south], walk.shape), [(0, 0)], rides=rides)
    # off the road and on again would be 20 m + 20 m on foot; staying on is quicker
    assert field.microseconds[0, 4] == 20_000_000 + 40_000_000 + 20_000_000
    only_south = solve_hybrid(walk, country([line((-0.2, 0), (-0.2, 2)), south], walk.shape), [(0, 0)], rides=rides)
    seconds = 20 + 20 + 20 + (200 if rides == "one" else 20 + 20 + 20)
    assert only_south.microseconds[0, 4] == seconds * 1_000_000


def test_a_bridge_leads_over_what_nobody_can_cross():
    """The river splits the ground; only the road over the bridge joins the banks."""
    walk = np.ones((3, 7))
    walk[:, 2:5] = np.inf
    lines = [line((1, 0), (1, 1)), line((1, 1), (1, 5)), line((1, 5), (1, 6))]
    network = country(lines, walk.shape, bridge=[False, True, False])
    field = solve_hybrid(walk, network, [(1, 0)])
    assert field.microseconds[1, 6] == 60_000_000 + 2
    assert (field.microseconds[:, 2:5] == -1).all()
    closed = solve_hybrid(walk, network.closed(network.edges_of([1])), [(1, 0)])
    assert (closed.microseconds[:, 5:] == -1).all()


def test_nobody_steps_off_a_motorway_or_a_bridge_between_its_ends():
    """Along a motorway there is no way out but at its exits; the same on bridges and in tunnels."""
    walk = np.full((2, 9), 1.0)
    lines = [line((0, 0), (0, 1)), line((0, 1), (0, 7)), line((0, 7), (0, 8))]
    motorway = country(lines, walk.shape, ["road", "motorway", "road"])
    field = solve_hybrid(walk, motorway, [(0, 0)])
    assert field.microseconds[0, 7] == 40_000_000 + 2
    assert field.microseconds[0, 4] == 310_000_000 + 2  # off at the exit before, 300 m on foot
    for kind in ("bridge", "tunnel"):
        network = country(lines, walk.shape, **{kind: [False, True, False]})
        assert solve_hybrid(walk, network, [(0, 0)]).microseconds[0, 4] == 310_000_000 + 2


@pytest.mark.parametrize(("way", "direction"), [(1, "to_facility"), (-1, "from_facility")])
def test_one_way_binds_the_way_people_travel(way: int, direction: str):
    """A one-way street towards the clinic in the east brings patients there, and no team back."""
    walk = np.ones((1, 5))
    network = country([line((0, 0), (0, 4))], walk.shape, oneway=[way])
    other = "from_facility" if direction == "to_facility" else "to_facility"
    assert solve_hybrid(walk, network, [(0, 4)], direction=direction).microseconds[0, 0] == 40_000_002
    assert solve_hybrid(walk, network, [(0, 4)], direction=other).microseconds[0, 0] == 400_000_000
    both = network.with_pace({}, one_way=False)
    assert solve_hybrid(walk, both, [(0, 4)], direction=other).microseconds[0, 0] == 40_000_002


def test_a_facility_joins_the_road_in_the_middle_of_an_edge():
    """A street without a vertex for 10 km is boarded where it passes the clinic."""
    walk = np.ones((1, 100))
    field = solve_hybrid(walk, country([line((0, -0.5), (0, 99.5))], walk.shape), [(0, 50)])
    assert field.microseconds[0, [49, 51, 99]].tolist() == [10_000_002, 10_000_002, 490_000_002]


def test_a_town_of_streets_is_exact_to_the_second():
    """By road the time to every crossing is blocks times seconds; transfers take a microsecond each."""
    blocks, cells = 6, 5
    n = blocks * cells + 1
    crossings = [[(r, k) for r in range(0, n, cells)] for k in range(0, n, cells)]
    streets = [line(*way) for way in crossings] + [line(*[(c, r) for r, c in way]) for way in crossings]
    field = solve_hybrid(np.full((n, n), 10.0), country(streets, (n, n)), [(0, 0)])
    for row in range(0, n, cells):
        for col in range(0, n, cells):
            if row or col:
                assert field.microseconds[row, col] == (row + col) * 10 * 1_000_000 + 2


def test_roads_that_cross_without_a_shared_vertex_do_not_join():
    """An overpass is no crossing, however near."""
    walk = np.full((5, 5), 50.0)
    over = country([line((2, 0), (2, 4)), line((0, 2), (4, 2))], walk.shape)
    joined = country([line((2, 0), (2, 2), (2, 4)), line((0, 2), (2, 2), (4, 2))], walk.shape)
    assert solve_hybrid(walk, joined, [(2, 0)]).microseconds[0, 2] == 40_000_002
    assert solve_hybrid(walk, over, [(2, 0)]).microseconds[0, 2] > 40_000_002


@settings(max_examples=40, deadline=None)
@given(seeds)
def test_laws(seed: int):
    """Any ride is never slower than one, one never slower than none, more facilities never slower."""
    world = random_world(seed)
    world.options.pop("rides")
    network = world.network()

    def times(sources: list, **options: object) -> np.ndarray:
        field = solve_hybrid(world.pace, network, sources, **world.options, **options)
        return np.where(field.microseconds < 0, 2**60, field.microseconds)

    on_foot = solve(
        world.pace, world.sources, cell_size_m=world.size, **world.options
    ).microseconds
    on_foot = np.where(on_foot < 0, 2**60, on_foot)
    one, either = times(world.sources), times(world.sources, rides="any")
    assert (one <= on_foot).all()
    assert (either <= one).all()
    assert (times(world.sources, access_limit_seconds=30.0) >= one).all()
    place = tuple(np.argwhere(np.isfinite(world.pace))[0])
    assert (times([*world.sources, place]) <= one).all()


@settings(max_examples=40, deadline=None)
@given(seeds)
def test_half_the_speed_doubles_the_time(seed: int):
    """Everywhere, to the rounding of each move, arc and transfer."""
    world = random_world(seed)
    world.limits, world.sources = {}, [s and s[:2] for s in world.sources]
    network = world.network()
    field = world.solve(network).microseconds
    world.pace = world.pace * 2
    slow = world.solve(network.with_pace({name: 2 * pace for name, pace in ROAD_PACE.items()})).microseconds
    np.testing.assert_allclose(slow, np.where(field < 0, -1, 2 * field), atol=400)


@settings(max_examples=40, deadline=None)
@given(seeds)
def test_without_roads_it_is_the_raster(seed: int):
    """An empty network leaves the field on foot, bit for bit."""
    world = random_world(seed)
    world.options.pop("rides")
    field = solve_hybrid(world.pace, world.network(keep=[]), world.sources, **world.options)
    foot = solve(world.pace, world.sources, cell_size_m=world.size, **world.options)
    np.testing.assert_array_equal(field.microseconds, foot.microseconds)
    np.testing.assert_array_equal(field.nearest, foot.nearest)


@settings(max_examples=100, deadline=None)
@given(seeds)
def test_a_closed_line_is_a_line_that_was_never_built(seed: int):
    """Closing edges, opening them again and changing speeds give the fresh field, bit for bit."""
    world = random_world(seed)
    network = world.network()
    rng = np.random.default_rng(seed)
    gone = [i for i in range(len(world.lines)) if rng.random() < 0.4]
    kept = [i for i in range(len(world.lines)) if i not in gone]
    closed = network.closed(network.edges_of(gone))
    same(world.solve(closed), world.solve(world.network(keep=kept)))
    same(world.solve(closed.reopened(network.edges_of(gone))), world.solve(network))
    faster = {**ROAD_PACE, "track": 0.144, "primary": np.inf}
    fresh = roads(
        world.lines, world.classes, world.pace.shape, size=world.size, pace_by_class=faster, **world.flags
    )
    same(world.solve(network.with_pace(faster)), world.solve(fresh))


@settings(max_examples=150, deadline=None)
@given(seeds, st.booleans())
def test_legs_add_up_and_hang_together(seed: int, slope: bool):
    """Times of legs add up to the microsecond, lines follow each other and are as long as they say."""
    world = random_world(seed, slope=slope)
    field = world.solve()
    micro = field.microseconds
    for row, col in np.argwhere(micro >= 0)[::7].tolist():
        legs = field.explain(row, col)
        assert sum(leg.microseconds for leg in legs) == micro[row, col]
        modes = [leg.mode for leg in legs if leg.mode != "delay"]
        assert world.options["rides"] == "any" or modes in (["foot"], ["foot", "ride", "foot"])
        for one, other in zip(legs[:-1], legs[1:], strict=True):
            assert one.line[-1] == other.line[0]
        for leg in legs:
            length = np.hypot(*np.diff(np.array(leg.line), axis=0).T).sum() if len(leg.line) > 1 else 0.0
            assert leg.metres == pytest.approx(length, abs=0.05)
        ends = [legs[0].line[0], legs[-1].line[-1]]
        here = (WEST + (col + 0.5) * world.size, NORTH - (row + 0.5) * world.size)
        assert ends[0 if world.options["direction"] == "to_facility" else 1] == pytest.approx(here)
    for row, col in np.argwhere(micro < 0)[:2].tolist():
        assert field.explain(row, col) == []


def test_the_delay_of_a_team_is_a_leg_of_its_own():
    """A team that needs two minutes to leave waits first, then rides."""
    walk = np.ones((1, 5))
    field = solve_hybrid(
        walk, country([line((0, 0), (0, 4))], walk.shape), [(0, 0, 120.0)], direction="from_facility"
    )
    assert [(leg.mode, leg.seconds) for leg in field.explain(0, 4)] == [
        ("delay", 120.0), ("foot", 1e-6), ("ride", 40.0), ("foot", 1e-6),
    ]


def test_ties_go_to_the_smaller_index_by_road_too():
    """Half-way between two clinics on one road, whichever way they are listed."""
    walk = np.ones((1, 9))
    network = country([line((0, 0), (0, 8))], walk.shape)
    for sources in ([(0, 0), (0, 8)], [(0, 8), (0, 0)]):
        assert solve_hybrid(walk, network, sources).nearest[0, 4] == 0


def test_the_road_leaves_no_unreachable_strip():
    """Beside the road people walk; the car does not drive into the field."""
    walk = np.full((5, 9), WALK)
    field = solve_hybrid(walk, country([line((2, 0), (2, 8))], walk.shape), [(2, 0)])
    np.testing.assert_allclose(field.seconds[1], field.seconds[2] + 100 * WALK, atol=1e-3)


def test_the_warm_up_compiles_everything():
    """After the warm-up no use of roads compiles anything more."""
    kernels = [each for part in (graph_kernels, edits) for each in vars(part).values() if hasattr(each, "signatures")]
    compile_kernels()
    before = [len(kernel.signatures) for kernel in kernels]
    for kind in (np.float32, np.float64, np.int64):
        for seed in range(6):
            world = random_world(seed, slope=seed > 2)
            world.pace = np.nan_to_num(world.pace, posinf=9.0).astype(kind).clip(1)
            field = world.solve()
            field.explain(0, 0)
            field.close(field.open(0, 0, 1.0))
            field.change_pace([0], [0], [2])
            field.change_roads(field.network.closed(np.arange(field.network.n_edges)))
            field.alone(field.open(0, 0), 60)
    assert [len(kernel.signatures) for kernel in kernels] == before


def test_it_refuses_what_does_not_fit():
    """Another grid, another cell size, unknown words, sources in the water: said at once."""
    walk = np.ones((2, 3))
    network = country([line((0, 0), (0, 2))], walk.shape)
    with pytest.raises(GroundError, match="shape"):
        solve_hybrid(np.ones((3, 2)), network, [(0, 0)])
    with pytest.raises(InvalidParameter, match="cell_size_m"):
        solve_hybrid(walk, network, [(0, 0)], cell_size_m=30.0)
    with pytest.raises(InvalidParameter, match="rides"):
        solve_hybrid(walk, network, [(0, 0)], rides="two")
    with pytest.raises(InvalidParameter, match="access_limit_seconds"):
        solve_hybrid(walk, network, [(0, 0)], rides="any", access_limit_seconds=60.0)
    with pytest.raises(InvalidParameter, match="outside"):
        solve_hybrid(walk, network, [(0, 0)]).explain(2, 0)
    walk[0, 0] = np.inf
    with pytest.raises(UnreachableSource):
        solve_hybrid(walk, network, [(0, 0)])


def test_no_facility_and_no_time():
    """No source reaches nothing; a limit of 0 reaches the source's own cell."""
    walk = np.ones((2, 3))
    network = country([line((0, 0), (0, 2))], walk.shape)
    assert (solve_hybrid(walk, network, []).microseconds == -1).all()
    assert (solve_hybrid(walk, network, [None]).nearest == -1).all()
    field = solve_hybrid(walk, network, [(0, 1)], limit_seconds=0)
    assert np.argwhere(field.microseconds >= 0).tolist() == [[0, 1]]
    assert [leg.mode for leg in field.explain(0, 1)] == ["foot"]
