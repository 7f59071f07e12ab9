"""Facilities, areas and gaps as GeoJSON features, page by page, for pages, API and scripts."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from geosvc.coverage import services
from geosvc.coverage.changes import changes_from
from geosvc.coverage.gaps import MOST_SETTLEMENTS
from geosvc.coverage.shapes import catchments, isochrones
from geosvc.coverage.tree import study_bbox
from geosvc.errors import AreaNotFound, FacilityNotFound, GapNotFound, InvalidParameter, NoOutline
from geosvc.registry import areas, facilities, populations
from geosvc.registry.area_names import known_areas
from geosvc.registry.areas import LEVELS, ZONE
from geosvc.registry.classes import facility_classes
from geosvc.registry.documents import properties_of
from geosvc.registry.locating import codes_above
from geosvc.registry.moments import PRESENT, AsOf
from geosvc.registry.successions import successions
from geosvc.store.areas import AreaQuery, select_area_names
from geosvc.store.facilities import FacilityQuery
from geosvc.store.runs import GAP_SORTS, GapQuery, GapRow, count_gaps, has_gap_of_rank, select_coverage, select_gaps
from geosvc.store.scope import inside
from geosvc.workflows import finding
from geosvc.workflows.finding import is_whole, not_given_out, whole
from geosvc.workflows.part_of_run import told_of
from geosvc.workflows.reading import area_names, coverage_row, is_schematic, run_of
from geosvc.workflows.run_files import facilities_seen, surface_of_run

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from numpy.typing import NDArray

    from geosvc.coverage.services import Service
    from geosvc.geo.crs import BBox
    from geosvc.geo.grid import Surface
    from geosvc.registry.areas import Area
    from geosvc.registry.facilities import Registered
    from geosvc.store.engine import Session, Store
    from geosvc.store.runs import RunRow

Feature = dict[str, Any]
_MOST_CHOICES = 300
_CODES_AT_ONCE = 500
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


def area_code_of(store: Store, text: str) -> str:
    """Return the code of the area that a text names, where one alone is called so; else the text as it is."""
    if not text.strip() or text.strip().isascii():  # codes have no other letters
        return text
    with store.reading() as session:
        return store.recall(session, "areas by name", lambda: known_areas(session)).code_of(text) or text


def _areas_to_choose(session: Session) -> list[tuple[str, str]]:
    for levels in (("county", "township"), ("prefecture", "county"), ("province", "prefecture")):
        found = select_area_names(session, AreaQuery(levels=levels), limit=_MOST_CHOICES + 1)
        if found and len(found) <= _MOST_CHOICES:
            return found
    return []


def names_of_areas(store: Store, codes: Sequence[str | None]) -> dict[str, str]:
    """Return the name of each area by its code: its own, else that of the nearest registered one above it."""
    asked = {code: codes_above(code) for code in codes if code}
    wanted = sorted({each for above in asked.values() for each in above})
    with store.reading() as session:
        known = dict(name for start in range(0, len(wanted), _CODES_AT_ONCE) for name in select_area_names(
            session, AreaQuery(codes=wanted[start : start + _CODES_AT_ONCE]), limit=_CODES_AT_ONCE))
    named = {code: next((known[each] for each in above if each in known), None) for code, above in asked.items()}
    return {code: name for code, name in named.items() if name is not None}


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
        found: BBox | None = store.recall(session, "extent", lambda: study_bbox(areas.find(session, AreaQuery(has_geometry=True))))
    return found or (-180.0, -90.0, 180.0, 90.0)


# -- gaps ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Reader:
    """Which areas and which facilities of a run somebody of some areas may be told of."""

    areas: tuple[str, ...]
    facilities: Collection[int]


def reader_of(store: Store, session: Session, run: RunRow) -> Reader | None:
    """Return what the gaps of a run may tell in a session of a store; None for everything."""
    return None if store.areas is None else Reader(store.areas, facilities_seen(session, run))


def gap_feature(
    row: GapRow, names: dict[str, str], unit: str, reader: Reader | None = None, *, limit: float | None = None,
    nearest_names: Mapping[int, str] | None = None,
) -> Feature:
    """Return a gap as a GeoJSON feature; ``nearest_elsewhere`` stands for a facility that the reader may not see.

    With the limit of the threshold, in ``unit``, it says by how much the farthest place that can be reached
    is ``beyond_by``; with names of facilities by id, that of the nearest.
    """
    settlements, nearest = row.figures["settlements"], row.figures["nearest_facility"]
    count, worst = _settlements_in_all(row), row.figures["worst"]
    elsewhere = reader is not None and nearest is not None and nearest not in reader.facilities
    if reader is not None:
        own = [each for each in settlements if inside(each["code"], reader.areas)]
        # Of those that are not listed nobody knows whose they are.
        count = len(own) if count == len(settlements) else None
        settlements = own
    return {
        "type": "Feature",
        "id": row.id,
        "geometry": shapely.geometry.mapping(shapely.from_wkb(row.geometry)),
        "properties": {
            "service": row.service_id, "run": row.run_id, "threshold": row.threshold, "rank": row.rank,
            "area_code": row.area_code, "area_name": names.get(row.area_code or ""), "people": row.people,
            "people_unreachable": row.figures["people_unreachable"], "km2": row.km2,
            "worst": worst, "unit": unit,
            **({} if limit is None else {"limit": limit, "beyond_by": None if worst is None else worst - limit}),
            "nearest_facility": None if elsewhere else nearest,
            **({} if nearest_names is None else {"nearest_name": None if elsewhere else nearest_names.get(nearest)}),
            "settlements": settlements, "settlements_count": count,
            **({} if reader is None else {"nearest_elsewhere": elsewhere}),
        },
    }


def _settlements_in_all(row: GapRow) -> int | None:
    """Return how many settlements are in a gap; None where that is not known: of a run that did not count beyond those it names."""
    listed = row.figures["settlements"]
    if "settlement_count" in row.figures:
        found: int | None = row.figures["settlement_count"]
        return found
    if row.people is None or len(listed) >= MOST_SETTLEMENTS:
        return None
    return len(listed)


def _names_of_nearest(session: Session, run: RunRow, rows: Sequence[GapRow]) -> dict[int, str]:
    """Return the names by id of the facilities nearest to gaps, as they were for their run; those planned by its scenario too."""
    wanted = {row.figures["nearest_facility"] for row in rows} - {None}
    revisions = [revision for one, revision in run.inputs["facilities"] if one in wanted]
    named = {each.id: each.facility.name for each in facilities.at_revisions(session, revisions)}
    planned = changes_from(run.parameters.get("changes", {})).opened()
    return named | {each.id: each.facility.name for each in planned if each.id in wanted}


def gaps_page(
    store: Store, *, service_id: str | None = None, run_id: str | None = None, threshold_id: str | None = None,
    area_code: str | None = None, min_people: float | None = None,
    bbox: tuple[float, float, float, float] | None = None, sort: str | None = None, cursor: str | None = None, limit: int,
) -> Page:
    """Return (features, number matched, cursor of the next page or None).

    ``sort`` is ``people`` (the default: most people first), ``worst`` (farthest beyond the limit first, before all
    what cannot be reached at all) or ``area`` (by the code of the area, most people first in each).

    Raises
    ------
    ServiceNotFound, RunNotFound, InvalidParameter
    AreaNotFound
        If no area of the run has a code that begins with ``area_code``.
    NoOutline
        If none of those that have can hold a gap of its own.
    """
    if min_people is not None and not min_people >= 0:
        raise InvalidParameter(f"min_people must be 0 or more, got {min_people:g}")
    order = gap_order(sort)
    with store.reading() as session:
        run = run_of(session, service_id, run_id)
        service = services.service_from(run.parameters["service"])
        threshold = service.threshold(threshold_id)
        if area_code:
            _refuse_area_without_gaps(session, run, threshold.id, area_code)
        query = GapQuery(
            run_id=run.id, threshold=threshold.id, area_code=area_code,
            min_people=min_people, bbox=bbox,
        )
        matched = count_gaps(session, query)
        rows = select_gaps(session, query, sort=order, after_rank=_rank_in(session, query, order, cursor), limit=limit + 1)
        names = area_names(session, run.id, threshold.id)
        reader = reader_of(store, session, run)
        nearest = _names_of_nearest(session, run, rows[:limit])
    following = _gap_cursor(order, rows[limit - 1].rank) if len(rows) > limit else None
    found = [
        gap_feature(row, names, service.shown_unit, reader, limit=threshold.value, nearest_names=nearest) for row in rows[:limit]
    ]
    return found, matched, following


def holds_gaps(row: Mapping[str, Any]) -> bool:
    """Return whether gaps are told apart by an area of the coverage: a division with an outline (a zone may cross them)."""
    return row["km2"] is not None and row["level"] in LEVELS and row["level"] != ZONE


def _refuse_area_without_gaps(session: Session, run: RunRow, threshold_id: str, code: str) -> None:
    """Refuse an area of which the list would be empty whoever lives there."""
    rows = [coverage_row(row) for row in select_coverage(session, run.id, threshold_id)]
    named = [row for row in rows if row["area_code"].startswith(code) and row["level"] in LEVELS]
    if not named:
        raise AreaNotFound(f"no area of run {run.id} has the code {code!r} or one that begins with it; GET /api/collections/areas/items lists them")
    if any(holds_gaps(row) for row in named):
        return
    first, people = named[0], f"People beyond the limit by area: GET /api/services/{run.service_id}/coverage?threshold={threshold_id}&run={run.id}"
    if first["level"] == ZONE:
        raise NoOutline(f"{first['name']} ({first['area_code']}) is a zone, and gaps are told apart by division; ask with bbox instead. {people}")
    raise NoOutline(
        f"{first['name']} ({first['area_code']}) has no outline, so its gaps are part of those of the area around it: leave area out, or import "
        f"outlines with geosvc import areas FILE and measure again. {people}")


def gap_order(sort: str | None) -> str:
    """Return the order of gaps that is asked for; by people unless one is.

    Raises
    ------
    InvalidParameter
    """
    if sort and sort not in GAP_SORTS:
        raise InvalidParameter(f"sort must be one of {', '.join(GAP_SORTS)}; got {sort!r}")
    return sort or GAP_SORTS[0]


def _gap_cursor(order: str, rank: int) -> str:
    """Return the place of a gap in an order as text for a link; the rows of a run never change, so its rank says it."""
    return str(rank) if order == GAP_SORTS[0] else f"{order}-{rank}"


def _rank_in(session: Session, query: GapQuery, order: str, cursor: str | None) -> int:
    if cursor is None or order == GAP_SORTS[0]:
        return whole(cursor)
    told, _, rank = cursor.partition("-")
    if told != order or not is_whole(rank) or not has_gap_of_rank(session, query, int(rank)):
        raise not_given_out(cursor)
    return int(rank)


def isochrone_features(store: Store, service_id: str, run_id: str | None, limits: list[float]) -> list[Feature]:
    """Return the isochrones of a run for limits in the service's shown unit (minutes or km).

    Raises
    ------
    ServiceNotFound, RunNotFound, InvalidParameter
    """
    with store.reading() as session:
        run = run_of(session, service_id, run_id)
    service = services.service_from(run.parameters["service"])
    surface, people, study = surface_of_run(store, run)
    if not study.any():
        return []
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

    To a store of some areas the facilities of others are one, without id and name.

    Raises
    ------
    ServiceNotFound, RunNotFound
    """
    told = nearest_seen(store, service_id, run_id)
    farthest = None if limit is None else limit * told.service.units_per_shown
    return [
        {
            "type": "Feature", "id": f"{told.run.id}-{told.ids[each.nearest] or 'elsewhere'}",
            "geometry": shapely.geometry.mapping(each.geometry),
            "properties": {"service": told.service.id, "run": told.run.id, "facility": told.ids[each.nearest],
                           "name": told.names[each.nearest], "limit": limit, "unit": told.service.shown_unit,
                           "people": each.people, "km2": each.km2},
        }
        for each in catchments(told.surface, limit=farthest, study=told.study, people=told.people)
    ]


@dataclass(frozen=True, kw_only=True)
class NearestSeen:
    """Which facility is the nearest where, as an account may know it: ``surface.nearest`` counts through ``ids`` and ``names``.

    The facilities that may not be seen are one, without id and name. ``people`` and ``study`` are as in :func:`surface_of_run`.
    """

    run: RunRow
    service: Service
    surface: Surface
    people: NDArray[np.float64] | None
    study: NDArray[np.bool_]
    ids: Sequence[int | None]
    names: Sequence[str | None]


def nearest_seen(store: Store, service_id: str, run_id: str | None) -> NearestSeen:
    """Return the surface of a run with the facilities of its catchments, as they were named then.

    Raises
    ------
    ServiceNotFound, RunNotFound
    """
    with store.reading() as session:
        run = run_of(session, service_id, run_id)
        names = facilities_seen(session, run)
    surface, people, study = surface_of_run(store, run)
    ids: Sequence[int | None] = run.summary["facilities"]["ids"]
    if store.areas is not None:
        surface, ids = _those_of_others_as_one(surface, run.summary["facilities"]["ids"], names)
    return NearestSeen(
        run=run,
        service=services.service_from(run.parameters["service"]),
        surface=surface,
        people=people,
        study=study,
        ids=ids,
        names=[names.get(one or 0) for one in ids],
    )


def _those_of_others_as_one(
    surface: Surface, ids: list[int], seen: Collection[int]
) -> tuple[Surface, list[int | None]]:
    """Return a surface on which all facilities that may not be seen are one, which has no id."""
    number = np.array([i if one in seen else len(ids) for i, one in enumerate(ids)] + [-1], dtype=np.int32)
    return replace(surface, nearest=number[surface.nearest]), [*ids, None]


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
        names, service = area_names(session, run.id, row.threshold), services.service_from(run.parameters["service"])
        reader, notes = reader_of(store, session, run), told_of(store, session, run)["notes"]
        nearest = _names_of_nearest(session, run, [row])
    feature = gap_feature(
        row, names, service.shown_unit, reader, limit=service.threshold(row.threshold).value, nearest_names=nearest)
    return {**feature, "schematic": is_schematic(notes), "notes": notes}
