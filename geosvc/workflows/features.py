"""Facilities, areas and gaps as GeoJSON features, page by page, for pages, API and scripts."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import shapely

from geosvc.coverage import services
from geosvc.coverage.shapes import catchments, isochrones
from geosvc.coverage.tree import study_bbox
from geosvc.errors import FacilityNotFound, GapNotFound, InvalidParameter
from geosvc.registry import areas, facilities, populations
from geosvc.registry.classes import facility_classes
from geosvc.registry.documents import properties_of
from geosvc.registry.moments import PRESENT, AsOf
from geosvc.registry.successions import successions
from geosvc.store.areas import AreaQuery, select_area_names
from geosvc.store.facilities import FacilityQuery
from geosvc.store.runs import GapQuery, GapRow, count_gaps, select_gaps
from geosvc.workflows import finding
from geosvc.workflows.finding import is_whole, whole
from geosvc.workflows.reading import area_names, is_schematic, run_of, surface_of_run

if TYPE_CHECKING:
    from geosvc.registry.areas import Area
    from geosvc.registry.facilities import Registered
    from geosvc.store.engine import Session, Store

Feature = dict[str, Any]
_MOST_CHOICES = 300
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
            **properties_of(one), "class_zh": klass.zh, "class_en": klass.en, "class_group": klass.group, "located": one.located,
            "valid_from": registered.valid_from, "valid_to": registered.valid_to, "recorded_at": registered.recorded_at,
            "revision": registered.revision,
        },
    }


def facilities_page(
    store: Store, query: FacilityQuery, *, cursor: str | None, limit: int, sort: str | None = None
) -> Page:
    """Return (features, number matched, cursor of the next page or None); ``sort`` is one of ``finding.SORT_WORDS``.

    Raises
    ------
    InvalidParameter
    """
    order = finding.order_of(sort)
    after = finding.place_of(order, cursor)
    with store.reading() as session:
        matched, found, following = facilities.page(session, query, order, after=after, limit=limit)
    return [facility_feature(each) for each in found], matched, None if following is None else finding.cursor_of(order, following)


def facility_item(store: Store, facility_id: str, query: FacilityQuery, *, with_contact: bool = False) -> Feature:
    """Return one facility, with its contact only where somebody may see it.

    Raises
    ------
    FacilityNotFound
    """
    if not is_whole(facility_id):
        raise FacilityNotFound(f"no facility has the id {facility_id!r}")
    with store.reading() as session:
        found = facilities.get(session, int(facility_id), query)
    feature = facility_feature(found)
    return feature if not with_contact else {**feature, "properties": {**feature["properties"], "contact": found.facility.contact}}


def classes_in_use(store: Store) -> list[str]:
    """Return the class codes that some facility has, in order."""
    with store.reading() as session:
        return store.recall(session, "classes in use", lambda: facilities.classes_in_use(session))


def count_to_be_located(store: Store) -> int:
    """Return how many facilities have no position."""
    with store.reading() as session:
        return store.recall(session, "to be located", lambda: facilities.count(session, FacilityQuery(located=False)))


def areas_to_choose(store: Store) -> list[tuple[str, str]]:
    """Return (code, name) of the areas to offer: the lowest level, down to townships, of which a list can be read."""
    with store.reading() as session:
        return store.recall(session, "areas to choose", lambda: _areas_to_choose(session))


def _areas_to_choose(session: Session) -> list[tuple[str, str]]:
    for levels in (("county", "township"), ("prefecture", "county"), ("province", "prefecture")):
        found = select_area_names(session, AreaQuery(levels=levels), limit=_MOST_CHOICES + 1)
        if found and len(found) <= _MOST_CHOICES:
            return found
    return []


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
            "kind": area.kind, "members": list(area.members), "settlement_class": area.settlement_class, "published_km2": area.published_km2,
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


def area_item(store: Store, code: str, as_of: AsOf = PRESENT) -> Feature:
    """Return one area.

    Raises
    ------
    AreaNotFound
    """
    with store.reading() as session:
        return area_feature(areas.get(session, code, as_of))


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


def populations_of_area(store: Store, code: str, as_of: AsOf = PRESENT) -> dict[str, Any]:
    """Return every figure of people of one area, and which of them a run of that day takes (None: none).

    Figures of divisions that became this one are told together where all of them are known.

    Raises
    ------
    AreaNotFound
    """
    with store.reading() as session:
        areas.get(session, code, as_of)
        known = populations.in_codes_of(
            populations.find(session, recorded_at=as_of.recorded_at), successions(session, as_of), {code})
    figures = [each for each in known if each.area_code == code]
    chosen = populations.in_force(populations.years_of(figures, as_of.day)).get(code)
    return {"area": code, "figures": [asdict(each) for each in figures], "in_force": None if chosen is None else asdict(chosen)}


def extent(store: Store) -> tuple[float, float, float, float]:
    """Return the box around everything that has a place; the whole Earth where nothing has."""
    with store.reading() as session:
        found = study_bbox(areas.find(session, AreaQuery(has_geometry=True)))
    return found or (-180.0, -90.0, 180.0, 90.0)


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
    """Return (features, number matched, cursor of the next page or None); most people first.

    Raises
    ------
    ServiceNotFound, RunNotFound, InvalidParameter
    """
    if min_people is not None and not min_people >= 0:
        raise InvalidParameter(f"min_people must be 0 or more, got {min_people:g}")
    with store.reading() as session:
        run = run_of(session, service_id, run_id)
        service = services.service_from(run.parameters["service"])
        query = GapQuery(
            run_id=run.id, threshold=service.threshold(threshold_id).id, area_code=area_code,
            min_people=min_people, bbox=bbox,
        )
        matched = count_gaps(session, query)
        rows = select_gaps(session, query, after_rank=whole(cursor), limit=limit + 1)
        names = area_names(session, run.id, query.threshold or "")
    following = str(rows[limit - 1].rank) if len(rows) > limit else None
    return [gap_feature(row, names, service.shown_unit) for row in rows[:limit]], matched, following


def isochrone_features(store: Store, service_id: str, run_id: str | None, limits: list[float]) -> list[Feature]:
    """Return the isochrones of a run for limits in the service's shown unit (minutes or km).

    Raises
    ------
    ServiceNotFound, RunNotFound, InvalidParameter
    """
    with store.reading() as session:
        run = run_of(session, service_id, run_id)
    service = services.service_from(run.parameters["service"])
    surface, people, _study = surface_of_run(store, run)
    units = service.units_per_shown
    return [
        {
            "type": "Feature", "id": f"{run.id}-{each.limit / units:g}", "geometry": shapely.geometry.mapping(each.geometry),
            "properties": {"service": service.id, "run": run.id, "limit": each.limit / units, "unit": service.shown_unit,
                           "people": each.people, "km2": each.km2},
        }
        for each in isochrones(surface, [limit * units for limit in limits], people=people)
    ]


def catchment_features(store: Store, service_id: str, run_id: str | None, limit: float | None) -> list[Feature]:
    """Return the catchment of every facility of a run, as it was named then.

    Raises
    ------
    ServiceNotFound, RunNotFound
    """
    with store.reading() as session:
        run = run_of(session, service_id, run_id)
        revisions = [revision for _one, revision in run.inputs["facilities"]]
        names = {each.id: each.facility.name for each in facilities.at_revisions(session, revisions)}
    service = services.service_from(run.parameters["service"])
    surface, people, study = surface_of_run(store, run)
    ids = run.summary["facilities"]["ids"]
    farthest = None if limit is None else limit * service.units_per_shown
    return [
        {
            "type": "Feature", "id": f"{run.id}-{ids[each.nearest]}", "geometry": shapely.geometry.mapping(each.geometry),
            "properties": {"service": service.id, "run": run.id, "facility": ids[each.nearest],
                           "name": names.get(ids[each.nearest]), "limit": limit, "unit": service.shown_unit,
                           "people": each.people, "km2": each.km2},
        }
        for each in catchments(surface, limit=farthest, study=study, people=people)
    ]


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
        run = run_of(session, None, row.run_id)
        names = area_names(session, run.id, row.threshold)
    feature = gap_feature(row, names, services.service_from(run.parameters["service"]).shown_unit)
    return {**feature, "schematic": is_schematic(run.notes), "notes": run.notes}
