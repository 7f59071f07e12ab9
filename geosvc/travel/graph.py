"""Travel time along roads alone: labels spread over the arcs of a network.

The same packed labels as on the raster, so ties of the nearest facility are exact here too.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from geosvc.errors import InvalidParameter
from geosvc.travel import checks, labels
from geosvc.travel.network import BACKWARD, FORWARD, Network

Whole = npt.NDArray[np.int64]


class Arcs(NamedTuple):
    """Directed arcs grouped by the node they leave (compressed sparse rows)."""

    first: Whole  # arcs of node n are first[n] to first[n + 1]
    to: npt.NDArray[np.int32]
    cost: Whole  # packed: microseconds shifted over the index of the source
    shift: np.int64  # about the mean cost, as a power of two: the width of a bucket


class GraphField(NamedTuple):
    """Times at the nodes of a network."""

    labels: labels.Labels

    @property
    def microseconds(self) -> Whole:
        """Whole microseconds to the nearest source, -1 where not reached."""
        return labels.microseconds_of(self.labels)

    @property
    def nearest(self) -> npt.NDArray[np.int32]:
        """Index of the nearest source, the smaller one on a tie; -1 where not reached."""
        return labels.nearest_of(self.labels)


def arcs_of(network: Network, direction: str) -> Arcs:
    """Return the arcs along which times spread away from facilities.

    For people who travel ``"to_facility"`` they run against the traffic.
    """
    from geosvc.travel import graph_kernels

    spent = network.edge_microseconds
    way = network.edge_way if network.one_way else np.zeros_like(network.edge_way)
    along, against = (np.flatnonzero((spent > 0) & (way != barred)) for barred in (BACKWARD, FORWARD))
    start, stop = network.edge_nodes.T
    tails = np.concatenate([start[along], stop[against]])
    heads = np.concatenate([stop[along], start[against]])
    costs = np.concatenate([spent[along], spent[against]])
    if direction == "to_facility":
        tails, heads = heads, tails
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
    node_labels = np.zeros(network.n_nodes, np.int64)
    seeds = []
    for index, source in enumerate(sources):
        if source is None:
            continue
        node = checks.whole(source[0], f"source {index}: node")
        if not 0 <= node < network.n_nodes:
            raise InvalidParameter(f"source {index}: no node {node}; there are {network.n_nodes}, counted from 0")
        start = labels.pack(checks.checked_delay(source[1]), index)
        if start <= limit and start < node_labels[node]:
            node_labels[node] = start
            seeds.append(node)
    spread(arcs_of(network, direction), node_labels, np.array(seeds, np.int32), limit)
    return GraphField(node_labels)
