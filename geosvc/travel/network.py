"""Roads as a network: lines in metres become nodes, edges and declared transfers.

Roads join only where they share a vertex, as in OpenStreetMap; lines that merely cross,
one on a bridge, do not. A *transfer* is the only way between a road and the ground: it joins
a point of the road and the cell that point lies in, and there is one for each visit of a
line to a cell, at the line's point nearest to the centre. (Cutting edges at cell borders and
putting transfers there would give a road that clips a corner two of them and one that passes
the centre no better; here people step off where the walk is shortest.)
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from geosvc.errors import InvalidParameter
from geosvc.travel import checks, roadlines

NO_TRANSFER = frozenset({"motorway", "motorway_link"})
FORWARD, BOTH, BACKWARD = 1, 0, -1
_OUT_OF_REACH = np.int64(-1)

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Components:
    """How the network hangs together, one-way or not."""

    count: int
    of_node: npt.NDArray[np.int32]  # 0 is the largest by length, -1 = no usable road at this node
    metres: Floats  # of each component, largest first
    stray_lines: npt.NDArray[np.int64]  # lines that do not join the largest

    @property
    def stray_nodes(self) -> int:
        """Number of nodes outside the largest component."""
        return int(np.count_nonzero(self.of_node > 0))


@dataclass(frozen=True, kw_only=True, eq=False)
class Network:
    """
    Roads over a grid; made by :func:`build_network`, never changed in place.

    :meth:`closed`, :meth:`reopened`, :meth:`slowed` and :meth:`with_pace` return another network
    that shares its arrays. Nothing about an edge depends on other roads, unless ends were joined by
    ``snap_m``: a network with a line closed gives the same times, to the bit, as one built
    without that line.

    Attributes
    ----------
    west_m, north_m, cell_size_m, shape
        The grid: its north-west corner, side of a cell, (rows, cols).
    classes : tuple of str
    pace : array of float, shape (n_classes,)
        Seconds per metre; ``inf`` may not be used.
    one_way : bool
        Whether one-way rules count.
    node_x, node_y : array of float, shape (n_nodes,)
        Metres, in the coordinates of the lines.
    edge_nodes : array of int, shape (n_edges, 2)
        From and to, in the direction of the line.
    edge_along : array of int, shape (n_edges, 2)
        Micrometres from the start of the line's part.
    edge_line, edge_class, edge_way : array of int, shape (n_edges,)
        Index of the line given, index into ``classes``, 1 = only in the direction of the
        line, -1 = only against it, 0 = both.
    edge_open : array of bool, shape (n_edges,)
    edge_points : array of int, shape (n_edges, 2)
        First and last of its rows in ``path``.
    path : array of float, shape (n_points, 2)
        Metres, all points of all lines in order.
    transfer_node, transfer_cell : array of int, shape (n_transfers,)
        Cells count row by row.
    transfer_m : array of float, shape (n_transfers,)
        Metres between the node and the centre of the cell.
    transfer_edges : array of int, shape (n_transfers, 2)
        The edges of its line before and after the node, -1 = none.
    edge_factor : array of float, shape (n_edges,), or None
        By what the speed of the class is multiplied on each edge; None = 1 everywhere.
    """

    west_m: float
    north_m: float
    cell_size_m: float
    shape: tuple[int, int]
    classes: tuple[str, ...]
    pace: Floats
    one_way: bool
    node_x: Floats
    node_y: Floats
    edge_nodes: npt.NDArray[np.int32]
    edge_along: npt.NDArray[np.int64]
    edge_line: npt.NDArray[np.int64]
    edge_class: npt.NDArray[np.int64]
    edge_way: npt.NDArray[np.int8]
    edge_open: Bools
    edge_points: npt.NDArray[np.int64]
    path: Floats
    transfer_node: npt.NDArray[np.int64]
    transfer_cell: npt.NDArray[np.int64]
    transfer_m: Floats
    transfer_edges: npt.NDArray[np.int64]
    edge_factor: Floats | None = None

    @property
    def n_nodes(self) -> int:
        """Number of road points."""
        return self.node_x.size

    @property
    def n_edges(self) -> int:
        """Number of edges, open or not."""
        return self.edge_line.size

    @property
    def edge_metres(self) -> Floats:
        """Length of every edge, metres."""
        return np.diff(self.edge_along, axis=1)[:, 0] / roadlines.MICROMETRES_PER_METRE

    @cached_property
    def incident(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Edges that touch each node: those of node n are the second array's first[n] to first[n + 1]."""
        ends = self.edge_nodes.T.ravel()
        first = np.concatenate([[0], np.cumsum(np.bincount(ends, minlength=self.n_nodes))])
        return first, np.argsort(ends, kind="stable") % max(self.n_edges, 1)

    @property
    def edge_usable(self) -> Bools:
        """Edges that are open and of a class that may be used."""
        usable: Bools = self.edge_open & np.isfinite(self.pace[self.edge_class])
        return usable

    @property
    def edge_microseconds(self) -> npt.NDArray[np.int64]:
        """Whole microseconds for every edge, at least 1; -1 where it cannot be used.

        The time from the start of the line to each end is rounded, and the difference taken:
        cutting a line into more pieces does not change the sum, as long as the pieces have one
        pace. (Micrometres times seconds per metre are microseconds.)
        """
        usable = self.edge_usable
        pace = np.where(usable, self.pace[self.edge_class], 0.0)
        if self.edge_factor is not None:
            pace = pace / self.edge_factor
        times = np.rint(self.edge_along * pace[:, np.newaxis]).astype(np.int64)
        spent: npt.NDArray[np.int64] = np.maximum(times[:, 1] - times[:, 0], 1)
        return np.where(usable, spent, _OUT_OF_REACH)

    @cached_property
    def edge_lines(self) -> npt.NDArray[np.object_]:
        """Each edge as a shapely LineString, metres, in the coordinates of the lines."""
        import shapely

        first, last = self.edge_points.T
        count = last - first + 1
        edge = np.repeat(np.arange(self.n_edges), count)
        within = np.arange(edge.size) - np.repeat(np.cumsum(count) - count, count)
        lines: npt.NDArray[np.object_] = shapely.linestrings(self.path[first[edge] + within], indices=edge)
        return lines

    @cached_property
    def edge_cell(self) -> npt.NDArray[np.int64]:
        """The cell of the point halfway along each edge, row by row; -1 = off the grid."""
        import shapely

        at = shapely.get_coordinates(shapely.line_interpolate_point(self.edge_lines, 0.5, normalized=True))
        col = np.floor((at[:, 0] - self.west_m) / self.cell_size_m).astype(np.int64)
        row = np.floor((self.north_m - at[:, 1]) / self.cell_size_m).astype(np.int64)
        rows, cols = self.shape
        inside = (row >= 0) & (row < rows) & (col >= 0) & (col < cols)
        return np.where(inside, row * cols + col, -1)

    @property
    def transfer_usable(self) -> Bools:
        """Transfers at a road that can be used; where it is closed nobody boards."""
        # index -1 finds the edge that is never usable
        usable = np.append(self.edge_usable, False)[self.transfer_edges].any(axis=1)
        return np.asarray(usable, bool)

    def edges_of(self, lines: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """Return the edges of some lines, by the index the lines were given in."""
        return np.flatnonzero(np.isin(self.edge_line, np.asarray(lines)))

    def closed(self, edges: npt.ArrayLike) -> Network:
        """Return the network with these edges closed: a flood, a bridge that is down.

        Raises
        ------
        InvalidParameter
            If there is no such edge.
        """
        return self._opened(edges, still=False)

    def reopened(self, edges: npt.ArrayLike) -> Network:
        """Return the network with these edges open again.

        Raises
        ------
        InvalidParameter
            If there is no such edge.
        """
        return self._opened(edges, still=True)

    def slowed(self, edges: npt.ArrayLike, factor: npt.ArrayLike) -> Network:
        """Return the network with another speed on these edges: snow, night, a bad surface.

        Factors of an edge that is slowed twice multiply. The time of every edge is rounded to
        whole microseconds from its own pace, so half the speed takes twice the time but for one
        microsecond per edge.

        Parameters
        ----------
        edges : array of int
        factor : float, or array of float, one for each of ``edges``
            By what the speed is multiplied: 0.5 takes twice as long.

        Raises
        ------
        InvalidParameter
            If there is no such edge, or a factor is not a finite number above 0.

        Examples
        --------
        A street of 250 m at 36 km/h, its first edge at half the speed:

        >>> from shapely import LineString
        >>> street = LineString([(0, 250), (250, 250)])
        >>> network = build_network([street], ["residential"], pace_by_class={"residential": 0.1},
        ...                         west_m=0, north_m=300, cell_size_m=100, rows=3, cols=3)
        >>> print(network.edge_microseconds / 1e6, network.slowed([0], 0.5).edge_microseconds / 1e6)
        [ 5. 10. 10.] [10. 10. 10.]
        """
        chosen = self._checked_edges(edges)
        factors = np.broadcast_to(np.asarray(factor, dtype=np.float64), chosen.shape)
        wrong = ~(np.isfinite(factors) & (factors > 0))
        if wrong.any():
            raise InvalidParameter(
                f"a factor of speed must be a finite number above 0, got {factors[wrong][0]}; "
                "an edge that may not be used is closed"
            )
        every = np.ones(self.n_edges) if self.edge_factor is None else self.edge_factor.copy()
        every[chosen] *= factors
        return replace(self, edge_factor=every)

    def with_pace(self, pace_by_class: Mapping[str, float], *, one_way: bool | None = None) -> Network:
        """Return the network at other speeds; classes that are not named keep theirs.

        One network serves every way of travelling: build it once, then set the paces of each.

        Parameters
        ----------
        pace_by_class : mapping of str to float
            Seconds per metre, ``inf`` = may not be used. Classes without a road are ignored.
        one_way : bool, optional
            Whether one-way rules count; they bind vehicles, not people on foot.

        Raises
        ------
        InvalidParameter
            If a pace is not above 0.
        """
        kept = dict(zip(self.classes, self.pace.tolist(), strict=True))
        pace = _paces({**kept, **pace_by_class}, self.classes)
        return replace(self, pace=pace, one_way=self.one_way if one_way is None else one_way)

    @cached_property
    def components(self) -> Components:
        """What joins what, along usable edges; roads apart from the largest are stray."""
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        usable = self.edge_usable
        start, stop = self.edge_nodes[usable].T
        links = coo_array((np.ones(start.size, np.int8), (start, stop)), shape=(self.n_nodes, self.n_nodes))
        group = connected_components(links, directed=False)[1]
        metres = np.bincount(group[start], self.edge_metres[usable], minlength=self.n_nodes).astype(np.float64)
        order = np.argsort(-metres, kind="stable")
        count = int(np.count_nonzero(metres))  # a node without a usable road is a group, and no component
        rank = np.full(self.n_nodes, -1, np.int32)
        rank[order[:count]] = np.arange(count)
        of_node = rank[group]
        stray = np.unique(self.edge_line[usable][of_node[start] > 0])
        return Components(count, of_node, metres[order[:count]], stray)

    def _opened(self, edges: npt.ArrayLike, *, still: bool) -> Network:
        edge_open = self.edge_open.copy()
        edge_open[self._checked_edges(edges)] = still
        return replace(self, edge_open=edge_open)

    def _checked_edges(self, edges: npt.ArrayLike) -> npt.NDArray[np.int64]:
        chosen = np.asarray(edges, dtype=np.int64).ravel()
        wrong = (chosen < 0) | (chosen >= self.n_edges)
        if wrong.any():
            raise InvalidParameter(f"no edge {chosen[wrong][0]}: there are {self.n_edges}, counted from 0")
        return chosen


def build_network(
    lines: Sequence[Any],
    classes: Sequence[str],
    *,
    pace_by_class: Mapping[str, float],
    west_m: float,
    north_m: float,
    cell_size_m: float,
    rows: int,
    cols: int,
    oneway: npt.ArrayLike | None = None,
    bridge: npt.ArrayLike | None = None,
    tunnel: npt.ArrayLike | None = None,
    no_transfer: Collection[str] = NO_TRANSFER,
    snap_m: float = 0.0,
) -> Network:
    """
    Build the network of roads over a grid.

    Parameters
    ----------
    lines : sequence of shapely LineString or MultiLineString
        Metres, in the coordinates of the grid, all that can be used by someone. Vertices are
        rounded to the centimetre; those at one place are one place.
    classes : sequence of str
        The class of each line (OpenStreetMap words).
    pace_by_class : mapping of str to float
        Seconds per metre for every class that occurs; ``inf`` = may not be used.
    west_m, north_m : float
        The grid's north-west corner.
    cell_size_m : float
    rows, cols : int
    oneway : array of int, shape (n_lines,), optional
        1 = only in the direction of the line, -1 = only against it, 0 = both.
    bridge, tunnel : array of bool, shape (n_lines,), optional
        There nobody steps off or on, but at an end that is shared with another road.
    no_transfer : collection of str
        Classes on which nobody steps off or on, such as motorways.
    snap_m : float
        Join ends of lines to lines within this distance; for lines drawn by hand. 0 = only
        shared vertices join.

    Returns
    -------
    network : Network

    Raises
    ------
    InvalidParameter
        If the arguments do not fit together, or a pace is missing or not above 0.
    InvalidGeometry
        If something is not a line, or a coordinate is not a number.

    Examples
    --------
    A street of 250 m through three cells of 100 m, at 36 km/h:

    >>> from shapely import LineString
    >>> street = LineString([(0, 250), (250, 250)])
    >>> network = build_network([street], ["residential"], pace_by_class={"residential": 0.1},
    ...                         west_m=0, north_m=300, cell_size_m=100, rows=3, cols=3)
    >>> print(network.transfer_cell, network.transfer_m, network.edge_microseconds.sum() / 1e6)
    [0 1 2] [0. 0. 0.] 25.0
    """
    count = len(lines)
    if len(classes) != count:
        raise InvalidParameter(f"every line needs a class: got {count} lines and {len(classes)} classes")
    size, snap = checks.checked_length(cell_size_m), checks.checked_distance(snap_m)
    shape = checks.whole(rows, "rows"), checks.whole(cols, "cols")
    if min(shape) < 1 or not (math.isfinite(west_m) and math.isfinite(north_m)):
        raise InvalidParameter(f"a grid needs a corner and at least one cell, got {rows} rows and {cols} cols")
    names, class_of_line = np.unique(np.asarray(classes, dtype=str), return_inverse=True)
    way = _flags(oneway, count, "oneway", (BACKWARD, BOTH, FORWARD))
    apart = _flags(bridge, count, "bridge", (0, 1)) + _flags(tunnel, count, "tunnel", (0, 1)) > 0
    vertices = roadlines.read_vertices(lines, west_m, north_m)
    if snap > 0:
        vertices = roadlines.snap_ends(vertices, snap)
    may = ~(apart | np.isin(names, list(no_transfer))[class_of_line])
    access = roadlines.access_points(vertices, may[vertices.line_of_part], size, shape)
    ways = roadlines.thread(vertices, access)
    line = ways.pop("edge_line")
    ways["path"] = np.column_stack([west_m + ways["path"][:, 0], north_m - ways["path"][:, 1]])
    nodes = ways.pop("node_points")
    return Network(
        west_m=float(west_m),
        north_m=float(north_m),
        cell_size_m=size,
        shape=shape,
        classes=tuple(names.tolist()),
        pace=_paces(pace_by_class, tuple(names.tolist())),
        one_way=True,
        node_x=ways["path"][nodes, 0],
        node_y=ways["path"][nodes, 1],
        edge_line=line,
        edge_class=class_of_line[line].astype(np.int64),
        edge_way=way[line],
        edge_open=np.ones(line.size, bool),
        transfer_cell=access.cell,
        transfer_m=access.metres,
        **ways,
    )


def _paces(pace_by_class: Mapping[str, float], names: tuple[str, ...]) -> Floats:
    """Return the pace of every class that occurs, in its order."""
    missing = [name for name in names if name not in pace_by_class]
    if missing:
        listed = ", ".join(map(repr, missing))
        raise InvalidParameter(f"no pace for road class {listed}; give inf if it may not be used")
    pace = np.array([float(pace_by_class[name]) for name in names])
    for name, value in zip(names, pace.tolist(), strict=True):
        if not value > 0:
            raise InvalidParameter(f"the pace of {name!r} must be above 0 seconds per metre, got {value}")
    return pace


def _flags(values: npt.ArrayLike | None, count: int, name: str, allowed: tuple[int, ...]) -> npt.NDArray[np.int8]:
    if values is None:
        return np.zeros(count, np.int8)
    flags = np.asarray(values)
    if flags.shape != (count,) or not np.isin(flags, allowed).all():
        listed = ", ".join(map(str, allowed))
        raise InvalidParameter(f"{name} must hold one of {listed} for each of the {count} lines")
    return flags.astype(np.int8)
