"""The raster engine beside its peers, on the same ground in one run.

    python benchmarks/bench_raster.py [--cells 2000] [--repeat 5] [--no-peers]

Prints medians and ratios. "solver" is the solver alone, "end to end" adds what a person
waits for around it: for geosvc, reading the pace and writing seconds and nearest once;
for GRASS, import and export. One thread.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("NUMBA_NUM_THREADS", "1")

import numpy as np
import numpy.typing as npt
from peers import installed
from timing import seconds_of

from geosvc.travel import solve
from geosvc.travel.warmup import compile_kernels

CELL_SIZE_M = 100.0
Grid = npt.NDArray[Any]


def ground(n: int, sources: int, seed: int = 1) -> tuple[Grid, npt.NDArray[np.int64]]:
    """Return a country of n x n cells: land cover, roads, rivers with bridges, facilities."""
    rng = np.random.default_rng(seed)
    pace = rng.uniform(0.6, 1.4, (n, n)).astype(np.float32)
    for _ in range(n // 100):
        course = np.clip(rng.integers(0, n) + np.cumsum(rng.integers(-1, 2, n)), 0, n - 1)
        land = rng.random(n) > 0.01  # a bridge about every hundred cells
        pace[np.arange(n)[land], course[land]] = np.inf
    for _ in range(n // 40):
        line = rng.integers(0, n)
        if rng.random() < 0.5:
            pace[line] = 0.06
        else:
            pace[:, line] = 0.06
    cells = np.argwhere(np.isfinite(pace))
    return pace, cells[rng.choice(len(cells), sources, replace=False)]


def hills(n: int, seed: int = 2) -> Grid:
    """Return smooth elevations from 0 to 800 metres."""
    steps = np.random.default_rng(seed).normal(0.0, 1.0, (n, n))
    rough = np.cumsum(np.cumsum(steps, 0), 1)
    return (800.0 * (rough - rough.min()) / np.ptp(rough)).astype(np.float32)


def reading_and_writing(pace: Grid, field: Any) -> float:
    """Return the seconds to read the pace and to make and write both grids, once."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "pace.npy"
        np.save(file, pace)

        def once() -> None:
            np.load(file)
            np.save(Path(folder) / "seconds.npy", field.seconds)
            np.save(Path(folder) / "nearest.npy", field.nearest)

        return seconds_of(once, 3)


def largest_difference(ours: Grid, theirs: Grid) -> str:
    """Return the largest relative difference, and where only one of both arrived."""
    both = np.isfinite(ours) & np.isfinite(theirs)
    apart = np.count_nonzero(np.isfinite(ours) != np.isfinite(theirs))
    relative = np.abs(ours[both] - theirs[both]) / np.maximum(theirs[both], 1.0)
    return f"{relative.max(initial=0.0):.1e}" + (f", {apart} cells reached by one only" * bool(apart))


def against_peers(pace: Grid, cells: Grid, repeat: int, peer_repeat: int) -> dict[int, float]:
    """Print the table of solvers; return our own seconds by neighbours."""
    sources = cells.tolist()
    own, around = {}, {}
    print(f"{'':34}{'solver s':>10}{'ratio':>8}{'end to end s':>14}{'ratio':>8}  largest difference")
    for neighbours in (8, 16):
        own[neighbours] = seconds_of(lambda n=neighbours: solve(pace, sources, neighbours=n), repeat)
        field = solve(pace, sources, neighbours=neighbours)
        around[neighbours] = own[neighbours] + reading_and_writing(pace, field)
        name = f"geosvc, {neighbours} neighbours"
        print(f"{name:34}{own[neighbours]:10.3f}{1:8.1f}{around[neighbours]:14.3f}{1:8.1f}")
    for name, (neighbours, peer) in installed().items() if peer_repeat else ():
        leaking = solve(pace, sources, neighbours=neighbours, diagonal_leak=True).seconds
        solver, total = [], []
        for _ in range(peer_repeat):
            start = time.perf_counter()
            seconds, taken = peer(pace, cells, CELL_SIZE_M)
            total.append(time.perf_counter() - start)
            solver.append(taken)
        alone, whole = statistics.median(solver), statistics.median(total)
        print(
            f"{name + f' ({neighbours})':34}{alone:10.3f}{alone / own[neighbours]:8.1f}"
            f"{whole:14.3f}{whole / around[neighbours]:8.1f}  "
            f"{largest_difference(leaking, seconds)}"
        )
    return own


def slopes(pace: Grid, cells: Grid, flat: float, repeat: int) -> None:
    """Print what slope costs."""
    n = pace.shape[0]
    elevation = hills(n)
    gait = np.where(pace < 0.1, 2, 1).astype(np.int8)
    for name, options in (("walking", {}), ("cycling on roads", {"gait": gait})):
        taken = seconds_of(lambda o=options: solve(pace, cells.tolist(), elevation=elevation, **o), repeat)
        print(f"{'slope, ' + name:34}{taken:10.3f}   {taken / flat:.2f} times flat")


def edits(pace: Grid, cells: Grid, fresh: float, repeat: int) -> None:
    """Print what edits cost, as a share of a fresh solve."""
    field = solve(pace, cells.tolist())
    free = np.argwhere(np.isfinite(pace))
    row, column = free[len(free) // 2 + 700].tolist()
    largest = int(np.argmax(np.bincount(field.nearest[field.nearest >= 0])))
    home = cells[largest].tolist()
    size = np.count_nonzero(field.nearest == largest)

    def show(name: str, change: str, do: Callable[[], Any], undo: Callable[[], Any]) -> None:
        there, back = [], []
        for _ in range(3 * repeat):
            start = time.perf_counter()
            do()
            half = time.perf_counter()
            undo()
            back.append(time.perf_counter() - half)
            there.append(half - start)
        shares = [statistics.median(times) / fresh for times in (there, back)]
        print(f"{name:34}{shares[0]:9.1%} {shares[1]:9.1%}   of a fresh solve; {change}")

    opened = field.open(row, column)
    few = np.count_nonzero(field.nearest == opened)
    field.close(opened)
    show("open, close", f"{few} cells", lambda: field.open(row, column), lambda: field.close(len(field.sources) - 1))
    field.close(largest)
    show(
        "open, close the largest",
        f"{size} cells",
        lambda: field.open(*home),
        lambda: field.close(len(field.sources) - 1),
    )
    field = solve(pace, cells.tolist())
    show(
        "move away, back", f"{size} cells", lambda: field.move(largest, row, column), lambda: field.move(largest, *home)
    )
    middle = pace.shape[0] // 2
    for side in (1, 10, 100, min(316, middle)):
        rows, columns = (grid.ravel() for grid in np.mgrid[:side, :side] + middle)
        old = pace[rows, columns]
        before = field.microseconds
        field.change_pace(rows, columns, old * 3)
        changed = np.count_nonzero(field.microseconds != before)
        field.change_pace(rows, columns, old)
        show(
            f"slow down, speed up {side * side} cells",
            f"{changed} times change",
            lambda r=rows, c=columns, v=old * 3: field.change_pace(r, c, v),
            lambda r=rows, c=columns, v=old: field.change_pace(r, c, v),
        )
    same = np.array_equal(field.microseconds, solve(pace, cells.tolist()).microseconds)
    print(f"after all edits equal to a fresh solve: {same}")


def bounded(n: int) -> None:
    """Print what a run with a limit costs for ever more facilities on a 20 m grid."""
    pace = np.full((n, n), 0.72, np.float32)
    rng = np.random.default_rng(4)
    print(f"15 minutes on foot, {n} x {n} cells of 20 m:")
    for count in (0, 125, 250, 500):
        places = rng.integers(0, n, (count, 2)).tolist()
        work = lambda p=places: solve(pace, p, cell_size_m=20.0, limit_seconds=900.0)  # noqa: E731
        taken = seconds_of(work, 3)
        print(f"  {count:4} facilities {taken:8.3f} s, {work().tiles_settled} tiles settled")


def main() -> None:
    """Run everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--cells", type=int, default=2000, help="rows and columns of the grid")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--peer-repeat", type=int, default=3, help="0 leaves the peers out")
    parser.add_argument("--bounded-cells", type=int, default=10_000)
    options = parser.parse_args()
    start = time.perf_counter()
    compile_kernels()
    print(f"kernels ready after {time.perf_counter() - start:.1f} s")
    pace, cells = ground(options.cells, 200)
    own = against_peers(pace, cells, options.repeat, options.peer_repeat)
    slopes(pace, cells, own[16], options.repeat)
    edits(pace, cells, own[16], options.repeat)
    bounded(options.bounded_cells)


if __name__ == "__main__":
    main()
