"""Why a place has the time it has: the way there, who would be the next nearest, and who lives there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from geosvc.coverage.states import CoverageState
from geosvc.coverage.straight_line import Places
from geosvc.errors import InvalidParameter
from geosvc.geo.crs import check_position, to_degrees
from geosvc.geo.grid import MICRO, micro_of
from geosvc.measures import SECONDS_PER_MINUTE
from geosvc.travel.explaining import Leg
from geosvc.travel.profiles import travel_profiles
from geosvc.travel.raster import Field
from geosvc.workflows.surfaces import positions_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from geosvc.coverage.services import Service
    from geosvc.geo.grid import Grid, Surface
    from geosvc.registry.facilities import Registered
    from geosvc.workflows.live.journeys import Journey
    from geosvc.workflows.live.states import Prepared, State

Cell = tuple[int, int]
OUTSIDE, NO_DATA, UNREACHABLE, REACHED = "outside", "no_data", "unreachable", "reached"
_MODES = {"walk": "foot", "cycle": "cycle", "motor": "ride"}


def cell_at(grid: Grid, lon: float, lat: float) -> Cell | None:
    """Return the cell of a position in degrees; None outside the grid.

    Raises
    ------
    InvalidParameter
        If it is no position.
    """
    try:
        check_position(lon, lat)
    except ValueError as error:
        raise InvalidParameter(f"{lon}, {lat} is no place: {error}") from None
    row, col = grid.cells_of([lon], [lat])
    return None if row[0] < 0 else (int(row[0]), int(col[0]))


def place_told(state: State, cell: Cell | None) -> dict[str, Any]:
    """Return who lives in a cell and in which areas it lies, the smallest first; people None = nobody was counted."""
    if cell is None:
        return {"people": None, "areas": []}
    prepared, tree = state.prepared, state.study.tree
    with prepared.lock:
        weights, smallest = prepared.layout.weights, int(prepared.study.area_of_cell[cell])
    found = [tree.areas[i] for i in tree.ancestors(smallest)] if smallest >= 0 else []
    return {"people": None if weights is None else float(weights[cell]),
            "areas": [{"code": each.code, "name": each.name, "level": each.level} for each in found]}


def answer_at(
    surface: Surface, journeys: list[Journey], service: Service, cell: Cell | None, prepared: Prepared,
    sees: Callable[[Registered], bool] | None = None,
) -> dict[str, Any]:
    """Return what a surface says of a cell, and how it came about; edits the fields of the journeys for a moment.

    ``sees`` says of a facility whether it may be named, None: all. Of another ``elsewhere`` is told, and neither the way
    there nor who would be the next.
    """
    state = _state(surface, cell)
    told: dict[str, Any] = {
        "state": state, "value": None, "thresholds": {each.id: _word(surface, service.limit_of(each), state, cell) for each in service.thresholds},
        "nearest": None, "legs": None, "second": None, "then": None, "between_minutes": service.between_minutes}
    if cell is None or state == NO_DATA:
        return told
    if state == REACHED:
        told["value"] = int(surface.micro[cell]) / (MICRO * service.units_per_shown)
    parts = [_journey_at(each, cell, prepared) for each in journeys]
    if sees is not None:
        parts = [_as_seen(part, {each.id for each in journey.located if sees(each)}) for part, journey in zip(parts, journeys, strict=True)]
        told["elsewhere"] = parts[0]["elsewhere"]
    told |= {name: parts[0][name] for name in ("nearest", "legs", "second")}
    if len(parts) > 1:
        told["then"] = {"service": journeys[1].service.id, **parts[1]}
        told["value_of_first"] = parts[0]["value"]
    return told


def _state(surface: Surface, cell: Cell | None) -> str:
    if cell is None:
        return OUTSIDE
    if surface.looked is not None and not surface.looked[cell]:
        return NO_DATA
    return REACHED if surface.micro[cell] >= 0 else UNREACHABLE


def _word(surface: Surface, limit: float, state: str, cell: Cell | None) -> str:
    """Return the state of a cell for one limit, as the tables call it; outside of the grid ``outside``."""
    if cell is None or state != REACHED:
        return state
    covered = int(surface.micro[cell]) <= micro_of(limit)
    return (CoverageState.COVERED if covered else CoverageState.BEYOND).word


def _journey_at(journey: Journey, cell: Cell, prepared: Prepared) -> dict[str, Any]:
    """Return the nearest facility of one journey, the way, and who would be the nearest without it."""
    place = int(journey.surface.nearest[cell])
    if place < 0:
        return {"value": None, "nearest": None, "legs": None, "second": None}
    nearest, shown = journey.placed[place], MICRO * journey.service.units_per_shown
    told = {"value": int(journey.surface.micro[cell]) / shown, "nearest": _facility(journey, nearest)}
    if journey.kept is None:
        return {**told, "legs": None, "second": _second_as_the_crow_flies(journey, nearest, cell, prepared.study.grid)}
    field = journey.kept.field
    crs = prepared.study.grid.crs
    legs = _way(journey, field, cell, prepared.study.grid) if isinstance(field, Field) else field.explain(*cell)
    with field.without(journey.kept.slots[nearest.id]):
        source, spent = field.at(*cell)
    other = journey.kept.facility_at(source)
    second = None if other is None else {
        "value": spent / shown, "facility": _facility(journey, next(each for each in journey.placed if each.id == other))}
    return {**told, "legs": [_leg(each, crs) for each in legs], "second": second}


def _as_seen(part: dict[str, Any], seen: set[int]) -> dict[str, Any]:
    """Return what is told of a journey without the facilities that may not be named."""
    nearest, second = part["nearest"], part["second"]
    if nearest is not None and nearest["id"] not in seen:
        return {"value": part["value"], "nearest": None, "legs": None, "second": None, "elsewhere": True}
    if second is not None and second["facility"]["id"] not in seen:
        second = {"value": second["value"], "facility": None}
    return {**part, "second": second, "elsewhere": False}


def _facility(journey: Journey, one: Registered) -> dict[str, Any]:
    stand = journey.stands[one.id]
    return {"id": one.id, "name": one.facility.name, "lon": one.facility.lon, "lat": one.facility.lat,
            "class_code": one.facility.class_code, "state": stand.state, "snapped_m": stand.snapped_m}


def _leg(leg: Leg, crs: str) -> dict[str, Any]:
    """Return a leg with its line in degrees."""
    x, y = zip(*leg.line, strict=True)
    line = np.round(np.column_stack(to_degrees(x, y, crs=crs)), 6)
    return {"mode": leg.mode, "minutes": leg.seconds / SECONDS_PER_MINUTE, "metres": leg.metres, "line": line.tolist()}


def _way(journey: Journey, field: Field, cell: Cell, grid: Grid) -> list[Leg]:
    """Return the legs of a way over the ground: one, and the time before anyone leaves."""
    cells = field.way(*cell)
    x, y = grid.centres(cells[:, 0], cells[:, 1])
    line = [(float(a), float(b)) for a, b in zip(x, y, strict=True)]
    start = field.at(int(cells[-1, 0]), int(cells[-1, 1]))[1]
    steps = np.diff(cells, axis=0) * grid.cell_size_m
    mode = _MODES[travel_profiles()[str(journey.service.profile)].rides]
    legs = [Leg(mode, field.at(*cell)[1] - start, float(np.hypot(steps[:, 0], steps[:, 1]).sum()), line)]
    legs += [Leg("delay", start, 0.0, line[-1:])] if start else []
    return legs if journey.service.direction == "to_facility" else [each._replace(line=each.line[::-1]) for each in reversed(legs)]


def _second_as_the_crow_flies(journey: Journey, nearest: Registered, cell: Cell, grid: Grid) -> dict[str, Any] | None:
    others = [each for each in journey.placed if each.id != nearest.id]
    if not others:
        return None
    micro, index = Places(*positions_of(others), grid).nearest_to(np.array([cell[0]]), np.array([cell[1]]))
    return {"value": int(micro[0]) / (MICRO * journey.service.units_per_shown), "facility": _facility(journey, others[int(index[0])])}
