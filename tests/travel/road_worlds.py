"""Small countries with roads for the tests, and how to draw them at random."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from shapely import LineString
from travel.graph_oracles import HybridOracle
from travel.worlds import PACES, WALK, crossable

from geosvc.travel import HybridField, Network, build_network, solve_hybrid

WEST, NORTH = 10_000.0, 50_000.0
ROAD_PACE = {"primary": 0.06, "street": 0.144, "track": 0.36, "motorway": 0.036, "closed": np.inf}


@dataclass
class RoadWorld:
    """A ground with roads and sources, and the options to solve it with."""

    pace: np.ndarray
    lines: list[LineString]
    classes: list[str]
    sources: list[Any]
    size: float = 100.0
    flags: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    limits: dict[str, float] = field(default_factory=dict)

    def network(self, keep: list[int] | None = None) -> Network:
        """Build the roads, or only some of the lines."""
        kept = list(range(len(self.lines))) if keep is None else keep
        flags = {name: np.asarray(values)[kept] for name, values in self.flags.items()}
        lines, classes = [self.lines[i] for i in kept], [self.classes[i] for i in kept]
        return roads(lines, classes, self.pace.shape, size=self.size, **flags)

    def solve(self, network: Network | None = None) -> HybridField:
        """Solve it with the engine."""
        return solve_hybrid(self.pace, network or self.network(), self.sources, **self.options, **self.limits)

    def solve_slowly(self, network: Network | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Solve it with the oracle: microseconds and nearest."""
        return HybridOracle(self.pace, network or self.network(), **self.options).solve(self.sources, **self.limits)


def roads(
    lines: list[Any], classes: list[str], shape: tuple[int, int], *, size: float = 100.0, **options: Any
) -> Network:
    """Build a network on the grid of the tests."""
    return build_network(
        lines, classes, pace_by_class=options.pop("pace_by_class", ROAD_PACE), west_m=WEST, north_m=NORTH,
        cell_size_m=size, rows=shape[0], cols=shape[1], **options,
    )


def line(*cells: tuple[float, float], size: float = 100.0) -> LineString:
    """Draw a line through (row, col) of cells; whole numbers are centres."""
    return LineString([(WEST + (col + 0.5) * size, NORTH - (row + 0.5) * size) for row, col in cells])


def random_world(seed: int, *, slope: bool = False, largest: int = 9) -> RoadWorld:
    """Draw a ground with barriers, crossing and joining roads, a few sources and all options."""
    rng = np.random.default_rng(seed)
    shape = tuple(int(n) for n in rng.integers(1, largest + 1, 2))
    pace = rng.choice(PACES, shape) if rng.random() < 0.7 else rng.uniform(0.3, 3.0, shape)
    pace[rng.random(shape) < rng.choice([0.0, 0.2, 0.45])] = np.inf
    pace[tuple(rng.integers(0, shape))] = WALK
    size = float(rng.choice([30.0, 100.0]))
    # a lattice of places at half a cell, and beyond the grid: many shared vertices, borders and corners
    step = float(rng.choice([0.5, 0.37]))
    lattice = rng.integers(-2, [[int(n / step) + 2 for n in shape]], (max(3, sum(shape)), 2)) * step
    lines = [
        line(*lattice[rng.integers(0, len(lattice), rng.integers(2, 5))].tolist(), size=size)
        for _ in range(rng.integers(0, 9))
    ]
    count = len(lines)
    cells = crossable(pace)
    options: dict[str, Any] = {
        "neighbours": int(rng.choice([8, 16])),
        "direction": str(rng.choice(["to_facility", "from_facility"])),
        "rides": str(rng.choice(["one", "any"])),
    }
    if slope:
        options["elevation"] = rng.normal(0.0, 10.0, shape)
    limits = {"limit_seconds": float(rng.choice([np.inf, 100.0]))}
    if options["rides"] == "one":
        limits["access_limit_seconds"] = float(rng.choice([np.inf, 40.0]))
    return RoadWorld(
        pace, lines, rng.choice(list(ROAD_PACE), count).tolist(),
        [
            (*cells[i], float(rng.choice([0.0, 0.0, 30.5]))) if rng.random() < 0.9 else None
            for i in rng.integers(0, len(cells), rng.integers(0, 5))
        ],
        size=size,
        flags={
            "oneway": rng.choice([-1, 0, 0, 1], count),
            "bridge": rng.random(count) < 0.2,
            "tunnel": rng.random(count) < 0.1,
        },
        options=options, limits=limits,
    )
