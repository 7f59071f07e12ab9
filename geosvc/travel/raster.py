"""Travel time over a grid: ``solve`` makes a :class:`Field`, which can then be edited."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from geosvc.errors import GroundError, InvalidParameter, UnreachableSource
from geosvc.measures import MICROSECONDS_PER_SECOND
from geosvc.travel import checks, labels
from geosvc.travel.times import Times

if TYPE_CHECKING:
    from geosvc.travel.moves import Rules
    from geosvc.travel.tiles import Ground

_CLOSED = -1
_Indices = npt.NDArray[np.int64]


def solve(
    pace: npt.ArrayLike,
    sources: Iterable[Any],
    cell_size_m: float = 100.0,
    neighbours: int = 16,
    elevation: npt.ArrayLike | None = None,
    gait: npt.ArrayLike | None = None,
    direction: str = "to_facility",
    limit_seconds: float = float("inf"),
    diagonal_leak: bool = False,
) -> Field:
    """
    Return the travel time between every cell and the source that is nearest in time.

    A straight or diagonal move costs its length times the mean pace of the two cells
    it joins. A knight's move (two cells one way, one the other) costs its length times
    the mean pace of four cells, its ends and the two it crosses, and is allowed only if
    both of those can be crossed. A diagonal move between two uncrossable cells is not
    allowed: a river drawn corner to corner does not leak. The cost of every move is
    rounded once, to whole microseconds and at least 1; the rest is exact, ties included.

    Parameters
    ----------
    pace : array of float, shape (n_rows, n_cols)
        Seconds to cross one metre; ``inf`` cannot be crossed. Row 0 is north.
        float32 is kept as it is, anything else as float64.
    sources : iterable of (row, col), (row, col, delay_seconds) or None
        Cells that hold a facility, and the time that passes before anyone leaves it.
        None keeps the slot of a closed one. There may be none at all.
    cell_size_m : float
        Side of a square cell, metres.
    neighbours : {16, 8}
        Moves to 16 neighbours reach 97.2 % of the true disc on even ground, to 8 90.0 %.
    elevation : array of float, shape (n_rows, n_cols), optional
        Metres. Without it the ground is flat.
    gait : array of int, shape (n_rows, n_cols), optional
        What slope does to people in a cell: 0 motor (nothing), 1 walk (Tobler), 2 cycle
        (Parkin and Rotheram); see :mod:`geosvc.travel.slopes`. All walk if not given.
        Used only with elevation.
    direction : {"to_facility", "from_facility"}
        The way people travel; it matters on slopes only.
    limit_seconds : float
        Look no further than this; the limit itself counts. A run with a limit costs in
        proportion to what it reaches, after one reading of the pace.
    diagonal_leak : bool
        Allow diagonal moves between two uncrossable cells, as GRASS r.cost does.

    Returns
    -------
    field : Field
        Seconds, microseconds and nearest source of every cell; it can be edited.

    Raises
    ------
    GroundError
        If pace holds NaN, zero or negative values, or the grids do not fit together.
    UnreachableSource
        If a source stands on ground that cannot be crossed.
    InvalidParameter
        If a source lies outside the grid, or an option is out of range.

    Examples
    --------
    Walking at 5 km/h takes 0.72 s for a metre. Cells of 1 km, a clinic in the north-west
    corner, a river with one bridge in the south; minutes, by moves to 8 neighbours:

    >>> walk = np.full((3, 4), 0.72)
    >>> walk[:2, 2] = np.inf
    >>> field = solve(walk, [(0, 0)], cell_size_m=1000, neighbours=8)
    >>> print((field.seconds / 60).round(1))
    [[ 0.  12.   inf 62.9]
     [12.  17.   inf 50.9]
     [24.  29.  33.9 45.9]]
    """
    kept = checks.checked_pace(pace)
    checks.checked_choice(neighbours, "neighbours", (8, 16))
    checks.checked_choice(direction, "direction", ("to_facility", "from_facility"))
    options = Options(
        checks.checked_length(cell_size_m),
        int(neighbours) == 16,
        bool(diagonal_leak),
        elevation is not None,
        direction == "from_facility",
    )
    limit = labels.limit_microseconds(checks.checked_limit(limit_seconds))
    heights = None if elevation is None else checks.checked_elevation(elevation, kept)
    gaits = None if gait is None else checks.checked_gait(gait, kept)
    places = checks.checked_sources(sources, kept)
    return Field(kernel_ground(kept, heights, gaits), kept.dtype, places, options, limit)


class Options(NamedTuple):
    """The same fields as ``moves.Rules``, which cannot be imported without numba."""

    cell_size_m: float
    sixteen: bool
    leak: bool
    sloped: bool
    outwards: bool


def kernel_ground(
    pace: checks.Floats,
    elevation: checks.Floats | None,
    gait: npt.NDArray[np.int8] | None,
) -> tuple[checks.Floats, checks.Floats, npt.NDArray[np.int8]]:
    """Return pace, elevation and gait for the kernels, pace and elevation of one type.

    One type halves the number of kernels to compile; no cells stand for "not given".
    """
    if elevation is None:
        return pace, np.zeros((0, 0), pace.dtype), np.zeros((0, 0), np.int8)
    kind = np.promote_types(pace.dtype, elevation.dtype)
    gaits = np.zeros((0, 0), np.int8) if gait is None else gait
    return pace.astype(kind, copy=False), elevation.astype(kind, copy=False), gaits


class Field(Times):
    """
    Travel time between every cell and its nearest source; made by :func:`solve`.

    The edits :meth:`open`, :meth:`close`, :meth:`move`, :meth:`rearrange` and :meth:`change_pace` change
    the field in place, at the cost of what changes, and leave it equal in every bit to
    a fresh solve of the edited sources and ground.

    One field belongs to one thread at a time; several fields may be worked on at once.
    """

    def __init__(
        self,
        ground: tuple[checks.Floats, checks.Floats, npt.NDArray[np.int8]],
        pace_type: np.dtype[Any],
        places: list[checks.Source | None],
        options: Options,
        limit: int,
    ) -> None:
        """Seed the sources and settle the grid; the arguments are checked by ``solve``."""
        from geosvc.travel import moves, tiles

        self._ground: Ground = tiles.Ground(*ground)
        self._pace_type = pace_type  # as given; beside a finer elevation it is stored finer
        self._rules: Rules = moves.Rules(*options)
        self._limit = limit
        self._rows = np.array([p.row if p else 0 for p in places], np.int64)
        self._columns = np.array([p.column if p else 0 for p in places], np.int64)
        self._delays = np.array([p.delay_microseconds if p else _CLOSED for p in places], np.int64)
        # zeros mean "not reached", and the system hands out zeros without writing them
        super().__init__(np.zeros(self.shape, np.int64))
        self._queue = tiles.empty_queue(self.shape)
        self.tiles_settled = 0
        self._settle_from(0)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the grid."""
        rows, columns = self._ground.pace.shape
        return int(rows), int(columns)

    @property
    def limit_seconds(self) -> float:
        """How far was looked: ``inf``, or a time beyond which "not reached" says nothing."""
        if self._limit == labels.HORIZON_MICROSECONDS:
            return math.inf
        return self._limit / MICROSECONDS_PER_SECOND

    @property
    def nbytes(self) -> int:
        """Bytes of its largest arrays: labels, ground, queue."""
        return sum(each.nbytes for each in (self._labels, *self._ground, self._queue.keys, self._queue.heap, self._queue.places))

    @property
    def pace(self) -> checks.Floats:
        """The pace in force, seconds per metre; read-only."""
        view = self._ground.pace.view()
        view.flags.writeable = False
        return view

    @property
    def sources(self) -> list[tuple[int, int, float] | None]:
        """(row, col, delay_seconds) of every source, None for a closed one."""
        return [
            None if delay == _CLOSED else (int(row), int(column), delay / MICROSECONDS_PER_SECOND)
            for row, column, delay in zip(self._rows, self._columns, self._delays.tolist(), strict=True)
        ]

    def copy(self) -> Field:
        """Return a field of its own with the same content: edit it, keep the baseline."""
        from geosvc.travel import tiles

        queue = tiles.empty_queue(self.shape)
        queue.rows[:] = self._queue.rows
        twin = copy.copy(self)
        vars(twin).update(
            _ground=self._ground._replace(pace=self._ground.pace.copy()),
            _labels=self._labels.copy(),
            _queue=queue,
            _rows=self._rows.copy(),
            _columns=self._columns.copy(),
            _delays=self._delays.copy(),
        )
        return twin

    def open(self, row: int, col: int, delay_seconds: float = 0.0) -> int:
        """
        Open a source and return its index, which follows that of the last one.

        Raises
        ------
        InvalidParameter
            If the cell is outside the grid, or the delay is negative.
        UnreachableSource
            If the cell cannot be crossed.
        """
        index = self._rows.size
        checks.refuse_one_more(index)
        place = checks.checked_source(row, col, delay_seconds, self._ground.pace, f"source {index}")
        self._rows = np.append(self._rows, place.row)
        self._columns = np.append(self._columns, place.column)
        self._delays = np.append(self._delays, place.delay_microseconds)
        self._settle_from(index)
        return index

    def close(self, index: int) -> None:
        """
        Close a source; its index is not given again.

        Raises
        ------
        InvalidParameter
            If there is no open source of that index.
        """
        index = self._open_index(index)
        self._wipe_catchment(index)
        self._delays[index] = _CLOSED
        self._settle_from(0)

    def move(self, index: int, row: int, col: int) -> None:
        """
        Move an open source to another cell; it keeps its index and its delay.

        Raises
        ------
        InvalidParameter
            If there is no open source of that index, or the cell is outside the grid.
        UnreachableSource
            If the cell cannot be crossed.
        """
        index = self._open_index(index)
        place = checks.checked_source(row, col, 0.0, self._ground.pace, f"source {index}")
        self._wipe_catchment(index)
        self._rows[index], self._columns[index] = place.row, place.column
        self._settle_from(0)

    def rearrange(self, places: Mapping[int, tuple[Any, ...] | None]) -> None:
        """
        Put several sources elsewhere, open or close them, all at once; each keeps its index.

        Unlike :meth:`open` it may open a source again that is closed, with the index it had.

        Parameters
        ----------
        places : mapping
            For indices of sources, open or closed: (row, col) or (row, col, delay_seconds), None to close.

        Raises
        ------
        InvalidParameter
            If there is no source of an index, a cell is outside the grid, or a delay negative.
        UnreachableSource
            If a cell cannot be crossed; nothing is changed.
        """
        from geosvc.travel import edits

        found = checks.checked_places(places, self._rows.size, self._ground.pace)
        wiped = [
            edits.wipe_catchment(self._labels, index, self._rows[index], self._columns[index], self._queue)
            for index in found if self._delays[index] != _CLOSED
        ]
        for index, place in found.items():
            self._delays[index] = _CLOSED if place is None else place.delay_microseconds
            if place is not None:
                self._rows[index], self._columns[index] = place.row, place.column
        for tiles in wiped:
            edits.refill(self._labels, tiles, self._queue)
        self._settle_from(0)

    @contextmanager
    def without(self, index: int) -> Iterator[Self]:
        """
        Close a source for as long as the block lasts, to see what it is good for.

        Afterwards the field is as it was, to the bit.

        Raises
        ------
        InvalidParameter
            If there is no open source of that index.
        """
        index = self._open_index(index)
        delay = self._delays[index]
        self.close(index)
        try:
            yield self
        finally:
            self._delays[index] = delay
            self._settle_from(index)

    def alone(self, index: int, limit_seconds: float) -> tuple[labels.Labels, labels.Labels]:
        """
        Return what one source reaches within a limit, as if it were the only one.

        Returns
        -------
        cells : array of int64, shape (n,)
            Counted row by row, ascending.
        microseconds : array of int64, shape (n,)

        Raises
        ------
        InvalidParameter
            If there is no open source of that index, or the limit is no time.
        """
        from geosvc.travel import edits, tiles

        index = self._open_index(index)
        limit = np.int64(labels.last_label(labels.limit_microseconds(checks.checked_limit(limit_seconds))))
        cells, queue = np.zeros(self.shape, np.int64), tiles.empty_queue(self.shape)
        row, column, delay = (each[index : index + 1] for each in (self._rows, self._columns, self._delays))
        edits.seed(cells, row, column, delay, 0, limit, queue)
        tiles.settle(cells, np.zeros((0, 0), np.int64), self._ground, self._rules, limit, queue)
        return edits.gather(cells, queue)  # type: ignore[no-any-return]

    def way(self, row: int, col: int) -> npt.NDArray[np.int64]:
        """
        Return the cells of one quickest way from a cell to its nearest source, shape (n, 2).

        Found from the labels alone; of several quickest ways, any. There are none where the cell is not reached.

        Raises
        ------
        InvalidParameter
            If the cell lies outside the grid.
        """
        from geosvc.travel import graph_kernels

        cell = checks.whole(row, "row"), checks.whole(col, "col")
        if not (0 <= cell[0] < self.shape[0] and 0 <= cell[1] < self.shape[1]):
            raise InvalidParameter(f"row {row}, column {col} is outside the grid of {self.shape[0]} by {self.shape[1]}")
        if self._labels[cell] == labels.UNREACHED:
            return np.zeros((0, 2), np.int64)
        found: npt.NDArray[np.int64] = graph_kernels.walk_back(self._labels, self._ground, self._rules, *cell)
        return found

    def change_pace(self, rows: npt.ArrayLike, cols: npt.ArrayLike, new_pace: npt.ArrayLike) -> None:
        """
        Change the pace of some cells: a road closed, a bridge built, a flood.

        Parameters
        ----------
        rows, cols : array of int
            The cells. One named twice takes the last value.
        new_pace : array of float, or one number for all
            Seconds per metre, ``inf`` cannot be crossed.

        Raises
        ------
        GroundError
            If a pace is NaN, zero or negative, or elevation is missing on ground that
            becomes crossable.
        UnreachableSource
            If an open source stands where nobody could pass any more; nothing is changed.
        InvalidParameter
            If a cell lies outside the grid.
        """
        from geosvc.travel import edits, tiles

        cells, values = checks.checked_change(
            rows, cols, new_pace, self.shape, self._pace_type, self._ground.pace.dtype
        )
        self._refuse_change(cells, values)
        pace, queue = self._ground.pace, self._queue
        marks = np.zeros(self.shape, np.int64)
        places = self._rows, self._columns, self._delays
        worse = edits.mark_worse(self._labels, marks, pace, cells, values, *places, queue)
        edits.refill(marks, worse, queue)
        queue.seen[:] = False
        tiles.settle(marks, self._labels, self._ground, self._rules, self._last_label, queue)
        wiped = edits.wipe_marked(self._labels, marks, queue)
        quicker = edits.take_pace(pace, cells, values, queue)
        edits.refill(self._labels, wiped, queue)
        edits.refill(self._labels, quicker, queue)
        self._settle_from(0)

    @property
    def _last_label(self) -> np.int64:
        return np.int64(labels.last_label(self._limit))

    def _settle_from(self, first: int) -> None:
        """Seed the open sources from this index on, and empty the queue."""
        from geosvc.travel import edits, tiles

        limit, queue = self._last_label, self._queue
        edits.seed(self._labels, self._rows, self._columns, self._delays, first, limit, queue)
        none = np.zeros((0, 0), np.int64)
        self.tiles_settled = int(tiles.settle(self._labels, none, self._ground, self._rules, limit, queue))

    def _wipe_catchment(self, index: int) -> None:
        from geosvc.travel import edits

        row, column = self._rows[index], self._columns[index]
        wiped = edits.wipe_catchment(self._labels, index, row, column, self._queue)
        edits.refill(self._labels, wiped, self._queue)

    def _open_index(self, index: int) -> int:
        return checks.checked_index(index, self._delays != _CLOSED)

    def _refuse_change(self, cells: _Indices, values: checks.Floats) -> None:
        """Refuse a change that leaves a source stranded, or opens ground of unknown height."""
        flat = cells[0] * self.shape[1] + cells[1]
        stands = self._rows * self.shape[1] + self._columns
        blocked = np.isin(stands, flat[np.isinf(values)]) & (self._delays != _CLOSED)
        for index in np.flatnonzero(blocked):
            # a cell named twice takes the last value
            if np.isinf(values[np.flatnonzero(flat == stands[index])[-1]]):
                raise UnreachableSource(
                    f"source {index} at row {self._rows[index]}, column {self._columns[index]}"
                    " would stand on ground that cannot be crossed; move or close it first"
                )
        if self._rules.sloped:
            heights = self._ground.elevation[cells[0], cells[1]]
            unknown = checks.unknown_heights(heights) & np.isfinite(values)
            if unknown.any():
                row, column = cells[:, int(np.argmax(unknown))]
                raise GroundError(
                    f"row {row}, column {column} has no elevation and cannot become crossable;"
                    " solve again with the elevation filled"
                )
