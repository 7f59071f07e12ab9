"""The same question to other programs: the values agree, ours kept to 8 neighbours where theirs are."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from geosvc.travel import solve

_PEERS = Path(__file__).parents[2] / "benchmarks" / "peers.py"


@pytest.fixture(scope="module")
def peers() -> ModuleType:
    """The peers of the benchmark."""
    spec = importlib.util.spec_from_file_location("peers", _PEERS)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def country() -> tuple[np.ndarray, np.ndarray]:
    """A hundred cells square, with barriers enough for some corners to leak."""
    rng = np.random.default_rng(8)
    pace = rng.uniform(0.5, 3.0, (100, 100)).astype(np.float32)
    pace[rng.random(pace.shape) < 0.3] = np.inf
    cells = np.argwhere(np.isfinite(pace))
    return pace, cells[rng.choice(len(cells), 5, replace=False)]


def assert_agree(neighbours: int, seconds: np.ndarray) -> None:
    """Compare the times of a peer with ours, to one part in a hundred thousand."""
    pace, cells = country()
    ours = solve(pace, cells.tolist(), neighbours=neighbours, diagonal_leak=True)
    np.testing.assert_allclose(ours.seconds, seconds, rtol=1e-5, atol=1e-4)


def test_scikit_image_agrees(peers):
    """MCP_Geometric finds the same times."""
    pytest.importorskip("skimage.graph")
    assert_agree(8, peers.scikit_image(*country(), 100.0)[0])


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("grass") is None, reason="GRASS is not installed")
@pytest.mark.parametrize("neighbours", [8, 16])
def test_grass_agrees(peers, neighbours):
    """r.cost, with and without knight's moves, finds the same times."""
    assert_agree(neighbours, peers.grass(knight=neighbours == 16)(*country(), 100.0)[0])
