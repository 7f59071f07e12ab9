"""Roads and hybrid edited in place equal fresh ones, bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from travel.editing import Editor
from travel.road_worlds import ROAD_PACE, RoadWorld, line, random_world, roads
from travel.worlds import WALK, crossable, seeds

from geosvc.errors import GroundError, InvalidParameter, UnreachableSource
from geosvc.travel import GraphField, HybridField, Network, solve_graph, solve_hybrid

SOURCES = ["open", "close", "move"]
ROADS = ["close_road", "reopen_road", "change_speed"]
GROUND = ["change_pace"]


def same(field: HybridField | GraphField, other: HybridField | GraphField) -> None:
    """Compare two fields, bit for bit."""
    np.testing.assert_array_equal(field.microseconds, other.microseconds)
    np.testing.assert_array_equal(field.nearest, other.nearest)


class Roadworks:
    """Draws edits of a network: some edges closed, open again, classes faster or slower."""

    def __init__(self, network: Network, rng: np.random.Generator) -> None:
        self.network, self.rng = network, rng

    def edges(self) -> np.ndarray:
        """Draw a few edges, or many, or none."""
        if self.network.n_edges == 0:
            return np.zeros(0, np.int64)
        return self.rng.integers(0, self.network.n_edges, self.rng.choice([1, 2, self.network.n_edges]))

    def close_road(self) -> Network:
        """Close some."""
        return self.network.closed(self.edges())

    def reopen_road(self) -> Network:
        """Open some again, closed or not."""
        return self.network.reopened(self.edges())

    def change_speed(self) -> Network:
        """Make one class faster, slower or forbidden; let one-way rules count or not."""
        names = self.network.classes
        paces = {str(self.rng.choice(names)): float(self.rng.choice([0.03, 0.1, 0.4, np.inf]))} if names else {}
        return self.network.with_pace(paces, one_way=bool(self.rng.random() < 0.7))


class RoadEditor(Editor):
    """Edits facilities and ground as on the raster, and the roads."""

    def __init__(self, world: RoadWorld, rng: np.random.Generator) -> None:
        self.works = Roadworks(world.network(), rng)
        super().__init__(world, world.solve(self.works.network), rng)

    def apply(self, edit: str) -> None:
        """Apply an edit by its name."""
        if edit in ROADS:
            self.works.network = getattr(self.works, edit)()
            self.field.change_roads(self.works.network)
        else:
            getattr(self, edit)()


@settings(max_examples=250, deadline=None, derandomize=True)
@given(seeds, st.lists(st.sampled_from([*SOURCES, "rearrange", *ROADS, *GROUND]), min_size=1, max_size=7), st.booleans())
def test_an_edited_hybrid_equals_a_fresh_one(seed: int, edits: list[str], slope: bool):
    """Facilities, roads and ground, in any order, one ride or any, with limits: as if solved afresh."""
    editor = RoadEditor(random_world(seed, slope=slope), np.random.default_rng(seed))
    for edit in edits:
        editor.apply(edit)
        same(editor.field, editor.world.solve(editor.works.network))
    for row, col in np.ndindex(editor.field.shape):  # what explains a way is edited too
        legs = editor.field.explain(row, col)
        assert sum(leg.microseconds for leg in legs) == max(editor.field.microseconds[row, col], 0)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(seeds, st.lists(st.sampled_from(SOURCES + ROADS), min_size=1, max_size=8))
def test_an_edited_graph_equals_a_fresh_one(seed: int, edits: list[str]):
    """The same on the roads alone."""
    rng = np.random.default_rng(seed)
    works = Roadworks(random_world(seed).network(), rng)
    if works.network.n_nodes == 0:
        return
    direction, limit = str(rng.choice(["to_facility", "from_facility"])), float(rng.choice([np.inf, 40.0]))

    def node() -> int:
        return int(rng.integers(works.network.n_nodes))

    sources: list[Any] = [(node(), float(rng.choice([0.0, 9.5]))) for _ in range(3)]
    field = solve_graph(works.network, sources, direction=direction, limit_seconds=limit)
    for edit in edits:
        there = [i for i, source in enumerate(sources) if source is not None]
        if edit == "open":
            sources.append((node(), 1.5))
            assert field.open(*sources[-1]) == len(sources) - 1
        elif edit in ROADS:
            works.network = getattr(works, edit)()
            field.change_roads(works.network)
        elif there and edit == "close":
            index = int(rng.choice(there))
            sources[index] = None
            field.close(index)
        elif there:
            index = int(rng.choice(there))
            sources[index] = (node(), sources[index][1])
            field.move(index, sources[index][0])
        same(field, solve_graph(works.network, sources, direction=direction, limit_seconds=limit))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(seeds)
def test_a_block_without_a_source_leaves_no_trace(seed: int):
    """Inside it is the field without it; afterwards it is as it was."""
    world = random_world(seed)
    network = world.network()
    field = world.solve(network)
    for index, source in enumerate(list(world.sources)):
        if source is None:
            continue
        with field.without(index) as less:
            world.sources[index] = None
            same(less, world.solve(network))
            world.sources[index] = source
        same(field, world.solve(network))


def test_a_block_that_fails_leaves_no_trace_either():
    """Whatever goes wrong inside, the source is open again."""
    walk = np.ones((3, 9))
    network = roads([line((1, 0), (1, 8))], ["primary"], walk.shape)
    field, before = (solve_hybrid(walk, network, [(0, 0), (2, 8)]) for _ in range(2))
    graph, as_it_was = (solve_graph(network, [(0, 0.0), (3, 0.0)]) for _ in range(2))
    for edited in (field, graph):
        with pytest.raises(RuntimeError), edited.without(0):
            raise RuntimeError
    same(field, before)
    same(graph, as_it_was)


def test_a_copy_is_a_scenario_of_its_own():
    """Editing a copy leaves the baseline as it was, and the other way round."""
    world = random_world(3)
    world.sources = [(*crossable(world.pace)[0], 0.0)]
    network = world.network()
    field = world.solve(network)
    for edited_before in (False, True):
        if edited_before:
            field.close(field.open(*crossable(world.pace)[-1]))
        twin = field.copy()
        twin.open(*crossable(world.pace)[-1])
        twin.change_pace([0], [0], [WALK])
        twin.change_roads(network.with_pace(dict.fromkeys(network.classes, 0.01)))
        same(field, world.solve(network))
        still = twin.copy()
        field.close(0)
        same(twin, still)
        field = world.solve(network)


def test_a_team_that_drives_nowhere_any_more():
    """The only road is closed: everybody walks; opened again, all is as before."""
    walk = np.ones((1, 9))
    network = roads([line((0, 0), (0, 8))], ["primary"], walk.shape)
    field = solve_hybrid(walk, network, [(0, 0)])
    assert field.microseconds[0, 8] == round(800 * ROAD_PACE["primary"] * 1e6) + 2
    field.change_roads(network.closed(np.arange(network.n_edges)))
    assert field.microseconds[0, 8] == 800_000_000
    field.change_roads(network)
    assert field.microseconds[0, 8] == round(800 * ROAD_PACE["primary"] * 1e6) + 2


@pytest.mark.parametrize(("edit", "error", "words"), [
    (lambda field: field.close(7), InvalidParameter, "no source 7"),
    (lambda field: field.move(0, 0, 99), InvalidParameter, "outside the grid"),
    (lambda field: field.move(0, 0, 4), UnreachableSource, "cannot be crossed"),
    (lambda field: field.open(0, 4), UnreachableSource, "cannot be crossed"),
    (lambda field: field.change_pace([0], [0], [np.inf]), UnreachableSource, "close it first"),
    (lambda field: field.change_pace([0], [1], [-1.0]), GroundError, "pace"),
    (lambda field: field.change_roads(roads([line((0, 0), (0, 3))], ["primary"], (2, 9))), InvalidParameter, "another network"),
])
def test_an_edit_that_is_refused_changes_nothing(edit: Any, error: type[Exception], words: str):
    """The same refusals as on the raster; the field stays as it was."""
    walk = np.ones((2, 9))
    walk[0, 4] = np.inf
    network = roads([line((1, 0), (1, 8))], ["primary"], walk.shape)
    field, before = (solve_hybrid(walk, network, [(0, 0)]) for _ in range(2))
    with pytest.raises(error, match=words):
        edit(field)
    same(field, before)
    assert field.sources == before.sources
    field.open(1, 8)
    same(field, solve_hybrid(walk, network, [(0, 0), (1, 8)]))
