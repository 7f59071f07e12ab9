"""Gaps: page by page, one by one, and as files."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse, JSONResponse, Response

from geosvc.api.collections import item_of, page_of
from geosvc.api.exports import FILES, download
from geosvc.api.parameters import (
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
)
from geosvc.api.services import ScenarioParameter, answering
from geosvc.gate.people import store_of
from geosvc.store.runs import GAP_SORTS
from geosvc.workflows import features, gap_files, reading

router = APIRouter(prefix="/api", route_class=StrictRoute, tags=["features"])

ServiceParameter = Annotated[str | None, Query(description="Id of the service; the default service unless given.")]
RunParameter = Annotated[
    str | None, Query(description="Id of a run; the service's newest unless given. A scenario is answered by its trial run.")]
ThresholdParameter = Annotated[str | None, Query(description="Limit of the service, such as 30min; the first unless given.")]
AreaParameter = Annotated[str | None, Query(alias="area", description="Code of the area, or the beginning of it.")]
MinPeopleParameter = Annotated[float | None, Query(ge=0, description="Only gaps with at least so many people.")]
GapSortParameter = Annotated[str | None, Query(max_length=20, description=(
    f"One of {', '.join(GAP_SORTS)}: most people first; farthest beyond the limit first, before all what cannot be reached at "
    "all; by the code of the area. The first unless given."))]


@router.get("/collections/gaps/items", summary="Gaps", response_class=JSONResponse)
def gaps(
    request: Request,
    bbox: BBoxParameter = None,
    bbox_crs: BBoxCrsParameter = None,
    crs: CrsParameter = None,
    limit: LimitParameter = DEFAULT_ITEMS,
    cursor: CursorParameter = None,
    at: DatetimeParameter = None,
    recorded: RecordedParameter = None,
    service: ServiceParameter = None,
    run: RunParameter = None,
    threshold: ThresholdParameter = None,
    area_code: AreaParameter = None,
    min_people: MinPeopleParameter = None,
    sort: GapSortParameter = None,
    scenario: ScenarioParameter = None,
) -> Response:
    """Return the gaps of one run, most people first or as sorted; with ``datetime`` or ``recorded`` of the run measured for that day.

    ``worst`` is the largest value that is reached in a gap, ``beyond_by`` how far that lies beyond the limit; both are
    null where nothing in it can be reached. ``settlements`` are the largest of ``settlements_count`` (null: not counted).
    """
    check_crs84(crs, bbox_crs)
    store = store_of(request)
    run, times = answering(request, service, run, at, recorded, scenario)
    page = features.gaps_page(
        store, service_id=service, run_id=run, threshold_id=threshold, area_code=area_code, min_people=min_people,
        bbox=bbox_of(bbox), sort=sort, cursor=cursor, limit=limit,
    )
    told = reading.run_notes(store, service, run)
    return page_of(request, page, **told, **times)


@router.get("/collections/gaps/items/{gap_id}", summary="One gap")
def gap(gap_id: str, request: Request, crs: CrsParameter = None) -> Response:
    """Return one gap."""
    check_crs84(crs)
    return item_of(request, "gaps", features.gap_item(store_of(request), gap_id))


@router.get("/collections/gaps/export", summary="Gaps as a file", response_class=FileResponse, responses=FILES)
def export(
    request: Request,
    f: Annotated[Literal["csv", "xlsx", "geojson", "gpkg"], Query(description="Format of the file.")] = "csv",
    language: Annotated[Literal["zh", "en"], Query(description="Language of headers and notes in csv and xlsx.")] = "zh",
    bbox: BBoxParameter = None,
    at: DatetimeParameter = None,
    recorded: RecordedParameter = None,
    service: ServiceParameter = None,
    run: RunParameter = None,
    threshold: ThresholdParameter = None,
    area_code: AreaParameter = None,
    min_people: MinPeopleParameter = None,
    sort: GapSortParameter = None,
    scenario: ScenarioParameter = None,
) -> FileResponse:
    """Return the gaps that the same parameters list, as a file; the same run gives the same file."""
    store = store_of(request)
    run, _times = answering(request, service, run, at, recorded, scenario)
    asked: dict[str, Any] = {
        "service_id": service, "run_id": run, "threshold_id": threshold, "area_code": area_code, "min_people": min_people,
        "bbox": bbox_of(bbox), "sort": sort,
    }
    return download(
        lambda target: gap_files.export_gaps(store, target, language=language, **asked), f, gap_files.name_of)
