"""How much memory a country takes."""

from __future__ import annotations

import subprocess
import sys

import pytest

_MEASURE = """
import numpy as np
from geosvc.travel import solve

def memory(name):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith(name))

n = 2500
options = {options}
small = {{name: np.ones((3, 3), grid.dtype) for name, grid in options.items()}}
solve(np.ones((3, 3), np.float32), [(0, 0)], **small).seconds
pace = np.full((n, n), 0.72, np.float32)
before = memory("VmRSS")
field = solve(pace, [(0, 0), (n // 2, n // 2)], **options)
solved = memory("VmHWM")
seconds = field.seconds
print((solved - before) / n**2, (memory("VmHWM") - before) / n**2)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(
    ("options", "most", "most_with_seconds"),
    [
        ("{}", 13.0, 17.0),
        ("{'elevation': np.zeros((n, n), np.float32), 'gait': np.ones((n, n), np.int8)}", 22.0, 22.5),
    ],
)
def test_a_country_fits_in_memory(options, most, most_with_seconds):
    """Beside the caller's grids: 12 bytes a cell flat, 17 on slopes, and a grid of seconds in time."""
    code = _MEASURE.format(options=options)
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    solving, with_seconds = (float(number) for number in done.stdout.split())
    print(f"peak bytes a cell: {solving:.2f} solving, {with_seconds:.2f} with seconds")
    assert solving < most
    assert with_seconds < most_with_seconds
