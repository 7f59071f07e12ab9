"""Roads and the one-ride hybrid: beside scipy on a grid town, and on real roads.

    python benchmarks/bench_graph.py [--blocks 548] [--repeat 5] [--osm FILE.osm.pbf] [--cell 100]

scipy.sparse.csgraph.dijkstra(min_only=True) is both oracle and bar: equal times, and never
faster. One thread; medians. With ``--osm`` the roads of a file are read (pyogrio), and the field
by car and on foot is solved for facilities drawn at random beside roads.
"""

from __future__ import annotations

import argparse
import os
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

os.environ.setdefault("NUMBA_NUM_THREADS", "1")

import numpy as np
import pyogrio
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra
from shapely import linestrings
from timing import seconds_of

from geosvc.measures import pace_from_kmh
from geosvc.travel import Network, build_network, solve, solve_hybrid
from geosvc.travel.graph import arcs_of, spread
from geosvc.travel.labels import HORIZON_MICROSECONDS, SOURCE_BITS, last_label, microseconds_of, pack
from geosvc.travel.profiles import travel_profiles
from geosvc.travel.warmup import compile_kernels

BLOCK_M = 90.0
NOT_DRIVEN = {"footway", "path", "steps", "pedestrian", "cycleway", "bridleway", "corridor"}


def bytes_at_peak(work: Callable[[], Any]) -> int:
    """Return the most bytes that a piece of work holds at once, its result included."""
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def town(blocks: int, seed: int = 1) -> Network:
    """Return blocks x blocks crossings, a little irregular, with streets of four speeds, some one-way."""
    rng = np.random.default_rng(seed)
    steps = np.arange(blocks) * BLOCK_M
    x, y = np.meshgrid(steps, steps)
    x, y = x + rng.uniform(-30, 30, x.shape), y + rng.uniform(-30, 30, y.shape)
    crossings = np.stack([x, y], axis=2)
    ends = np.concatenate([
        np.stack([crossings[:, :-1], crossings[:, 1:]], axis=2).reshape(-1, 2, 2),
        np.stack([crossings[:-1], crossings[1:]], axis=2).reshape(-1, 2, 2),
    ])
    ends = ends[rng.random(len(ends)) < 0.9]
    classes = rng.choice(["primary", "secondary", "tertiary", "residential"], len(ends), p=[0.05, 0.1, 0.15, 0.7])
    drive = travel_profiles()["drive"]
    return build_network(
        list(linestrings(ends)), classes.tolist(), pace_by_class={c: drive.road_pace(c) for c in set(classes)},
        west_m=-50.0, north_m=float(steps[-1] + 50.0), cell_size_m=1e6, rows=1, cols=1,
        oneway=rng.choice([0, 0, 0, 1], len(ends)), no_transfer=set(classes.tolist()),
    )


def beside_scipy(network: Network, repeat: int, sources: int = 200) -> None:
    """Print the times of both, from the same nodes, after checking that they agree."""
    arcs = arcs_of(network, "to_facility")
    starts = np.random.default_rng(2).choice(network.n_nodes, sources, replace=False)
    limit = np.int64(last_label(HORIZON_MICROSECONDS))
    answer = np.zeros(network.n_nodes, np.int64)
    packed = np.array([pack(0, index) for index in range(sources)])

    def ours() -> None:
        answer[:] = 0
        answer[starts] = packed
        spread(arcs, answer, starts.astype(np.int32), limit)

    weights = (arcs.cost >> SOURCE_BITS).astype(np.float64)
    matrix = csr_array((weights, arcs.to, arcs.first.astype(np.int32)), shape=(network.n_nodes,) * 2)

    def theirs() -> Any:
        return dijkstra(matrix, indices=starts, min_only=True)

    ours()
    slow = theirs()
    assert (microseconds_of(answer) == np.where(np.isinf(slow), -1, slow)).all()
    fast, slow = seconds_of(ours, repeat), seconds_of(theirs, repeat)
    grouping = seconds_of(lambda: arcs_of(network, "to_facility"), repeat)
    print(f"{network.n_nodes:,} nodes, {arcs.to.size:,} arcs, {sources} sources")
    print(f"  settle nodes, nearest and ties kept   {1000 * fast:8.1f} ms")
    print(f"  scipy dijkstra(min_only=True)          {1000 * slow:8.1f} ms   ratio {slow / fast:.1f}")
    print(f"  arcs from edges (after a closed road)  {1000 * grouping:8.1f} ms")


def read_roads(path: str) -> tuple[Any, list[str], Any]:
    """Return roads as (lines in metres, classes, frame)."""
    frame = pyogrio.read_dataframe(path, layer="lines", columns=["highway", "other_tags"], where="highway IS NOT NULL")
    frame = frame.to_crs(frame.estimate_utm_crs())
    return list(frame.geometry), frame["highway"].tolist(), frame


def tagged(frame: Any, key: str) -> Any:
    """Return the value of a tag that GDAL keeps in other_tags."""
    return frame["other_tags"].str.extract(rf'"{key}"=>"([^"]*)"')[0]


def real_roads(path: str, cell_size_m: float, repeat: int, facilities: int = 70) -> None:
    """Print what the field by car and on foot costs on the roads of a file."""
    start = time.perf_counter()
    lines, classes, frame = read_roads(path)
    print(f"\n{path.rsplit('/', 1)[-1]}: {len(lines):,} roads, read in {time.perf_counter() - start:.2f} s")
    west, south, east, north = frame.total_bounds
    west, north = west - 2000.0, north + 2000.0
    rows, cols = (int(span // cell_size_m) + 1 for span in (north - south + 2000.0, east - west + 2000.0))
    drive = travel_profiles()["drive"]
    pace = {name: np.inf if name in NOT_DRIVEN else drive.road_pace(name) for name in set(classes)}
    way = tagged(frame, "oneway").map({"yes": 1, "-1": -1}).fillna(0).astype(int)

    def build() -> Network:
        return build_network(
            lines, classes, pace_by_class=pace, west_m=west, north_m=north, cell_size_m=cell_size_m, rows=rows,
            cols=cols, oneway=way, bridge=tagged(frame, "bridge").notna(), tunnel=tagged(frame, "tunnel").notna(),
        )

    network = build()
    print(f"  network of {network.n_nodes:,} nodes, {network.n_edges:,} edges, {network.transfer_cell.size:,} transfers"
          f" built in {seconds_of(build, repeat):.2f} s")
    report = network.components
    print(f"  {report.count:,} components; {report.metres[1:].sum() / report.metres.sum():.1%} of the length is stray")
    beside_scipy(network, repeat, facilities)
    walk = np.full((rows, cols), pace_from_kmh(4.0), np.float32)
    on_road = np.unique(network.transfer_cell[network.transfer_usable])
    places = np.random.default_rng(3).choice(on_road, facilities, replace=False)
    sources = [divmod(int(cell), cols) for cell in places]
    one = seconds_of(lambda: solve_hybrid(walk, network, sources), repeat)
    peak = bytes_at_peak(lambda: solve_hybrid(walk, network, sources))
    either = seconds_of(lambda: solve_hybrid(walk, network, sources, rides="any"), repeat)
    foot = seconds_of(lambda: solve(walk, sources, cell_size_m=cell_size_m), repeat)
    field = solve_hybrid(walk, network, sources)
    why = seconds_of(lambda: field.explain(rows // 2, cols // 2), repeat)
    print(f"  grid of {rows} x {cols} = {rows * cols / 1e6:.2f} million cells of {cell_size_m:g} m, {facilities} facilities")
    print(f"  one ride {one:.2f} s, any {either:.2f} s, on foot alone {foot:.2f} s; explain one place {1000 * why:.0f} ms")
    print(f"  memory at the peak {peak / 2**20:.0f} MB, {peak / rows / cols:.1f} bytes a cell, beside the pace given")


def main() -> None:
    """Run it all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--blocks", type=int, default=548)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--osm")
    parser.add_argument("--cell", type=float, default=100.0)
    given = parser.parse_args()
    compile_kernels()
    print("Town of streets")
    for blocks in (50, given.blocks):
        beside_scipy(town(blocks), given.repeat)
    if given.osm:
        real_roads(given.osm, given.cell, given.repeat)


if __name__ == "__main__":
    main()
