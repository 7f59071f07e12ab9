"""Lines of roads as arrays of points: joined, measured, and met with the cells of a grid.

Positions are metres east and *south* of the grid's north-west corner, so that row and
column follow by division. Distances along a line are whole micrometres: they add exactly,
and what is said of one line never depends on which other lines there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from geosvc.errors import InvalidGeometry

POINTS_PER_METRE = 100  # vertices are rounded to the centimetre; equal ones are one place
MICROMETRES_PER_METRE = 1_000_000
_CENTIMETRE = MICROMETRES_PER_METRE // POINTS_PER_METRE

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]


class Vertices(NamedTuple):
    """The vertices of all lines, one after the other; a line of several parts has several runs."""

    x: Floats  # metres east of the west edge, whole centimetres
    y: Floats  # metres south of the north edge
    part: Whole  # which run; never decreases
    line_of_part: Whole

    @property
    def starts(self) -> npt.NDArray[np.bool_]:
        """Say which vertices begin a part."""
        starts: npt.NDArray[np.bool_] = np.diff(self.part, prepend=-1) != 0
        return starts

    @property
    def ends(self) -> npt.NDArray[np.bool_]:
        """Say which vertices begin or end a part."""
        stops: npt.NDArray[np.bool_] = np.diff(self.part, append=-1) != 0
        return self.starts | stops


class Access(NamedTuple):
    """Where each line can be boarded and left: once for every visit to a cell."""

    part: Whole
    along: Whole  # micrometres from the start of the part
    x: Floats
    y: Floats
    cell: Whole  # row * columns + column
    metres: Floats  # to the centre of the cell


def read_vertices(lines: Sequence[Any], west_m: float, north_m: float) -> Vertices:
    """Return the vertices of LineStrings and MultiLineStrings, rounded to the centimetre.

    Lines without length have no vertices.

    Raises
    ------
    InvalidGeometry
        If something is not a line, or a coordinate is not a number.
    """
    import shapely

    shapes = np.asarray(lines, dtype=object)
    kinds = shapely.get_type_id(shapes)
    wrong = np.flatnonzero(~np.isin(kinds, (1, 5)))  # LineString, MultiLineString
    if wrong.size:
        came = "nothing" if kinds[wrong[0]] < 0 else shapes[wrong[0]].geom_type
        raise InvalidGeometry(f"line {wrong[0]}: expected a LineString or MultiLineString, got {came}")
    parts, line_of_part = shapely.get_parts(shapes, return_index=True)
    coordinates, part = shapely.get_coordinates(parts, return_index=True)
    bad = np.flatnonzero(~np.isfinite(coordinates).all(axis=1))
    if bad.size:
        raise InvalidGeometry(f"line {line_of_part[part[bad[0]]]} has a coordinate that is not a number")
    x = np.rint((coordinates[:, 0] - west_m) * POINTS_PER_METRE) / POINTS_PER_METRE
    y = np.rint((north_m - coordinates[:, 1]) * POINTS_PER_METRE) / POINTS_PER_METRE
    return _without_repeats(Vertices(x, y, part.astype(np.int64), line_of_part.astype(np.int64)))


def _without_repeats(vertices: Vertices) -> Vertices:
    """Drop vertices that repeat the one before, and parts of which only one is left."""
    moved = (np.diff(vertices.x, prepend=np.nan) != 0) | (np.diff(vertices.y, prepend=np.nan) != 0)
    keep = moved | vertices.starts
    many = np.bincount(vertices.part[keep], minlength=vertices.line_of_part.size) > 1
    return _taken(vertices, keep & many[vertices.part])


def _taken(vertices: Vertices, keep: npt.NDArray[Any]) -> Vertices:
    return vertices._replace(x=vertices.x[keep], y=vertices.y[keep], part=vertices.part[keep])


def place_keys(vertices: Vertices) -> Whole:
    """Return one whole number for the place of each vertex; equal places have equal keys."""
    x, y = (np.rint(axis * POINTS_PER_METRE).astype(np.int64) for axis in (vertices.x, vertices.y))
    return (x << 32) + y


def lengths(vertices: Vertices) -> tuple[Whole, Whole]:
    """Return the length of the segment after each vertex and the way along to it, micrometres."""
    metres = np.hypot(np.diff(vertices.x, append=0.0), np.diff(vertices.y, append=0.0))
    segment = np.rint(metres * MICROMETRES_PER_METRE).astype(np.int64)
    segment[np.diff(vertices.part, append=-1) != 0] = 0
    total = np.cumsum(segment) - segment
    starts = np.flatnonzero(vertices.starts)
    runs = np.diff(starts, append=vertices.part.size)
    return segment, total - np.repeat(total[starts], runs)


def snap_ends(vertices: Vertices, snap_m: float) -> Vertices:
    """Join the ends of lines drawn by hand: to ends of others, then to lines that pass by.

    Ends within ``snap_m`` of each other move to the first of them. An end that is still
    alone becomes a vertex of the nearest other line within ``snap_m``. A line shorter than
    that may vanish between two others.
    """
    return _end_to_line(_end_to_end(vertices, snap_m), snap_m)


def _end_to_end(vertices: Vertices, snap_m: float) -> Vertices:
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    ends = np.flatnonzero(vertices.ends)
    places = np.column_stack([vertices.x[ends], vertices.y[ends]])
    pairs = cKDTree(places).query_pairs(snap_m, output_type="ndarray") if ends.size else np.zeros((0, 2), int)
    pairs = pairs[vertices.part[ends[pairs[:, 0]]] != vertices.part[ends[pairs[:, 1]]]]
    links = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(ends.size, ends.size))
    _, group = connected_components(links, directed=False)
    _, first = np.unique(group, return_index=True)
    x, y = vertices.x.copy(), vertices.y.copy()
    x[ends], y[ends] = places[first[group]].T
    return _without_repeats(vertices._replace(x=x, y=y))


def _end_to_line(vertices: Vertices, snap_m: float) -> Vertices:
    import shapely

    _, place, count = np.unique(place_keys(vertices), return_inverse=True, return_counts=True)
    loose = np.flatnonzero(vertices.ends & (count[place] == 1))
    start = np.flatnonzero(~(np.diff(vertices.part, append=-1) != 0))
    at = np.column_stack([vertices.x, vertices.y])
    segments = np.asarray(shapely.linestrings(np.stack([at[start], at[start + 1]], axis=1)))
    points = np.asarray(shapely.points(at[loose]))
    end, segment = shapely.STRtree(segments).query(points, predicate="dwithin", distance=snap_m)
    other = vertices.part[loose[end]] != vertices.part[start[segment]]
    end, segment = end[other], segment[other]
    away = shapely.distance(points[end], segments[segment])
    order = np.lexsort((segment, away, end))
    _, nearest = np.unique(end[order], return_index=True)
    end, segment = end[order][nearest], segment[order][nearest]
    share = np.asarray(shapely.line_locate_point(segments[segment], points[end], normalized=True))
    # the end's own place becomes a vertex of the other line: nothing moves but that line, a little
    return _inserted(vertices, start[segment], share, at[loose[end]])


def _inserted(vertices: Vertices, after: Whole, share: Floats, at: Floats) -> Vertices:
    """Return the vertices with new ones between ``after`` and the next, in the order of share."""
    keep = (np.arange(vertices.x.size), np.zeros(vertices.x.size))
    order = np.lexsort((np.append(keep[1], share + 1.0), np.append(keep[0], after)))
    return _without_repeats(
        vertices._replace(
            x=np.append(vertices.x, at[:, 0])[order],
            y=np.append(vertices.y, at[:, 1])[order],
            part=np.append(vertices.part, vertices.part[after])[order],
        )
    )


def access_points(
    vertices: Vertices, may: npt.NDArray[np.bool_], cell_size_m: float, shape: tuple[int, int]
) -> Access:
    """Cut lines at cell borders; return the point of each piece that is nearest to its cell's centre.

    Parameters
    ----------
    vertices : Vertices
    may : array of bool, shape (n_parts,)
        Which parts can be boarded at all.
    cell_size_m : float
    shape : (rows, cols)
        Outside the grid there is no access.
    """
    segment, low, high = _cut(vertices, may, cell_size_m, shape)
    length, along = lengths(vertices)
    # a piece of no length is a corner that two borders share: not a visit to the cell beside it
    real = np.rint(low * length[segment]) < np.rint(high * length[segment])
    segment, low, high = segment[real], low[real], high[real]
    x, y = vertices.x[segment], vertices.y[segment]
    dx, dy = vertices.x[segment + 1] - x, vertices.y[segment + 1] - y
    middle = (low + high) / 2
    column, row = np.floor((x + middle * dx) / cell_size_m), np.floor((y + middle * dy) / cell_size_m)
    to_x, to_y = (column + 0.5) * cell_size_m - x, (row + 0.5) * cell_size_m - y
    share = np.clip((to_x * dx + to_y * dy) / (dx * dx + dy * dy), low, high)
    metres = np.hypot(share * dx - to_x, share * dy - to_y)
    inside = (row >= 0) & (row < shape[0]) & (column >= 0) & (column < shape[1])
    cell = np.where(inside, row * shape[1] + column, -1).astype(np.int64)
    best = _nearest_of_visits(vertices.part[segment], cell, metres)
    best = best[cell[best] >= 0]
    after = _whole_steps(share[best], length[segment[best]])
    return Access(
        vertices.part[segment[best]],
        along[segment[best]] + after,
        (x + share * dx)[best],
        (y + share * dy)[best],
        cell[best],
        metres[best],
    )


def _whole_steps(share: Floats, length: Whole) -> Whole:
    """Return the way along a segment, micrometres; within a centimetre of a vertex is that vertex.

    Else an edge could be too short for its microseconds, and splitting a line at a junction
    would change the time along it.
    """
    steps = np.rint(share * length).astype(np.int64)
    steps[steps < _CENTIMETRE] = 0
    near_end = length - steps < _CENTIMETRE
    steps[near_end] = length[near_end]
    return steps


def _cut(
    vertices: Vertices, may: npt.NDArray[np.bool_], cell_size_m: float, shape: tuple[int, int]
) -> tuple[Whole, Floats, Floats]:
    """Return pieces as (vertex before, share of the segment from, to), in order along the lines."""
    inner = np.diff(vertices.part, append=-1) == 0
    segment = np.flatnonzero(inner & may[vertices.part])
    cuts = [(segment, np.zeros(segment.size))]
    for axis, borders in ((vertices.x, shape[1]), (vertices.y, shape[0])):
        cuts.append(_crossings(segment, axis, cell_size_m, borders))
    where, share = (np.concatenate(each) for each in zip(*cuts, strict=True))
    order = np.lexsort((share, where))
    where, share = where[order], share[order]
    last = np.diff(where, append=-1) != 0
    return where, share, np.where(last, 1.0, np.append(share[1:], 1.0))


def _crossings(segment: Whole, axis: Floats, cell_size_m: float, borders: int) -> tuple[Whole, Floats]:
    """Return where segments cross the borders of the grid's cells along one axis."""
    start, stop = axis[segment], axis[segment + 1]
    first = np.maximum(np.floor(np.minimum(start, stop) / cell_size_m) + 1, 0).astype(np.int64)
    last = np.minimum(np.ceil(np.maximum(start, stop) / cell_size_m) - 1, borders).astype(np.int64)
    count = np.maximum(last - first + 1, 0)
    which = np.repeat(np.arange(segment.size), count)
    border = np.arange(which.size) - np.repeat(np.cumsum(count) - count, count) + first[which]
    share = (border * cell_size_m - start[which]) / (stop[which] - start[which])
    return segment[which], np.clip(share, 0.0, 1.0)


def _nearest_of_visits(part: Whole, cell: Whole, metres: Floats) -> Whole:
    """Return the nearest piece of each visit, a run of pieces of one part in one cell."""
    begins = (np.diff(part, prepend=-1) != 0) | (np.diff(cell, prepend=-2) != 0)
    if not begins.size:
        return np.zeros(0, np.int64)
    visit = np.cumsum(begins) - 1
    best = np.minimum.reduceat(metres, np.flatnonzero(begins))
    nearest = np.flatnonzero(metres == best[visit])
    _, first = np.unique(visit[nearest], return_index=True)
    chosen: Whole = nearest[first]
    return chosen


def thread(vertices: Vertices, access: Access) -> dict[str, Any]:
    """Thread vertices and access points on their lines; return nodes, edges and transfers.

    Nodes are the ends of lines, the vertices that lines share, and the access points.
    """
    _, along = lengths(vertices)
    _, place, shared = np.unique(place_keys(vertices), return_inverse=True, return_counts=True)
    own = vertices.x.size
    part = np.append(vertices.part, access.part)
    # All parts one behind the other: two runs in order, which a stable sort only merges, the vertex first where both are.
    last = np.flatnonzero(np.diff(vertices.part, append=-1))
    room = np.zeros(vertices.line_of_part.size, np.int64)
    room[vertices.part[last]] = along[last] + 1
    order = np.argsort(np.append(along, access.along) + (np.cumsum(room) - room)[part], kind="stable")
    all_along = np.append(along, access.along)[order]
    part = part[order]
    # an access point at a vertex, or at the access point of the cell before, is that point
    same = (np.diff(part, prepend=-1) == 0) & (np.diff(all_along, prepend=-1) == 0)
    point_of = np.empty(order.size, np.int64)
    point_of[order] = np.cumsum(~same) - 1
    path = np.column_stack([np.append(vertices.x, access.x), np.append(vertices.y, access.y)])[order][~same]
    part, all_along = part[~same], all_along[~same]
    # places are numbered from 0; points between vertices follow, each its own place
    places = np.arange(part.size) + own
    places[point_of[:own]] = place
    is_node = np.zeros(part.size, bool)
    is_node[point_of[:own]] = vertices.ends | (shared[place] > 1)
    is_node[point_of[own:]] = True
    stops = np.flatnonzero(is_node)
    _, first, node = np.unique(places[stops], return_index=True, return_inverse=True)
    rank = np.empty(first.size, np.int64)
    rank[np.argsort(first)] = np.arange(first.size)  # neighbours on the road are neighbours in memory
    node = rank[node]
    edge = np.flatnonzero(part[stops[:-1]] == part[stops[1:]]) if stops.size else stops
    before, after = _edges_beside(edge, stops, point_of[own:])
    pair = np.column_stack([edge, edge + 1])
    return {
        "path": path,
        "node_points": stops[np.sort(first)],
        "edge_nodes": node[pair].astype(np.int32),
        "edge_along": all_along[stops[pair]],
        "edge_line": vertices.line_of_part[part[stops[edge]]],
        "edge_points": stops[pair],
        "transfer_node": node[np.searchsorted(stops, point_of[own:])],
        "transfer_edges": np.column_stack([before, after]),
    }


def _edges_beside(edge: Whole, stops: Whole, points: Whole) -> tuple[Whole, Whole]:
    """Return, for points that are stops, the edges of the same line before and after, -1 = none."""
    leaving = np.full(stops.size + 1, -1)
    leaving[edge] = np.arange(edge.size)
    at = np.searchsorted(stops, points)
    return leaving[at - 1], leaving[at]  # a stop before the first finds the spare slot at the end
