"""A registry of 100,000 facilities: what people wait for, beside the limit and, where there is one, a peer.

    python benchmarks/bench_registry.py [--count 100000] [--repeat 9] [--workspace FOLDER]

Pages and API are timed in the server's process, warm, from the request to the last byte of the answer, without the network.
A page is asked for again and again, each search with another word, so that nothing is answered from memory but what every
page shares. A workspace that is named is kept and used again.
"""

from __future__ import annotations

import argparse
import csv
import multiprocessing
import os
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
from fastapi.testclient import TestClient
from made_registry import made_facilities, made_registry
from timing import seconds_of

from geosvc.application import create_app
from geosvc.registry import facilities
from geosvc.registry.imports.facilities import FacilityOptions
from geosvc.settings import Settings
from geosvc.store.engine import DATABASE_NAME, Store, open_store
from geosvc.workflows import exporting, importing, undoing

ITEMS = "/api/collections/facilities/items"
PAGE_MS = 50.0
ITEM_MS = 20.0
FILE_SECONDS = 10.0
IMPORTED = 10_000
# Two characters that stand in a quarter of the names, in few, in none; and what else people type.
WORDS = {"中心": ("中心", "第一", "诊所"), "医院": ("医院", "人民", "卫生"), "nothing": ("鑫鑫", "麒麟", "凤凰"),
         "two words": ("靖宇 诊所", "清泉 医院", "和家 中心"), "identifier": ("JG00012345", "JG00054321", "JG00099999"),
         "number": ("00012345", "00054321", "00099999"), "pinyin": ("rmyy", "taoyuan", "zzz")}
LISTS = {
    "list": "", "by name": "sort=name", "by class": "sort=class", "newest first": "sort=-updated",
    "class D (most)": "class_code=D", "class A, closed, to be located": "class_code=A&state=closed&located=false",
    "one county": "area=990121", "one county by name": "area=990121&sort=name", "sample data": "illustrative=true",
    "source": "source=卫生健康局", "updated since": "updated_since=2020-01-01&sort=-updated",
}


def timed(what: str, work: Callable[[int], Any], limit: float, repeat: int) -> None:
    """Print the median milliseconds of a question, by the clock and of the processor."""
    work(0)
    clock, processor = [], []
    for number in range(1, repeat + 1):
        start, cpu = time.perf_counter(), time.process_time()
        work(number)
        clock.append(time.perf_counter() - start)
        processor.append(time.process_time() - cpu)
    told(what, statistics.median(clock) * 1e3, limit, "ms", f"CPU {statistics.median(processor) * 1e3:.1f}")


def told(what: str, figure: float, limit: float, unit: str, more: str = "") -> None:
    """Print one figure with its limit."""
    verdict = "" if figure < limit else "  OVER"
    print(f"{what:<48}{figure:>9.1f} {unit:<3} limit {limit:>5.0f}{verdict}  {more}".rstrip(), flush=True)


def asked(client: TestClient, address: str) -> None:
    """Ask for an address."""
    answer = client.get(address)
    if answer.status_code != 200:
        raise SystemExit(f"{address}: {answer.status_code} {answer.text[:300]}")


def pages(client: TestClient, repeat: int) -> None:
    """Time the list as a page and over the API."""
    for what, query in LISTS.items():
        timed(f"page: {what}", lambda _n, query=query: asked(client, f"/facilities?{query}"), PAGE_MS, repeat)
        timed(f"API: {what}", lambda _n, query=query: asked(client, f"{ITEMS}?limit=50&{query}"), PAGE_MS, repeat)
    for what, words in WORDS.items():
        for sort in ("", "name", "-updated"):
            timed(f"page: search {what}{f' by {sort}' if sort else ''}",
                  lambda n, words=words, sort=sort: asked(client, f"/facilities?q={words[n % len(words)]}&sort={sort}"), PAGE_MS, repeat)
    for sort in ("", "name", "class", "-updated"):
        cursor = halfway(client, sort)
        timed(f"page: 1,000 pages deep {f'by {sort}' if sort else ''}",
              lambda _n, sort=sort, cursor=cursor: asked(client, f"/facilities?sort={sort}&cursor={cursor}"), PAGE_MS, repeat)


def halfway(client: TestClient, sort: str) -> str:
    """Return the cursor after some 50,000 facilities."""
    address = f"{ITEMS}?limit=10000&sort={sort}"
    for _ in range(5):
        address = next((link["href"] for link in client.get(address).json()["links"] if link["rel"] == "next"), address)
    return address.partition("cursor=")[2].partition("&")[0]


def places(client: TestClient, repeat: int) -> None:
    """Time boxes, one item, and the services that every page lists."""
    for what, bbox in (("a town", "105,27,105.2,27.2"), ("a county", "105,27,106,28"), ("the whole country", "73,18,135,54")):
        timed(f"API: bbox of {what}", lambda _n, bbox=bbox: asked(client, f"{ITEMS}?bbox={bbox}"), PAGE_MS, repeat)
    timed("API: one facility", lambda n: asked(client, f"{ITEMS}/{50 + n}"), ITEM_MS, repeat)
    timed("page: one facility", lambda n: asked(client, f"/facilities/{50 + n}"), ITEM_MS, repeat)
    timed("API: services with their counts", lambda _n: asked(client, "/api/services"), PAGE_MS, repeat)


def peer_of(kind: str, workspace: Path, target: Path) -> float | None:
    """Return the seconds of a peer that writes the same columns and checks nothing; None without one."""
    start = time.perf_counter()
    with sqlite3.connect(workspace / DATABASE_NAME) as reader:
        rows = reader.execute("SELECT * FROM facility_revision WHERE superseded_at IS NULL ORDER BY facility_id")
        if kind == "csv":
            with target.open("w", encoding="utf-8", newline="") as stream:
                csv.writer(stream).writerows(rows)
            return time.perf_counter() - start
        if kind != "gpkg":
            return None
        frame = pd.DataFrame(rows.fetchall(), columns=[each[0] for each in rows.description])
        points = gpd.GeoDataFrame(frame, geometry=gpd.points_from_xy(frame["lon"], frame["lat"]), crs="EPSG:4326")
        points.to_file(target, driver="GPKG")
        return time.perf_counter() - start


def peak_mb() -> float:
    """Return the most memory that this process has held; 0 where the system does not say (it does on Linux)."""
    status = Path("/proc/self/status")
    lines = status.read_text("ascii").splitlines() if status.is_file() else []
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)


def _export(workspace: Path, target: Path, answer: Any) -> None:
    store = open_store(workspace)
    before = peak_mb()
    start, cpu = time.perf_counter(), time.process_time()
    exporting.export_facilities(store, target)
    answer.put((time.perf_counter() - start, time.process_time() - cpu, before, peak_mb()))


def exports(workspace: Path, folder: Path) -> None:
    """Time an export of everything in a fresh process, with its peak memory."""
    context = multiprocessing.get_context("spawn")
    for kind in ("csv", "xlsx", "geojson", "gpkg"):
        answer = context.Queue()
        target = folder / f"all.{kind}"
        process = context.Process(target=_export, args=(workspace, target, answer))
        process.start()
        seconds, cpu, before, peak = answer.get()
        process.join()
        peer = peer_of(kind, workspace, folder / f"peer.{kind}")
        beside = "" if peer is None else f", {seconds / peer:.1f} times {'csv and sqlite3' if kind == 'csv' else 'geopandas'} alone"
        told(f"export of all: {kind}", seconds, FILE_SECONDS, "s",
             f"CPU {cpu:.1f} s, peak {peak:.0f} MB ({before:.0f} before), {target.stat().st_size / 2**20:.0f} MB{beside}")


def imports(store: Store, settings: Settings, folder: Path) -> None:
    """Time an import of 10,000 rows that are new: looked through, stored, undone."""
    source = folder / "new.csv"
    made = Settings(workspace=folder / "other")
    other = made_registry(made.workspace, 0)
    with other.writing() as session:
        for each in _others():
            facilities.save(session, each, facility_id=None, author="bench", origin="import:1")
    exporting.export_facilities(other, source)
    other.close()
    start = time.perf_counter()
    report = importing.preview_facilities(store, source, FacilityOptions(), settings)
    told("import of 10,000 new rows: dry run", time.perf_counter() - start, FILE_SECONDS, "s", str(dict(report.changes)))
    start = time.perf_counter()
    report = importing.import_facilities(store, source, FacilityOptions(), settings)
    told("import of 10,000 new rows: commit", time.perf_counter() - start, FILE_SECONDS, "s", str(dict(report.changes)))
    start = time.perf_counter()
    undoing.undo_import(store, report.import_id, author="bench")
    told("import of 10,000 new rows: undo", time.perf_counter() - start, FILE_SECONDS, "s")


def _others() -> Iterator[Any]:
    for number, each in enumerate(made_facilities(IMPORTED, seed=3)):
        yield replace(each, name=f"{each.name}{number}分部")


def main() -> None:
    """Print every figure beside its limit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--repeat", type=int, default=9)
    parser.add_argument("--workspace", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="geosvc-bench-") as name:
        folder = Path(name)
        workspace = options.workspace or folder / "registry"
        store = _timed_store(workspace, options.count)
        settings = Settings(workspace=workspace, public_read=True)
        print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores: above half of them, waiting is measured too")
        with TestClient(create_app(settings)) as client:
            pages(client, options.repeat)
            places(client, options.repeat)
        exports(workspace, folder)
        if options.workspace is None:  # a workspace that is kept stays as it is
            imports(store, settings, folder)
        store.close()


def _timed_store(workspace: Path, count: int) -> Store:
    """Return a store of a made registry; made in a process of its own, since a server has not registered 100,000 facilities one by one."""
    if not (workspace / DATABASE_NAME).is_file():
        process = multiprocessing.get_context("spawn").Process(target=_make, args=(workspace, count))
        print(f"{count:,} facilities registered one by one: {seconds_of(lambda: (process.start(), process.join()), 1):.0f} s, "
              f"{(workspace / DATABASE_NAME).stat().st_size / 2**20:.0f} MB")
    return open_store(workspace)


def _make(workspace: Path, count: int) -> None:
    made_registry(workspace, count).close()


if __name__ == "__main__":
    main()
