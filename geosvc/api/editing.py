"""Changing facilities over HTTP: each change names the revision that its writer has seen."""

from __future__ import annotations

import re
from typing import Annotated, Any

from fastapi import APIRouter, Body, Header, Query, Request
from fastapi.responses import JSONResponse, Response

from geosvc.accounts.people import Person
from geosvc.api.collections import GEOJSON, etag_of
from geosvc.api.parameters import StrictRoute
from geosvc.errors import InvalidParameter, MissingPrecondition
from geosvc.gate.people import editor_of
from geosvc.workflows import editing
from geosvc.workflows.editing import Edited, Intent
from geosvc.workflows.history import facility_number

router = APIRouter(prefix="/api/collections/facilities", route_class=StrictRoute, tags=["editing"])

_NO_ID = 10**18  # what an id never reaches
_ETAG = re.compile(r'(?:W/)?"(\d{1,18})"')
_FEATURE = {
    "type": "Feature", "geometry": {"type": "Point", "coordinates": [126.805, 42.389]},
    "properties": {"name": "示例村卫生室", "class_code": "D600", "area_code": "220622100", "position_method": "surveyed"},
}
Document = Annotated[Any, Body(description="A GeoJSON feature; GET gives one that can be changed and sent back.", examples=[_FEATURE])]
Patch = Annotated[Any, Body(description="A merge patch (RFC 7396) of such a feature; null takes a value away.",
                            examples=[{"properties": {"name": "示例村卫生室", "note": None}}])]
IfMatch = Annotated[str | None, Header(alias="If-Match", description='The ETag of the revision that you have seen, such as "123".')]
ReasonParameter = Annotated[str | None, Query(max_length=500, description="Why; kept in the history.")]
ValidFromParameter = Annotated[str | None, Query(
    description="A day from which this is true, since something changed in the world. Without it the change is a correction: it should have been so.")]
ValidAtParameter = Annotated[str | None, Query(description="A correction of what was true on this day; today unless given.")]


def revision_of(if_match: str | None, thing: str = "facility") -> int | None:
    """Return the revision (of a scenario: the version) that an If-Match names; None without one.

    Raises
    ------
    MissingPrecondition
        For ``*``: it would overwrite what nobody has looked at.
    InvalidParameter
        If it is not an ETag that was given out.
    """
    if if_match is None:
        return None
    if if_match.strip() == "*":
        raise MissingPrecondition(f"If-Match: * would overwrite what you have not seen; send the ETag of the {thing}")
    found = _ETAG.fullmatch(if_match.strip())
    if found is None:
        raise InvalidParameter(f'If-Match must be one ETag of a {thing}, such as "123"; got {if_match[:60]!r}')
    return int(found[1])


def _intent(person: Person, reason: str | None, valid_from: str | None = None, valid_at: str | None = None) -> Intent:
    return Intent(author=person.name, origin="api", reason=reason, valid_from=valid_from, valid_at=valid_at)


def _answer(request: Request, edited: Edited, status: int = 200) -> Response:
    feature = edited.feature
    address = f"{str(request.base_url).rstrip('/')}/api/collections/facilities/items/{feature['id']}"
    body = {**feature, "links": [{"href": address, "rel": "self", "type": GEOJSON}], "changed": edited.changed, "checks": edited.findings}
    headers = {"ETag": etag_of(feature["properties"]["revision"])}
    if status == 201:
        headers["Location"] = address
    return JSONResponse(body, status_code=status, media_type=GEOJSON, headers=headers)


@router.post("/items", summary="Register a facility", status_code=201, response_class=JSONResponse)
def create(request: Request, document: Document, reason: ReasonParameter = None) -> Response:
    """Register a new facility. ``checks`` of the answer say what looks wrong about it."""
    person, store = editor_of(request)
    return _answer(request, editing.create(store, document, _intent(person, reason)), status=201)


@router.put("/items/{facility_id}", summary="Say what a facility is", response_class=JSONResponse)
def put(
    facility_id: str, request: Request, document: Document, if_match: IfMatch = None, reason: ReasonParameter = None,
    valid_from: ValidFromParameter = None, valid_at: ValidAtParameter = None,
) -> Response:
    """Correct a facility, or with ``valid_from`` update it from a day; what is left out is taken away, but a contact.

    Saving what is there already makes no revision.
    """
    person, store = editor_of(request)
    edited = editing.replace_with(
        store, facility_number(facility_id), document, _intent(person, reason, valid_from, valid_at), expected=revision_of(if_match))
    return _answer(request, edited)


@router.patch("/items/{facility_id}", summary="Say what is different about a facility", response_class=JSONResponse)
def patch(
    facility_id: str, request: Request, document: Patch, if_match: IfMatch = None, reason: ReasonParameter = None,
    valid_from: ValidFromParameter = None, valid_at: ValidAtParameter = None,
) -> Response:
    """Correct some fields of a facility, or with ``valid_from`` update them from a day; the others stay."""
    person, store = editor_of(request)
    edited = editing.patch(
        store, facility_number(facility_id), document, _intent(person, reason, valid_from, valid_at), expected=revision_of(if_match))
    return _answer(request, edited)


@router.delete("/items/{facility_id}", summary="Delete a facility", status_code=204, response_class=Response)
def delete(facility_id: str, request: Request, if_match: IfMatch = None, reason: ReasonParameter = None) -> Response:
    """Say that a record should not be there, at no time; needs a ``reason``. One that closed is updated to closed instead."""
    person, store = editor_of(request)
    editing.delete(store, facility_number(facility_id), _intent(person, reason), expected=revision_of(if_match))
    return Response(status_code=204)


@router.post("/items/{facility_id}/restore", summary="Take a deletion back", response_class=JSONResponse)
def restore(facility_id: str, request: Request, reason: ReasonParameter = None) -> Response:
    """Take a deletion back: everything is as it was before."""
    person, store = editor_of(request)
    return _answer(request, editing.restore(store, facility_number(facility_id), _intent(person, reason)))


@router.post("/items/{facility_id}/confirm", summary="Confirm a facility unchanged", response_class=JSONResponse)
def confirm(facility_id: str, request: Request, if_match: IfMatch = None, reason: ReasonParameter = None) -> Response:
    """Say that somebody looked and it is still so (the yearly review)."""
    person, store = editor_of(request)
    edited = editing.confirm(store, facility_number(facility_id), _intent(person, reason), expected=revision_of(if_match))
    return _answer(request, edited)


@router.post("/items/check", summary="Check a facility without saving it")
def check(
    request: Request, document: Document,
    facility: Annotated[str | None, Query(description="Id of the facility that the document is about; none for a new one.")] = None,
) -> dict[str, Any]:
    """Return what saving a document would change, where its position comes to lie, and what looks wrong about it."""
    _person, store = editor_of(request)
    return editing.preview(store, None if facility is None else facility_number(facility), document, "en")


@router.patch("/items", summary="Change many facilities alike")
def patch_many(
    request: Request,
    change: Annotated[Any, Body(
        description="``revisions``: the revision seen of each facility by id; ``patch``: a merge patch for all of them.",
        examples=[{"revisions": {"12": 340, "13": 341}, "patch": {"properties": {"ownership": "公立"}}}])],
    reason: ReasonParameter = None, valid_from: ValidFromParameter = None, valid_at: ValidAtParameter = None,
) -> dict[str, Any]:
    """Change many facilities at once, all or none."""
    person, store = editor_of(request)
    revisions = change.get("revisions") if isinstance(change, dict) else None
    if not isinstance(revisions, dict) or not all(isinstance(each, int) and not isinstance(each, bool) and 0 < each < _NO_ID for each in revisions.values()):
        raise InvalidParameter('expected {"revisions": {"12": 340}, "patch": {…}}: the revision seen of each facility, and a merge patch')
    numbers = {facility_number(each): revision for each, revision in revisions.items()}
    if len(numbers) < len(revisions):
        raise InvalidParameter("a facility is named twice in revisions")
    edited = editing.patch_many(
        store, numbers, change.get("patch"),
        _intent(person, reason, valid_from, valid_at))
    return {
        "changed": sum(each.changed for each in edited), "unchanged": sum(not each.changed for each in edited),
        "items": [{"id": each.feature["id"], "revision": each.feature["properties"]["revision"], "changed": each.changed, "checks": each.findings}
                  for each in edited],
    }
