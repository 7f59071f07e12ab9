"""The hybrid edited in place, and several questions of one field, as shares of a fresh solve.

    python benchmarks/bench_edits.py [--cells 1000] [--repeat 5]

A county of cells x cells of 100 m with a lattice of roads every 2 km, 60 facilities. What is
edited is compared with a fresh solve, bit for bit, before anything is printed.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from shapely import LineString
from timing import seconds_of

from geosvc.travel import Network, bounded_fields, build_network, second_nearest, solve, solve_hybrid
from geosvc.travel.warmup import compile_kernels

CELL_M, FACILITIES, LIMIT_S = 100.0, 60, 1800.0


def lattice(cells: int) -> Network:
    """Return roads every 2 km, both ways, that join where they cross."""
    length = cells * CELL_M
    steps = np.arange(CELL_M / 2, length, 2000.0)
    ends = [0.0, *steps, length]
    lines = [LineString([(x, y) for x in ends]) for y in steps] + [LineString([(x, y) for y in ends]) for x in steps]
    return build_network(lines, ["primary"] * len(lines), pace_by_class={"primary": 0.06}, west_m=0.0, north_m=length,
                         cell_size_m=CELL_M, rows=cells, cols=cells)


def main() -> None:
    """Run it all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=1000)
    parser.add_argument("--repeat", type=int, default=5)
    given = parser.parse_args()
    compile_kernels()
    rng = np.random.default_rng(1)
    pace = np.full((given.cells, given.cells), 0.9)
    network = lattice(given.cells)
    sources = [tuple(int(n) for n in rng.integers(0, given.cells, 2)) for _ in range(FACILITIES)]
    field = solve_hybrid(pace, network, sources)
    fresh = seconds_of(lambda: solve_hybrid(pace, network, sources), given.repeat)
    print(f"{given.cells**2:,} cells, {network.n_edges:,} edges, {FACILITIES} facilities: fresh {fresh * 1000:.0f} ms")
    start = time.perf_counter()
    field.close(field.open(10, 10))
    print(f"{'first edit (keeps a field on foot)':42}{(time.perf_counter() - start) / fresh:8.1%} of a fresh solve")
    far = given.cells - 1
    closed = network.closed(np.arange(50))
    edits: dict[str, Callable[[], Any]] = {
        "open and close": lambda: field.close(field.open(given.cells // 2, given.cells // 2)),
        "move away and back": lambda: (field.move(0, far, far), field.move(0, *sources[0])),
        "close 50 edges and open them": lambda: (field.change_roads(closed), field.change_roads(network)),
        "close 100 cells to walkers and open them": lambda: (
            field.change_pace(np.arange(100) + 7, 500 % given.cells, 9.0), field.change_pace(np.arange(100) + 7, 500 % given.cells, 0.9)),
    }
    for name, work in edits.items():
        print(f"{name:42}{seconds_of(work, given.repeat) / fresh / 2:8.1%} of a fresh solve, each")
    same = np.array_equal(solve_hybrid(pace, network, [*field.sources]).packed, field.packed)
    print(f"after all edits equal to a fresh solve: {same}")
    raster = solve(pace, sources)
    on_foot = seconds_of(lambda: solve(pace, sources), given.repeat)
    for name, one, alone in (("on foot", raster, on_foot), ("by road", field, fresh)):
        print(f"second nearest, {name:26}{seconds_of(lambda one=one: second_nearest(one), 1) / alone:8.1f} fresh solves")
        start = time.perf_counter()
        near = bounded_fields(one, LIMIT_S)
        spent = time.perf_counter() - start
        size = near.cells.nbytes + near.microseconds.nbytes
        print(f"what each reaches in 30 min, {name:13}{spent / FACILITIES / alone:8.1%} of a fresh solve, a facility; "
              f"{near.cells.size / FACILITIES:,.0f} cells, {size / near.cells.size:.0f} bytes each")


if __name__ == "__main__":
    main()
