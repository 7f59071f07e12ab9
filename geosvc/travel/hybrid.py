"""Riding and walking together: on foot to the road, one ride, on foot the rest."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from geosvc.errors import GroundError, InvalidParameter
from geosvc.travel import checks, graph, labels
from geosvc.travel.explaining import Leg, explain
from geosvc.travel.raster import _ground, _Options

if TYPE_CHECKING:
    from geosvc.travel.network import Network

_NO_CEILING = np.zeros((0, 0), np.int64)


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
    options = _Options(
        cell_size_m=network.cell_size_m,
        sixteen=int(neighbours) == 16,
        leak=False,
        sloped=elevation is not None,
        outwards=direction == "from_facility",
    )
    limit, access = (
        np.int64(labels.last_label(labels.limit_microseconds(checks.checked_limit(each))))
        for each in (limit_seconds, access_limit_seconds)
    )
    places = checks.checked_sources(sources, pace)
    walk = Walk(_ground(pace, heights, None), options, limit)
    return HybridField(walk, network, places, direction, one_ride=rides == "one", last_access=access)


class Walk:
    """The ground on foot: labels of cells settle here."""

    def __init__(self, ground: tuple[Any, Any, Any], options: _Options, limit: np.int64) -> None:
        """Keep what the kernels need."""
        from geosvc.travel import moves, tiles

        self.ground = tiles.Ground(*ground)
        self.rules = moves.Rules(*options)
        self.limit = limit
        self.shape = self.ground.pace.shape

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


class Transfers(NamedTuple):
    """The transfers of a network that can be used, and what they cost on this ground."""

    node: npt.NDArray[np.int64]
    cell: npt.NDArray[np.int64]
    metres: npt.NDArray[np.float64]
    cost: npt.NDArray[np.int64]  # packed


class HybridField:
    """
    Travel time between every cell and its nearest source; made by :func:`solve_hybrid`.

    ``seconds``, ``microseconds`` and ``nearest`` are made anew each time they are asked for.
    It is not edited: after a change of roads, ground or sources it is solved again, so an
    edited field equals a fresh one because it is one.
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
        from geosvc.travel import graph_kernels

        self.walk, self.network, self.places = walk, network, places
        self.direction, self.one_ride, self.last_access = direction, one_ride, last_access
        usable = network.transfer_usable
        cell, metres = network.transfer_cell[usable], network.transfer_m[usable]
        cost = graph_kernels.price_transfers(walk.ground.pace, cell, metres)
        self.transfers = Transfers(network.transfer_node[usable], cell, metres, cost)
        self.arcs = graph.arcs_of(network, direction)
        self.road_labels = np.zeros(network.n_nodes, np.int64)
        self.cell_labels, queue = walk.from_sources(places, walk.limit)
        self.boarding = graph_kernels.at_cells(self.cell_labels, cell)  # labels on foot, per transfer
        self._ride(queue)

    def _ride(self, queue: Any) -> None:
        """Alternate road and ground: once, or until neither improves the other."""
        from geosvc.travel import graph_kernels

        nodes, cells, _, cost = self.transfers
        limit = self.walk.limit
        while True:
            improved = graph_kernels.step_on(self.boarding, self.road_labels, nodes, cost, self.last_access, limit)
            graph.spread(self.arcs, self.road_labels, improved, limit)
            if not graph_kernels.step_off(self.road_labels, self.cell_labels, nodes, cells, cost, limit, queue):
                return
            # what was settled on foot is settled still: only what the road improved flows on
            self.walk.settle(self.cell_labels, queue)
            if self.one_ride:
                return
            self.boarding = graph_kernels.at_cells(self.cell_labels, cells)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the grid."""
        rows, columns = self.walk.shape
        return int(rows), int(columns)

    @property
    def seconds(self) -> npt.NDArray[np.float32]:
        """Seconds to the nearest source, ``inf`` where not reached. For maps and people."""
        return labels.seconds_of(self.cell_labels)

    @property
    def microseconds(self) -> npt.NDArray[np.int64]:
        """Whole microseconds to the nearest source, -1 where not reached."""
        return labels.microseconds_of(self.cell_labels)

    @property
    def nearest(self) -> npt.NDArray[np.int32]:
        """Index of the nearest source, the smaller one on a tie; -1 where not reached."""
        return labels.nearest_of(self.cell_labels)

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
