"""What each source reaches by itself within a limit: for capacity and siting."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from geosvc.errors import InvalidParameter, UnreadableFile
from geosvc.measures import MICROSECONDS_PER_SECOND
from geosvc.travel import checks, labels
from geosvc.travel.times import Times

if TYPE_CHECKING:
    import numpy.typing as npt

    from geosvc.travel.hybrid import HybridField
    from geosvc.travel.raster import Field

_ARRAYS = ("shape", "limit_microseconds", "first", "cells", "microseconds")


@dataclass(frozen=True, kw_only=True, eq=False)
class BoundedFields:
    """
    The cells that each source reaches within a limit, and when; one after the other.

    Of a source only the cells it reaches are kept, 8 bytes each where the limit is below
    71 minutes, 12 above; made by :func:`bounded_fields`.

    Attributes
    ----------
    shape : tuple
        (rows, cols) of the grid.
    limit_microseconds : int
    first : array of int64, shape (n_sources + 1,)
        What source i reaches stands at ``first[i]`` to ``first[i + 1]``.
    cells : array of uint32, shape (n,)
        Counted row by row, ascending within a source.
    microseconds : array of uint32 or uint64, shape (n,)
    """

    shape: tuple[int, int]
    limit_microseconds: int
    first: npt.NDArray[np.int64]
    cells: npt.NDArray[np.uint32]
    microseconds: npt.NDArray[np.unsignedinteger[Any]]

    @property
    def n_sources(self) -> int:
        """Number of sources, closed ones included (they reach nothing)."""
        return self.first.size - 1

    def of(self, index: int) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.unsignedinteger[Any]]]:
        """Return the cells that a source reaches and the microseconds to each.

        Raises
        ------
        InvalidParameter
            If there is no such source.
        """
        number = checks.checked_index(index, np.ones(self.n_sources, bool))
        part = slice(self.first[number], self.first[number + 1])
        return self.cells[part], self.microseconds[part]

    def within(self, index: int, limit_seconds: float) -> npt.NDArray[np.uint32]:
        """Return the cells that a source reaches within a smaller limit; the limit itself counts.

        Raises
        ------
        InvalidParameter
            If there is no such source, or these fields did not look so far.
        """
        cells, microseconds = self.of(index)
        return cells[microseconds <= self._smaller(limit_seconds)]

    def sources_within(self, limit_seconds: float) -> npt.NDArray[np.int32]:
        """Return how many sources each cell can reach within a limit, (rows, cols).

        Raises
        ------
        InvalidParameter
            If these fields did not look so far.
        """
        near = self.cells[self.microseconds <= self._smaller(limit_seconds)]
        count = np.bincount(near, minlength=self.shape[0] * self.shape[1])
        return count.astype(np.int32).reshape(self.shape)

    def nearest(self) -> Times:
        """Return the field of all sources together: it is the smallest of theirs."""
        source = np.repeat(np.arange(self.n_sources), np.diff(self.first))
        packed = (self.microseconds.astype(np.int64) - labels.TIME_BIAS) << labels.SOURCE_BITS | source
        best = np.full(self.shape[0] * self.shape[1], labels.UNREACHED, np.int64)
        np.minimum.at(best, self.cells, packed)
        return Times(best.reshape(self.shape))

    def save(self, path: Path) -> None:
        """Write them to a file (numpy's npz), to be used again."""
        np.savez_compressed(
            path, shape=self.shape, limit_microseconds=self.limit_microseconds, first=self.first, cells=self.cells,
            microseconds=self.microseconds,
        )

    @classmethod
    def load(cls, path: Path) -> BoundedFields:
        """Read what :meth:`save` wrote.

        Raises
        ------
        UnreadableFile
        """
        try:
            with np.load(path, allow_pickle=False) as stored:
                shape, limit, first, cells, microseconds = (stored[name] for name in _ARRAYS)
        except (OSError, ValueError, KeyError) as error:
            raise UnreadableFile(f"{path.name} holds no bounded fields ({error}); compute them again") from None
        rows, cols = shape.tolist()
        return cls(shape=(rows, cols), limit_microseconds=int(limit), first=first, cells=cells, microseconds=microseconds)

    def _smaller(self, limit_seconds: float) -> int:
        limit = labels.limit_microseconds(checks.checked_limit(limit_seconds))
        if limit > self.limit_microseconds:
            raise InvalidParameter(
                f"these fields look {self.limit_microseconds / MICROSECONDS_PER_SECOND:g} s far, not {limit_seconds:g} s; "
                "compute them with a larger limit"
            )
        return limit


def bounded_fields(field: Field | HybridField, limit_seconds: float) -> BoundedFields:
    """
    Return what each source of a field reaches by itself within a limit.

    Costs in proportion to what is reached, source by source. One computation serves every
    question of who could be served from where: capacity, catchment overlap, siting.

    Parameters
    ----------
    field : Field or HybridField
        Its ground and its sources, candidates among them; not changed.
    limit_seconds : float
        Finite; the limit itself counts.

    Raises
    ------
    InvalidParameter
        If the limit is no time, or infinite.

    Examples
    --------
    Two clinics in a row of five cells of 100 m, walked at a second a metre; who is within 200 s?

    >>> from geosvc.travel import solve
    >>> near = bounded_fields(solve(np.ones((1, 5)), [(0, 0), (0, 3)]), 200)
    >>> print(near.sources_within(200), near.within(1, 100))
    [[1 2 2 1 1]] [2 3 4]
    """
    limit = checks.checked_limit(limit_seconds)
    if not np.isfinite(limit):
        raise InvalidParameter("bounded fields need a finite limit; for the whole grid solve one source at a time")
    microseconds = labels.limit_microseconds(limit)
    parts = [
        (np.zeros(0, np.int64),) * 2 if source is None else field.alone(index, limit)
        for index, source in enumerate(field.sources)
    ]
    first = np.concatenate([[0], np.cumsum([cells.size for cells, _ in parts], dtype=np.int64)])
    kind = np.uint32 if microseconds <= np.iinfo(np.uint32).max else np.uint64
    cells, times = ([each[i] for each in parts] or [np.zeros(0, np.int64)] for i in range(2))
    return BoundedFields(
        shape=field.shape, limit_microseconds=microseconds, first=first,
        cells=np.concatenate(cells).astype(np.uint32), microseconds=np.concatenate(times).astype(kind),
    )
