"""Roads of OpenStreetMap: from the file to the graph beside pyosmium reading it, and the hybrid at 30 m.

    python benchmarks/bench_osm.py [--repeat 9] [--cell 30] [--osm FILE.osm.pbf]

The bar is pyosmium alone: every highway way of the file with its line, made by pyosmium's own
factory, and thrown away. "The graph" is everything from there to a network that can be ridden:
tags, classes, one-way and access rules, metres, nodes, edges and transfers. Taken in turn.
Without a file the Comoros of the real data sets are used (GEOSVC_TEST_DATA, else ../shared/data).
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("NUMBA_NUM_THREADS", "1")

import osmium
from bench_graph import real_roads

from geosvc.geo.crs import grid_crs_for
from geosvc.geo.grid import Grid
from geosvc.geo.osm import read_roads
from geosvc.geo.vector import read_vector
from geosvc.registry.imports.report import ImportReport
from geosvc.registry.imports.road_lines import OSM_TAGS, normalised_roads
from geosvc.travel import Network, build_network
from geosvc.travel.warmup import compile_kernels

CELL_M = 100.0
ROOT = Path(__file__).resolve().parent.parent


def pyosmium_alone(path: Path) -> int:
    """Read the lines of all highway ways, and return how many bytes they are."""
    line_of = osmium.geom.WKBFactory().create_linestring
    ways = osmium.FileProcessor(str(path)).with_locations().with_filter(osmium.filter.EntityFilter(osmium.osm.WAY))
    return sum(len(line_of(way)) for way in ways.with_filter(osmium.filter.KeyFilter("highway")))


def by_pyosmium(path: Path) -> Any:
    """Read the roads as the import does."""
    return read_roads(path, OSM_TAGS, max_mb=2**20, expected="roads").frame


def by_gdal(path: Path) -> Any:
    """Read the roads with GDAL's driver, as a peer."""
    frame = read_vector(path, max_mb=2**20, expected="roads", layer="lines")
    return frame[frame["highway"].notna()]


def graph(path: Path, read: Callable[[Path], Any]) -> Network:
    """Return the network of a file's roads on a grid of 100 m."""
    roads = normalised_roads(read(path), ImportReport(kind="roads", file_name=path.name))
    box = tuple(float(edge) for edge in roads.total_bounds)
    grid = Grid.covering(box, crs=grid_crs_for(box), cell_size_m=CELL_M, margin_m=0.0, max_cells=10**9)
    return build_network(
        roads.geometry.to_crs(grid.crs).to_numpy(), roads["road_class"].tolist(),
        pace_by_class=dict.fromkeys(roads["road_class"].unique(), 1.0), west_m=grid.west_m, north_m=grid.north_m,
        cell_size_m=CELL_M, rows=grid.rows, cols=grid.cols, oneway=roads["oneway"].to_numpy(),
        bridge=roads["bridge"].to_numpy(), tunnel=roads["tunnel"].to_numpy(),
    )


def beside_pyosmium(path: Path, repeat: int) -> None:
    """Print the times and what they are to pyosmium's."""
    works: dict[str, Callable[[], Any]] = {
        "pyosmium alone": lambda: pyosmium_alone(path),
        "file to graph, geosvc": lambda: graph(path, by_pyosmium),
        "file to graph, through GDAL": lambda: graph(path, by_gdal),
    }
    network = graph(path, by_pyosmium)
    print(f"{path.name}: {path.stat().st_size / 2**20:.1f} MiB; {network.n_nodes:,} nodes, {network.n_edges:,} edges,"
          f" {network.transfer_cell.size:,} transfers at {CELL_M:g} m")
    times: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(repeat + 1):
        for name, work in works.items():
            start = time.perf_counter()
            work()
            if turn:  # the first is for the caches
                times[name].append(time.perf_counter() - start)
    # On a busy machine the best is the truer of the two.
    for what, of in (("median", statistics.median), ("best", min)):
        bar = of(times["pyosmium alone"])
        for name, taken in times.items():
            print(f"  {name:30}{what:>8}{1000 * of(taken):8.0f} ms   ratio {of(taken) / bar:.2f}")


def main() -> None:
    """Run it all, or say why not."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    data = Path(os.environ.get("GEOSVC_TEST_DATA", ROOT.parent / "shared" / "data"))
    parser.add_argument("--osm", type=Path, default=data / "comoros" / "comores-200622.osm.pbf")
    parser.add_argument("--cell", type=float, default=30.0)
    parser.add_argument("--repeat", type=int, default=9)
    given = parser.parse_args()
    if not given.osm.is_file():
        print(f"skipped: {given.osm} is not there; name a file with --osm, or the data sets with GEOSVC_TEST_DATA")
        return
    compile_kernels()
    beside_pyosmium(given.osm, given.repeat)
    real_roads(str(given.osm), given.cell, max(given.repeat // 3, 1))


if __name__ == "__main__":
    main()
