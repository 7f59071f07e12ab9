"""The ground on foot, where the walks before and after a ride settle."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from geosvc.travel import checks, labels
from geosvc.travel.raster import Field

if TYPE_CHECKING:
    from geosvc.travel.raster import Options

_NO_CEILING = np.zeros((0, 0), np.int64)


class Walk:
    """The ground on foot: labels of cells settle here."""

    def __init__(
        self, ground: tuple[Any, Any, Any], pace_type: np.dtype[Any], options: Options, limit_microseconds: int
    ) -> None:
        """Keep what the kernels need."""
        from geosvc.travel import moves, tiles

        self.ground = tiles.Ground(*ground)
        self.pace_type = pace_type
        self.options = options
        self.rules = moves.Rules(*options)
        self.limit_microseconds = limit_microseconds
        self.limit = np.int64(labels.last_label(limit_microseconds))
        self.shape = self.ground.pace.shape

    def within(self, limit_seconds: float) -> Walk:
        """Return the same ground with another limit."""
        other = copy.copy(self)
        other.limit_microseconds = labels.limit_microseconds(checks.checked_limit(limit_seconds))
        other.limit = np.int64(labels.last_label(other.limit_microseconds))
        return other

    def field(self, places: list[checks.Source | None]) -> Field:
        """Return the field on foot alone, with ground of its own that can be edited."""
        own = self.ground._replace(pace=self.ground.pace.copy())
        return Field(own, self.pace_type, list(places), self.options, self.limit_microseconds)

    def settle(self, cells: labels.Labels, queue: Any, limit: np.int64 | None = None) -> None:
        """Let the labels of waiting tiles flow over the ground, in place."""
        from geosvc.travel import tiles

        last = self.limit if limit is None else limit
        tiles.settle(cells, _NO_CEILING, self.ground, self.rules, last, queue)

    def from_sources(
        self, places: list[checks.Source | None], limit: np.int64
    ) -> tuple[labels.Labels, Any]:
        """Return the labels of all cells on foot from the sources, and the emptied queue."""
        from geosvc.travel import edits, tiles

        cells, queue = np.zeros(self.shape, np.int64), tiles.empty_queue(self.shape)
        table = np.array([(p.row, p.column, p.delay_microseconds) if p else (0, 0, -1) for p in places], np.int64)
        rows, columns, delays = (np.ascontiguousarray(each) for each in table.reshape(-1, 3).T)
        edits.seed(cells, rows, columns, delays, 0, limit, queue)
        self.settle(cells, queue, limit)
        return cells, queue
