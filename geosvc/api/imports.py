"""Importing facilities over HTTP: a file is sent, looked at, tried, imported, and can be undone."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Query, Request
from fastapi.responses import FileResponse, JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from geosvc.accounts.people import Person, Right
from geosvc.api.parameters import CursorParameter, StrictRoute
from geosvc.errors import NotFound
from geosvc.gate.people import editor_of, person_of, store_of
from geosvc.gate.uploads import FORM, SentFile
from geosvc.registry.imports.facilities import FacilityOptions
from geosvc.workflows import staging
from geosvc.workflows.import_records import import_record, imports_page
from geosvc.workflows.undoing import undo_import

router = APIRouter(prefix="/api/imports", route_class=StrictRoute, tags=["imports"])

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_TYPES = {".xlsx": _XLSX, ".csv": "text/csv; charset=utf-8"}
_MOST_AT_ONCE = 200
Number = Annotated[int, Field(ge=1, lt=10**18)]
Word = Annotated[str, Field(max_length=500)]
LayerParameter = Annotated[str | None, Query(max_length=200, description="Sheet or layer; the first unless named.")]
CrsParameter = Annotated[str | None, Query(max_length=100, description="CRS of a map file that does not say it, such as EPSG:4490.")]


class _Body(BaseModel):
    """A body in which a misspelt member is refused."""

    model_config = ConfigDict(extra="forbid")


class PreviewBody(_Body):
    """How the file is read. What is left out is guessed, but the datum: it is asked for, never guessed."""

    mapping: dict[Word, Word] = Field(
        default={}, description="Header, and the field that its column is; empty to leave the column out.", examples=[{"医疗点": "name", "名称": ""}])
    datum: Literal["WGS84", "CGCS2000", "GCJ02", "BD09"] | None = Field(default=None, description="高德 and 腾讯 give GCJ02, 百度 gives BD09, a GPS gives WGS84.")
    source_types: dict[Word, Annotated[str, Field(max_length=60)]] = Field(
        default={}, description="A word of the class column, and the class that it means.", examples=[{"村所": "D600"}])
    answers: dict[Number, Number | Literal["new"]] = Field(
        default={}, description="Of a row that waits, by its number: the id of the facility that it is, or new.", examples=[{"12": 5, "14": "new"}])
    default_class: Annotated[str, Field(max_length=60)] | None = Field(default=None, description="Class of all rows, where the file has no column for it.")
    without_positions: bool = Field(default=False, description="The file is known to have no coordinates.")
    skip_bad: bool = Field(default=False, description="Take the good rows, leave the others.")
    layer: Annotated[str, Field(max_length=200)] | None = None
    crs: Annotated[str, Field(max_length=100)] | None = None
    source: Annotated[str, Field(max_length=100)] = Field(default="", description="Whose file it is, where several have the same headers.")


class CommitBody(_Body):
    """Which preview was looked at; the import does what it said, or nothing."""

    preview: Annotated[str, Field(max_length=40)]
    skip_bad: bool | None = Field(default=None, description="true: take the good rows, leave those that are refused or wait. As of the preview unless given.")


class UndoBody(_Body):
    """Why an import is undone, and whether also where somebody has confirmed since what it said."""

    reason: Annotated[str, Field(max_length=500)] | None = None
    confirmed_too: bool = False


_UPLOAD = {"id": "kQ3v7m0sV9wq2d8m1x5T4A", "file_name": "名单.csv", "sha256": "9f2b…", "size_bytes": 4210, "author": "wang", "at": "2026-11-22T02:10:00.123456"}
_COLUMNS = {
    "file_name": "名单.csv", "rows": 120, "layers": [], "layer": None, "headers": [{"header": "医疗点", "guess": "", "field": ""}], "sample": [["康健所"]],
    "missing": ["name"], "datum": {"told": None, "by": None, "ask": True, "before": None, "choices": ["WGS84", "CGCS2000", "GCJ02", "BD09"]},
    "classes": [{"word": "村所", "rows": 80, "class_code": "X999", "class_zh": "未分类", "class_en": "unclassified", "left_out": None}], "remembered": None,
}
_REFUSED = {"row": 4, "column": None, "value": None, "reason": "the name is empty; every facility needs one"}
_REPORT = {"kind": "facilities", "file_name": "名单.csv", "new": 117, "changed": 2, "unchanged": 0, "refused": [_REFUSED], "notes": [], "to_be_located": 0}


def _shown(status: int, description: str, example: Any) -> dict[int | str, dict[str, Any]]:
    return {status: {"description": description, "content": {"application/json": {"example": example}}}}


def _own_only(person: Person) -> str | None:
    """Return whose imports an account sees: one limited to areas sees its own, the others all."""
    return None if person.areas is None else person.name


def _reader(request: Request) -> Person:
    """Return who reads the list; it names people and their files, so that nobody reads it without an account."""
    person = person_of(request)
    person.must(Right.EDIT if not person.signed_in else Right.READ)
    return person


@router.get("", summary="Imports", responses=_shown(200, "Newest first.", {"numberMatched": 1, "numberReturned": 1, "imports": [
    {"id": 3, "kind": "facilities", "file_name": "名单.csv", "at": "2026-11-22T02:12:00.1", "author": "wang", "new": 117, "changed": 2, "unchanged": 0,
     "refused": 1, "undone_at": None, "undoable": False, "not_undoable": "later"}], "links": []}))
def imports(request: Request, limit: Annotated[int, Query(ge=1, le=_MOST_AT_ONCE)] = 20, cursor: CursorParameter = None) -> dict[str, Any]:
    """Return what was imported, by whom, and whether it can be undone; an account that is limited to areas sees its own imports."""
    person = _reader(request)
    found, matched, following = imports_page(store_of(request), cursor, limit, of=_own_only(person))
    links = [{"href": str(request.url), "rel": "self", "type": "application/json"}]
    if following is not None:
        links.append({"href": str(request.url.include_query_params(cursor=following)), "rel": "next", "type": "application/json"})
    return {"numberMatched": matched, "numberReturned": len(found), "imports": found, "links": links}


@router.post("", summary="Send a file", status_code=201, openapi_extra=FORM, response_class=JSONResponse,
             responses=_shown(201, "The file waits, with its columns.", {"upload": _UPLOAD, "columns": _COLUMNS}))
def upload(request: Request, file: SentFile) -> JSONResponse:
    """Keep a file of facilities for a day, and say how its columns would be read; nothing is registered.

    CSV, .xlsx, .xls, .ods, GeoJSON or GeoPackage. Only its sender sees it.
    """
    person, store = editor_of(request)
    settings = request.app.state.settings
    kept = staging.stage(store, file.filename or "", file.file, author=person.name, max_mb=settings.max_file_mb)
    try:
        told = staging.describe(store, kept.id, author=person.name, settings=settings)
    except BaseException:
        staging.discard(store, kept.id, author=person.name)
        raise
    return JSONResponse({"upload": kept.as_dict(), "columns": told}, status_code=201, headers={"Location": f"{_address(request)}/uploads/{kept.id}"})


@router.get("/uploads", summary="Files that wait", responses=_shown(200, "Your own.", {"uploads": [_UPLOAD]}))
def uploads(request: Request) -> dict[str, Any]:
    """Return the files that you have sent and not imported yet."""
    person, store = editor_of(request)
    return {"uploads": [each.as_dict() for each in staging.waiting(store, author=person.name)]}


@router.get("/uploads/{upload_id}", summary="Columns of a file", responses=_shown(200, "How it would be read.", {"upload": _UPLOAD, "columns": _COLUMNS}))
def describe(request: Request, upload_id: str, layer: LayerParameter = None, crs: CrsParameter = None) -> dict[str, Any]:
    """Return the columns of a file with a guess for each, samples, what is missing and must be told, and how such a file was read before."""
    person, store = editor_of(request)
    kept = staging.staged(store, upload_id, author=person.name)
    told = staging.describe(store, upload_id, author=person.name, settings=request.app.state.settings, layer=layer, crs=crs)
    return {"upload": kept.as_dict(), "columns": told}


@router.post("/uploads/{upload_id}/preview", summary="Try an import", responses=_shown(200, "What the import would do.", {**_REPORT, "dry_run": True, "preview": "x1Yb2Q"}))
def preview(request: Request, upload_id: str, body: Annotated[PreviewBody, Body()]) -> dict[str, Any]:
    """Say what importing a file would do: new, changed (with the fields) and unchanged facilities, rows that are refused and why.

    Rows that may be a registered facility wait, with the candidates and the reasons. Nothing is stored.
    """
    person, store = editor_of(request)
    return staging.preview(store, upload_id, FacilityOptions(**body.model_dump()), author=person.name, settings=request.app.state.settings)


@router.post("/uploads/{upload_id}/commit", summary="Import", status_code=201, responses=_shown(201, "Imported.", {**_REPORT, "import_id": 3}))
def commit(request: Request, upload_id: str, body: Annotated[CommitBody, Body()]) -> JSONResponse:
    """Import a file just as its preview said, or not at all.

    Refused with 412 if the registry changed so that the import would do something else; with 422 if rows are
    refused (``refused``) or wait for an answer (``waiting``) and are not to be skipped. ``import_id`` is null where nothing changed.
    """
    person, store = editor_of(request)
    report = staging.commit(
        store, upload_id, body.preview, author=person.name, settings=request.app.state.settings, skip_bad=body.skip_bad)
    headers = {"Location": f"{_address(request)}/{report.import_id}"} if report.import_id is not None else {}
    return JSONResponse({**report.as_dict(), "import_id": report.import_id}, status_code=201, headers=headers)


@router.get("/uploads/{upload_id}/refused", summary="Rows that were not taken", response_class=FileResponse,
            responses={200: {"description": "Your own table, faulty cells marked.", "content": {"text/csv": {}, _XLSX: {}}}})
def refused(request: Request, upload_id: str) -> FileResponse:
    """Return the rows that the last preview would not take (for a day also after the import), with the reason beside each: correct and send them."""
    person, store = editor_of(request)
    path = staging.refused_rows(store, upload_id, author=person.name)
    if path is None:
        raise NotFound("no row of this file was refused in its last preview, or there was no preview yet")
    return FileResponse(path, media_type=_TYPES[path.suffix], filename=path.name, headers={"Cache-Control": "no-store"})


@router.delete("/uploads/{upload_id}", summary="Throw a file away", status_code=204, response_class=Response)
def discard(request: Request, upload_id: str) -> Response:
    """Throw away a file that was sent and not imported."""
    person, store = editor_of(request)
    staging.discard(store, upload_id, author=person.name)
    return Response(status_code=204)


@router.get("/{import_id}", summary="One import", responses=_shown(200, "With its report, and what depends on it.", {
    "id": 3, "file_name": "名单.csv", "report": _REPORT, "later_changes": 1, "later": [{"facility_id": 5, "name": "康健所", "kind": "correction"}]}))
def one_import(request: Request, import_id: Number) -> dict[str, Any]:
    """Return one import with its report, and the later changes that depend on it."""
    person = _reader(request)
    return import_record(store_of(request), import_id, of=_own_only(person))


@router.post("/{import_id}/undo", summary="Undo an import", responses=_shown(200, "Undone.", {
    "import_id": 3, "file_name": "名单.csv", "deleted": 117, "believed_again": 2, "confirmations": 0}))
def undo(request: Request, import_id: Number, body: Annotated[UndoBody, Body()]) -> dict[str, Any]:
    """Take an import back as a whole, also weeks later: an export is then the one from before.

    Who made it may, and an administrator. Where later changes depend on it, the answer (409) names them in ``later`` and nothing is undone.
    """
    person, store = editor_of(request)
    import_record(store, import_id, of=_own_only(person))  # of an import that may not be seen it is not told that it is another's
    own = None if person.may(Right.ADMINISTER) else person.name
    return undo_import(store, import_id, author=person.name, reason=body.reason, confirmed_too=body.confirmed_too, of=own).as_dict()


def _address(request: Request) -> str:
    return f"{str(request.base_url).rstrip('/')}/api/imports"
