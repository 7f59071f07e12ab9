"""The slow, obvious twins of roads and hybrid: dictionaries, a heap, whole microseconds.

States are ("before", cell), ("ride", node) and ("after", cell). Moves on foot are those of the
raster's twin; roads and transfers are taken from the network's arrays, one by one.
"""

from __future__ import annotations

import heapq
import math
from collections import defaultdict
from typing import Any

import numpy as np
import shapely
from travel.oracles import HORIZON, Cell, Oracle

from geosvc.travel import Network

State = tuple[str, Any]


class HybridOracle:
    """Naive travel times by road and on foot."""

    def __init__(
        self, pace: Any, network: Network, *, direction: str = "to_facility", rides: str = "one", **options: Any
    ) -> None:
        self.foot = Oracle(pace, cell_size_m=network.cell_size_m, direction=direction, **options)
        self.pace, self.network, self.rides = pace, network, rides
        self.inwards = direction == "to_facility"
        self.roads: dict[int, list[tuple[int, int]]] = defaultdict(list)
        self.stops: dict[Cell, list[tuple[int, int]]] = defaultdict(list)
        self.cells: dict[int, list[tuple[Cell, int]]] = defaultdict(list)
        self._read_roads()
        self._read_transfers()

    def _usable(self, edge: int) -> bool:
        return bool(self.network.edge_open[edge]) and math.isfinite(self._road_pace(edge))

    def _road_pace(self, edge: int) -> float:
        return float(self.network.pace[self.network.edge_class[edge]])

    def _read_roads(self) -> None:
        for edge in range(self.network.n_edges):
            if not self._usable(edge):
                continue
            start, stop = (int(node) for node in self.network.edge_nodes[edge])
            low, high = (round(int(way) * self._road_pace(edge)) for way in self.network.edge_along[edge])
            cost, way = max(high - low, 1), int(self.network.edge_way[edge]) * self.network.one_way
            travelled = [(start, stop)] * (way >= 0) + [(stop, start)] * (way <= 0)
            for a, b in travelled:
                # people go from a to b; the search goes away from the facility
                here, there = (b, a) if self.inwards else (a, b)
                self.roads[here].append((there, cost))

    def _read_transfers(self) -> None:
        network = self.network
        for i in range(network.transfer_node.size):
            if not any(edge >= 0 and self._usable(edge) for edge in network.transfer_edges[i].tolist()):
                continue
            cell = divmod(int(network.transfer_cell[i]), network.shape[1])
            if math.isinf(self.pace[cell]):
                continue
            cost = max(round(float(network.transfer_m[i]) * float(self.pace[cell]) * 1e6), 1)
            node = int(network.transfer_node[i])
            self.stops[cell].append((node, cost))
            self.cells[node].append((cell, cost))

    def _next(self, state: State, spent: int, last_access: float) -> list[tuple[State, int]]:
        kind, place = state
        if kind == "ride":
            reached: list[tuple[State, int]] = [(("ride", node), cost) for node, cost in self.roads[place]]
            return reached + [(("after", cell), cost) for cell, cost in self.cells[place]]
        found = [((kind, cell), cost) for cell, cost in self._walks(place)]
        if (kind == "before" and spent <= last_access) or self.rides == "any":
            found += [(("ride", node), cost) for node, cost in self.stops[place]]
        return found

    def _walks(self, here: Cell) -> list[tuple[Cell, int]]:
        found = []
        for step in self.foot.steps:
            there = here[0] + step[0], here[1] + step[1]
            if not (0 <= there[0] < self.pace.shape[0] and 0 <= there[1] < self.pace.shape[1]):
                continue
            back = -step[0], -step[1]
            seconds = self.foot.cost(there, back) if self.inwards else self.foot.cost(here, step)
            if seconds * 1e6 < HORIZON:
                found.append((there, max(round(seconds * 1e6), 1)))
        return found

    def solve(
        self, sources: list[Any], limit_seconds: float = math.inf, access_limit_seconds: float = math.inf
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return microseconds and nearest of every cell."""
        limit, last_access = (min(each * 1e6, HORIZON) for each in (limit_seconds, access_limit_seconds))
        queue: list[Any] = []
        for index, source in enumerate(sources):
            if source is not None:
                row, column, delay = (*source, 0.0)[:3]
                queue.append((round(delay * 1e6), index, ("before", (row, column))))
        heapq.heapify(queue)
        done: dict[State, tuple[int, int]] = {}
        while queue:
            time, index, state = heapq.heappop(queue)
            if state in done or time > limit:
                continue
            done[state] = (time, index)
            for other, cost in self._next(state, time, last_access):
                if other not in done:
                    heapq.heappush(queue, (time + cost, index, other))
        microseconds = np.full(self.pace.shape, -1, np.int64)
        nearest = np.full(self.pace.shape, -1, np.int32)
        for row, column in np.ndindex(self.pace.shape):
            reached = [done[s, (row, column)] for s in ("before", "after") if (s, (row, column)) in done]
            if reached:
                microseconds[row, column], nearest[row, column] = min(reached)
        return microseconds, nearest


def nearest_point_of_cell(line: Any, west: float, north: float, size: float, cell: Cell) -> float:
    """Return how near a line comes to the centre of a cell within that cell, by shapely; inf = not in it."""
    left, top = west + cell[1] * size, north - cell[0] * size
    inside = shapely.get_parts(shapely.intersection(line, shapely.box(left, top - size, left + size, top)))
    inside = inside[shapely.length(inside) > 0]  # to touch the border in a point is no visit
    centre = shapely.Point(left + size / 2, top - size / 2)
    return float(shapely.distance(inside, centre).min(initial=math.inf))
