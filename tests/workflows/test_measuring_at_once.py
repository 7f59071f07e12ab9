"""Several people measure the same service at the same time."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from workflows.small_county import furnish

from geosvc.geo.grid import Grid
from geosvc.geo.raster import resample, write_geotiff
from geosvc.settings import Settings
from geosvc.workflows.measuring import measure_service
from geosvc.workflows.reading import coverage_table
from geosvc.workflows.study import Study
from geosvc.workflows.workspace import open_workspace


def answer(settings: Settings) -> tuple[str, float]:
    """Measure as a program of one's own would: its own connection, its own study."""
    store = open_workspace(settings)
    try:
        run = measure_service(Study(store, settings), "hospital-drive")
        return run.id, coverage_table(store, "hospital-drive")["rows"][0]["people_total"]
    finally:
        store.close()


def test_four_at_once_get_one_answer(settings, tmp_path):
    """Nobody fails, all name the same run, and it is stored once with its files."""
    store = furnish(settings, tmp_path)
    with ThreadPoolExecutor(4) as pool:
        answers = [each.result() for each in [pool.submit(answer, settings) for _ in range(4)]]
    assert len(set(answers)) == 1
    assert [each.name for each in store.runs.iterdir()] == [answers[0][0]]
    store.close()


def test_rasters_are_read_by_many_threads_at_once(tmp_path):
    """No thread takes away another's silence: warnings are errors here, and none comes through."""
    grid = Grid(crs="EPSG:32651", west_m=400_000.0, north_m=4_700_000.0, cell_size_m=100.0, rows=8, cols=8)
    path = tmp_path / "ground.tif"
    ones = np.ones(grid.shape, dtype=np.float32)
    write_geotiff(path, [("ground", ones)], grid, nodata=-1.0, tags={})
    often, usual = 1e-6, sys.getswitchinterval()
    sys.setswitchinterval(often)
    try:
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda _: resample([path], grid, method="nearest"), range(200)))
    finally:
        sys.setswitchinterval(usual)
    assert all(np.array_equal(each, ones) for each in found)
