"""The audit log and the feed of changes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse

from geosvc.api.parameters import DEFAULT_ITEMS, CursorParameter, LimitParameter, StrictRoute
from geosvc.gate.people import administrator_of, person_of, store_of
from geosvc.store.engine import Store
from geosvc.workflows import history

router = APIRouter(prefix="/api", route_class=StrictRoute, tags=["history"])
JSON_LINES = "application/x-ndjson"


def next_link(request: Request, cursor: str) -> dict[str, str]:
    """Return the link to what follows a cursor, with the question as it was."""
    kept = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
    address = f"{str(request.base_url).rstrip('/')}{request.url.path}?{urlencode([*kept, ('cursor', cursor)])}"
    return {"href": address, "rel": "next", "type": "application/json"}


def self_link(request: Request) -> dict[str, str]:
    """Return the link to an answer itself."""
    return {"href": str(request.url), "rel": "self", "type": "application/json"}


@router.get("/audit", summary="The audit log")
def audit(
    request: Request,
    limit: LimitParameter = DEFAULT_ITEMS,
    cursor: CursorParameter = None,
    subject: Annotated[str | None, Query(description="What was changed, such as facility:12, area:220622 or import:3.")] = None,
    action: Annotated[str | None, Query(description="What was done, such as create, correction, update, delete or import.")] = None,
    author: Annotated[str | None, Query(description="Who did it.")] = None,
) -> dict[str, Any]:
    """Return one line for each change, newest first, each sealed with the line before it; for administrators.

    Contacts are never in it.
    """
    _person, store = administrator_of(request)
    lines, matched, following = history.audit_page(
        store, subject=subject, action=action, author=author, cursor=cursor, limit=limit)
    links = [self_link(request), *([] if following is None else [next_link(request, following)])]
    return {"numberMatched": matched, "numberReturned": len(lines), "links": links, "lines": lines}


@router.get(
    "/audit/export", summary="The whole audit log as JSON lines", response_class=StreamingResponse,
    responses={200: {"description": "One JSON object a line, in order.", "content": {JSON_LINES: {"schema": {"type": "string"}}}}},
)
def audit_export(request: Request) -> StreamingResponse:
    """Return every line of the log in order, one JSON object a line: with it the chain can be checked elsewhere."""
    return StreamingResponse(
        _json_lines(administrator_of(request)[1]), media_type=JSON_LINES, headers={"Content-Disposition": "attachment; filename=audit.jsonl"})


def _json_lines(store: Store) -> Iterator[str]:
    for line in history.audit_lines(store):
        yield json.dumps(line, ensure_ascii=False) + "\n"


@router.get("/changes", summary="What changed since")
def changes(request: Request, cursor: Annotated[str | None, Query(
    description="The cursor of the last answer; without it the feed begins at the first change.")] = None,
    limit: LimitParameter = DEFAULT_ITEMS,
) -> dict[str, Any]:
    """Return the changes after a cursor in their order, and the cursor to ask with next time.

    Nothing is left out and nothing comes twice: keep ``cursor`` and come back with it, also after an
    empty answer. ``subject`` says what changed (facility:12); fetch it for its present state. Who did
    it and why is told to those who signed in; an account of some areas reads of those only.
    """
    found, after, more = history.changes_since(
        store_of(request), cursor, limit=limit, with_authors=person_of(request).signed_in)
    base = str(request.base_url).rstrip("/")
    for each in found:
        kind, _, key = each["subject"].partition(":")
        collection = {"facility": "facilities", "area": "areas"}.get(kind)
        each["href"] = None if collection is None else f"{base}/api/collections/{collection}/items/{key}"
    links = [self_link(request), *([next_link(request, after)] if more else [])]
    return {"numberReturned": len(found), "cursor": after, "more": more, "links": links, "changes": found}
