"""The peers of the raster engine, each asked the same question: seconds to the nearest source.

Every function takes the pace (seconds per metre, ``inf`` uncrossable), the rows and
columns of the sources and the cell size, and returns the seconds of every cell and the
time the solver itself took. GRASS reads and writes its own rasters inside that time.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Peer = Callable[[Floats, npt.NDArray[np.int64], float], tuple[Floats, float]]


def scikit_image(pace: Floats, cells: npt.NDArray[np.int64], size: float) -> tuple[Floats, float]:
    """MCP_Geometric, 8 neighbours."""
    from skimage.graph import MCP_Geometric  # noqa: PLC0415  optional, like all peers

    costs = pace.astype(np.float64) * size
    start = time.perf_counter()
    seconds, _ = MCP_Geometric(costs).find_costs([tuple(cell) for cell in cells.tolist()])
    return seconds, time.perf_counter() - start


def xarray_spatial(pace: Floats, cells: npt.NDArray[np.int64], size: float) -> tuple[Floats, float]:
    """cost_distance, 8 neighbours, float32."""
    import xarray  # noqa: PLC0415
    from xrspatial import cost_distance  # noqa: PLC0415

    targets = np.zeros(pace.shape, np.float32)
    targets[cells[:, 0], cells[:, 1]] = 1.0
    axes = {
        "y": np.arange(pace.shape[0], dtype=float) * size,
        "x": np.arange(pace.shape[1], dtype=float) * size,
    }
    friction = xarray.DataArray(np.where(np.isfinite(pace), pace, np.nan).astype(np.float32), axes, ("y", "x"))
    places = xarray.DataArray(targets, axes, ("y", "x"))
    start = time.perf_counter()
    seconds = cost_distance(places, friction, connectivity=8).to_numpy()
    taken = time.perf_counter() - start
    return np.where(np.isnan(seconds), np.inf, seconds), taken


def grass(knight: bool) -> Peer:
    """Return r.cost, with or without knight's moves."""

    def solve(pace: Floats, cells: npt.NDArray[np.int64], size: float) -> tuple[Floats, float]:
        with tempfile.TemporaryDirectory() as folder:
            return _grass_in(Path(folder), pace, cells, size, "-k" if knight else "")

    return solve


def _grass_in(folder: Path, pace: Floats, cells: npt.NDArray[np.int64], size: float, flag: str) -> tuple[Floats, float]:
    rows, columns = pace.shape
    np.where(np.isfinite(pace), pace * np.float64(size), -1.0).tofile(folder / "cost.bin")
    starts = np.full(pace.shape, -1.0)
    starts[cells[:, 0], cells[:, 1]] = 1.0
    starts.tofile(folder / "start.bin")
    layout = f"bytes=8 north={rows} south=0 east={columns} west=0 rows={rows} cols={columns}"
    script = folder / "run.sh"
    script.write_text(
        f"""set -e
        r.in.bin --q -d input={folder}/cost.bin output=cost {layout} anull=-1
        r.in.bin --q -d input={folder}/start.bin output=start {layout} anull=-1
        g.region raster=cost
        t0=$(date +%s.%N)
        r.cost --q {flag} input=cost start_raster=start output=seconds memory=4000
        t1=$(date +%s.%N)
        echo "SOLVED $t0 $t1"
        r.out.bin --q input=seconds output={folder}/seconds.bin bytes=8 null=-1
        """
    )
    done = subprocess.run(
        ["grass", "--tmp-location", "XY", "--exec", "bash", str(script)],
        check=True,
        capture_output=True,
        text=True,
    )
    stamps = re.search(r"SOLVED (\S+) (\S+)", done.stdout)
    assert stamps is not None
    seconds = np.fromfile(folder / "seconds.bin").reshape(pace.shape)
    return np.where(seconds < 0, np.inf, seconds), float(stamps[2]) - float(stamps[1])


def installed() -> dict[str, tuple[int, Peer]]:
    """Return the peers that are installed: neighbours and solver, by name."""
    peers: dict[str, tuple[int, Peer]] = {}
    if importlib.util.find_spec("skimage"):
        peers["scikit-image MCP_Geometric"] = (8, scikit_image)
    if importlib.util.find_spec("xrspatial"):
        peers["xarray-spatial cost_distance"] = (8, xarray_spatial)
    if shutil.which("grass"):
        peers["GRASS r.cost"] = (8, grass(knight=False))
        peers["GRASS r.cost -k"] = (16, grass(knight=True))
    return peers
