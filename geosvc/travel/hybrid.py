"""Riding and walking together: on foot to the road, one ride, on foot the rest."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from geosvc.errors import GroundError, InvalidParameter
from geosvc.measures import MICROSECONDS_PER_SECOND
from geosvc.travel import checks, graph, labels
from geosvc.travel.explaining import Leg, explain
from geosvc.travel.raster import Field, Options, kernel_ground
from geosvc.travel.times import Times
from geosvc.travel.walking import Walk

if TYPE_CHECKING:
    from geosvc.travel.network import Network


def solve_hybrid(
    foot_pace: npt.ArrayLike,
    network: Network,
    sources: Iterable[Any],
    *,
    cell_size_m: float | None = None,
    neighbours: int = 16,
    elevation: npt.ArrayLike | None = None,
    direction: str = "to_facility",
    rides: str = "one",
    limit_seconds: float = float("inf"),
    access_limit_seconds: float = float("inf"),
) -> HybridField:
    r"""
    Return the travel time between every cell and its nearest source, by road and on foot.

    People walk to the road, ride once, and walk the rest; or walk all the way where that is
    quicker. A team leaves its vehicle once: it does not find a second one behind the hill.
    Seen from the facility there are three stages, solved one after the other:

    1. on foot from every source over the whole grid: labels *A* of cells;
    2. along the roads, from *A* and the transfers: labels *V* of road points;
    3. on foot again, from *A* itself and from *V* and the transfers: labels *B* of cells.

    Parameters
    ----------
    foot_pace : array of float, shape (n_rows, n_cols)
        Seconds to walk one metre, roads included; ``inf`` cannot be crossed. Row 0 is north.
    network : Network
        Roads over the same grid; see :func:`geosvc.travel.build_network`.
    sources : iterable of (row, col), (row, col, delay_seconds) or None
        Cells that hold a facility, and the time that passes before anyone leaves it.
        None keeps the slot of a closed one.
    cell_size_m : float, optional
        Side of a cell, metres; that of the network's grid, and checked against it.
    neighbours : {16, 8}
        Moves on foot.
    elevation : array of float, shape (n_rows, n_cols), optional
        Metres; slope makes walkers slower, not vehicles.
    direction : {"to_facility", "from_facility"}
        The way people travel; it matters on one-way roads and on slopes.
    rides : {"one", "any"}
        "any" finds motor transport wherever a road is met, as often as it helps.
    limit_seconds : float
        Look no further than this; the limit itself counts.
    access_limit_seconds : float
        A ride begins (seen from the facility) at most this long after the start, the delay
        of the source included: else the leg at the facility is not walked to a far road.

    Returns
    -------
    field : HybridField
        Seconds, microseconds and nearest source of every cell; it can explain them.

    Raises
    ------
    GroundError
        If the pace holds NaN, zero or negative values, or does not fit the network's grid.
    UnreachableSource
        If a source stands on ground that cannot be crossed.
    InvalidParameter
        If a source lies outside the grid, or an option is out of range.

    Notes
    -----
    Why three stages are exact, ties included. The states are (on foot before the ride, cell),
    (in the vehicle, road point) and (on foot after it, cell), and arcs lead from each kind
    only to itself or to the next. A label :math:`(t, i)` is ordered by time, then by index,
    and adding a cost :math:`c` keeps that order: :math:`(t, i) \le (u, j)` implies
    :math:`(t + c, i) \le (u + c, j)`. So if at some state one source's label is the smaller,
    it stays so at the end of every way that goes on from there, and the larger one may be
    forgotten: the best label of a state is the smallest of those of the states before it,
    each plus the arc's cost. Stage by stage every state before is already exact. Times are
    whole microseconds, nothing is rounded on the way.

    A limit on the walk of each source by itself would break this, because a source forgotten
    at a cell may have walked less; therefore ``access_limit_seconds`` bounds the label.

    Examples
    --------
    Three cells of 1 km in a row, a road through all, walking at 3.6 km/h, riding at 36 km/h.
    Transfers at the centre of a cell take a microsecond:

    >>> from shapely import LineString
    >>> from geosvc.travel import build_network
    >>> road = build_network([LineString([(0, 500), (3000, 500)])], ["primary"],
    ...                      pace_by_class={"primary": 0.1}, west_m=0, north_m=1000,
    ...                      cell_size_m=1000, rows=1, cols=3)
    >>> field = solve_hybrid(np.ones((1, 3)), road, [(0, 0)])
    >>> print(field.seconds)
    [[  0. 100. 200.]]
    >>> print([(leg.mode, round(leg.seconds), leg.metres) for leg in field.explain(0, 2)])
    [('foot', 0, 0.0), ('ride', 200, 2000.0), ('foot', 0, 0.0)]
    """
    pace = checks.checked_pace(foot_pace)
    checks.checked_choice(neighbours, "neighbours", (8, 16))
    checks.checked_choice(direction, "direction", ("to_facility", "from_facility"))
    checks.checked_choice(rides, "rides", ("one", "any"))
    if rides == "any" and checks.checked_limit(access_limit_seconds) < float("inf"):
        raise InvalidParameter('access_limit_seconds belongs to rides="one": with "any", rides begin anywhere')
    if pace.shape != network.shape:
        raise GroundError(f"foot_pace has the shape {pace.shape}, the network's grid {network.shape}")
    if cell_size_m is not None and checks.checked_length(cell_size_m) != network.cell_size_m:
        raise InvalidParameter(f"cell_size_m is {cell_size_m}, but the network's cells are {network.cell_size_m} m")
    heights = None if elevation is None else checks.checked_elevation(elevation, pace)
    options = Options(
        cell_size_m=network.cell_size_m,
        sixteen=int(neighbours) == 16,
        leak=False,
        sloped=elevation is not None,
        outwards=direction == "from_facility",
    )
    limit, access = (
        labels.limit_microseconds(checks.checked_limit(each)) for each in (limit_seconds, access_limit_seconds)
    )
    places = checks.checked_sources(sources, pace)
    walk = Walk(kernel_ground(pace, heights, None), pace.dtype, options, limit)
    return HybridField(
        walk, network, places, direction, one_ride=rides == "one", last_access=np.int64(labels.last_label(access))
    )


class Transfers(NamedTuple):
    """The transfers of a network that can be used, and what they cost on this ground."""

    node: npt.NDArray[np.int64]
    cell: npt.NDArray[np.int64]
    metres: npt.NDArray[np.float64]
    cost: npt.NDArray[np.int64]  # packed


class HybridField(Times):
    """
    Travel time between every cell and its nearest source; made by :func:`solve_hybrid`.

    The edits :meth:`open`, :meth:`close`, :meth:`move`, :meth:`rearrange`, :meth:`change_roads`
    and :meth:`change_pace` change the field in place and leave it equal in every bit to a fresh
    solve. The first one costs a solve on foot and 8 bytes a cell, which are kept for the next.

    How an edit stays exact: a label carries the index of its source, and so does every label
    on the way it came by, on foot and on the road. Wiping all labels of the sources that lost
    something leaves only labels that still hold; the rest flows in again, stage by stage.
    """

    def __init__(
        self,
        walk: Walk,
        network: Network,
        places: list[checks.Source | None],
        direction: str,
        *,
        one_ride: bool,
        last_access: np.int64,
    ) -> None:
        """Solve; the arguments are checked by ``solve_hybrid``."""
        self.walk, self.network = walk, network
        self.direction, self.one_ride, self.last_access = direction, one_ride, last_access
        self.transfers = self._priced_transfers(network)
        self.arcs = graph.arcs_of(network, direction)
        self._begin(places)

    def _begin(self, places: list[checks.Source | None]) -> None:
        """Solve for these sources, from nothing."""
        from geosvc.travel import graph_kernels

        self.places = places
        self._foot: Field | None = None
        self.road_labels = np.zeros(self.network.n_nodes, np.int64)
        self._labels, self._queue = self.walk.from_sources(places, self.walk.limit)
        # labels on foot before the ride, for every transfer
        self.boarding = graph_kernels.at_cells(self._labels, self.transfers.cell)
        self._ride()

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
        index = self._on_foot.open(row, col, delay_seconds)
        self.places.append(checks.checked_source(row, col, delay_seconds, self.walk.ground.pace, f"source {index}"))
        self._mend([])
        return index

    def close(self, index: int) -> None:
        """
        Close a source; its index is not given again.

        Raises
        ------
        InvalidParameter
            If there is no open source of that index.
        """
        self._on_foot.close(index)
        self.places[index] = None
        self._mend([index])

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
        self._on_foot.move(index, row, col)
        kept = self.places[index]
        assert kept is not None  # it is open
        place = checks.checked_source(row, col, 0.0, self.walk.ground.pace, f"source {index}")
        self.places[index] = place._replace(delay_microseconds=kept.delay_microseconds)
        self._mend([index])

    def rearrange(self, places: Mapping[int, tuple[Any, ...] | None]) -> None:
        """
        Put several sources elsewhere, open or close them, all at once; each keeps its index.

        Unlike :meth:`open` it may open a source again that is closed, with the index it had. What is
        left is mended once, however many there are.

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
        found = checks.checked_places(places, len(self.places), self.walk.ground.pace)
        self._on_foot.rearrange(places)
        spoilt = [index for index in found if self.places[index] is not None]
        for index, place in found.items():
            self.places[index] = place
        self._mend(spoilt)

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
        foot = self._on_foot
        try:
            with foot.without(index):
                place, self.places[index] = self.places[index], None
                try:
                    self._mend([index])
                    yield self
                finally:
                    self.places[index] = place
        finally:
            self._mend([])

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
        from geosvc.travel import edits

        index = checks.checked_index(index, np.array([place is not None for place in self.places], bool))
        twin = copy.copy(self)
        twin.walk = self.walk.within(limit_seconds)
        twin._begin([place if i == index else None for i, place in enumerate(self.places)])  # noqa: SLF001  its own kind
        return edits.gather(twin._labels, twin._queue)  # type: ignore[no-any-return]  # noqa: SLF001

    def copy(self) -> HybridField:
        """Return a field of its own with the same content: edit it, keep the baseline."""
        twin = copy.copy(self)
        walk = copy.copy(self.walk)
        walk.ground = walk.ground._replace(pace=walk.ground.pace.copy())
        queue = self._queue._replace(rows=self._queue.rows.copy())
        vars(twin).update(
            walk=walk, places=list(self.places), road_labels=self.road_labels.copy(), _labels=self._labels.copy(),
            _queue=queue, _foot=None if self._foot is None else self._foot.copy(),
        )
        return twin

    def change_roads(self, network: Network) -> None:
        """
        Take the same roads in another state: closed or open again, faster or slower.

        Parameters
        ----------
        network : Network
            Made from the field's own by ``closed``, ``reopened``, ``with_pace``.

        Raises
        ------
        InvalidParameter
            If it is another network.
        """
        graph.refuse_other_roads(self.network, network)
        assert self._on_foot is not None  # solved before anything changes
        spoilt = graph.spoilt_sources(self.network, network, self.road_labels, self.direction)
        lost = self._lost_transfers(network.transfer_usable)
        self.network, self.arcs = network, graph.arcs_of(network, self.direction)
        self.transfers = self._priced_transfers(network)
        self._mend(np.union1d(spoilt, lost))

    def change_pace(self, rows: npt.ArrayLike, cols: npt.ArrayLike, new_pace: npt.ArrayLike) -> None:
        """
        Change the pace on foot of some cells: a flood, a new path.

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
        from geosvc.travel import edits

        pace = self.walk.ground.pace
        cells, values = checks.checked_change(rows, cols, new_pace, self.shape, self.walk.pace_type, pace.dtype)
        worse = cells[:, values > pace[cells[0], cells[1]]]
        spoilt = np.zeros(len(self.places), np.bool_)
        for marked in (self._on_foot.packed, self._labels):
            edits.mark_around(marked, worse, spoilt)
        self._on_foot.change_pace(cells[0], cells[1], values)
        quicker = edits.take_pace(pace, cells, values, self._queue)
        self.transfers = self._priced_transfers(self.network)
        self._mend(np.flatnonzero(spoilt), quicker)

    @property
    def _on_foot(self) -> Field:
        """The field of those who walk all the way; what they reach is where rides begin."""
        if self._foot is None:
            self._foot = self.walk.field(self.places)
        return self._foot

    def _priced_transfers(self, network: Network) -> Transfers:
        from geosvc.travel import graph_kernels

        usable = network.transfer_usable
        cell, metres = network.transfer_cell[usable], network.transfer_m[usable]
        cost = graph_kernels.price_transfers(self.walk.ground.pace, cell, metres)
        return Transfers(network.transfer_node[usable], cell, metres, cost)

    def _lost_transfers(self, usable: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
        """Return the sources some of whose labels came by a transfer that will not be usable."""
        lost = ~usable[self.network.transfer_usable]
        node, cell, _, cost = self.transfers
        on_road = self.road_labels[node]
        boarded = (self.boarding != labels.UNREACHED) & (self.boarding + cost == on_road)
        left = (on_road != labels.UNREACHED) & (on_road + cost == self._labels.ravel()[cell])
        return np.unique(on_road[lost & (boarded | left)] & labels.SOURCE_MASK)

    def _mend(self, spoilt: npt.ArrayLike, tiles_to_look_at: npt.ArrayLike = ()) -> None:
        """Wipe what the spoilt sources had, and let everything that is left flow in again."""
        from geosvc.travel import edits, graph_kernels

        graph.wipe(self.road_labels, spoilt)
        is_spoilt = np.zeros(len(self.places), np.bool_)
        is_spoilt[np.asarray(spoilt, np.int64)] = True
        wiped = edits.wipe_sources(self._labels, is_spoilt, self._queue)
        edits.lay_under(self._on_foot.packed, self._labels, self._queue)
        for tiles in (wiped, np.asarray(tiles_to_look_at, np.int64)):
            edits.refill(self._labels, tiles, self._queue)
        if not self.one_ride:
            self.walk.settle(self._labels, self._queue)
        before = self._on_foot.packed if self.one_ride else self._labels
        self.boarding = graph_kernels.at_cells(before, self.transfers.cell)
        self._ride(graph.restless(self.arcs, self.road_labels, self.walk.limit))

    def _ride(self, restless: npt.NDArray[np.int32] | None = None) -> None:
        """Alternate road and ground: once, or until neither improves the other."""
        from geosvc.travel import graph_kernels

        nodes, cells, _, cost = self.transfers
        limit = self.walk.limit
        waiting = np.zeros(0, np.int32) if restless is None else restless
        while True:
            improved = graph_kernels.step_on(self.boarding, self.road_labels, nodes, cost, self.last_access, limit)
            graph.spread(self.arcs, self.road_labels, np.concatenate([improved, waiting]), limit)
            left = graph_kernels.step_off(self.road_labels, self._labels, nodes, cells, cost, limit, self._queue)
            # what was settled on foot is settled still: only what the road improved flows on
            self.walk.settle(self._labels, self._queue)
            if self.one_ride or not left:
                return
            self.boarding = graph_kernels.at_cells(self._labels, cells)
            waiting = waiting[:0]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the grid."""
        rows, columns = self.walk.shape
        return int(rows), int(columns)

    @property
    def nbytes(self) -> int:
        """Bytes of its largest arrays: labels, ground, and the field on foot that edits keep."""
        own = sum(each.nbytes for each in (self._labels, self.road_labels, self.boarding, *self.walk.ground))
        return own + (0 if self._foot is None else self._foot.nbytes)

    @property
    def sources(self) -> list[tuple[int, int, float] | None]:
        """(row, col, delay_seconds) of every source, None for a closed one."""
        return [
            None if place is None else (place.row, place.column, place.delay_microseconds / MICROSECONDS_PER_SECOND)
            for place in self.places
        ]

    @property
    def node_seconds(self) -> npt.NDArray[np.float32]:
        """Seconds between every road point and its nearest source, walk and ride; ``inf`` = not reached."""
        return labels.seconds_of(self.road_labels)

    def explain(self, row: int, col: int) -> list[Leg]:
        """
        Return one quickest way between a cell and its nearest source, leg by leg.

        Returns
        -------
        legs : list of Leg
            (mode, microseconds, metres, line) in the order people travel; mode is "foot",
            "ride" or "delay". Their times add up to the field's, to the microsecond. None
            where the cell is not reached.

        Raises
        ------
        InvalidParameter
            If the cell lies outside the grid.
        """
        return explain(self, row, col)
