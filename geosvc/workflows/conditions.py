"""Conditions of travel on a study: its ground and its roads in winter, at night, in a flood."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from geosvc.errors import AreaNotFound, InvalidParameter, Unsolvable
from geosvc.geo.crs import to_metres
from geosvc.registry import layers
from geosvc.registry.layers import BARRIERS
from geosvc.travel.conditions import Local, all_asked, conditions, slow_network
from geosvc.travel.ground import NO_ROAD, Ground
from geosvc.travel.profiles import travel_profiles
from geosvc.workflows import barriers

_CODES_LISTED = 5
# How far from a road somebody may point who means it.
ROAD_WITHIN_M = 300.0

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import geopandas as gpd
    from numpy.typing import NDArray

    from geosvc.store.engine import Store
    from geosvc.travel import Network
    from geosvc.travel.conditions import Asked, Condition
    from geosvc.travel.profiles import TravelProfile
    from geosvc.workflows.study import Study


def list_conditions(store: Store) -> list[dict[str, Any]]:
    """Return the conditions that can be asked for, and how many barriers of the workspace each brings into force."""
    with store.reading() as session:
        held = layers.find(store, session, BARRIERS)
    marked = held[0].summary.get("conditions", {}) if held else {}
    return [{**asdict(one), "barriers": marked.get(one.id, 0)} for one in conditions().values()]


def record_of(asked: Iterable[str]) -> list[dict[str, Any]]:
    """Return what a run's record keeps of its conditions: factors, sources, areas."""
    # A condition that could not be asked at points before says what it always said: a stored run stays the answer.
    return [_told(one) | ({"points": [list(each) for each in one.points]} if one.points else {}) for one in all_asked(asked)]


def _told(one: Asked) -> dict[str, Any]:
    whole = {**asdict(one.condition), "areas": list(one.areas)}
    return {name: value for name, value in whole.items() if name != "at_points" or value}


def ground_under(study: Study, usual: Ground, profile: TravelProfile, asked: Sequence[str]) -> Ground:
    """Return a ground of a study under conditions, such as ``winter`` or ``flood@220622100``.

    Cells of lines that are marked with a condition are opened by roads, as those of any barrier.
    Cells inside of marked polygons are opened by bridges only, and not even by these where bridges
    do not stay.

    Parameters
    ----------
    study : Study
    usual : Ground
    profile : TravelProfile
        By whom its roads are used: on foot, or by bicycle.
    asked : sequence of str

    Raises
    ------
    AreaNotFound, InvalidParameter
    Unsolvable
        If a condition would change nothing at all.
    """
    placed = place(study, asked)
    blocked, inside, shut = (np.zeros(usual.shape, dtype=bool) for _ in range(3))
    for local in placed:
        if profile.rides in local.condition.touches:
            crossed, within = marked_cells(study, local)
            blocked |= crossed | within
            inside |= within
            shut |= within & (not local.condition.bridges_stay)
    road = usual.road
    if road is not None and inside.any():
        road = np.where(inside, np.where(shut, NO_ROAD, _bridges(study, usual, profile)), road)
    if usual.barrier is not None:
        blocked |= usual.barrier
    return replace(usual, road=road, barrier=blocked, conditions=placed)


def network_under(study: Study, whole: Network, asked: Sequence[str], *, rides: str) -> Network:
    """Return the roads of a study under conditions, for those who travel them in this way.

    Closed is every edge that meets a polygon marked with a condition, bridges excepted where
    they stay. Limited to areas, a condition holds on the edges whose middle lies there.

    Raises
    ------
    AreaNotFound, InvalidParameter, Unsolvable
    """
    network = whole
    for one in all_asked(asked):
        if one.points and rides in one.condition.touches:
            network = network.closed(roads_at(study, whole, one.points))
    for local in place(study, asked):
        edges = local.on_edges(whole)
        network = slow_network(network, local.condition, edges, rides=rides)
        if rides in local.condition.touches:
            network = network.closed(np.flatnonzero(edges & _edges_inside(study, whole, local.condition)))
    return network


def roads_at(study: Study, network: Network, points: Sequence[tuple[float, float]]) -> NDArray[np.int64]:
    """Return the stretch of road nearest to each point (longitude, latitude) that vehicles may use, as edges of the network.

    Raises
    ------
    InvalidParameter
        If no such road lies within :data:`ROAD_WITHIN_M` of a point.
    """
    drive = travel_profiles()["drive"]
    open_classes = np.array([np.isfinite(drive.road_pace(name)) for name in network.classes])
    candidates = np.flatnonzero(open_classes[network.edge_class])
    x, y = to_metres([lon for lon, _ in points], [lat for _, lat in points], crs=study.grid.crs)
    places = shapely.points(x, y)
    tree = shapely.STRtree(network.edge_lines[candidates])
    which, nearest = tree.query_nearest(places, max_distance=ROAD_WITHIN_M, all_matches=True)
    without = sorted(set(range(len(points))) - set(which.tolist()))
    if without:
        lon, lat = points[without[0]]
        raise InvalidParameter(f"no road that vehicles use lies within {ROAD_WITHIN_M:g} m of {lon:g}, {lat:g}; point at the road itself")
    # Of several equally near the first, whatever the order in which the tree found them.
    first = [int(nearest[which == i].min()) for i in range(len(points))]
    return np.unique(candidates[first])


def place(study: Study, asked: Sequence[str]) -> tuple[Local, ...]:
    """Return conditions with the cells in which they hold.

    Raises
    ------
    AreaNotFound, InvalidParameter, Unsolvable
    """
    placed = tuple(Local(condition=one.condition, cells=_cells_of(study, one)) for one in all_asked(asked) if not one.points)
    for local in placed:
        if not local.condition.changes_speeds and not any(cells.any() for cells in marked_cells(study, local)):
            where = "" if local.cells is None else " in the areas that were named"
            raise Unsolvable(
                f"the condition {local.condition.id} changes no speed: it closes what lies inside of barriers marked with it, "
                f"and none is registered{where}; import them (geosvc import barriers FILE) with a column condition that says "
                f"{local.condition.id}"
            )
    return placed


def _cells_of(study: Study, one: Asked) -> NDArray[np.bool_] | None:
    if not one.areas:
        return None
    found = np.zeros(study.grid.shape, dtype=bool)
    _, members = study.tree.homes(study.area_of_cell)
    for code in one.areas:
        index = study.tree.index.get(code)
        if index is None:
            known = ", ".join(each.code for each in study.tree.areas[:_CODES_LISTED])
            raise AreaNotFound(f"the condition {one} names the area {code!r}, but no area has that code; the first are {known}")
        inside = study.zones[index] if index in study.zones else np.isin(study.area_of_cell, members.get(index, []))
        if not inside.any():
            raise InvalidParameter(
                f"the condition {one} cannot be limited to {study.tree.areas[index].name} ({code}): it has no polygon "
                "that holds a cell; import its boundary, or name the area above it"
            )
        found |= inside
    return found


def _marked(study: Study, condition: Condition) -> gpd.GeoDataFrame | None:
    frame = study.barriers
    return None if frame is None else frame[frame["condition"] == condition.id]


def marked_cells(study: Study, local: Local) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the cells that lines, and those that polygons marked with a condition block where it holds."""
    frame = _marked(study, local.condition)
    if frame is None:
        nothing = np.zeros(study.grid.shape, dtype=bool)
        return nothing, nothing
    areas = shapely.get_dimensions(frame.geometry.to_numpy()) == 2  # polygons
    here = True if local.cells is None else local.cells
    return (barriers.blocked_cells(frame[~areas], study.grid) & here, barriers.blocked_cells(frame[areas], study.grid) & here)


def _used(study: Study, profile: TravelProfile) -> gpd.GeoDataFrame:
    """Return the roads that those who travel by a profile may use."""
    roads = study.road_lines
    assert roads is not None  # the ground has roads
    closed = roads["road_class"].isin(profile.closed).to_numpy()
    return roads[~study.barred(profile) & ~closed]


def _bridges(study: Study, usual: Ground, profile: TravelProfile) -> NDArray[np.int32]:
    roads = _used(study, profile)
    return barriers.class_of_cells(roads[roads["bridge"].to_numpy(dtype=bool)], usual.road_classes, study.grid)


def _edges_inside(study: Study, network: Network, condition: Condition) -> NDArray[np.bool_]:
    inside = np.zeros(network.n_edges, dtype=bool)
    frame, roads = _marked(study, condition), study.road_lines
    if frame is None or roads is None:
        return inside
    areas = frame.geometry.to_numpy()
    areas = areas[shapely.get_dimensions(areas) == 2]  # polygons
    if areas.size:
        inside[shapely.STRtree(areas).query(network.edge_lines, predicate="intersects")[0]] = True
    if condition.bridges_stay:
        inside &= ~roads["bridge"].to_numpy(dtype=bool)[network.edge_line]
    return inside


def alongside(study: Study, profile: TravelProfile, asked: Sequence[str]) -> int:
    """Return on how many cells a road only runs beside a barrier in force, and opens it without crossing it."""
    ground, frame = study.ground_of(profile, asked), study.barriers
    if ground.barrier is None or ground.road is None or frame is None:
        return 0
    in_force = barriers.under(frame, [one.condition.id for one in all_asked(asked)])
    opened = ground.barrier & (ground.road != NO_ROAD)
    return int(barriers.roads_alongside(in_force, _used(study, profile), opened, study.grid).sum())


def closed_in(study: Study, asked: Sequence[str], lon: NDArray[np.float64], lat: NDArray[np.float64]) -> int:
    """Return how many positions lie on ground that only these conditions close to people on foot."""
    row, col = study.grid.cells_of(lon, lat)
    usual, now = (study.pace("walk", None, each)[row, col] for each in ((), asked))
    return int(np.sum((row >= 0) & np.isfinite(usual) & np.isinf(now)))
