"""Facilities to be located: the worklist, and placing them."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Body, Request
from pydantic import BaseModel, ConfigDict, Field

from geosvc.api.parameters import (
    DEFAULT_ITEMS,
    AreaParameter,
    ClassParameter,
    CursorParameter,
    LimitParameter,
    StrictRoute,
)
from geosvc.gate.people import editor_of, person_of, store_of
from geosvc.workflows import locating as workflow

router = APIRouter(prefix="/api/locating", route_class=StrictRoute, tags=["registry"])

Id = Annotated[int, Field(ge=1, lt=10**18, strict=True)]
Text = Annotated[str, Field(min_length=1, max_length=500)]


class _Body(BaseModel):
    """A body in which a misspelt member is refused."""

    model_config = ConfigDict(extra="forbid")


class PlaceBody(_Body):
    """Where a facility stands: degrees in a datum, and how that was found."""

    facility: Id
    revision: Annotated[Id | None, Field(description="The revision that you have seen.")] = None
    lon: float
    lat: float
    datum: Annotated[str, Field(max_length=20)] = "WGS84"
    method: Annotated[str, Field(max_length=20, examples=["surveyed"])]
    source: Text | None = None
    reason: Text | None = None


class RuleBody(_Body):
    """Which facilities are placed by which rule; ``preview`` only says what would be done."""

    rule: Annotated[str, Field(max_length=20, examples=["settlement_point"])]
    area: Annotated[str | None, Field(max_length=20)] = None
    class_code: Annotated[str | None, Field(max_length=8, description="Class code, or the beginning of it.")] = None
    reason: Annotated[str, Field(max_length=500)] = ""
    preview: bool = False
    expected_count: Annotated[int | None, Field(ge=0, lt=10**9, description="How many the preview said.")] = None


class UndoBody(_Body):
    """Which placing to take back."""

    placing: Annotated[str, Field(max_length=60)]
    reason: Text | None = None


@router.get("", summary="Facilities to be located")
def worklist(
    request: Request, area: AreaParameter = None, class_code: ClassParameter = None, limit: LimitParameter = DEFAULT_ITEMS, cursor: CursorParameter = None,
) -> dict[str, Any]:
    """Return the facilities without a position, each with the places where it may stand and how far off these could be."""
    found, matched, following = workflow.worklist_page(store_of(request), area=area, class_prefix=class_code, cursor=cursor, limit=limit)
    links = [{"href": str(request.url), "rel": "self", "type": "application/json"}]
    if following is not None:
        query = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
        address = f"{str(request.base_url).rstrip('/')}{request.url.path}"
        links.append({"href": f"{address}?{urlencode([*query, ('cursor', following)])}", "rel": "next", "type": "application/json"})
    return {"numberMatched": matched, "numberReturned": len(found), "facilities": found, "links": links}


@router.get("/counts", summary="How many are to be located")
def counts(request: Request, area: AreaParameter = None, class_code: ClassParameter = None) -> dict[str, Any]:
    """Return how many facilities have no position: in total, by area and by class."""
    return workflow.counts(store_of(request), area=area, class_prefix=class_code)


@router.get("/placings", summary="What was placed at once")
def placings(request: Request) -> dict[str, Any]:
    """Return what was placed by a rule, newest first, with the name by which it is taken back."""
    return {"placings": workflow.placings(store_of(request), with_authors=person_of(request).signed_in)}


@router.post("/place", summary="Place a facility")
def place(request: Request, body: Annotated[PlaceBody, Body()]) -> dict[str, Any]:
    """Say where a facility stands; ``findings`` of the answer say what looks wrong about it."""
    person, store = editor_of(request)
    return workflow.place(
        store, body.facility, body.lon, body.lat, method=body.method, datum=body.datum, author=person.name, expected=body.revision,
        reason=body.reason, source=body.source, origin="api")


@router.post("/rule", summary="Place many facilities by one rule")
def place_many(request: Request, body: Annotated[RuleBody, Body()]) -> dict[str, Any]:
    """Place all facilities for which a rule gives exactly one place; the others stay to be located."""
    person, store = editor_of(request)
    return workflow.place_many(
        store, body.rule, author=person.name, reason=body.reason, area=body.area, class_prefix=body.class_code, preview=body.preview,
        expected_count=body.expected_count)


@router.post("/undo", summary="Take a placing back")
def undo(request: Request, body: Annotated[UndoBody, Body()]) -> dict[str, Any]:
    """Take back what was placed at once; where somebody built on it, the answer (409) says who and what."""
    person, store = editor_of(request)
    return workflow.undo_placing(store, body.placing, author=person.name, reason=body.reason)
