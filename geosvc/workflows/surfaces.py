"""The surface of a service: its facilities, put on the grid, and how far everybody is from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from geosvc.coverage.straight_line import straight_line_surface
from geosvc.errors import NoFacility
from geosvc.geo.grid import Surface
from geosvc.measures import seconds_from_minutes
from geosvc.registry import facilities
from geosvc.registry.facilities import Registered, State
from geosvc.store.facilities import FacilityQuery
from geosvc.travel.ground import gait_of
from geosvc.travel.profiles import travel_profiles

if TYPE_CHECKING:
    from geosvc.coverage.services import Service
    from geosvc.store.engine import Session
    from geosvc.travel import Field, HybridField
    from geosvc.travel.profiles import TravelProfile
    from geosvc.workflows.study import Study

_SNAP_WITHIN_M = 1000.0
NEIGHBOURS = 16
# A vehicle is left once: there is no second one behind the hill.
RIDES = "one"


@dataclass(frozen=True, kw_only=True)
class Sources:
    """The facilities of a service and what became of each on the grid.

    ``placed`` are those that start a journey, in the order of their id; ``rows``, ``cols`` and
    ``extra_seconds`` (the walk to ground that can be crossed) belong to them.
    """

    placed: list[Registered]
    rows: list[int]
    cols: list[int]
    extra_seconds: list[float]
    report: dict[str, Any]


def facilities_of(session: Session, service: Service, *, located: bool | None) -> list[Registered]:
    """Return the operating facilities that a service counts."""
    return facilities.find(
        session,
        FacilityQuery(class_prefixes=list(service.facility_classes), states=[State.OPERATING], located=located),
    )


def nobody(service: Service, missing: list[Registered]) -> str:
    """Return why a service without a located facility cannot be computed, and the cure."""
    classes = ", ".join(service.facility_classes)
    if missing:
        return (
            f"service {service.id}: none of its {len(missing)} facilities (classes {classes}) has a position; "
            "they are to be located first"
        )
    return (
        f"service {service.id}: no operating facility of its classes ({classes}) is registered, so it is not "
        "computable; import them with geosvc import facilities FILE"
    )


def surface_of(study: Study, service: Service, located: list[Registered]) -> tuple[Surface, Sources]:
    """Return the surface of a service and what became of its facilities.

    Raises
    ------
    NoFacility
        If every facility is outside the grid or stranded.
    """
    lon = np.array([each.facility.lon for each in located], dtype=float)
    lat = np.array([each.facility.lat for each in located], dtype=float)
    if service.method == "straight_line":
        report = {"used": len(located), "snapped": [], "stranded": [], "outside": []}
        rows = cols = [0] * len(located)
        placed = Sources(placed=located, rows=rows, cols=cols, extra_seconds=[0.0] * len(located), report=report)
        return straight_line_surface(lon, lat, study.grid), placed
    return _travel_surface(study, service, located, lon, lat)


def _travel_surface(
    study: Study, service: Service, located: list[Registered], lon: np.ndarray[Any, Any], lat: np.ndarray[Any, Any]
) -> tuple[Surface, Sources]:
    profile = travel_profiles()[str(service.profile)]
    ridden = profile.on_foot is not None and study.network is not None
    pace = study.pace(profile.on_foot, None) if ridden and profile.on_foot else study.pace(profile.id, service.speed_kmh)
    sources = _sources(study, located, lon, lat, pace)
    if not sources.placed:
        raise NoFacility(
            f"service {service.id}: every one of its {len(located)} facilities lies outside the study area or "
            f"farther than {_SNAP_WITHIN_M:g} m from ground that can be crossed"
        )
    delay = seconds_from_minutes(service.delay_minutes)
    starts = [
        (row, col, delay + extra)
        for row, col, extra in zip(sources.rows, sources.cols, sources.extra_seconds, strict=True)
    ]
    field = _ride(study, service, profile, pace, starts) if ridden else _go(study, service, profile, pace, starts)
    surface = Surface(
        grid=study.grid, micro=field.microseconds, nearest=field.nearest, unit="s", looked=study.ground.has_data()
    )
    return surface, sources


def _go(
    study: Study, service: Service, profile: TravelProfile, pace: np.ndarray[Any, Any],
    starts: list[tuple[int, int, float]],
) -> Field:
    """Travel over the ground, the roads being part of it."""
    from geosvc.travel import solve  # noqa: PLC0415  brings the compiled kernels

    elevation = study.elevation
    gait = None if elevation is None else gait_of(study.ground, profile, speed_kmh=service.speed_kmh)
    return solve(
        pace, starts, cell_size_m=study.grid.cell_size_m, neighbours=NEIGHBOURS, direction=service.direction,
        elevation=elevation, gait=gait,
    )


def _ride(
    study: Study, service: Service, profile: TravelProfile, foot_pace: np.ndarray[Any, Any],
    starts: list[tuple[int, int, float]],
) -> HybridField:
    """Walk to the road, ride once, walk the rest."""
    from geosvc.travel import solve_hybrid  # noqa: PLC0415  brings the compiled kernels

    network = study.network
    assert network is not None  # the caller looked
    by_class = {name: profile.road_pace(name, speed_kmh=service.speed_kmh) for name in network.classes}
    return solve_hybrid(
        foot_pace, network.with_pace(by_class, one_way=profile.one_way), starts, cell_size_m=study.grid.cell_size_m,
        neighbours=NEIGHBOURS, elevation=study.elevation, direction=service.direction, rides=RIDES,
    )


def _sources(
    study: Study, located: list[Registered], lon: np.ndarray[Any, Any], lat: np.ndarray[Any, Any],
    pace: np.ndarray[Any, Any],
) -> Sources:
    from geosvc.travel import snap_sources  # noqa: PLC0415

    row, col = study.grid.cells_of(lon, lat)
    inside = [i for i in range(len(located)) if row[i] >= 0]
    outside = [located[i].id for i in range(len(located)) if row[i] < 0]
    points = [(int(row[i]), int(col[i])) for i in inside]
    snapped, report = snap_sources(pace, points, max_distance_m=_SNAP_WITHIN_M, cell_size_m=study.grid.cell_size_m)
    placed, rows, cols, extra, moved, stranded = [], [], [], [], [], []
    for i, source, told in zip(inside, snapped, report.snaps, strict=True):
        if source is None:
            stranded.append(located[i].id)
            continue
        placed.append(located[i])
        rows.append(int(source[0]))
        cols.append(int(source[1]))
        extra.append(float(told.seconds))
        if told.distance_m > 0:
            moved.append({"facility": located[i].id, "distance_m": round(float(told.distance_m), 1),
                          "seconds": round(float(told.seconds), 1)})
    return Sources(placed=placed, rows=rows, cols=cols, extra_seconds=extra, report={
        "used": len(placed), "snapped": moved, "stranded": stranded, "outside": outside,
    })
