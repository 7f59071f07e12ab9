"""Travel time along roads alone: labels spread over the arcs of a network.

The same packed labels as on the raster, so ties of the nearest facility are exact here too,
and a field that was edited in place equals a fresh one in every bit.

How an edit stays exact: a label carries the index of its source, and so does every label on
the way it came by. Wiping all labels of the sources that lost something leaves only labels
that still hold; from the nodes that can improve a neighbour they flow in again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from geosvc.errors import InvalidParameter
from geosvc.travel import checks, labels
from geosvc.travel.network import BACKWARD, FORWARD, Network
from geosvc.travel.times import Times

Whole = npt.NDArray[np.int64]


class Arcs(NamedTuple):
    """Directed arcs grouped by the node they leave (compressed sparse rows)."""

    first: Whole  # arcs of node n are first[n] to first[n + 1]
    to: npt.NDArray[np.int32]
    cost: Whole  # packed: microseconds shifted over the index of the source
    shift: np.int64  # about the mean cost, as a power of two: the width of a bucket


def microseconds_each_way(network: Network) -> Whole:
    """Return what every edge takes along its line and against it, (2, n_edges); -1 = not allowed."""
    spent = network.edge_microseconds
    if not network.one_way:
        return np.stack([spent, spent])
    way = network.edge_way
    return np.stack([np.where(way != barred, spent, -1) for barred in (BACKWARD, FORWARD)])


def ends_of_arcs(network: Network, direction: str) -> tuple[Whole, Whole]:
    """Return the nodes between which times spread, along every edge's line and against it: each (2, n_edges)."""
    start, stop = network.edge_nodes.T
    tails, heads = np.stack([start, stop]), np.stack([stop, start])
    return (heads, tails) if direction == "to_facility" else (tails, heads)


def arcs_of(network: Network, direction: str) -> Arcs:
    """Return the arcs along which times spread away from facilities.

    For people who travel ``"to_facility"`` they run against the traffic.
    """
    from geosvc.travel import graph_kernels

    tails, heads = ends_of_arcs(network, direction)
    spent = microseconds_each_way(network)
    usable = spent > 0
    tails, heads, costs = tails[usable], heads[usable], spent[usable]
    first, to, cost = graph_kernels.group_arcs(tails, heads, costs, network.n_nodes)
    mean = int(costs.mean()) if costs.size else 1
    return Arcs(first, to, cost, np.int64(mean.bit_length() - 1 + labels.SOURCE_BITS))


def spread(arcs: Arcs, node_labels: labels.Labels, seeds: npt.NDArray[np.int32], limit: np.int64) -> None:
    """Let the labels of these nodes flow along the arcs, in place."""
    from geosvc.travel import graph_kernels

    graph_kernels.settle_nodes(node_labels, arcs.first, arcs.to, arcs.cost, seeds, limit, arcs.shift)


def solve_graph(
    network: Network,
    sources: Iterable[tuple[int, float] | None],
    *,
    direction: str = "to_facility",
    limit_seconds: float = float("inf"),
) -> GraphField:
    """
    Return the travel time along roads between every node and its nearest source.

    Parameters
    ----------
    network : Network
    sources : iterable of (node, delay_seconds) or None
        None keeps the slot of a closed one.
    direction : {"to_facility", "from_facility"}
        The way people travel; it matters where roads are one-way.
    limit_seconds : float
        Look no further than this; the limit itself counts.

    Returns
    -------
    field : GraphField
        Microseconds and nearest source of every node.

    Raises
    ------
    InvalidParameter
        If there is no such node, or an option is out of range.
    """
    checks.checked_choice(direction, "direction", ("to_facility", "from_facility"))
    limit = np.int64(labels.last_label(labels.limit_microseconds(checks.checked_limit(limit_seconds))))
    places = [
        None if source is None else _checked_start(network, *source, f"source {index}")
        for index, source in enumerate(sources)
    ]
    return GraphField(network, places, direction, limit)


class Start(NamedTuple):
    """A node that holds a facility, and how long its team needs to leave."""

    node: int
    delay_microseconds: int


def _checked_start(network: Network, node: int, delay_seconds: float, name: str) -> Start:
    number = checks.whole(node, f"{name}: node")
    if not 0 <= number < network.n_nodes:
        raise InvalidParameter(f"{name}: no node {number}; there are {network.n_nodes}, counted from 0")
    return Start(number, checks.checked_delay(delay_seconds))


class GraphField(Times):
    """
    Travel time along roads between every node and its nearest source; made by :func:`solve_graph`.

    The edits :meth:`open`, :meth:`close`, :meth:`move` and :meth:`change_roads` change the
    field in place and leave it equal in every bit to a fresh one.
    """

    def __init__(self, network: Network, places: list[Start | None], direction: str, limit: np.int64) -> None:
        """Spread from all sources; the arguments are checked by ``solve_graph``."""
        super().__init__(np.zeros(network.n_nodes, np.int64))
        self.network, self.direction = network, direction
        self._places, self._limit = places, limit
        self._arcs = arcs_of(network, direction)
        self._spread_from(self._seeded())

    def open(self, node: int, delay_seconds: float = 0.0) -> int:
        """Open a source at a node and return its index.

        Raises
        ------
        InvalidParameter
            If there is no such node, or the delay is negative.
        """
        index = len(self._places)
        checks.refuse_one_more(index)
        self._places.append(_checked_start(self.network, node, delay_seconds, f"source {index}"))
        self._spread_from(self._seeded())
        return index

    def close(self, index: int) -> None:
        """Close a source; its index is not given again.

        Raises
        ------
        InvalidParameter
            If there is no open source of that index.
        """
        index = self._open_index(index)
        self._places[index] = None
        self._mend([index])

    def move(self, index: int, node: int) -> None:
        """Move an open source to another node; it keeps its index and its delay.

        Raises
        ------
        InvalidParameter
            If there is no open source of that index, or no such node.
        """
        index = self._open_index(index)
        place = _checked_start(self.network, node, 0.0, f"source {index}")
        kept = self._places[index]
        assert kept is not None  # it is open
        self._places[index] = kept._replace(node=place.node)
        self._mend([index])

    def change_roads(self, network: Network) -> None:
        """Take the same roads in another state: closed or open again, faster or slower.

        Parameters
        ----------
        network : Network
            Made from the field's own by ``closed``, ``reopened``, ``with_pace``.

        Raises
        ------
        InvalidParameter
            If it is another network.
        """
        refuse_other_roads(self.network, network)
        spoilt = spoilt_sources(self.network, network, self._labels, self.direction)
        self.network, self._arcs = network, arcs_of(network, self.direction)
        self._mend(spoilt)

    @contextmanager
    def without(self, index: int) -> Iterator[Self]:
        """Close a source for as long as the block lasts; afterwards the field is as it was, to the bit.

        Raises
        ------
        InvalidParameter
            If there is no open source of that index.
        """
        place = self._places[self._open_index(index)]
        self.close(index)
        try:
            yield self
        finally:
            self._places[index] = place
            self._spread_from(self._seeded())

    def _open_index(self, index: int) -> int:
        return checks.checked_index(index, np.array([place is not None for place in self._places], bool))

    def _seeded(self) -> npt.NDArray[np.int32]:
        """Write the labels of the open sources where they are better; return their nodes."""
        seeds = []
        for index, place in enumerate(self._places):
            if place is None:
                continue
            start = labels.pack(place.delay_microseconds, index)
            if start <= self._limit and start < self._labels[place.node]:
                self._labels[place.node] = start
                seeds.append(place.node)
        return np.array(seeds, np.int32)

    def _spread_from(self, seeds: npt.NDArray[np.int32]) -> None:
        spread(self._arcs, self._labels, seeds, self._limit)

    def _mend(self, spoilt: npt.ArrayLike) -> None:
        wipe(self._labels, spoilt)
        self._seeded()
        self._spread_from(restless(self._arcs, self._labels, self._limit))


def wipe(node_labels: labels.Labels, spoilt: npt.ArrayLike) -> None:
    """Forget every label of these sources, in place."""
    of_spoilt = np.isin(node_labels & labels.SOURCE_MASK, np.asarray(spoilt, np.int64))
    node_labels[of_spoilt & (node_labels != labels.UNREACHED)] = labels.UNREACHED


def restless(arcs: Arcs, node_labels: labels.Labels, limit: np.int64) -> npt.NDArray[np.int32]:
    """Return the nodes that can still improve a neighbour; none when the labels are settled."""
    from geosvc.travel import graph_kernels

    found: npt.NDArray[np.int32] = graph_kernels.restless(node_labels, arcs.first, arcs.to, arcs.cost, limit)
    return found


def refuse_other_roads(old: Network, new: Network) -> None:
    """Refuse a network that is not the old one in another state."""
    if new.edge_nodes is not old.edge_nodes:
        raise InvalidParameter(
            "this is another network; make it from the field's own with closed, reopened or with_pace, or solve again"
        )


def spoilt_sources(old: Network, new: Network, node_labels: labels.Labels, direction: str) -> Whole:
    """Return the sources some of whose labels came by an arc that got slower or closed."""
    before, after = microseconds_each_way(old), microseconds_each_way(new)
    worse = (before > 0) & ((after < 0) | (after > before))
    tails, heads = (node_labels[ends[worse]] for ends in ends_of_arcs(old, direction))
    came_so = (tails != labels.UNREACHED) & (tails + (before[worse] << labels.SOURCE_BITS) == heads)
    return np.unique(heads[came_so] & labels.SOURCE_MASK)
