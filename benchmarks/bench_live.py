"""The live what-if on a county of a million cells: a drag, a season, a closed road, and ten planners at once.

    python benchmarks/bench_live.py [--cells 1000] [--facilities 60] [--drags 40] [--planners 10] [--flat]

One facility is dragged over the map and every answer is timed, whole and by its parts. Then ten planners drag
ten facilities through a server in a process of its own, each asking again as soon as the answer has come.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from live_world import World

from geosvc.coverage.changes import NO_CHANGES, Changes, changes_from
from geosvc.coverage.live import live_figures
from geosvc.maps.picture import painted, png_of, step_of
from geosvc.settings import Settings
from geosvc.store.engine import Store
from geosvc.travel.warmup import compile_kernels
from geosvc.workflows.live import Live
from geosvc.workflows.live.journeys import journeys_of
from geosvc.workflows.measuring import measure_service, question_of
from geosvc.workflows.study import Study

SERVICE = "hospital-drive"
# What the map page asks for while the hand moves; the gaps of every limit come when it rests.
DRAGGING = ("figures", "curve", "picture")
_MS = 1000.0
_STEP_M = 300.0


def main() -> None:
    """Run it all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=1000)
    parser.add_argument("--facilities", type=int, default=60)
    parser.add_argument("--drags", type=int, default=40)
    parser.add_argument("--planners", type=int, default=10)
    parser.add_argument("--flat", action="store_true", help="no hills")
    given = parser.parse_args()
    compile_kernels()
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder), given.cells, given.facilities, hills=not given.flat)
        settings = Settings(workspace=Path(folder) / "workspace", public_read=True)
        store = world.furnish(settings)
        run = measure_service(Study(store, settings), SERVICE).id
        alone(world, store, settings, given.drags, run)
        store.close()
        together(world, settings, given.planners, given.drags, run)


def dragged(world: World, number: int, step: int) -> dict[str, Any]:
    """Return the changes of the n-th moment of dragging a facility in a circle."""
    x, y = world.places[number]
    angle = step / 6
    place = np.clip([x + 15 * _STEP_M * np.sin(angle), y + 15 * _STEP_M * (1 - np.cos(angle))], 500, world.size - 500)
    lon, lat = world.degrees(*place)
    return {"move": [{"facility": number + 1, "lon": lon, "lat": lat}]}


def told(name: str, times: list[float], bar_ms: float | None = None) -> None:
    """Print the median and the 95 % of some times."""
    median, worst = np.quantile(np.array(times) * _MS, [0.5, 0.95])
    bar = "" if bar_ms is None else f"   (bar {bar_ms:g} ms)"
    print(f"{name:44}{median:8.0f} ms median {worst:8.0f} ms 95 %{bar}")


def timed(work: Callable[[], Any]) -> float:
    """Return the seconds of a piece of work."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def alone(world: World, store: Store, settings: Settings, drags: int, run: str) -> None:
    """One planner, without the network."""
    live = Live(settings)

    def ask(changes: Changes) -> dict[str, Any]:
        return live.what_if(store, SERVICE, changes, DRAGGING, since=run)

    print(f"{world.cells**2:,} cells{' with hills' if world.hills else ''}, {len(world.places)} facilities")
    told("first question (reads the workspace)", [timed(lambda: ask(NO_CHANGES))])
    ask(changes_from(dragged(world, 0, 0)))
    moves = [changes_from(dragged(world, 0, step)) for step in range(1, drags + 1)]
    told("a move while dragging", [timed(lambda one=one: ask(one)) for one in moves], 150)
    told("the same with the gaps of every limit", [timed(lambda one=one: live.what_if(store, SERVICE, one)) for one in moves])
    parts_of(live, store, moves)
    spots = [world.degrees(*place) for place in np.linspace(0.2, 0.8, 10)[:, None] * [world.size, world.size]]
    opened = [changes_from({"open": [{"class_code": "A100", "lon": lon, "lat": lat}]}) for lon, lat in spots]
    told("open a facility, each elsewhere", [timed(lambda one=one: ask(one)) for one in opened], 150)
    seasons = [changes_from({"conditions": conditions}) for conditions in (["winter"], ["night"], ["rain"], ["winter", "night"])]
    told("a season that was not asked before", [timed(lambda one=one: ask(one)) for one in seasons], 1000)
    told("a season that is kept", [timed(lambda one=one: ask(one)) for one in seasons], 1000)
    roads = [changes_from({"close_roads": [list(world.degrees(10_050 + 10_000 * n, 11_000))]}) for n in range(4)]
    told("a closed road", [timed(lambda one=one: ask(one)) for one in roads], 1000)
    crow = [changes_from(dragged(world, 0, step)) for step in range(6)]
    told("a move, distance as the crow flies", [timed(lambda one=one: live.what_if(store, "basic-radius", one, DRAGGING)) for one in crow], 1000)
    print(f"{'kept in fields':44}{live.fields.nbytes / 2**20:8.0f} MB")


def parts_of(live: Live, store: Store, moves: list[Changes]) -> None:
    """Take the times of the parts of an answer."""
    times: dict[str, list[float]] = {}

    def part(name: str, work: Callable[[], Any]) -> Any:
        start = time.perf_counter()
        found = work()
        times.setdefault(name, []).append(time.perf_counter() - start)
        return found

    for one in moves:
        state = part("state of the workspace", partial(live.state, store))
        asked = part("question", partial(question_of, state.study, SERVICE, changes=one, held=state.held(SERVICE)))
        with ExitStack() as used:
            surface, _ = part("edit of the field, surface", partial(journeys_of, live.fields, state, asked, one, used))
        layout, step = state.prepared.layout, step_of(asked.service)
        figures = part("figures of all areas, gaps of the limits", partial(live_figures, layout, surface, asked.service, step=step))
        curve = part("curve", figures.curves(None).as_dict)
        numbers = part("pixels", partial(painted, figures.levels, state.prepared.pixels))
        part("PNG", partial(png_of, numbers, compress_level=1))
        part("curve as text", partial(json.dumps, curve))
        part("gaps of every limit", figures.gap_curve)
    for name, each in times.items():
        told(f"  {name}", each)


@contextmanager
def served(settings: Settings) -> Iterator[tuple[str, int]]:
    """Serve the workspace in a process of its own; give its address and its process id."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [sys.executable, "-m", "geosvc", "serve", "--public-read", "--workspace", str(settings.workspace), "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(600):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}", process.pid
    finally:
        process.terminate()
        process.wait()


def together(world: World, settings: Settings, planners: int, drags: int, run: str) -> None:
    """Ten planners, each with the hand on another facility, who ask as their pages do."""
    times: list[float] = []
    errors: list[str] = []

    def ask(address: str, changes: dict[str, Any]) -> None:
        request = urllib.request.Request(
            f"{address}/api/services/{SERVICE}/what-if", json.dumps({"changes": changes, "parts": DRAGGING, "picture_since": run}).encode(),
            {"Content-Type": "application/json", "Accept-Encoding": "gzip"})
        start = time.perf_counter()
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                answer.read()
            times.append(time.perf_counter() - start)
        except (urllib.error.URLError, OSError) as error:
            errors.append(str(error))

    def drag(address: str, number: int) -> None:
        for step in range(drags):
            ask(address, dragged(world, number, step))

    with served(settings) as (address, process):
        ask(address, {})
        times.clear()
        before = memory_mb(process)
        hands = [threading.Thread(target=drag, args=(address, number)) for number in range(planners)]
        start = time.perf_counter()
        for hand in hands:
            hand.start()
        for hand in hands:
            hand.join()
        spent = time.perf_counter() - start
        told(f"{planners} planners dragging at once, {os.cpu_count()} cores", times, 2000)
        print(f"{'':44}{len(times) / spent:8.1f} answers a second, {len(errors)} errors {sorted(set(errors))[:3]}")
        print(f"{'memory of the server':44}{before:8.0f} MB after the first question, {memory_mb(process):.0f} MB at its peak")


def memory_mb(process: int) -> float:
    """Return the most memory a process has had, MB."""
    status = Path(f"/proc/{process}/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM")) / 1024


if __name__ == "__main__":
    main()
