"""The planner's page over a county of a million cells, in headless Chromium: first map, a step of the slider, a drag.

    python benchmarks/bench_planner.py [--cells 1000] [--facilities 60] [--steps 40] [--profile FOLDER]

The server runs in a process of its own and has answered once before anything is timed; the browser's cache is empty for
each first map. What is timed ends when the browser has painted, not when a script has returned.
"""

from __future__ import annotations

import argparse
import math
import os
import shutil
import statistics
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench_live import SERVICE, served, told
from live_world import World
from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

from geosvc.settings import Settings
from geosvc.travel.warmup import compile_kernels
from geosvc.workflows.measuring import measure_service
from geosvc.workflows.study import Study

if TYPE_CHECKING:
    from collections.abc import Iterator

FIRST_MAP_MS, SLIDER_MS, DRAG_MS = 2000.0, 16.0, 250.0
_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
_VIEW = {"width": 1440, "height": 900}
# Before the page's own scripts: when it was painted, when the hand moved, when each question left.
_WATCH = """(() => {
  const seen = window.benchSeen = { marks: {}, painted: [], moves: [], asked: [], answered: [] };
  const afterPaint = (then) => requestAnimationFrame(() => {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => then(performance.now());
    channel.port2.postMessage(0);
  });
  new MutationObserver((changes) => changes.forEach((each) => {
    const name = each.attributeName;
    if (!(name in seen.marks)) { afterPaint((at) => { if (!(name in seen.marks)) { seen.marks[name] = at; } }); }
    // This turn is before the frame is painted; a message that is posted now is read after it.
    if (name === 'data-painted') {
      const channel = new MessageChannel();
      channel.port1.onmessage = () => seen.painted.push(performance.now());
      channel.port2.postMessage(0);
    }
    if (name === 'data-answered') { seen.answered.push(performance.now()); }
  })).observe(document, { attributes: true, subtree: true, attributeFilter: ['data-map', 'data-planner', 'data-painted', 'data-answered'] });
  document.addEventListener('mousemove', () => seen.moves.push(performance.now()), true);
  const fetch = window.fetch;
  window.fetch = (...what) => {
    if (String(what[0]).endsWith('/what-if')) { seen.asked.push({ at: performance.now(), move: seen.moves[seen.moves.length - 1] }); }
    return fetch.apply(window, what);
  };
})()"""
# Script and paint of one step: the event, then the whole frame that shows it, without the wait for the frame.
_STEP = """(value) => new Promise((done) => {
  const slider = document.getElementById('limit');
  let began = 0;
  requestAnimationFrame(() => { began = performance.now(); });
  const start = performance.now();
  slider.value = value;
  slider.dispatchEvent(new Event('input'));
  const script = performance.now() - start;
  requestAnimationFrame(() => {
    const scripts = performance.now();
    const channel = new MessageChannel();
    channel.port1.onmessage = () => done({ event: script, frame: scripts - began, paint: performance.now() - scripts });
    channel.port2.postMessage(0);
  });
})"""


def main() -> None:
    """Run it all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=1000)
    parser.add_argument("--facilities", type=int, default=60)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--profile", type=Path, help="folder for traces that Chromium's DevTools open")
    given = parser.parse_args()
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        print("the planner's page needs Chromium (apt-get install chromium, or make browser); nothing was timed")
        return
    compile_kernels()
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder), given.cells, given.facilities, hills=True)
        settings = Settings(workspace=Path(folder) / "workspace", public_read=True)
        store = world.furnish(settings)
        measure_service(Study(store, settings), SERVICE)
        store.close()
        print(f"{world.cells**2:,} cells with hills, {given.facilities} facilities; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
        with served(settings) as (address, process), sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=program, args=_FLAGS)
            first_maps(browser, address)
            with opened(browser, address) as page, traced(browser, page, given.profile, "slider"):
                slide(page, given.steps)
            with opened(browser, address) as page, traced(browser, page, given.profile, "drag"):
                drag(page, given.steps, process)
            browser.close()
        print(f"{'load at the end':44}{os.getloadavg()[0]:8.1f}")


@contextmanager
def opened(browser: Browser, address: str) -> Iterator[Page]:
    """Give the map page to a browser that has never seen it."""
    context = browser.new_context(viewport=_VIEW)
    context.add_init_script(_WATCH)
    context.add_init_script("localStorage.setItem('geosvc-guide', 'seen')")  # who comes every day has seen it
    page = context.new_page()
    page.goto(f"{address}/?service={SERVICE}")
    page.locator("html[data-planner=ready]").wait_for(timeout=60_000)
    page.wait_for_timeout(300)
    yield page
    context.close()


@contextmanager
def traced(browser: Browser, page: Page, folder: Path | None, name: str) -> Iterator[None]:
    """Write down what the browser does, if it was asked for."""
    if folder is None:
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    browser.start_tracing(page=page, path=folder / f"{name}.json", categories=["devtools.timeline", "v8.execute", "disabled-by-default-v8.cpu_profiler"])
    yield
    browser.stop_tracing()


def first_maps(browser: Browser, address: str) -> None:
    """From the navigation to the painted surface, and to a page that answers to the hand."""
    with opened(browser, address):
        pass  # the server has read the run
    times: dict[str, list[float]] = {"data-map": [], "data-planner": []}
    for _ in range(7):
        with opened(browser, address) as page:
            marks = page.evaluate("window.benchSeen.marks")
        for name, each in times.items():
            each.append(marks[name] / 1000)
    told("first map: surface painted", times["data-map"], FIRST_MAP_MS)
    told("  page answers to the hand", times["data-planner"], FIRST_MAP_MS)


def slide(page: Page, steps: int) -> None:
    """Move the limit through its range, a step at a time."""
    low, high = (float(page.locator("#limit").get_attribute(name) or 0) for name in ("min", "max"))
    meter = page.context.new_cdp_session(page)
    meter.send("Performance.enable", {"timeDomain": "threadTicks"})
    found = []
    for i in range(steps + 5):
        before = busy(meter)
        step = page.evaluate(_STEP, str(low + (high - low) * (i % 25 + 1) / 26))
        found.append({**step, **{name: value - before[name] for name, value in busy(meter).items()}})
    del found[:5]
    told("a step of the slider: script and paint", [each["TaskDuration"] for each in found], SLIDER_MS)
    for name, label in (("event", "figures, curve, table"), ("frame", "scripts of the frame (surface, hatch)")):
        told(f"  of it: {label}", [each[name] / 1000 for each in found])
    told("  of it: style and layout", [each["RecalcStyleDuration"] + each["LayoutDuration"] for each in found])
    told("  and until the frame is handed on", [(each["event"] + each["frame"] + each["paint"]) / 1000 for each in found])


def busy(meter: CDPSession) -> dict[str, float]:
    """Return the seconds that the page's own thread has worked so far, as Chromium counts them."""
    metrics = {each["name"]: each["value"] for each in meter.send("Performance.getMetrics")["metrics"]}
    return {name: metrics[name] for name in ("TaskDuration", "LayoutDuration", "RecalcStyleDuration")}


def drag(page: Page, steps: int, process: int) -> None:
    """Move a pin: one move at a time with its answer, then as fast as a hand does; ``process`` is the server's."""
    page.locator("#trial > summary").click()
    pin = page.locator(".map-pin").nth(7)
    page.wait_for_timeout(1000)
    box = pin.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 6, y + 2)
    answered(page, 1)  # the first question reads the workspace
    print(f"{'first what-if question of the server':44}{float(page.locator('html').get_attribute('data-answered') or 0):8.0f} ms")
    latencies, servers, before = [], [], processor_seconds(process)
    for i in range(steps):
        clear(page)
        page.mouse.move(x + 8 + (i % 20) * 5, y + 2 + (i % 7) * 6)
        answered(page, 1)
        seen = page.evaluate("window.benchSeen")
        latencies.append((seen["painted"][-1] - seen["asked"][-1]["move"]) / 1000)
        servers.append((seen["answered"][-1] - seen["asked"][-1]["at"]) / 1000)
    spent = (processor_seconds(process) - before) / steps
    told("a move of a pin: figures and map painted", latencies, DRAG_MS)
    # What other work on this machine does not change much.
    print(f"{'  processor of the server for it':44}{1000 * spent:8.0f} ms")
    told("  of it: question, answer, picture read", servers)
    told("  of it: the hand's frame, figures, map", [whole - part for whole, part in zip(latencies, servers, strict=True)])
    clear(page)
    for i in range(steps * 5):
        page.mouse.move(x + 8 + (i % 100), y + 2 + (i % 33))
        page.wait_for_timeout(16)
    page.wait_for_timeout(1500)
    seen = page.evaluate("window.benchSeen")
    page.mouse.up()
    pairs = zip(seen["asked"], seen["painted"], strict=False)
    told("while it moves on: age of what is painted", [(painted - asked["move"]) / 1000 for asked, painted in pairs], DRAG_MS)
    gaps = [b - a for a, b in zip(seen["painted"], seen["painted"][1:], strict=False)]
    print(f"{'  pictures a second':44}{1000 / statistics.median(gaps):8.1f}")


def processor_seconds(process: int) -> float:
    """Return the seconds of processor that a process has used; nan where the system does not tell."""
    stat = Path(f"/proc/{process}/stat")
    if not stat.exists():
        return math.nan
    fields = stat.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def clear(page: Page) -> None:
    """Forget what was seen."""
    page.evaluate("() => { for (const name of ['painted', 'moves', 'asked', 'answered']) { window.benchSeen[name].length = 0; } }")


def answered(page: Page, many: int) -> dict[str, Any]:
    """Wait until so many answers are painted."""
    while True:
        seen: dict[str, Any] = page.evaluate("window.benchSeen")
        if len(seen["answered"]) >= many and seen["painted"] and seen["painted"][-1] > seen["answered"][-1] and len(seen["asked"]) == len(seen["answered"]):
            return seen
        page.wait_for_timeout(5)


if __name__ == "__main__":
    main()
