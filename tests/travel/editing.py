"""Random edits, applied to a field and to the world it was made from alike."""

from __future__ import annotations

from typing import Any

import numpy as np
from travel.worlds import PACES, WALK, crossable


class Editor:
    """Applies one random edit to a field and to its world alike."""

    def __init__(self, world: Any, field: Any, rng: np.random.Generator) -> None:
        self.world, self.field, self.rng = world, field, rng

    def cell(self) -> tuple[int, int]:
        """Draw a cell that can be crossed."""
        cells = crossable(self.world.pace)
        return cells[self.rng.integers(len(cells))]

    def index(self) -> int | None:
        """Draw an open source."""
        there = [i for i, source in enumerate(self.world.sources) if source is not None]
        return int(self.rng.choice(there)) if there else None

    def open(self) -> None:
        """Open a facility somewhere."""
        source = (*self.cell(), float(self.rng.choice([0.0, 12.5])))
        self.world.sources.append(source)
        assert self.field.open(*source) == len(self.world.sources) - 1

    def close(self) -> None:
        """Close a facility, if one is left."""
        if (index := self.index()) is not None:
            self.world.sources[index] = None
            self.field.close(index)

    def move(self) -> None:
        """Move a facility, if one is left."""
        if (index := self.index()) is not None:
            cell = self.cell()
            self.world.sources[index] = (*cell, self.world.sources[index][2])
            self.field.move(index, *cell)

    def rearrange(self) -> None:
        """Open, close and move several at once, those that were closed too."""
        there = len(self.world.sources)
        if there == 0:
            return
        chosen = self.rng.choice(there, size=self.rng.integers(1, there + 1), replace=False)
        places = {int(i): None if self.rng.random() < 0.3 else (*self.cell(), float(self.rng.choice([0.0, 12.5]))) for i in chosen}
        for index, place in places.items():
            self.world.sources[index] = place
        self.field.rearrange(places)

    def change_pace(self) -> None:
        """Change a few cells or many, for the better and the worse, some named twice."""
        shape = self.world.pace.shape
        count = self.rng.integers(1, 1 + self.rng.choice([3, shape[0] * shape[1]]))
        rows, columns = (self.rng.integers(0, size, count) for size in shape)
        values = self.rng.choice([*PACES, np.inf], count)
        for row, column, *_ in filter(None, self.world.sources):
            values[(rows == row) & (columns == column)] = WALK
        values[:1] = WALK
        for row, column, value in zip(rows, columns, values, strict=True):
            self.world.pace[row, column] = value
        self.field.change_pace(rows, columns, values)
