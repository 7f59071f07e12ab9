"""The live what-if: what a service would answer under changes, while somebody drags a facility."""

from __future__ import annotations

import gzip
import json
from typing import Annotated, Any

from fastapi import APIRouter, Body, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from geosvc.api.parameters import StrictRoute
from geosvc.coverage.changes import changes_from
from geosvc.gate.people import store_of
from geosvc.workflows.live import PARTS, Live

router = APIRouter(prefix="/api/services", route_class=StrictRoute, tags=["services"])

# Somebody waits with a hand on the mouse: packed quickly rather than tightly.
_QUICK_COMPRESSION, _SMALLEST_TO_COMPRESS = 1, 1024
_EXAMPLE = {
    "open": [{"number": 1, "class_code": "C220", "name": "新卫生院", "lon": 126.8, "lat": 42.4}], "close": [12],
    "move": [{"facility": 7, "lon": 126.9, "lat": 42.3}], "close_roads": [[126.81, 42.39]], "conditions": ["winter"],
}
ChangesMember = Annotated[
    dict[str, Any],
    Field(description="What differs from what is registered: some of open, close, move, close_roads, conditions; positions in degrees. serve is read and changes no travel.",
          examples=[_EXAMPLE]),
]


class _Body(BaseModel):
    """A body in which a misspelt member is refused."""

    model_config = ConfigDict(extra="forbid")


class WhatIfBody(_Body):
    """Changes, and which parts of the answer are wanted."""

    changes: ChangesMember = {}
    parts: Annotated[list[str] | None, Field(max_length=10, description=f"Some of {', '.join(PARTS)}; all unless given.")] = None
    picture_since: Annotated[str | None, Field(
        max_length=100, description="A run of this service whose picture is known. The answer's picture is then the part that differs from it; its "
        "box says where in the whole: left, top, right, bottom in pixels, right and bottom out. Whole, without a box, where that run is gone.")] = None


class ExplainBody(_Body):
    """A place, and changes."""

    lon: Annotated[float, Field(ge=-180, le=180, description="Degrees.")]
    lat: Annotated[float, Field(ge=-90, le=90, description="Degrees.")]
    changes: ChangesMember = {}


def live_of(request: Request) -> Live:
    """Return the live what-if of this server."""
    live: Live = request.app.state.live
    return live


@router.post("/{service_id}/what-if", summary="What a service would answer under changes")
def what_if(service_id: str, request: Request, body: Annotated[WhatIfBody, Body()]) -> dict[str, Any]:
    """Return figures, areas, curve and picture as if facilities were opened, closed or moved; nothing is stored.

    Every figure is the one that measuring the same changes would store; ``run`` is the id that run would have. Each request
    carries all changes, so a newer one simply takes the place of an older one. To an account of some areas it is of these, ``part``
    says which; its changes must lie in them (403). 503 with ``Retry-After``: too much is asked at once.
    """
    store = store_of(request)
    answer = live_of(request).what_if(store, service_id, changes_from(body.changes), PARTS if body.parts is None else body.parts, since=body.picture_since)
    return _packed(request, answer)  # type: ignore[return-value]  # what it says is this dict


@router.post("/{service_id}/explain", summary="Why a place has the time it has")
def explain(service_id: str, request: Request, body: Annotated[ExplainBody, Body()]) -> dict[str, Any]:
    """Return the nearest facility of a place under changes, the way leg by leg, and who would be the nearest without it.

    ``state`` is reached, unreachable, no_data or outside; ``value`` is in ``unit``. ``legs`` are in the order people travel, each with
    its mode (foot, ride, cycle, delay), minutes, metres and line; null for distances as the crow flies. ``second`` is what closing the
    nearest would lead to, null where nobody else can be reached. An account of some areas is told ``elsewhere``: whether the nearest is a
    facility of others, which is not named; a place outside of its areas is ``outside``. ``then`` tells the same of the journey that follows.
    """
    return live_of(request).explain(store_of(request), service_id, body.lon, body.lat, changes_from(body.changes))


def _packed(request: Request, answer: dict[str, Any]) -> Response:
    text = json.dumps(answer, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    headers = {"Cache-Control": "no-store", "Vary": "Accept-Encoding, Cookie, Authorization"}
    if "gzip" in request.headers.get("accept-encoding", "") and len(text) >= _SMALLEST_TO_COMPRESS:
        text, headers["Content-Encoding"] = gzip.compress(text, _QUICK_COMPRESSION), "gzip"
    return Response(text, media_type="application/json", headers=headers)
