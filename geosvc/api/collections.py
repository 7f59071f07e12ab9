"""Collections of features: facilities, areas, gaps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response

from geosvc.api.parameters import (
    CRS84_URI,
    DEFAULT_ITEMS,
    BBoxCrsParameter,
    BBoxParameter,
    CrsParameter,
    CursorParameter,
    DatetimeParameter,
    LimitParameter,
    RecordedParameter,
    StrictRoute,
    bbox_of,
    check_crs84,
    check_level,
)
from geosvc.errors import CollectionNotFound
from geosvc.registry.areas import LEVELS
from geosvc.registry.facilities import State
from geosvc.registry.moments import now
from geosvc.store.areas import AreaQuery
from geosvc.store.engine import Store
from geosvc.store.facilities import FacilityQuery
from geosvc.workflows import features, history, reading

router = APIRouter(prefix="/api", route_class=StrictRoute, tags=["features"])
GEOJSON = "application/geo+json"


@dataclass(frozen=True)
class Collection:
    """What one collection is called and what it holds."""

    id: str
    title: str
    title_zh: str
    description: str


COLLECTIONS = (
    Collection("facilities", "Facilities", "机构", "Health facilities of the registry; one to be located has null geometry."),
    Collection("areas", "Areas", "区域", "Divisions and zones; a coded division without a polygon has null geometry."),
    Collection("gaps", "Gaps", "缺口", "Places beyond the limit of a service, with their people. A gap belongs to one "
               "run; without 'service' the default service's newest run answers."),
)


def store_of(request: Request) -> Store:
    """Return the store of this application, opened when it is first asked for."""
    store: Store = request.app.state.store()
    return store


def _base(request: Request) -> str:
    return str(request.base_url).rstrip("/")


def describe(collection: Collection, request: Request) -> dict[str, Any]:
    """Return a collection as OGC API - Features shows it."""
    base = f"{_base(request)}/api/collections/{collection.id}"
    west, south, east, north = features.extent(store_of(request))
    return {
        "id": collection.id, "title": collection.title, "title_zh": collection.title_zh,
        "description": collection.description, "itemType": "feature", "crs": [CRS84_URI],
        "storageCrs": CRS84_URI,
        "extent": {"spatial": {"bbox": [[west, south, east, north]], "crs": CRS84_URI}},
        "links": [
            {"href": base, "rel": "self", "type": "application/json", "title": collection.title},
            {"href": f"{base}/items", "rel": "items", "type": GEOJSON, "title": f"{collection.title} as GeoJSON"},
        ],
    }


@router.get("/collections", summary="The collections")
def collections(request: Request) -> dict[str, Any]:
    """List the collections of features."""
    return {
        "links": [{"href": f"{_base(request)}/api/collections", "rel": "self", "type": "application/json"}],
        "collections": [describe(each, request) for each in COLLECTIONS],
    }


@router.get("/collections/{collection_id}", summary="One collection")
def collection(collection_id: str, request: Request) -> dict[str, Any]:
    """Describe one collection."""
    for each in COLLECTIONS:
        if each.id == collection_id:
            return describe(each, request)
    raise CollectionNotFound(f"no collection {collection_id!r}; there are: {', '.join(each.id for each in COLLECTIONS)}")


def _page(request: Request, page: features.Page, **more: Any) -> Response:
    features, matched, following = page
    address = f"{_base(request)}{request.url.path}"
    query = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
    links = [{"href": str(request.url), "rel": "self", "type": GEOJSON}]
    if following is not None:
        links.append({"href": f"{address}?{urlencode([*query, ('cursor', following)])}", "rel": "next", "type": GEOJSON})
    body = {
        "type": "FeatureCollection", "timeStamp": now(), "numberMatched": matched, "numberReturned": len(features),
        "links": links, **more, "features": features,
    }
    return JSONResponse(body, media_type=GEOJSON)


def _item(request: Request, collection_id: str, feature: features.Feature) -> Response:
    base = f"{_base(request)}/api/collections/{collection_id}"
    links = [
        {"href": str(request.url), "rel": "self", "type": GEOJSON},
        {"href": base, "rel": "collection", "type": "application/json"},
    ]
    return JSONResponse({**feature, "links": links}, media_type=GEOJSON)


@router.get("/collections/facilities/items", summary="Facilities", response_class=JSONResponse)
def facilities(
    request: Request,
    bbox: BBoxParameter = None,
    bbox_crs: BBoxCrsParameter = None,
    crs: CrsParameter = None,
    limit: LimitParameter = DEFAULT_ITEMS,
    cursor: CursorParameter = None,
    at: DatetimeParameter = None,
    recorded: RecordedParameter = None,
    q: Annotated[str | None, Query(description="Part of the name.")] = None,
    class_code: Annotated[str | None, Query(description="Class code, or the beginning of it: A is every hospital.")] = None,
    state: Annotated[State | None, Query(description="planned, operating, suspended or closed.")] = None,
    area: Annotated[str | None, Query(description="Area code, or the beginning of it.")] = None,
    located: Annotated[bool | None, Query(description="false: only those to be located.")] = None,
    illustrative: Annotated[bool | None, Query(description="true: only sample data; false: only real ones.")] = None,
) -> Response:
    """Return facilities in the order of their id."""
    check_crs84(crs, bbox_crs)
    query = FacilityQuery(
        name_contains=q, class_prefixes=None if class_code is None else [class_code],
        states=None if state is None else [state], area_prefix=area, bbox=bbox_of(bbox), located=located,
        illustrative=illustrative, valid_at=history.day_asked(at),
        recorded_at=history.known_asked(recorded),
    )
    return _page(request, features.facilities_page(store_of(request), query, cursor=cursor, limit=limit))


@router.get("/collections/facilities/items/{facility_id}", summary="One facility")
def facility(
    facility_id: str, request: Request, crs: CrsParameter = None, at: DatetimeParameter = None, recorded: RecordedParameter = None
) -> Response:
    """Return one facility."""
    check_crs84(crs)
    times = FacilityQuery(
        valid_at=history.day_asked(at), recorded_at=history.known_asked(recorded)
    )
    return _item(request, "facilities", features.facility_item(store_of(request), facility_id, times))


@router.get("/collections/facilities/items/{facility_id}/versions", summary="The history of one facility")
def facility_versions(
    facility_id: str, request: Request, limit: LimitParameter = DEFAULT_ITEMS, cursor: CursorParameter = None
) -> dict[str, Any]:
    """Return all revisions of a facility, newest first, with what each changed; of a deleted one too.

    ``superseded_at`` null is believed still. Contacts are personal data: only that they changed is said.
    """
    versions, following = history.versions_page(store_of(request), facility_id, cursor=cursor, limit=limit)
    item = f"{_base(request)}/api/collections/facilities/items/{facility_id}"
    links = [{"href": str(request.url), "rel": "self", "type": "application/json"}, {"href": item, "rel": "item", "type": GEOJSON}]
    if following is not None:
        query = urlencode([("limit", limit), ("cursor", following)])
        links.append({"href": f"{item}/versions?{query}", "rel": "next", "type": "application/json"})
    return {"facility": int(facility_id), "numberReturned": len(versions), "links": links, "versions": versions}


@router.get("/collections/areas/items", summary="Areas")
def areas(
    request: Request,
    bbox: BBoxParameter = None,
    bbox_crs: BBoxCrsParameter = None,
    crs: CrsParameter = None,
    limit: LimitParameter = DEFAULT_ITEMS,
    cursor: CursorParameter = None,
    at: DatetimeParameter = None,
    level: Annotated[str | None, Query(description=f"One of {', '.join(LEVELS)}.")] = None,
    parent: Annotated[str | None, Query(description="Code of the area above.")] = None,
    q: Annotated[str | None, Query(description="Part of the name.")] = None,
    has_polygon: Annotated[bool | None, Query(description="false: only coded divisions without a polygon.")] = None,
) -> Response:
    """Return areas in the order of their code. They carry no time yet: datetime does not restrict."""
    check_crs84(crs, bbox_crs)
    check_level(level)
    history.day_asked(at)
    query = AreaQuery(
        levels=None if level is None else [level], parent_code=parent, name_contains=q, has_geometry=has_polygon,
        bbox=bbox_of(bbox),
    )
    return _page(request, features.areas_page(store_of(request), query, cursor=cursor, limit=limit))


@router.get("/collections/areas/items/{code}", summary="One area")
def area(code: str, request: Request, crs: CrsParameter = None) -> Response:
    """Return one area."""
    check_crs84(crs)
    return _item(request, "areas", features.area_item(store_of(request), code))


@router.get("/collections/gaps/items", summary="Gaps")
def gaps(
    request: Request,
    bbox: BBoxParameter = None,
    bbox_crs: BBoxCrsParameter = None,
    crs: CrsParameter = None,
    limit: LimitParameter = DEFAULT_ITEMS,
    cursor: CursorParameter = None,
    at: DatetimeParameter = None,
    service: Annotated[str | None, Query(description="Id of the service; the default service unless given.")] = None,
    run: Annotated[str | None, Query(description="Id of a run; the service's newest unless given.")] = None,
    threshold: Annotated[str | None, Query(description="Limit of the service, such as 30min; the first unless given.")] = None,
    area_code: Annotated[str | None, Query(alias="area", description="Code of the area, or the beginning of it.")] = None,
    min_people: Annotated[float | None, Query(ge=0, description="Only gaps with at least so many people.")] = None,
) -> Response:
    """Return the gaps of one run, most people first. Runs carry no valid time yet: datetime does not restrict."""
    check_crs84(crs, bbox_crs)
    history.day_asked(at)
    store = store_of(request)
    page = features.gaps_page(
        store, service_id=service, run_id=run, threshold_id=threshold, area_code=area_code, min_people=min_people,
        bbox=bbox_of(bbox), cursor=cursor, limit=limit,
    )
    told = reading.run_notes(store, service, run)
    return _page(request, page, **told)


@router.get("/collections/gaps/items/{gap_id}", summary="One gap")
def gap(gap_id: str, request: Request, crs: CrsParameter = None) -> Response:
    """Return one gap."""
    check_crs84(crs)
    return _item(request, "gaps", features.gap_item(store_of(request), gap_id))
