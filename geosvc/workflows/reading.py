"""What the registry holds and what runs found, as plain data for pages, API and scripts.

Pages and scripts read the same functions, so they cannot disagree.
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from geosvc.coverage import services
from geosvc.coverage.measure import shares
from geosvc.coverage.tree import study_bbox
from geosvc.errors import FacilityNotFound, GapNotFound, InvalidParameter, NoFacility, RunNotFound
from geosvc.geo.grid import MICRO, NOT_REACHED, Grid
from geosvc.geo.raster import read_band, write_geotiff
from geosvc.maps.picture import PICTURE_FILE, PICTURE_RECORD
from geosvc.registry import areas, facilities, populations
from geosvc.registry.classes import facility_classes
from geosvc.store.areas import AreaQuery
from geosvc.store.facilities import FacilityQuery
from geosvc.store.runs import (
    CoverageRow,
    GapQuery,
    GapRow,
    RunRow,
    count_gaps,
    latest_run,
    select_coverage,
    select_gaps,
)
from geosvc.workflows import workspace
from geosvc.workflows.measuring import SURFACE_FILE, facilities_of, nobody

if TYPE_CHECKING:
    from pathlib import Path

    from geosvc.coverage.services import Service
    from geosvc.registry.areas import Area
    from geosvc.registry.facilities import Registered
    from geosvc.store.engine import Session, Store

_MOST_DIGITS = 18
Feature = dict[str, Any]
Page = tuple[list[Feature], int, str | None]


# -- facilities ------------------------------------------------------------------------------


def facility_feature(registered: Registered) -> Feature:
    """Return a facility as a GeoJSON feature; one to be located has null geometry.

    Contacts are personal data and are not in it.
    """
    one = registered.facility
    klass = facility_classes()[one.class_code]
    geometry = None if not one.located else {"type": "Point", "coordinates": [one.lon, one.lat]}
    return {
        "type": "Feature",
        "id": registered.id,
        "geometry": geometry,
        "properties": {
            "name": one.name, "short_name": one.short_name, "class_code": one.class_code,
            "class_zh": klass.zh, "class_en": klass.en, "class_group": klass.group, "level": one.level,
            "grade": one.grade, "ownership": one.ownership, "service_mode": one.service_mode,
            "state": one.state, "area_code": one.area_code, "address": one.address,
            "located": one.located, "position_method": one.position_method,
            "position_source": one.position_source, "raw_datum": one.raw_datum, "raw_x": one.raw_x,
            "raw_y": one.raw_y, "beds": one.beds, "identifiers": one.identifiers, "aliases": one.aliases,
            "illustrative": one.illustrative, "source": one.source, "note": one.note,
            "valid_from": registered.valid_from, "recorded_at": registered.recorded_at,
            "revision": registered.revision,
        },
    }


def facilities_page(store: Store, query: FacilityQuery, *, cursor: str | None, limit: int) -> Page:
    """Return (features, number matched, cursor of the next page or None)."""
    with store.reading() as session:
        matched = facilities.count(session, query)
        found = facilities.find(session, query, after_id=_whole(cursor), limit=limit + 1)
    following = str(found[limit - 1].id) if len(found) > limit else None
    return [facility_feature(each) for each in found[:limit]], matched, following


def facility_item(store: Store, facility_id: str, query: FacilityQuery) -> Feature:
    """Return one facility.

    Raises
    ------
    FacilityNotFound
    """
    if not _is_whole(facility_id):
        raise FacilityNotFound(f"no facility has the id {facility_id!r}")
    with store.reading() as session:
        return facility_feature(facilities.get(session, int(facility_id), query))


def _is_whole(text: str) -> bool:
    """Return whether text is a whole number that a database holds; "²" is a digit only to Unicode."""
    return text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS


def _whole(cursor: str | None) -> int:
    if cursor is None:
        return 0
    if not _is_whole(cursor):
        raise InvalidParameter(f"cursor {cursor!r} is not one that this collection gave out; follow the next link")
    return int(cursor)


def classes_in_use(store: Store) -> list[str]:
    """Return the class codes that some facility has, in order."""
    with store.reading() as session:
        return facilities.classes_in_use(session)


# -- areas -----------------------------------------------------------------------------------


def area_feature(area: Area) -> Feature:
    """Return an area as a GeoJSON feature; a coded division has null geometry."""
    geometry = None if area.geometry is None else shapely.geometry.mapping(area.geometry)
    return {
        "type": "Feature",
        "id": area.code,
        "geometry": geometry,
        "properties": {
            "code": area.code, "name": area.name, "level": area.level, "parent_code": area.parent_code,
            "kind": area.kind, "settlement_class": area.settlement_class, "published_km2": area.published_km2,
            "source": area.source, "licence": area.licence, "review_number": area.review_number,
            "schematic": area.schematic,
        },
    }


def areas_page(store: Store, query: AreaQuery, *, cursor: str | None, limit: int) -> Page:
    """Return (features, number matched, cursor of the next page or None)."""
    with store.reading() as session:
        matched = areas.count(session, query)
        found = areas.find(session, query, after_code=cursor or "", limit=limit + 1)
    following = found[limit - 1].code if len(found) > limit else None
    return [area_feature(each) for each in found[:limit]], matched, following


def area_item(store: Store, code: str) -> Feature:
    """Return one area.

    Raises
    ------
    AreaNotFound
    """
    with store.reading() as session:
        return area_feature(areas.get(session, code))


def outlines(store: Store) -> list[dict[str, Any]]:
    """Return the areas that have a polygon, without the polygons."""
    with store.reading() as session:
        found = areas.find(session, AreaQuery(has_geometry=True))
    return [area_feature(replace(area, geometry=None))["properties"] for area in found]


def populations_of(store: Store) -> list[dict[str, Any]]:
    """Return every registered figure of people with the name of its area."""
    with store.reading() as session:
        names = {area.code: area.name for area in areas.find(session, AreaQuery())}
        return [{**asdict(each), "name": names.get(each.area_code)} for each in populations.find(session)]


# -- services and runs -----------------------------------------------------------------------


def list_services(store: Store) -> list[dict[str, Any]]:
    """Return the services with the state of each: measured by which run, or why not."""
    with store.reading() as session:
        return [_service_entry(session, service) for service in services.find(session)]


def _service_entry(session: Session, service: Service) -> dict[str, Any]:
    run = latest_run(session, service.id)
    located = len(facilities_of(session, service, located=True))
    missing = len(facilities_of(session, service, located=False))
    return {
        **service.as_dict(), "unit": service.shown_unit, "facilities": located, "to_be_located": missing,
        "computable": located > 0, "run": None if run is None else run.id,
        "measured_at": None if run is None else run.created_at,
        "is_default": service.id == workspace.default_service(session),
    }


def service_entry(store: Store, service_id: str) -> dict[str, Any]:
    """Return one service with its state.

    Raises
    ------
    ServiceNotFound
    """
    with store.reading() as session:
        return _service_entry(session, services.get(session, service_id))


def _run(session: Session, service_id: str | None, run_id: str | None = None) -> RunRow:
    """Return a run: the named one, else the newest of the service, else of the default service."""
    if run_id is not None:
        run = session.get(RunRow, run_id)
        if run is None:
            raise RunNotFound(f"no run has the id {run_id!r}")
        if service_id is not None and run.service_id != service_id:
            raise RunNotFound(f"run {run_id} belongs to service {run.service_id}, not to {service_id}")
        return run
    wanted = service_id or workspace.default_service(session)
    service = services.get(session, wanted)
    newest = latest_run(session, wanted)
    if newest is None:
        if not facilities_of(session, service, located=True):
            raise NoFacility(nobody(service, facilities_of(session, service, located=False)))
        raise RunNotFound(f"service {wanted} has not been measured yet; run: geosvc measure {wanted}")
    return newest


def run_record(store: Store, run_id: str) -> dict[str, Any]:
    """Return what one run rests on.

    Raises
    ------
    RunNotFound
    """
    with store.reading() as session:
        run = _run(session, None, run_id)
    return {
        "id": run.id, "service": run.service_id, "created_at": run.created_at, "version": run.version,
        "checksum": run.checksum, "parameters": run.parameters, "inputs": run.inputs, "notes": run.notes,
        "summary": run.summary,
    }


def coverage_table(
    store: Store, service_id: str | None, *, run_id: str | None = None, threshold_id: str | None = None,
    level: str | None = None,
) -> dict[str, Any]:
    """Return the coverage of a service by area, with the run that says so.

    Raises
    ------
    ServiceNotFound, RunNotFound
    """
    with store.reading() as session:
        run = _run(session, service_id, run_id)
        service = services.service_from(run.parameters["service"])
        threshold = service.threshold(threshold_id)
        rows = select_coverage(session, run.id, threshold.id)
    wanted = [row for row in rows if level is None or row.level == level]
    return {
        "service": service.id, "run": run.id, "created_at": run.created_at, "unit": service.shown_unit,
        "threshold": _threshold(service, threshold.id), "notes": run.notes,
        "schematic": is_schematic(run.notes), "rows": [coverage_row(row) for row in wanted],
    }


def run_notes(store: Store, service_id: str | None, run_id: str | None) -> dict[str, Any]:
    """Return the run that answers and what a reader of its numbers must know."""
    with store.reading() as session:
        run = _run(session, service_id, run_id)
    return {"service": run.service_id, "run": run.id, "schematic": is_schematic(run.notes), "notes": run.notes}


def extent(store: Store) -> tuple[float, float, float, float]:
    """Return the box around everything that has a place; the whole Earth where nothing has."""
    with store.reading() as session:
        found = study_bbox(areas.find(session, AreaQuery(has_geometry=True)))
    return found or (-180.0, -90.0, 180.0, 90.0)


def _threshold(service: Service, threshold_id: str) -> dict[str, Any]:
    one = service.threshold(threshold_id)
    return {"id": one.id, "value": one.value, "unit": service.shown_unit, "origin": one.origin,
            "applies_to": one.applies_to, "source_zh": one.source_zh, "source_en": one.source_en}


def is_schematic(notes: list[Any]) -> bool:
    """Return whether schematic or illustrative data entered the numbers of a run."""
    return any(note["code"].startswith(("schematic", "illustrative")) for note in notes)


def coverage_row(row: CoverageRow) -> dict[str, Any]:
    """Return one row; ``people`` and ``km2`` are None where they are unknown, never 0."""
    people = row.people or None
    return {
        "area_code": row.area_code, "name": row.name, "level": row.level, "people": people,
        "people_total": None if people is None else sum(people.values()),
        "km2": row.km2 or None, "share": row.figures.get("share") or shares(people),
        "p50": row.figures.get("p50"), "p90": row.figures.get("p90"),
    }


def default_answer(store: Store, service_id: str | None = None) -> dict[str, Any]:
    """Return the three numbers of a service: people covered, people in gaps, facilities to be located."""
    with store.reading() as session:
        run = _run(session, service_id)
        service = services.service_from(run.parameters["service"])
    threshold = service.thresholds[0]
    found = run.summary["thresholds"][threshold.id]
    return {
        "service": service.id, "zh": service.zh, "en": service.en, "run": run.id,
        "threshold": _threshold(service, threshold.id),
        "people_total": run.summary["people_total"],
        "people_covered": None if found["people"] is None else found["people"]["covered"],
        "people_in_gaps": found["people_in_gaps"], "gaps": found["gaps"],
        "to_be_located": run.summary["facilities"]["to_be_located_in_registry"],
        "notes": run.notes,
    }


# -- gaps ------------------------------------------------------------------------------------


def gap_feature(row: GapRow, names: dict[str, str], unit: str) -> Feature:
    """Return a gap as a GeoJSON feature."""
    return {
        "type": "Feature",
        "id": row.id,
        "geometry": shapely.geometry.mapping(shapely.from_wkb(row.geometry)),
        "properties": {
            "service": row.service_id, "run": row.run_id, "threshold": row.threshold, "rank": row.rank,
            "area_code": row.area_code, "area_name": names.get(row.area_code or ""), "people": row.people,
            "people_unreachable": row.figures["people_unreachable"], "km2": row.km2,
            "worst": row.figures["worst"], "unit": unit,
            "nearest_facility": row.figures["nearest_facility"], "settlements": row.figures["settlements"],
        },
    }


def gaps_page(
    store: Store, *, service_id: str | None = None, run_id: str | None = None, threshold_id: str | None = None,
    area_code: str | None = None, min_people: float | None = None,
    bbox: tuple[float, float, float, float] | None = None, cursor: str | None = None, limit: int,
) -> Page:
    """Return (features, number matched, cursor of the next page or None); most people first."""
    with store.reading() as session:
        run = _run(session, service_id, run_id)
        service = services.service_from(run.parameters["service"])
        query = GapQuery(
            run_id=run.id, threshold=service.threshold(threshold_id).id, area_code=area_code,
            min_people=min_people, bbox=bbox,
        )
        matched = count_gaps(session, query)
        rows = select_gaps(session, query, after_rank=_whole(cursor), limit=limit + 1)
        names = {area.code: area.name for area in areas.find(
            session, AreaQuery(codes=sorted({row.area_code for row in rows if row.area_code})))}
    following = str(rows[limit - 1].rank) if len(rows) > limit else None
    return [gap_feature(row, names, service.shown_unit) for row in rows[:limit]], matched, following


def gap_item(store: Store, gap_id: str) -> Feature:
    """Return one gap.

    Raises
    ------
    GapNotFound
    """
    with store.reading() as session:
        row = session.get(GapRow, gap_id)
        if row is None:
            raise GapNotFound(f"no gap has the id {gap_id!r}")
        run = _run(session, None, row.run_id)
        names = {area.code: area.name for area in areas.find(session, AreaQuery(codes=[row.area_code or ""]))}
    feature = gap_feature(row, names, services.service_from(run.parameters["service"]).shown_unit)
    return {**feature, "schematic": is_schematic(run.notes), "notes": run.notes}


# -- files of a run --------------------------------------------------------------------------


def picture_files(store: Store, service_id: str | None, run_id: str | None = None) -> tuple[Path, dict[str, Any]]:
    """Return the picture of a run's surface and the record of what its numbers mean.

    Raises
    ------
    ServiceNotFound, RunNotFound
    """
    with store.reading() as session:
        run = _run(session, service_id, run_id)
    folder = store.runs / run.id
    if not (folder / PICTURE_FILE).is_file():
        raise RunNotFound(f"the files of run {run.id} are gone; run: geosvc measure {run.service_id}")
    record = json.loads((folder / PICTURE_RECORD).read_text(encoding="utf-8"))
    return folder / PICTURE_FILE, {**record, "run": run.id}


def surface_geotiff(store: Store, service_id: str | None, run_id: str | None, target: Path) -> str:
    """Write a run's surface for others: band 1 minutes (or km), band 2 the nearest facility's id.

    Returns
    -------
    run : str
        The id of the run.

    Raises
    ------
    ServiceNotFound, RunNotFound
    """
    with store.reading() as session:
        run = _run(session, service_id, run_id)
    source = store.runs / run.id / SURFACE_FILE
    if not source.is_file():
        raise RunNotFound(f"the files of run {run.id} are gone; run: geosvc measure {run.service_id}")
    service = services.service_from(run.parameters["service"])
    micro = read_band(source, 1)
    shown = np.where(micro == NOT_REACHED, np.nan, micro / (MICRO * service.units_per_shown))
    bands = [(service.shown_unit, shown.astype(np.float32)),
             ("nearest facility id", read_band(source, 2).astype(np.float32))]
    write_geotiff(target, bands, Grid(**run.inputs["grid"]), nodata=float("nan"),
                  tags={"run": run.id, "service": service.id, "unit": service.shown_unit})
    return run.id
