"""The yearly review: how far it is, what is due, and confirming many at once."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from geosvc.api.audit import next_link, self_link
from geosvc.api.parameters import (
    DEFAULT_ITEMS,
    AreaParameter,
    ClassParameter,
    CursorParameter,
    LimitParameter,
    StrictRoute,
)
from geosvc.gate.people import editor_of, store_of
from geosvc.workflows import editing, reviewing
from geosvc.workflows.editing import Intent
from geosvc.workflows.history import facility_number

router = APIRouter(prefix="/api/review", route_class=StrictRoute, tags=["review"])


class ConfirmBody(BaseModel):
    """Which facilities somebody looked at, with the revision seen of each."""

    model_config = ConfigDict(extra="forbid")

    revisions: Annotated[dict[str, Annotated[int, Field(ge=1, lt=10**18, strict=True)]], Field(examples=[{"12": 340, "13": 341}])]


@router.get("", summary="How far the yearly review is")
def progress(request: Request, area: AreaParameter = None, class_code: ClassParameter = None) -> dict[str, Any]:
    """Return how many facilities were registered, changed or confirmed this year and how many are due, by area and class."""
    return reviewing.progress(store_of(request), area=area, class_prefix=class_code)


@router.get("/due", summary="Facilities due for review")
def due(
    request: Request, area: AreaParameter = None, class_code: ClassParameter = None, limit: LimitParameter = DEFAULT_ITEMS, cursor: CursorParameter = None,
) -> dict[str, Any]:
    """Return the facilities that nobody changed or confirmed for longer than the rules allow, the longest unseen first."""
    found, matched, following = reviewing.due_page(store_of(request), area=area, class_prefix=class_code, cursor=cursor, limit=limit)
    links = [self_link(request), *([] if following is None else [next_link(request, following)])]
    return {"type": "FeatureCollection", "numberMatched": matched, "numberReturned": len(found), "links": links, "features": found}


@router.post("/confirm", summary="Confirm many facilities unchanged")
def confirm(
    request: Request, body: Annotated[ConfirmBody, Body()],
    reason: Annotated[str | None, Query(max_length=500, description="Why; kept in the history.")] = None,
) -> dict[str, Any]:
    """Say of many facilities that somebody looked and they are still so, all or none."""
    person, store = editor_of(request)
    revisions = {facility_number(number): revision for number, revision in body.revisions.items()}
    return {"confirmed": editing.confirm_many(store, revisions, Intent(author=person.name, origin="api", reason=reason))}
