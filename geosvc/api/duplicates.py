"""Suspected duplicates: read only, page by page."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request

from geosvc.api.collections import store_of
from geosvc.api.parameters import DEFAULT_ITEMS, CursorParameter, LimitParameter, StrictRoute
from geosvc.registry.duplicates import MIN_SCORE
from geosvc.workflows.duplicates import LOWEST_SCORE, duplicates_page

router = APIRouter(prefix="/api", route_class=StrictRoute, tags=["registry"])


@router.get("/duplicates", summary="Suspected duplicates")
def duplicates(
    request: Request,
    min_score: Annotated[float, Query(ge=LOWEST_SCORE, le=1, description="Only pairs at least so alike.")] = MIN_SCORE,
    kind: Annotated[str | None, Query(description="duplicate, branch (another place of one) or department (a part of one).")] = None,
    limit: LimitParameter = DEFAULT_ITEMS,
    cursor: CursorParameter = None,
) -> dict[str, Any]:
    """Return pairs of facilities that may be one and the same, the most alike first, each with its reasons."""
    pairs, matched, following = duplicates_page(store_of(request), min_score=min_score, kind=kind, cursor=cursor, limit=limit)
    links = [{"href": str(request.url), "rel": "self", "type": "application/json"}]
    if following is not None:
        query = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
        address = f"{str(request.base_url).rstrip('/')}{request.url.path}"
        links.append({"href": f"{address}?{urlencode([*query, ('cursor', following)])}", "rel": "next", "type": "application/json"})
    return {"numberMatched": matched, "numberReturned": len(pairs), "pairs": pairs, "links": links}
