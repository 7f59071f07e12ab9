"""Installation compiles the kernels, so that nobody waits for it in front of a map."""

from __future__ import annotations

import numpy as np

from geosvc.travel import edits, solve, sweeps, tiles
from geosvc.travel.warmup import compile_kernels


def compiled() -> dict[str, int]:
    """Count the compiled versions of every kernel that Python calls."""
    kernels = {**vars(tiles), **vars(edits), **vars(sweeps)}
    return {name: len(kernel.signatures) for name, kernel in kernels.items() if hasattr(kernel, "signatures")}


def test_the_warm_up_compiles_everything():
    """After the warm-up no use of a field compiles anything more."""
    compile_kernels()
    before = compiled()
    for kind in (np.float32, np.float64, np.int64):
        field = solve(np.asfortranarray(np.ones((30, 40), kind)), [(0, 0), None, (3, 4, 2.5)], neighbours=8)
        field.open(np.int32(2), 2, 1)
        field.change_pace(np.arange(3), 5, np.float32(2.0))
        field.move(0, 7, 7)
        field.close(2)
        field.copy().close(0)
        field.alone(0, 5.0)
        hills = np.zeros((30, 40), np.float32)
        solve(np.ones((30, 40), kind), [(1, 1)], elevation=hills, gait=np.ones((30, 40)), limit_seconds=60)
    assert compiled() == before
