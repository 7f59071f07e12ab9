"""Roads from lines: where they join, what they cost, where one steps off; times along them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra
from shapely import LineString, MultiLineString, Point
from travel.graph_oracles import nearest_point_of_cell
from travel.road_worlds import NORTH, ROAD_PACE, WEST, line, random_world, roads
from travel.worlds import seeds

from geosvc.errors import InvalidGeometry, InvalidParameter
from geosvc.travel import Network, build_network
from geosvc.travel.graph import arcs_of, solve_graph
from geosvc.travel.labels import SOURCE_BITS


def at(network: Network, row: float, col: float, size: float = 100.0) -> int:
    """Return the node at a place."""
    x, y = WEST + (col + 0.5) * size, NORTH - (row + 0.5) * size
    away = np.hypot(network.node_x - x, network.node_y - y)
    assert away.min() < 0.01
    return int(away.argmin())


def test_a_line_is_cut_once_for_every_cell_it_visits():
    """A street through three cells can be boarded in each, where it is nearest to the centre."""
    network = roads([line((0.2, -0.5), (0.2, 2.5))], ["street"], (1, 3))
    assert network.transfer_cell.tolist() == [0, 1, 2]
    assert network.transfer_m == pytest.approx(20.0)
    assert network.edge_metres.tolist() == [50.0, 100.0, 100.0, 50.0]
    assert network.edge_microseconds.sum() == 300 * 144_000


def test_a_corner_is_no_visit():
    """A line through the corner where four cells meet touches two of them only in a point."""
    network = roads([line((0, 0), (1, 1))], ["street"], (2, 2))
    assert network.transfer_cell.tolist() == [0, 3]


@settings(max_examples=100, deadline=None)
@given(seeds)
def test_every_visit_has_its_nearest_point(seed: int):
    """Shapely, cell by cell, finds the same nearest distance for every line and cell."""
    world = random_world(seed)
    world.flags = {}
    world.classes = ["street"] * len(world.lines)
    network = world.network()
    line_of = network.edge_line[network.transfer_edges.max(axis=1)] if network.n_edges else []
    found: dict[tuple[int, int], float] = {}
    for road, cell, metres in zip(line_of, network.transfer_cell.tolist(), network.transfer_m.tolist(), strict=True):
        found[int(road), cell] = min(metres, found.get((int(road), cell), math.inf))
    for road, shape in enumerate(world.lines):
        for row, col in np.ndindex(world.pace.shape):
            slow = nearest_point_of_cell(shape, WEST, NORTH, world.size, (row, col))
            fast = found.get((road, row * world.pace.shape[1] + col), math.inf)
            inner, outer = _lengths_about(shape, row, col, world.size)
            # along a border, or clipping a corner, a line may be counted to either cell
            if math.isinf(slow) != math.isinf(fast):
                assert inner < 0.1
            elif inner > 0.1 and outer - inner < 0.5:
                assert fast == pytest.approx(slow, abs=0.03)


def _lengths_about(shape: LineString, row: int, col: int, size: float) -> tuple[float, float]:
    """Return the length of a line within a cell made 3 cm smaller, and 3 cm larger, on every side."""
    centre = Point(WEST + (col + 0.5) * size, NORTH - (row + 0.5) * size)
    inner, outer = (
        shape.intersection(centre.buffer(size / 2 + by, cap_style="square")).length for by in (-0.03, 0.03)
    )
    return inner, outer


@settings(max_examples=60, deadline=None)
@given(seeds)
def test_nothing_of_a_line_is_lost(seed: int):
    """Edges of a line add up to its length and its time, however it is cut."""
    world = random_world(seed)
    network = world.network()
    spent = network.edge_microseconds
    for i, shape in enumerate(world.lines):
        edges = network.edges_of([i])
        metres = network.edge_metres[edges].sum()
        assert metres == pytest.approx(shape.length, abs=0.05)
        pace = ROAD_PACE[world.classes[i]]
        if edges.size and math.isfinite(pace):
            assert spent[edges].sum() == pytest.approx(round(metres * pace * 1e6), abs=1 + 1e-6)
        start, stop = network.edge_points.T
        for edge in edges.tolist():
            way = network.path[start[edge] : stop[edge] + 1]
            assert np.hypot(*np.diff(way, axis=0).T).sum() == pytest.approx(network.edge_metres[edge], abs=0.02)
            ends = network.edge_nodes[edge]
            assert way[[0, -1], 0] == pytest.approx(network.node_x[ends], abs=0.01)


@settings(max_examples=60, deadline=None)
@given(seeds)
def test_times_along_roads_are_those_of_scipy(seed: int):
    """From any node, in both directions, with one-way streets: equal to the microsecond."""
    world = random_world(seed, largest=20)
    network = world.network()
    if not network.n_nodes:
        return
    for direction in ("to_facility", "from_facility"):
        arcs = arcs_of(network, direction)
        tails = np.repeat(np.arange(network.n_nodes), np.diff(arcs.first))
        weights = (arcs.cost >> SOURCE_BITS).astype(float)
        best: dict[tuple[int, int], float] = {}
        for tail, head, weight in zip(tails.tolist(), arcs.to.tolist(), weights.tolist(), strict=True):
            best[tail, head] = min(weight, best.get((tail, head), math.inf))
        where = np.array(list(best), int).reshape(-1, 2).T
        matrix = coo_array((list(best.values()), tuple(where)), shape=(network.n_nodes,) * 2).tocsr()
        start = seed % network.n_nodes
        slow = dijkstra(matrix, indices=[start], min_only=True)
        field = solve_graph(network, [(start, 0.0)], direction=direction)
        np.testing.assert_array_equal(field.microseconds, np.where(np.isinf(slow), -1, slow))


def test_many_sources_far_apart_in_time():
    """Delays of days leave most buckets empty and fill the last one; ties go to the smaller index."""
    network = roads([line((0, 0), (0, 200))], ["street"], (1, 200))
    count = network.n_nodes
    sources = [(0, 8_000_000.0), None, (count - 1, 0.0), (count - 1, 0.0), (count // 2, 10_000.0)]
    field = solve_graph(network, sources)
    assert set(field.nearest.tolist()) == {2}
    assert field.microseconds[0] == 200 * 100 * 144_000
    assert solve_graph(network, sources, limit_seconds=100.0).microseconds[0] == -1
    late = solve_graph(network.closed([1]), sources)
    assert late.nearest[0] == 0
    assert late.microseconds[0] == 8_000_000_000_000


def test_a_grid_town_by_road_is_exact():
    """Streets every 100 m at 144 s/km: every crossing is blocks times 14.4 s away."""
    n = 12
    town = [line(*[(r, c) for c in range(n)]) for r in range(n)] + [line(*[(r, c) for r in range(n)]) for c in range(n)]
    network = roads(town, ["street"] * len(town), (n, n))
    field = solve_graph(network, [(at(network, 0, 0), 0.0)])
    for row, col in np.ndindex(n, n):
        assert field.microseconds[at(network, row, col)] == (row + col) * 14_400_000
    assert network.n_nodes == n * n  # crossings at centres are the points where one steps off


def test_cutting_does_not_change_the_time():
    """Many small cells cost no rounding: the time along a line does not depend on the cells."""
    bent = LineString([(WEST, NORTH - 1), (WEST + 1234.56, NORTH - 777.77), (WEST + 4000, NORTH - 2999.99)])
    fine = roads([bent], ["street"], (1000, 1000), size=5.0)
    coarse = roads([bent], ["street"], (5, 5), size=1000.0)
    assert fine.n_edges > 100 * coarse.n_edges
    assert fine.edge_microseconds.sum() == coarse.edge_microseconds.sum()


def test_components_name_what_does_not_connect():
    """Two islands and a stray lane: the report says how many, how long, and which lines."""
    lines = [line((0, 0), (0, 5)), line((0, 5), (3, 5)), line((2, 0), (2, 2)), line((4, 4), (4, 4.3))]
    network = roads(lines, ["street"] * 4, (5, 6))
    report = network.components
    assert (report.count, report.stray_lines.tolist()) == (3, [2, 3])
    assert report.metres == pytest.approx([800.0, 200.0, 30.0])
    assert report.stray_nodes == sum(report.of_node > 0) == 5
    shut = network.closed(network.edges_of([1])).components
    assert (shut.count, shut.metres[0]) == (3, pytest.approx(500.0))
    assert (shut.of_node == -1).any()


def test_ends_drawn_by_hand_are_joined_when_asked():
    """Ends that miss each other, or the side of a road, by 3 m join with snap_m=5 and not without."""
    lines = [line((1, 0), (1, 2)), line((1.03, 2), (1, 5)), line((0, 1.2), (0.98, 1.2)), line((3, 0), (1.2, 0))]
    apart = roads(lines, ["street"] * 4, (4, 6))
    joined = roads(lines, ["street"] * 4, (4, 6), snap_m=5.0)
    assert apart.components.count == 4
    assert (joined.components.count, joined.components.stray_lines.tolist()) == (2, [3])
    assert roads(lines, ["street"] * 4, (4, 6), snap_m=30.0).components.count == 1
    assert joined.edge_metres.sum() == pytest.approx(apart.edge_metres.sum(), abs=10)


def test_a_line_of_several_parts_keeps_its_index():
    """Parts are apart, and belong to one line; lines without length are no roads."""
    parts = MultiLineString([line((0, 0), (0, 1)), line((1, 0), (1, 1))])
    network = roads([LineString([(WEST, NORTH), (WEST, NORTH + 0.001)]), parts], ["street", "street"], (2, 2))
    assert set(network.edge_line.tolist()) == {1}
    assert network.components.count == 2
    assert network.edge_metres.sum() == pytest.approx(200.0)


def test_a_roundabout_closes():
    """The first and last vertex of a ring are one node."""
    ring = LineString([*line((0, 0), (0, 2), (2, 2), (2, 0)).coords, *line((0, 0), (0, 1)).coords[:1]])
    network = roads([ring], ["street"], (3, 3), oneway=[1])
    field = solve_graph(network, [(at(network, 0, 0), 0.0)], direction="from_facility")
    assert field.microseconds[at(network, 2, 0)] == 600 * 144_000
    assert field.microseconds[at(network, 0, 2)] == 200 * 144_000


def test_a_road_that_leaves_the_grid_comes_back():
    """Outside the grid nobody steps off, but the road is a road."""
    network = roads([line((0, 1), (-5, 1), (-5, 3), (0, 3))], ["street"], (1, 5))
    assert network.transfer_cell.tolist() == [1, 3]
    field = solve_graph(network, [(at(network, 0, 1), 0.0)])
    assert field.microseconds[at(network, 0, 3)] == 1200 * 144_000


def test_classes_that_may_not_be_used():
    """A closed class costs nothing and carries nobody, until its pace is set."""
    network = roads([line((0, 0), (0, 3))], ["closed"], (1, 4))
    assert (network.edge_microseconds == -1).all()
    assert not network.transfer_usable.any()
    assert network.components.stray_lines.size == 0
    assert network.with_pace({"closed": 0.1, "unheard of": 1.0}).edge_microseconds.sum() == 30_000_000


def test_no_roads_at_all():
    """No lines make an empty network."""
    network = roads([], [], (2, 2))
    assert (network.n_nodes, network.n_edges, network.components.count) == (0, 0, 0)
    assert solve_graph(network, []).microseconds.size == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"classes": ["street"]}, "every line needs a class"),
        ({"classes": ["street", "lane"]}, "no pace for road class 'lane'"),
        ({"pace_by_class": {"street": 0.0}}, "above 0"),
        ({"pace_by_class": {"street": float("nan")}}, "above 0"),
        ({"oneway": [0, 2]}, "oneway"),
        ({"bridge": [True]}, "bridge"),
        ({"rows": 0}, "at least one cell"),
        ({"cell_size_m": -1.0}, "cell_size_m"),
        ({"west_m": float("nan")}, "corner"),
        ({"snap_m": -1.0}, "max_distance_m"),
    ],
)
def test_it_refuses_what_does_not_fit(change: dict, message: str):
    """The message names what was expected."""
    given = {
        "classes": ["street", "street"], "pace_by_class": {"street": 0.1}, "west_m": WEST, "north_m": NORTH,
        "cell_size_m": 100.0, "rows": 2, "cols": 2, **change,
    }
    with pytest.raises(InvalidParameter, match=message):
        build_network([line((0, 0), (0, 1)), line((1, 0), (1, 1))], given.pop("classes"), **given)


def test_it_refuses_what_is_not_a_line():
    """Points, nothing, and coordinates that are not numbers."""
    with np.errstate(invalid="ignore"):
        nowhere = LineString([(0, 0), (1, np.nan)])
    for wrong, message in ((Point(0, 0), "Point"), (None, "nothing"), (nowhere, "not a number")):
        with pytest.raises(InvalidGeometry, match=message):
            roads([line((0, 0), (0, 1)), wrong], ["street", "street"], (2, 2))
    network = roads([line((0, 0), (0, 1))], ["street"], (2, 2))
    with pytest.raises(InvalidParameter, match="no edge 99"):
        network.closed([99])
    with pytest.raises(InvalidParameter, match="no node"):
        solve_graph(network, [(99, 0.0)])
