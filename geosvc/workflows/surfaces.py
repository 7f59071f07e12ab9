"""The surface of a service: its facilities, put on the grid, and how far everybody is from them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from geosvc.coverage import services
from geosvc.coverage.changes import NO_CHANGES, Changes, changes_from, facilities_under
from geosvc.coverage.straight_line import straight_line_surface
from geosvc.errors import NoFacility
from geosvc.geo.grid import NOT_REACHED, Surface
from geosvc.measures import microseconds_from_seconds, seconds_from_minutes
from geosvc.registry import facilities
from geosvc.registry.facilities import Registered, State
from geosvc.registry.moments import PRESENT, AsOf
from geosvc.store.facilities import FacilityQuery
from geosvc.travel.chain import sum_of_journeys
from geosvc.travel.ground import gait_of
from geosvc.travel.profiles import travel_profiles

if TYPE_CHECKING:
    from geosvc.coverage.services import Service
    from geosvc.store.engine import Session
    from geosvc.travel import Field, HybridField, Network
    from geosvc.travel.profiles import TravelProfile
    from geosvc.workflows.study import Study

Start = tuple[int, int, float]
SNAP_WITHIN_M = 1000.0
NEIGHBOURS = 16
# A part of the roads that does not connect is a network of its own from this share of the longest part on.
_PROPER_PART = 0.05
# A vehicle is left once: there is no second one behind the hill.
RIDES = "one"


@dataclass(frozen=True, kw_only=True)
class Variation:
    """In what a trial differs from what is declared and registered; None = in nothing.

    ``profiles`` are all travel profiles by id, ``lon`` and ``lat`` the position of every located
    facility, degrees; ``limit`` is how far to look, in the unit of the surface; ``changes`` are those of a
    scenario, applied to the facilities of the journey that follows (the caller has applied them to the first).
    """

    profiles: Mapping[str, TravelProfile] | None = None
    lon: np.ndarray[Any, Any] | None = None
    lat: np.ndarray[Any, Any] | None = None
    limit: float = math.inf
    changes: Changes = NO_CHANGES


AS_DECLARED = Variation()


@dataclass(frozen=True, kw_only=True)
class Sources:
    """The facilities of a service and what became of each on the grid.

    ``placed`` are those that start a journey, in the order of their id; ``rows``, ``cols`` and
    ``extra_seconds`` (the walk to ground that can be crossed) belong to them. ``after`` are those
    of the journey that follows, None without one.
    """

    placed: list[Registered]
    rows: list[int]
    cols: list[int]
    extra_seconds: list[float]
    report: dict[str, Any]
    after: Sources | None = None


def facilities_of(
    session: Session, service: Service, *, located: bool | None, as_of: AsOf = PRESENT
) -> list[Registered]:
    """Return the facilities that a service counts: those that operated on a day."""
    return facilities.find(session, _counted(service, located, as_of))


def counted_under(
    session: Session, service: Service, changes: Changes, as_of: AsOf = PRESENT
) -> tuple[list[Registered], list[Registered]]:
    """Return (located, to be located) of the facilities that a service counts, as the changes of a scenario make them."""
    found = (facilities_of(session, service, located=located, as_of=as_of) for located in (True, False))
    return facilities_under(changes, service.facility_classes, *found)


@dataclass(frozen=True, kw_only=True)
class Held:
    """What the registry holds of a service: its definition, its facilities, and the service of the journey that follows.

    ``located`` and ``missing`` (to be located) are in the order of their id.
    """

    service: Service
    located: list[Registered]
    missing: list[Registered]
    after: Held | None = None

    def concerned(self, changes: Changes) -> Changes:
        """Return what changes do to the facilities of this service."""
        known = [each.id for each in (*self.located, *self.missing)]
        return changes.of_classes(self.service.facility_classes, known) if changes else NO_CHANGES

    def under(self, changes: Changes) -> tuple[list[Registered], list[Registered]]:
        """Return (located, to be located) as changes make them."""
        return facilities_under(changes, self.service.facility_classes, self.located, self.missing)

    def onward(self, conditions: Sequence[str]) -> Service | None:
        """Return the service of the journey that follows, under these conditions and its own; None without one."""
        return None if self.after is None else self.after.service.under(conditions)

    def onward_inputs(self, conditions: Sequence[str], changes: Changes) -> dict[str, Any] | None:
        """Return what a run's record keeps of the journey that follows; None without one."""
        after = self.onward(conditions)
        if self.after is None or after is None:
            return None
        marks = [(each.id, each.content_revision) for each in self.after.located]
        return _onward_record(after, marks, self.after.concerned(changes))


def held_of(session: Session, service_id: str, as_of: AsOf = PRESENT) -> Held:
    """Return what the registry holds of a service on a day.

    Raises
    ------
    ServiceNotFound, DefinitionError
    """
    service = services.get(session, service_id)
    after = services.following(session, service)
    located, missing = (facilities_of(session, service, located=located, as_of=as_of) for located in (True, False))
    return Held(service=service, located=located, missing=missing, after=None if after is None else held_of(session, after.id, as_of))


def marks_of(session: Session, service: Service, *, located: bool, as_of: AsOf = PRESENT) -> list[tuple[int, int]]:
    """Return (id, revision) of the facilities that a service counts: for comparing and counting many."""
    return facilities.marks(session, _counted(service, located, as_of))


def changes_for(session: Session, service: Service, changes: Changes, as_of: AsOf = PRESENT) -> Changes:
    """Return what changes do to the facilities of a service; nothing where they concern others only."""
    if not changes:
        return NO_CHANGES
    known = [number for located in (True, False) for number, _ in marks_of(session, service, located=located, as_of=as_of)]
    return changes.of_classes(service.facility_classes, known)


def onward_changes(inputs: Mapping[str, Any]) -> Changes:
    """Return what the scenario of a run changes in the journey that follows."""
    return changes_from((inputs.get("then") or {}).get("changes", {}))


def count_of(session: Session, service: Service, *, located: bool) -> int:
    """Return how many operating facilities a service counts."""
    return facilities.count(session, _counted(service, located, PRESENT))


def _counted(service: Service, located: bool | None, as_of: AsOf) -> FacilityQuery:
    return FacilityQuery(
        class_prefixes=list(service.facility_classes), states=[State.OPERATING], located=located,
        valid_at=as_of.valid_at, recorded_at=as_of.recorded_at,
    )


def profiles_of(service: Service) -> dict[str, Any]:
    """Return what a run's record keeps of how people travel: the profile, and that of their walk to a vehicle."""
    profile = None if service.profile is None else travel_profiles()[service.profile]
    on_foot = None if profile is None or profile.on_foot is None else travel_profiles()[profile.on_foot]
    return {"profile": None if profile is None else asdict(profile), "on_foot": None if on_foot is None else asdict(on_foot)}


def onward_inputs(
    session: Session, service: Service, as_of: AsOf = PRESENT, changes: Changes = NO_CHANGES
) -> dict[str, Any] | None:
    """Return what a run's record keeps of the journey that follows; None without one."""
    after = services.following(session, service)
    if after is None:
        return None
    return _onward_record(after, marks_of(session, after, located=True, as_of=as_of), changes_for(session, after, changes, as_of))


def _onward_record(after: Service, marks: list[tuple[int, int]], here: Changes) -> dict[str, Any]:
    record = {"service": after.as_dict(), **profiles_of(after), "facilities": marks, **({"changes": here.as_dict()} if here else {})}
    kept: dict[str, Any] = json.loads(json.dumps(record))  # as the store gives it back, to be compared with
    return kept


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


def all_closed(service: Service, held: list[Registered]) -> str:
    """Return why a service whose facilities a scenario takes away cannot be computed, and the cure."""
    return (
        f"service {service.id}: these changes close every one of its {len(held)} facilities (classes "
        f"{', '.join(service.facility_classes)}); leave one open, or open another"
    )


def none_usable(service: Service, located: Sequence[Registered]) -> str:
    """Return why a service cannot be computed whose facilities have positions that nobody can use."""
    return (
        f"service {service.id}: every one of its {len(located)} facilities lies outside the study area or "
        f"farther than {SNAP_WITHIN_M:g} m from ground that can be crossed"
    )


def positions_of(located: list[Registered]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return the longitude and latitude of located facilities, degrees."""
    lon = np.array([each.facility.lon for each in located], dtype=float)
    lat = np.array([each.facility.lat for each in located], dtype=float)
    return lon, lat


def surface_of(
    study: Study, service: Service, located: list[Registered], varied: Variation = AS_DECLARED
) -> tuple[Surface, Sources]:
    """Return the surface of a service and what became of its facilities.

    Where another service follows, it is the time of both journeys, with the nearest facility of
    the first.

    Raises
    ------
    NoFacility
        If every facility is outside the grid or stranded.
    """
    surface, sources = _one_journey(study, service, located, varied)
    with study.store.reading() as session:
        after = services.following(session, service)
        if after is None:
            return surface, sources
        there, lost = counted_under(session, after, varied.changes, study.as_of)
        if not there:
            raise NoFacility(nobody(after, lost))
    onward, reached = _one_journey(study, after, there, replace(varied, lon=None, lat=None))
    whole = sum_of_journeys(surface.micro, onward.micro, microseconds_from_seconds(seconds_from_minutes(service.between_minutes)))
    nearest = np.where(whole == NOT_REACHED, np.int32(-1), surface.nearest)
    report = {**sources.report, "then": {"service": after.id, "ids": [each.id for each in reached.placed], **reached.report}}
    return replace(surface, micro=whole, nearest=nearest), replace(sources, report=report, after=reached)


def _one_journey(
    study: Study, service: Service, located: list[Registered], varied: Variation
) -> tuple[Surface, Sources]:
    lon, lat = positions_of(located)
    lon, lat = (lon if varied.lon is None else varied.lon), (lat if varied.lat is None else varied.lat)
    if service.method == "straight_line":
        report = {"used": len(located), "snapped": [], "stranded": [], "outside": []}
        rows = cols = [0] * len(located)
        placed = Sources(placed=located, rows=rows, cols=cols, extra_seconds=[0.0] * len(located), report=report)
        return straight_line_surface(lon, lat, study.grid, limit_m=varied.limit), placed
    return _travel_surface(study, service, located, lon, lat, varied)


def travels(study: Study, service: Service, varied: Variation = AS_DECLARED) -> tuple[TravelProfile, TravelProfile | None]:
    """Return the profile by which people travel, and that of their walk to and from a vehicle (None = no ride)."""
    profiles = varied.profiles or travel_profiles()
    profile = profiles[str(service.profile)]
    rides = profile.on_foot is not None and study.network is not None
    return profile, profiles[str(profile.on_foot)] if rides else None


def start_pace(study: Study, service: Service, varied: Variation = AS_DECLARED) -> np.ndarray[Any, Any]:
    """Return the pace of every cell at which people come to a facility or leave it."""
    profile, walk = travels(study, service, varied)
    chosen, kmh = (profile, service.speed_kmh) if walk is None else (walk, None)
    return study.pace(chosen, kmh, service.conditions)


def _travel_surface(
    study: Study, service: Service, located: list[Registered], lon: np.ndarray[Any, Any], lat: np.ndarray[Any, Any],
    varied: Variation,
) -> tuple[Surface, Sources]:
    profile, walk = travels(study, service, varied)
    pace = start_pace(study, service, varied)
    sources = sources_on(study, located, lon, lat, pace)
    if not sources.placed:
        raise NoFacility(none_usable(service, located))
    if walk is not None and varied.profiles is None:  # of the facilities as registered: a draw of a band needs no report
        network = study.network_of(profile, service.speed_kmh, service.conditions)
        sources.report["off_network"] = _off_network(study, network, sources)
    field = field_of(study, service, pace, starts_of(service, sources), varied)
    surface = Surface(
        grid=study.grid, micro=field.microseconds, nearest=field.nearest, unit="s", horizon=varied.limit,
        looked=study.ground_of(walk or profile).has_data(),
    )
    return surface, sources


def starts_of(service: Service, sources: Sources) -> list[Start | None]:
    """Return where and when journeys begin: (row, col, seconds before anyone leaves), in the order of the facilities."""
    delay = seconds_from_minutes(service.delay_minutes)
    return [
        (row, col, delay + extra)
        for row, col, extra in zip(sources.rows, sources.cols, sources.extra_seconds, strict=True)
    ]


def field_of(
    study: Study, service: Service, pace: np.ndarray[Any, Any], starts: list[Start | None], varied: Variation = AS_DECLARED
) -> Field | HybridField:
    """Return the settled field of a journey over a ground; None among the starts keeps a place for a facility that is closed."""
    profile, walk = travels(study, service, varied)
    travel = _go if walk is None else _ride
    return travel(study, service, profile, pace, starts, varied.limit)


def _go(
    study: Study, service: Service, profile: TravelProfile, pace: np.ndarray[Any, Any],
    starts: list[Start | None], limit_seconds: float,
) -> Field:
    """Travel over the ground, the roads being part of it."""
    from geosvc.travel import solve  # noqa: PLC0415  brings the compiled kernels

    elevation = study.elevation
    ground = study.ground_of(profile, service.conditions)
    gait = None if elevation is None else gait_of(ground, profile, speed_kmh=service.speed_kmh)
    return solve(
        pace, starts, cell_size_m=study.grid.cell_size_m, neighbours=NEIGHBOURS, direction=service.direction,
        elevation=elevation, gait=gait, limit_seconds=limit_seconds,
    )


def _ride(
    study: Study, service: Service, profile: TravelProfile, foot_pace: np.ndarray[Any, Any],
    starts: list[Start | None], limit_seconds: float,
) -> HybridField:
    """Walk to the road, ride once, walk the rest."""
    from geosvc.travel import solve_hybrid  # noqa: PLC0415  brings the compiled kernels

    network = study.network_of(profile, service.speed_kmh, service.conditions)
    assert network is not None  # the caller looked
    return solve_hybrid(
        foot_pace, network, starts, cell_size_m=study.grid.cell_size_m,
        neighbours=NEIGHBOURS, elevation=study.elevation, direction=service.direction, rides=RIDES,
        limit_seconds=limit_seconds,
    )


def _off_network(study: Study, network: Network | None, sources: Sources) -> list[int]:
    """Return the facilities (ids) that do not stand at the road network proper.

    Either no road that the vehicle uses lies within reach on foot, or the nearest is a stray one: a
    part that does not connect and is short beside the longest (an island's own roads are not).
    Within a cell nobody can say which road is the nearer.
    """
    from scipy.spatial import KDTree  # noqa: PLC0415  slow to import

    assert network is not None  # the caller looked
    parts, usable = network.components, network.transfer_usable
    longest = parts.metres[0] if parts.count else 0.0
    node = network.transfer_node[usable]
    proper = parts.metres[parts.of_node[node]] >= _PROPER_PART * longest
    places = np.column_stack([network.node_x[node], network.node_y[node]])
    grid = study.grid
    here = np.column_stack([grid.west_m + (np.array(sources.cols) + 0.5) * grid.cell_size_m,
                            grid.north_m - (np.array(sources.rows) + 0.5) * grid.cell_size_m])
    nearest, nearest_proper = (
        KDTree(each).query(here, distance_upper_bound=SNAP_WITHIN_M)[0] for each in (places, places[proper]))
    # inf = none within reach
    off = np.isinf(nearest_proper) | (nearest_proper > nearest + grid.cell_size_m)
    return [each.id for each, away in zip(sources.placed, off, strict=True) if away]


def sources_on(
    study: Study, located: list[Registered], lon: np.ndarray[Any, Any], lat: np.ndarray[Any, Any],
    pace: np.ndarray[Any, Any],
) -> Sources:
    """Return what becomes of facilities on a ground; each for itself, whatever the others are."""
    from geosvc.travel import snap_sources  # noqa: PLC0415

    row, col = study.grid.cells_of(lon, lat)
    inside = [i for i in range(len(located)) if row[i] >= 0]
    outside = [located[i].id for i in range(len(located)) if row[i] < 0]
    points = [(int(row[i]), int(col[i])) for i in inside]
    snapped, report = snap_sources(pace, points, max_distance_m=SNAP_WITHIN_M, cell_size_m=study.grid.cell_size_m)
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
