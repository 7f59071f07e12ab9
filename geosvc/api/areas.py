"""Changing areas over HTTP: one by one with the revision that was seen, and reforms of divisions. For administrators."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Query, Request
from fastapi.responses import JSONResponse, Response

from geosvc.accounts.people import Person
from geosvc.api.collections import GEOJSON, etag_of
from geosvc.api.editing import IfMatch, ReasonParameter, revision_of
from geosvc.api.parameters import StrictRoute
from geosvc.errors import InvalidInput
from geosvc.gate.people import administrator_of
from geosvc.workflows import area_editing, divisions
from geosvc.workflows.editing import Intent

router = APIRouter(prefix="/api/collections/areas/items", route_class=StrictRoute, tags=["areas"])
reforms = APIRouter(prefix="/api/divisions", route_class=StrictRoute, tags=["areas"])

_ORIGIN = "api"
_MOST_LETTERS = 500
_NO_ID = 10**18  # what an id never reaches
_AREA = {
    "type": "Feature",
    "geometry": {"type": "Polygon", "coordinates": [[[126.7, 42.3], [126.9, 42.3], [126.9, 42.5], [126.7, 42.5], [126.7, 42.3]]]},
    "properties": {"code": "220622103", "name": "示例镇", "level": "township", "parent_code": "220622", "source": "县民政局"},
}
_PART = {**_AREA, "properties": {**_AREA["properties"], "code": "220622104", "name": "示例乡"}}  # type: ignore[dict-item]
Document = Annotated[Any, Body(description="A GeoJSON feature; GET gives one that can be changed and sent back.", examples=[_AREA])]
Patch = Annotated[Any, Body(description="A merge patch (RFC 7396) of such a feature; null takes a value away.",
                            examples=[{"properties": {"name": "示例镇", "settlement_class": "rural"}}])]
ValidFromParameter = Annotated[str | None, Query(
    description="A day from which this is true, since something changed in the world. Without it the change is a correction: it was always so.")]
_SEEN = "``revisions``: the revision seen of each division that is there, by code (its ETag)"


def _intent(person: Person, reason: str | None, valid_from: str | None = None) -> Intent:
    return Intent(author=person.name, origin=_ORIGIN, reason=reason, valid_from=valid_from)


def _answer(request: Request, feature: dict[str, Any], revision: int, *, changed: bool, status: int = 200) -> Response:
    address = f"{str(request.base_url).rstrip('/')}/api/collections/areas/items/{feature['id']}"
    body = {**feature, "links": [{"href": address, "rel": "self", "type": GEOJSON}], "changed": changed}
    headers = {"ETag": etag_of(revision), **({"Location": address} if status == 201 else {})}
    return JSONResponse(body, status_code=status, media_type=GEOJSON, headers=headers)


# -- one area ------------------------------------------------------------------------------------


@router.post("", summary="Register an area", status_code=201, response_class=JSONResponse)
def create(request: Request, document: Document, reason: ReasonParameter = None, valid_from: ValidFromParameter = None) -> Response:
    """Register a division or a zone; with ``valid_from`` it is there from that day on."""
    person, store = administrator_of(request)
    feature, revision = area_editing.create(store, document, _intent(person, reason, valid_from))
    return _answer(request, feature, revision, changed=True, status=201)


@router.put("/{code}", summary="Say what an area is", response_class=JSONResponse)
def put(
    code: str, request: Request, document: Document, if_match: IfMatch = None, reason: ReasonParameter = None, valid_from: ValidFromParameter = None,
) -> Response:
    """Correct an area, or with ``valid_from`` say what it is from a day on; what is left out is taken away.

    Saving what is there already makes no revision. A code is changed by a reform: ``/api/divisions/recode``.
    """
    person, store = administrator_of(request)
    feature, revision, changed = area_editing.replace_with(
        store, code, document, _intent(person, reason, valid_from), expected=revision_of(if_match, "area"))
    return _answer(request, feature, revision, changed=changed)


@router.patch("/{code}", summary="Say what is different about an area", response_class=JSONResponse)
def patch(
    code: str, request: Request, document: Patch, if_match: IfMatch = None, reason: ReasonParameter = None, valid_from: ValidFromParameter = None,
) -> Response:
    """Correct some fields of an area, or with ``valid_from`` change them from a day on; the others stay."""
    person, store = administrator_of(request)
    feature, revision, changed = area_editing.patch(
        store, code, document, _intent(person, reason, valid_from), expected=revision_of(if_match, "area"))
    return _answer(request, feature, revision, changed=changed)


@router.delete("/{code}", summary="End an area", status_code=204, response_class=Response)
def end(
    code: str, request: Request, on: Annotated[str, Query(description="The first day on which it is not there any more.")],
    if_match: IfMatch = None, reason: ReasonParameter = None,
) -> Response:
    """Say that there is no such area from a day on; needs a ``reason``. Before that day it stays as it was.

    What became of a division is said by a reform instead: then its people and facilities are found under the new one.
    """
    person, store = administrator_of(request)
    area_editing.end(store, code, on=on, intent=_intent(person, reason), expected=revision_of(if_match, "area"))
    return Response(status_code=204)


@router.post("/{code}/populations", summary="Register a figure of people")
def save_figure(
    code: str, request: Request,
    document: Annotated[Any, Body(
        description="``year``, ``kind`` (resident, registered), ``people``, ``status`` (census, survey, estimate, schematic), ``source``; "
                    "``groups`` and ``note`` if known; ``replaces``: the number of people that is corrected, as you saw it.",
        examples=[{"year": 2024, "kind": "resident", "people": 14210, "status": "estimate", "source": "县统计局", "groups": {"65_plus": 3120}}])],
) -> dict[str, Any]:
    """Register a figure, or correct the one with the same year, kind, status and source (``replaces``); others stay beside it."""
    person, store = administrator_of(request)
    return area_editing.save_figure(store, code, document, author=person.name, origin=_ORIGIN)


# -- reforms of divisions ------------------------------------------------------------------------


@reforms.post("/recode", summary="Give a division another code")
def recode(
    request: Request,
    told: Annotated[Any, Body(description=f"``old``, ``new``, ``on`` (the first day); ``name`` and ``note`` if they change. {_SEEN}.",
                              examples=[{"old": "220622101", "new": "220622105", "on": "2026-01-01", "note": "民函〔2025〕1号", "revisions": {"220622101": 12}}])],
) -> dict[str, Any]:
    """Give a division another code from a day on; before it stays as it was, facilities with the old code are found under the new."""
    person, store = administrator_of(request)
    asked = _asked(told, needed=("old", "new", "on"), others=("name", "note"))
    return divisions.recode(
        store, asked["old"], asked["new"], on=asked["on"], name=asked["name"], note=asked["note"], revisions=_revisions(told), author=person.name,
        origin=_ORIGIN)


@reforms.post("/merge", summary="Make several divisions one")
def merge(
    request: Request,
    told: Annotated[Any, Body(description=f"``codes``, ``into`` (one that is there, or a new code with a ``name``), ``on``, ``note``. {_SEEN}.",
                              examples=[{"codes": ["220622101", "220622102"], "into": "220622101", "on": "2026-01-01",
                                         "revisions": {"220622101": 12, "220622102": 13}}])],
) -> dict[str, Any]:
    """Make several divisions one from a day on; its polygon is theirs together, where every one has one."""
    person, store = administrator_of(request)
    asked = _asked(told, needed=("into", "on"), others=("name", "note"), beside=("codes",))
    codes = area_editing.codes_told(told.get("codes"), "codes")
    return divisions.merge(
        store, list(codes), asked["into"], on=asked["on"], name=asked["name"], note=asked["note"], revisions=_revisions(told), author=person.name,
        origin=_ORIGIN)


@reforms.post("/split", summary="Make several divisions of one")
def split(
    request: Request,
    told: Annotated[Any, Body(description=f"``code``, ``parts`` (GeoJSON features, one of them may keep the code), ``on``, ``note``. {_SEEN}.",
                              examples=[{"code": "220622103", "parts": [_AREA, _PART], "on": "2026-01-01", "revisions": {"220622103": 12}}])],
) -> dict[str, Any]:
    """Make several divisions of one from a day on.

    What lies below it and its facilities go to the part in whose polygon they stand; ``open_areas`` and
    ``open_facilities`` of the answer nobody but a person can assign.
    """
    person, store = administrator_of(request)
    asked = _asked(told, needed=("code", "on"), others=("note",), beside=("parts",))
    return area_editing.split_into(
        store, asked["code"], told.get("parts"), _revisions(told), on=asked["on"], note=asked["note"], author=person.name, origin=_ORIGIN)


def _asked(told: Any, *, needed: tuple[str, ...], others: tuple[str, ...], beside: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the texts of a reform by name; those that need not be told are None.

    Raises
    ------
    InvalidInput
    """
    known = (*needed, *others, *beside, "revisions")
    if not isinstance(told, dict):
        raise InvalidInput(f"expected an object with {', '.join(known)}, got {str(told)[:100]}")
    unknown = sorted(set(told) - set(known))
    if unknown:
        raise InvalidInput(f"unknown member {', '.join(unknown)}; this reform is told with {', '.join(known)}")
    asked: dict[str, Any] = {}
    for name in (*needed, *others):
        value = told.get(name)
        if value is not None and (not isinstance(value, str) or len(value) > _MOST_LETTERS):
            raise InvalidInput(f"{name} must be text of at most {_MOST_LETTERS} letters, got {str(value)[:40]!r}")
        asked[name] = None if value is None else value.strip() or None
    missing = [name for name in needed if asked[name] is None]
    if missing:
        raise InvalidInput(f"{', '.join(missing)} is missing: this reform needs {', '.join((*needed, *beside, 'revisions'))}")
    return asked


def _revisions(told: dict[str, Any]) -> dict[str, int]:
    revisions = told.get("revisions", {})
    if not isinstance(revisions, dict) or not all(isinstance(each, int) and not isinstance(each, bool) and 0 < each < _NO_ID for each in revisions.values()):
        raise InvalidInput('revisions must be an object such as {"220622101": 12}: the revision seen of each division (its ETag)')
    return revisions
