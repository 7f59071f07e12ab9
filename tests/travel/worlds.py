"""Small grounds for the tests of travel time, and how to draw them at random."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import strategies as st
from travel.oracles import Oracle

from geosvc.travel import Field, solve

WALK = 0.72  # seconds per metre at 5 km/h
# decimal paces make many equal times, which is what tests the ties
PACES = [0.06, 0.5, WALK, 1.0, 3.0]


@dataclass
class World:
    """A ground with its sources, and the options to solve it with."""

    pace: np.ndarray
    sources: list[Any]
    options: dict[str, Any] = field(default_factory=dict)
    limit_seconds: float = float("inf")

    def solve(self) -> Field:
        """Solve it with the engine."""
        return solve(self.pace, self.sources, limit_seconds=self.limit_seconds, **self.options)

    def solve_slowly(self) -> tuple[np.ndarray, np.ndarray]:
        """Solve it with the oracle: microseconds and nearest."""
        microseconds = np.full(self.pace.shape, -1, np.int64)
        nearest = np.full(self.pace.shape, -1, np.int32)
        reached = Oracle(self.pace, **self.options).solve(self.sources, self.limit_seconds)
        for cell, (time, index) in reached.items():
            microseconds[cell], nearest[cell] = time, index
        return microseconds, nearest


def crossable(pace: np.ndarray) -> list[tuple[int, int]]:
    """List the cells that can be crossed."""
    return [(int(row), int(column)) for row, column in np.argwhere(np.isfinite(pace))]


def random_world(seed: int, *, slope: bool = False, largest: int = 40) -> World:
    """Draw a ground with barriers, a few sources and all options."""
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(1, largest + 1, 2))
    pace = rng.choice(PACES, shape) if rng.random() < 0.7 else rng.uniform(0.1, 3.0, shape)
    if rng.random() < 0.3:
        pace = pace.astype(np.float32)
    pace[rng.random(shape) < rng.choice([0.0, 0.2, 0.45])] = np.inf
    pace[tuple(rng.integers(0, shape))] = WALK
    cells = crossable(pace)
    sources = [
        (*cells[i], float(rng.choice([0.0, 0.0, 30.5]))) if rng.random() < 0.9 else None
        for i in rng.integers(0, len(cells), rng.integers(0, 8))
    ]
    options: dict[str, Any] = {
        "neighbours": int(rng.choice([8, 16])),
        "cell_size_m": float(rng.choice([30.0, 100.0])),
        "diagonal_leak": bool(rng.random() < 0.3),
    }
    if slope:
        options["elevation"] = rng.normal(0.0, rng.choice([1.0, 20.0]), shape)
        options["direction"] = str(rng.choice(["to_facility", "from_facility"]))
        if rng.random() < 0.7:
            options["gait"] = rng.integers(0, 3, shape).astype(np.int8)
    return World(pace, sources, options, float(rng.choice([np.inf, 400.0])))


seeds = st.integers(0, 2**32 - 1)


def assert_same(field: Field, microseconds: np.ndarray, nearest: np.ndarray) -> None:
    """Compare a field with an answer, bit for bit."""
    np.testing.assert_array_equal(field.microseconds, microseconds)
    np.testing.assert_array_equal(field.nearest, nearest)


def assert_equal_fields(one: Field, other: Field) -> None:
    """Compare two fields, bit for bit."""
    assert_same(one, other.microseconds, other.nearest)
    np.testing.assert_array_equal(one.seconds, other.seconds)
