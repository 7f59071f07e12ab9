"""Second nearest, fields of single sources, and two journeys in a row."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from travel import road_worlds, worlds
from travel.road_worlds import line, roads
from travel.worlds import seeds

from geosvc.errors import GroundError, InvalidParameter, UnreadableFile
from geosvc.travel import BoundedFields, bounded_fields, chain, second_nearest, solve, solve_graph, solve_hybrid


def two_best(each: list[tuple[np.ndarray, int]], shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return the second smallest (time, index) of fields of single sources, the slow and obvious way."""
    microseconds, nearest = np.full(shape, -1, np.int64), np.full(shape, -1, np.int32)
    for place in np.ndindex(shape):
        reached = sorted((int(times[place]), index) for times, index in each if times[place] >= 0)
        if len(reached) > 1:
            microseconds[place], nearest[place] = reached[1]
    return microseconds, nearest


def only(sources: list, index: int) -> list:
    """Return the sources with all but one closed."""
    return [source if i == index else None for i, source in enumerate(sources)]


@settings(max_examples=80, deadline=None, derandomize=True)
@given(seeds)
def test_the_second_nearest_is_the_second_best_of_all(seed: int):
    """On the raster: every source solved alone and sorted, cell by cell; and the field is left as it was."""
    world = worlds.random_world(seed)
    field = world.solve()
    before = field.packed.copy()
    second = second_nearest(field)
    each, everyone = [], world.sources
    for index, source in enumerate(everyone):
        if source is not None:
            world.sources = only(everyone, index)
            each.append((world.solve().microseconds, index))
    microseconds, nearest = two_best(each, field.shape)
    np.testing.assert_array_equal(second.microseconds, microseconds)
    np.testing.assert_array_equal(second.nearest, nearest)
    np.testing.assert_array_equal(field.packed, before)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(seeds)
def test_the_second_nearest_by_road_and_on_foot(seed: int):
    """The same where people ride: one ride or any, one-way roads, limits."""
    world = road_worlds.random_world(seed)
    network, everyone = world.network(), world.sources
    field = world.solve(network)
    if everyone and "access_limit_seconds" in world.limits:
        world.limits.pop("access_limit_seconds")  # it bounds the label of the nearest, not each walk by itself
        field = world.solve(network)
    before = field.packed.copy()
    second = second_nearest(field)
    each = []
    for index, source in enumerate(everyone):
        if source is not None:
            world.sources = only(everyone, index)
            each.append((world.solve(network).microseconds, index))
    microseconds, nearest = two_best(each, field.shape)
    np.testing.assert_array_equal(second.microseconds, microseconds)
    np.testing.assert_array_equal(second.nearest, nearest)
    np.testing.assert_array_equal(field.packed, before)


def test_the_second_nearest_along_roads():
    """On a street of five crossings with a clinic at each end, the farther one is second."""
    network = roads([line((0, 0), (0, 4))], ["street"], (1, 5))
    ends = [int(np.argmin(network.node_x)), int(np.argmax(network.node_x))]
    field = solve_graph(network, [(node, 0.0) for node in ends])
    second = second_nearest(field)
    assert (second.microseconds + field.microseconds == 400 * 144_000).all()
    assert (second.nearest == 1 - field.nearest).all()


def test_one_facility_has_no_second():
    """With one facility, or none, there is no second: not reached, never 0."""
    for sources in ([(1, 1)], []):
        second = second_nearest(solve(np.ones((3, 4)), sources))
        assert (second.microseconds == -1).all()
        assert (second.nearest == -1).all()
        assert np.isinf(second.seconds).all()


def test_two_facilities_at_one_place_are_each_others_second():
    """Stacked facilities: if one closes, nobody's way gets longer."""
    field = solve(np.ones((4, 4)), [(1, 1), (1, 1)])
    second = second_nearest(field)
    np.testing.assert_array_equal(second.microseconds, field.microseconds)
    assert (second.nearest == 1).all()


@settings(max_examples=60, deadline=None, derandomize=True)
@given(seeds)
def test_fields_of_single_sources_make_up_the_whole(seed: int):
    """What each source reaches alone is a bounded solve of it; the smallest of all is the bounded field."""
    for world in (worlds.random_world(seed), road_worlds.random_world(seed)):
        if isinstance(world, road_worlds.RoadWorld):
            world.limits = {}
        field = world.solve()
        before = field.packed.copy()
        limit = 90.0
        near = bounded_fields(field, limit)
        np.testing.assert_array_equal(field.packed, before)
        if isinstance(world, road_worlds.RoadWorld):
            world.limits = {"limit_seconds": limit}
        else:
            world.limit_seconds = limit
        whole = world.solve()
        np.testing.assert_array_equal(near.nearest().packed, whole.packed)
        everyone = world.sources
        assert near.n_sources == len(everyone)
        reached = np.zeros(field.shape, np.int32)
        for index in range(len(everyone)):
            world.sources = only(everyone, index)
            alone = world.solve().microseconds
            cells, microseconds = near.of(index)
            np.testing.assert_array_equal(cells, np.flatnonzero(alone >= 0))
            np.testing.assert_array_equal(microseconds, alone[alone >= 0])
            np.testing.assert_array_equal(near.within(index, 40.0), np.flatnonzero((alone >= 0) & (alone <= 40_000_000)))
            reached += (alone >= 0) & (alone <= 40_000_000)
        np.testing.assert_array_equal(near.sources_within(40.0), reached)


def test_bounded_fields_are_compact_and_can_be_kept(tmp_path):
    """Eight bytes for a cell that is reached, none for the others; read again they are the same."""
    field = solve(np.full((200, 300), 0.72), [(20, 20), None, (180, 280)])
    near = bounded_fields(field, 900.0)
    assert near.cells.dtype == near.microseconds.dtype == np.uint32
    assert near.first[-1] == near.cells.size < field.packed.size / 10
    assert bounded_fields(field, 7200.0).microseconds.dtype == np.uint64
    near.save(tmp_path / "near.npz")
    again = BoundedFields.load(tmp_path / "near.npz")
    assert (again.shape, again.limit_microseconds) == (near.shape, near.limit_microseconds)
    for index in range(3):
        for kept, read in zip(near.of(index), again.of(index), strict=True):
            np.testing.assert_array_equal(kept, read)
    assert near.of(1)[0].size == 0  # the closed one keeps its slot


def test_bounded_fields_refuse_what_they_cannot_answer(tmp_path):
    """An infinite limit, a larger limit than was looked, a source that is not there, a file that is none."""
    field = solve(np.ones((3, 3)), [(1, 1)])
    with pytest.raises(InvalidParameter, match="finite"):
        bounded_fields(field, float("inf"))
    near = bounded_fields(field, 60.0)
    with pytest.raises(InvalidParameter, match="60 s far"):
        near.within(0, 61.0)
    with pytest.raises(InvalidParameter, match="no source 1"):
        near.of(1)
    (tmp_path / "x.npz").write_bytes(b"nothing")
    with pytest.raises(UnreadableFile, match="compute them again"):
        BoundedFields.load(tmp_path / "x.npz")
    assert bounded_fields(solve(np.ones((2, 2)), []), 60.0).nearest().microseconds.max() == -1
    assert bounded_fields(field, 0.0).sources_within(0.0).sum() == 1


def test_the_emergency_chain_is_a_sum():
    """Ten minutes to get ready, by road to the scene, five minutes there, by road to the hospital."""
    walk = np.full((1, 9), 1.0)
    network = roads([line((0, 0), (0, 8))], ["primary"], walk.shape)
    team = solve_hybrid(walk, network, [(0, 0, 600.0)], direction="from_facility")
    hospital = solve_hybrid(walk, network, [(0, 8)], direction="to_facility")
    whole = chain(team, hospital, between_seconds=300.0)
    ride = 800 * 0.06
    assert whole.microseconds[0, 4] == round((600 + 300 + ride) * 1e6) + 4
    np.testing.assert_array_equal(whole.microseconds, team.microseconds + hospital.microseconds + 300_000_000)
    assert (whole.first == 0).all()
    assert (whole.second == 0).all()


def test_a_chain_breaks_where_one_of_its_journeys_cannot_be_made():
    """Behind a wall there is no ambulance, though there may be a hospital."""
    pace = np.ones((1, 5))
    pace[0, 2] = np.inf
    whole = chain(solve(pace, [(0, 0)]), solve(pace, [(0, 1), (0, 4)]))
    assert whole.microseconds[0].tolist() == [100_000_000, 100_000_000, -1, -1, -1]
    assert whole.second[0].tolist() == [0, 0, -1, -1, -1]
    assert np.isinf(whole.seconds[0, 2:]).all()
    with pytest.raises(GroundError, match="different grids"):
        chain(solve(np.ones((2, 2)), []), solve(np.ones((2, 3)), []))
    with pytest.raises(InvalidParameter, match="0 or more"):
        chain(solve(pace, []), solve(pace, []), between_seconds=-1.0)


