"""Why a place has the time it has: the legs of one way, found from the labels alone.

Nothing is kept while solving. Times are whole numbers, so the move that brought a label is
the one whose cost makes up the difference exactly; of several, any is a quickest way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from geosvc.errors import InvalidParameter
from geosvc.measures import MICROSECONDS_PER_SECOND
from geosvc.travel import checks, labels
from geosvc.travel.network import BACKWARD, FORWARD

if TYPE_CHECKING:
    from geosvc.travel.hybrid import HybridField

Points = list[tuple[float, float]]
_Whole = npt.NDArray[np.int64]


class Leg(NamedTuple):
    """One leg of a way, in the order people travel."""

    mode: str  # "foot", "ride", or "delay": the time before anyone leaves the facility
    microseconds: int
    metres: float
    line: Points  # (x, y) in metres

    @property
    def seconds(self) -> float:
        """How long it takes."""
        return self.microseconds / MICROSECONDS_PER_SECOND


def explain(field: HybridField, row: int, col: int) -> list[Leg]:
    """Return the legs between a cell and its nearest source; none where it is not reached.

    Raises
    ------
    InvalidParameter
        If the cell lies outside the grid.
    """
    cell = checks.whole(row, "row"), checks.whole(col, "col")
    if not (0 <= cell[0] < field.shape[0] and 0 <= cell[1] < field.shape[1]):
        raise InvalidParameter(f"row {row}, column {col} is outside the grid of {field.shape[0]} by {field.shape[1]}")
    label = int(field.packed[cell])
    legs: list[Leg] = []
    if label == labels.UNREACHED:
        return legs
    source, ground = _source_of(field, label), field.packed
    while True:
        walked = _walk(field, ground, cell)
        cell = int(walked[-1, 0]), int(walked[-1, 1])
        metres, line = _walked(field, walked)
        at_source = cell == (source.row, source.column)
        start = labels.pack(source.delay_microseconds, label & (labels.MAX_SOURCES - 1))
        if at_source and int(ground[cell]) == start:
            legs.append(Leg("foot", _time(label) - source.delay_microseconds, metres, line))
            break
        stop = _stepped_off(field, cell, int(ground[cell]))
        after = int(field.road_labels[field.transfers.node[stop]])
        line.append(_place(field, int(field.transfers.node[stop])))
        legs.append(Leg("foot", _time(label) - _time(after), metres + float(field.transfers.metres[stop]), line))
        ride, board = _ride(field, int(field.transfers.node[stop]))
        cell = _cell_at(field, int(field.transfers.cell[board]))
        label = int(field.boarding[board])
        spent = int(field.transfers.cost[board] >> labels.SOURCE_BITS)
        legs.append(ride._replace(microseconds=_time(after) - _time(label) - spent))
        ground = _on_foot(field, label) if field.one_ride else field.packed
        legs += _transfer_leg(field, board, cell, spent)
    if source.delay_microseconds:
        legs.append(Leg("delay", source.delay_microseconds, 0.0, line[-1:]))
    legs = _joined(legs)
    return legs if field.direction == "to_facility" else _reversed(legs)


def _transfer_leg(field: HybridField, board: int, cell: tuple[int, int], spent: int) -> list[Leg]:
    line = [_place(field, int(field.transfers.node[board])), _centre(field, *cell)]
    return [Leg("foot", spent, float(field.transfers.metres[board]), line)]


def _joined(legs: list[Leg]) -> list[Leg]:
    """Join legs on foot that follow each other."""
    joined: list[Leg] = []
    for leg in legs:
        if joined and joined[-1].mode == leg.mode == "foot":
            last = joined.pop()
            line = last.line + leg.line[last.line[-1] == leg.line[0] :]
            joined.append(Leg("foot", last.microseconds + leg.microseconds, last.metres + leg.metres, line))
        else:
            joined.append(leg)
    return joined


def _reversed(legs: list[Leg]) -> list[Leg]:
    return [leg._replace(line=leg.line[::-1]) for leg in reversed(legs)]


def _time(label: int) -> int:
    return (label >> labels.SOURCE_BITS) + labels.TIME_BIAS


def _source_of(field: HybridField, label: int) -> checks.Source:
    source = field.places[label & (labels.MAX_SOURCES - 1)]
    if source is None:  # labels start at open sources only
        raise AssertionError("a label of a closed source")
    return source


def _cell_at(field: HybridField, flat: int) -> tuple[int, int]:
    return divmod(flat, field.shape[1])


def _centre(field: HybridField, row: int, col: int) -> tuple[float, float]:
    network = field.network
    size = network.cell_size_m
    return network.west_m + (col + 0.5) * size, network.north_m - (row + 0.5) * size


def _place(field: HybridField, node: int) -> tuple[float, float]:
    return float(field.network.node_x[node]), float(field.network.node_y[node])


def _walk(field: HybridField, cells: labels.Labels, start: tuple[int, int]) -> _Whole:
    from geosvc.travel import graph_kernels

    walked: _Whole = graph_kernels.walk_back(cells, field.walk.ground, field.walk.rules, *start)
    return walked


def _walked(field: HybridField, cells: _Whole) -> tuple[float, Points]:
    """Return the length of a walk over the centres of cells, and its line."""
    steps = np.diff(cells, axis=0) * field.network.cell_size_m
    metres = float(np.hypot(steps[:, 0], steps[:, 1]).sum())
    return metres, [_centre(field, row, column) for row, column in cells.tolist()]


def _on_foot(field: HybridField, label: int) -> labels.Labels:
    """Return the labels on foot from the source of this label, as far as it.

    They were overwritten by what the road improved; where people boarded, the source's own
    walk is the label, so a walk bounded by it finds it again.
    """
    index = label & (labels.MAX_SOURCES - 1)
    alone = [place if i == index else None for i, place in enumerate(field.places)]
    return field.walk.from_sources(alone, np.int64(label))[0]


def _stepped_off(field: HybridField, cell: tuple[int, int], label: int) -> int:
    """Return the transfer that brought a cell its label."""
    node, cells, _, cost = field.transfers
    here = np.flatnonzero(cells == cell[0] * field.shape[1] + cell[1])
    return int(here[field.road_labels[node[here]] + cost[here] == label][0])


def _stepped_on(field: HybridField, node: int) -> int:
    """Return the transfer that brought a node its label."""
    here = np.flatnonzero((field.transfers.node == node) & (field.boarding <= field.last_access))
    return int(here[field.boarding[here] + field.transfers.cost[here] == field.road_labels[node]][0])


def _ride(field: HybridField, node: int) -> tuple[Leg, int]:
    """Follow the road back from a node; return the ride and the transfer where it begins."""
    network, metres = field.network, 0.0
    spent, metres_of = network.edge_microseconds, network.edge_metres
    line = [_place(field, node)]
    while True:
        edge = _edge_before(field, spent, node)
        if edge < 0:
            return Leg("ride", 0, metres, line), _stepped_on(field, node)
        first, last = network.edge_points[edge]
        points = [(float(x), float(y)) for x, y in network.path[first : last + 1]]
        ahead = network.edge_nodes[edge, 0] == node
        line += points[1:] if ahead else points[-2::-1]
        metres += float(metres_of[edge])
        node = int(network.edge_nodes[edge, 1 if ahead else 0])


def _edge_before(field: HybridField, spent: _Whole, node: int) -> int:
    """Return the edge that brought a node its label, -1 if people board here."""
    network = field.network
    label = int(field.road_labels[node])
    first, beside = network.incident
    for edge in beside[first[node] : first[node + 1]].tolist():
        start, stop = network.edge_nodes[edge].tolist()
        other = stop if start == node else start
        came = int(field.road_labels[other])
        if spent[edge] < 0 or came == labels.UNREACHED or other == node:
            continue
        with_line = (start == node) == (field.direction == "to_facility")
        barred = network.one_way and network.edge_way[edge] == (BACKWARD if with_line else FORWARD)
        if not barred and came + (int(spent[edge]) << labels.SOURCE_BITS) == label:
            return int(edge)
    return -1
