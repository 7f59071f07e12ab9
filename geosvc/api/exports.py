"""The facilities as files to download."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask

from geosvc.accounts.people import Right
from geosvc.api.collections import GEOJSON
from geosvc.api.parameters import (
    AreaParameter,
    ClassParameter,
    IllustrativeParameter,
    LocatedParameter,
    RecordedParameter,
    SourceParameter,
    StrictRoute,
    TextParameter,
    UpdatedSinceParameter,
)
from geosvc.gate.people import person_of, store_of
from geosvc.registry.facilities import State
from geosvc.workflows import exporting

router = APIRouter(prefix="/api", route_class=StrictRoute, tags=["features"])

MOST_FACILITIES = 200_000
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_TYPES = {"csv": "text/csv; charset=utf-8", "xlsx": _XLSX, "geojson": GEOJSON, "gpkg": "application/geopackage+sqlite3"}
FILES: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file.", "content": {name.partition(";")[0]: {} for name in _TYPES.values()}}
}


@router.get(
    "/collections/facilities/export", summary="Facilities as a file", response_class=FileResponse, responses=FILES
)
def export(
    request: Request,
    f: Annotated[Literal["csv", "xlsx", "geojson", "gpkg"], Query(description="Format of the file.")] = "csv",
    datum: Annotated[Literal["WGS84", "CGCS2000", "GCJ02", "BD09"], Query(description="Datum of the coordinates; the file says it.")] = "WGS84",
    at: Annotated[str | None, Query(alias="datetime", max_length=40, description="A day or an instant: as it was true then.")] = None,
    recorded: RecordedParameter = None,
    q: TextParameter = None,
    class_code: ClassParameter = None,
    area: AreaParameter = None,
    state: Annotated[State | None, Query(description="planned, operating, suspended or closed.")] = None,
    located: LocatedParameter = None,
    illustrative: IllustrativeParameter = None,
    source: SourceParameter = None,
    updated_since: UpdatedSinceParameter = None,
    contacts: Annotated[bool, Query(description="true: with contacts, which are personal data; for editors.")] = False,
) -> FileResponse:
    """Return facilities as a file that can be imported again with 0 changes; contacts are in it only where they are asked for."""
    if contacts:
        person_of(request).must(Right.SEE_CONTACTS)
    query = exporting.query_of(
        text=q, class_prefix=class_code, area=area, state=state, located=located, illustrative=illustrative, source=source,
        updated_since=updated_since,
    )
    return _download(lambda target: exporting.export_facilities(
        store_of(request), target, query, date=None if at == ".." else at, recorded=None if recorded == ".." else recorded,
        datum=datum, with_contacts=contacts, most=MOST_FACILITIES), f)


@router.get("/collections/facilities/template", summary="Workbook to fill in", response_class=FileResponse, responses=FILES)
def template(
    request: Request, empty: Annotated[bool, Query(description="true: headers and drop-downs only.")] = False
) -> FileResponse:
    """Return a workbook with text cells, drop-downs from the code lists, and the current values."""
    return _download(lambda target: exporting.write_template(store_of(request), target, empty=empty, most=MOST_FACILITIES), "xlsx")


def _download(write: Callable[[Path], dict[str, Any]], suffix: str) -> FileResponse:
    return download(write, suffix, _name_of)


def _name_of(told: dict[str, Any]) -> str:
    title = "".join(each for each in told["registry"].rpartition(" #")[0] if each.isalnum())[:40]
    return f"{title}机构-{told['as_of']}-{told['datum']}"


def download(
    write: Callable[[Path], dict[str, Any]], suffix: str, name_of: Callable[[dict[str, Any]], str]
) -> FileResponse:
    """Return a file that is written now and removed when it was sent; ``name_of`` names it by what ``write`` returned."""
    folder = Path(tempfile.mkdtemp(prefix="geosvc-export-"))
    target = folder / f"export.{suffix}"

    def clean() -> None:
        target.unlink(missing_ok=True)
        folder.rmdir()

    try:
        told = write(target)
    except BaseException:
        clean()
        raise
    return FileResponse(
        target, media_type=_TYPES[suffix], filename=f"{name_of(told)}.{suffix}",
        headers={"Cache-Control": "no-cache"}, background=BackgroundTask(clean),
    )
