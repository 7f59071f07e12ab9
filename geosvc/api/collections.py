"""Collections of features: what they are; facilities and areas. Gaps are in :mod:`geosvc.api.gaps`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response

from geosvc.accounts.people import Right
from geosvc.api.parameters import (
    CRS84_URI,
    DEFAULT_ITEMS,
    AreaParameter,
    BBoxCrsParameter,
    BBoxParameter,
    ClassParameter,
    CrsParameter,
    CursorParameter,
    DatetimeParameter,
    IllustrativeParameter,
    LimitParameter,
    LocatedParameter,
    RecordedParameter,
    SortParameter,
    SourceParameter,
    StrictRoute,
    TextParameter,
    UpdatedSinceParameter,
    bbox_of,
    check_crs84,
    check_level,
)
from geosvc.api.problems import problem
from geosvc.errors import CollectionNotFound, FacilityNotFound
from geosvc.gate.people import person_of, store_of
from geosvc.registry.areas import LEVELS
from geosvc.registry.facilities import State
from geosvc.registry.moments import AsOf, now
from geosvc.store.areas import AreaQuery
from geosvc.store.facilities import FacilityQuery
from geosvc.workflows import area_editing, divisions, duplicates, features, finding, history

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


def etag_of(revision: int) -> str:
    """Return the ETag of a revision."""
    return f'"{revision}"'


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


def page_of(request: Request, page: features.Page, **more: Any) -> Response:
    """Return a page of features with the link to the next one; ``more`` are further members."""
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


def item_of(request: Request, collection_id: str, feature: features.Feature) -> Response:
    """Return one feature with its links."""
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
    sort: SortParameter = None,
    q: TextParameter = None,
    class_code: ClassParameter = None,
    state: Annotated[State | None, Query(description="planned, operating, suspended or closed.")] = None,
    area: AreaParameter = None,
    located: LocatedParameter = None,
    illustrative: IllustrativeParameter = None,
    source: SourceParameter = None,
    updated_since: UpdatedSinceParameter = None,
) -> Response:
    """Return facilities in the order of their id, or as sorted.

    A page follows a place in the order: what does not change while you read stands in exactly one page.
    """
    check_crs84(crs, bbox_crs)
    for read, told in ((history.day_asked, at), (history.known_asked, recorded)):
        read(told)  # an empty field of a form means now; an empty parameter of a script is a mistake
    query = finding.query_of(
        text=q, class_prefix=class_code, area=area, state=state, located=located, illustrative=illustrative, source=source,
        updated_since=updated_since, bbox=bbox_of(bbox), date=at, recorded=recorded,
    )
    return page_of(request, features.facilities_page(store_of(request), query, cursor=cursor, limit=limit, sort=sort))


@router.get("/collections/facilities/items/{facility_id}", summary="One facility")
def facility(
    facility_id: str, request: Request, crs: CrsParameter = None, at: DatetimeParameter = None, recorded: RecordedParameter = None,
    contacts: Annotated[bool, Query(description="true: with its contact, which is personal data; for editors.")] = False,
) -> Response:
    """Return one facility; its ETag is what a change of it sends as If-Match. Of one that was merged: 410, and the one it went into."""
    check_crs84(crs)
    if contacts:
        person_of(request).must(Right.SEE_CONTACTS)
    times = FacilityQuery(
        valid_at=history.day_asked(at), recorded_at=history.known_asked(recorded)
    )
    store = store_of(request)
    try:
        found = features.facility_item(store, facility_id, times, with_contact=contacts)
    except FacilityNotFound:
        kept = None if at or recorded else duplicates.where_it_went(store, history.facility_number(facility_id))
        if kept is None:
            raise
        return _merged(request, facility_id, kept)
    answer = item_of(request, "facilities", found)
    answer.headers["ETag"] = etag_of(found["properties"]["revision"])
    # With another right, or another language of the answer, the same address says something else.
    answer.headers["Vary"] = "Authorization, Cookie"
    return answer


def _merged(request: Request, facility_id: str, kept: int) -> Response:
    """Say where a facility went that is not there any more."""
    address = f"{_base(request)}/api/collections/facilities/items/{kept}"
    answer = problem(
        410, "FacilityMerged", f"facility {facility_id} was merged into facility {kept}; ask for that one", merged_into=kept,
        links=[{"href": address, "rel": "alternate", "type": GEOJSON}])
    answer.headers["Link"] = f'<{address}>; rel="alternate"'
    return answer


@router.get("/collections/facilities/items/{facility_id}/versions", summary="The history of one facility")
def facility_versions(
    facility_id: str, request: Request, limit: LimitParameter = DEFAULT_ITEMS, cursor: CursorParameter = None
) -> dict[str, Any]:
    """Return all revisions of a facility, newest first, with what each changed; of a deleted one too.

    ``superseded_at`` null is believed still. Contacts are personal data: only that they changed is said. Who
    changed it and why is told to those who signed in.
    """
    versions, following = history.versions_page(
        store_of(request), facility_id, cursor=cursor, limit=limit, with_authors=person_of(request).signed_in)
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
    recorded: RecordedParameter = None,
    level: Annotated[str | None, Query(description=f"One of {', '.join(LEVELS)}.")] = None,
    parent: Annotated[str | None, Query(description="Code of the area above.")] = None,
    q: Annotated[str | None, Query(description="Part of the name.")] = None,
    has_polygon: Annotated[bool | None, Query(description="false: only coded divisions without a polygon.")] = None,
) -> Response:
    """Return areas in the order of their code, as they were on a day; a zone of members has the polygon of these together."""
    check_crs84(crs, bbox_crs)
    check_level(level)
    query = AreaQuery(
        valid_at=history.day_asked(at), recorded_at=history.known_asked(recorded), levels=None if level is None else [level], parent_code=parent, name_contains=q, has_geometry=has_polygon,
        bbox=bbox_of(bbox),
    )
    return page_of(request, features.areas_page(store_of(request), query, cursor=cursor, limit=limit))


@router.get("/collections/areas/items/{code}", summary="One area")
def area(
    code: str, request: Request, crs: CrsParameter = None, at: DatetimeParameter = None, recorded: RecordedParameter = None
) -> Response:
    """Return one area as it was on a day; of a code that ended the answer is 404 and says what it became.

    Its ETag is the revision, which a change of it names.
    """
    check_crs84(crs)
    times = AsOf(valid_at=history.day_asked(at), recorded_at=history.known_asked(recorded))
    feature, revision = area_editing.area_with_revision(store_of(request), code, times)
    answer = item_of(request, "areas", feature)
    answer.headers["ETag"] = etag_of(revision)
    # With another right the same address may say something else.
    answer.headers["Vary"] = "Authorization, Cookie"
    return answer


@router.get("/collections/areas/items/{code}/versions", summary="The history of one area")
def area_versions(code: str, request: Request) -> dict[str, Any]:
    """Return all revisions of an area, newest first, with the fields that each changed."""
    return {"area": code, "versions": divisions.area_versions(store_of(request), code)}


@router.get("/collections/areas/items/{code}/populations", summary="The people of one area")
def area_populations(
    code: str, request: Request, at: DatetimeParameter = None, recorded: RecordedParameter = None
) -> dict[str, Any]:
    """Return every figure of people of an area with year, kind, status and source, and which of them a run of that day takes."""
    times = AsOf(valid_at=history.day_asked(at), recorded_at=history.known_asked(recorded))
    return features.populations_of_area(store_of(request), code, times)


@router.get("/divisions", summary="What divisions became")
def successions(request: Request) -> dict[str, Any]:
    """List which division became which, by day: new codes, mergers, splits; those to come too."""
    return {"successions": divisions.list_successions(store_of(request))}
