"""Suspected duplicates, page by page, and what people decide about them."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Body, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from geosvc.api.parameters import DEFAULT_ITEMS, AreaParameter, CursorParameter, LimitParameter, StrictRoute
from geosvc.errors import MissingPrecondition
from geosvc.gate.people import editor_of, person_of, store_of
from geosvc.registry.duplicates import MIN_SCORE
from geosvc.workflows import duplicates as workflow
from geosvc.workflows.duplicates import LOWEST_SCORE, Queue

router = APIRouter(prefix="/api/duplicates", route_class=StrictRoute, tags=["registry"])

Id = Annotated[int, Field(ge=1, lt=10**18, strict=True)]
Number = Annotated[int, Field(ge=1, lt=10**18)]  # keys of JSON are text
Reason = Annotated[str, Field(min_length=1, max_length=500)]


class _Body(BaseModel):
    """A body in which a misspelt member is refused."""

    model_config = ConfigDict(extra="forbid")


class MergeBody(_Body):
    """Which facility is kept, which go into it, whose values are right, and which revisions were seen."""

    keep: Id
    others: Annotated[list[Id], Field(min_length=1, max_length=50)]
    reason: Reason
    fields: dict[str, Id] = Field(default={}, description="Field, and the id of the facility whose value is right; position is one field.")
    revisions: dict[Number, Id] = Field(default={}, description="Of each facility the revision that you have seen.")


class PreviewBody(_Body):
    """Which facility would be kept, which would go into it, and whose values would be taken."""

    keep: Id
    others: Annotated[list[Id], Field(min_length=1, max_length=50)]
    fields: dict[str, Id] = {}


class UnmergeBody(_Body):
    """Which merge to take back; ``keep_edits`` where the kept facility was changed since and that should stay."""

    merge: Id
    reason: Reason | None = None
    keep_edits: bool = False


class AnswersBody(_Body):
    """Pairs of facilities that are two; ``answer`` null takes earlier answers back."""

    pairs: Annotated[list[Annotated[list[Id], Field(min_length=2, max_length=2)]], Field(min_length=1, max_length=500)]
    answer: Annotated[str | None, Field(max_length=20, examples=["not_duplicate"])] = "not_duplicate"
    reason: Reason | None = None


@router.get("", summary="Suspected duplicates")
def duplicates(
    request: Request,
    queue: Annotated[str, Query(description="open (waiting for an answer), not_duplicate (said to be two) or merged.")] = Queue.OPEN.value,
    min_score: Annotated[float, Query(ge=LOWEST_SCORE, le=1, description="Only pairs at least so alike.")] = MIN_SCORE,
    kind: Annotated[str | None, Query(description="duplicate, branch (another place of one) or department (a part of one).")] = None,
    area: AreaParameter = None,
    limit: LimitParameter = DEFAULT_ITEMS,
    cursor: CursorParameter = None,
) -> dict[str, Any]:
    """Return pairs of facilities that may be one and the same, the most alike first, each with its reasons; or what was decided."""
    found, matched, following = workflow.queue_page(
        store_of(request), state=queue, min_score=min_score, kind=kind, area=area, cursor=cursor, limit=limit,
        with_authors=person_of(request).signed_in)
    links = [{"href": str(request.url), "rel": "self", "type": "application/json"}]
    if following is not None:
        query = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
        address = f"{str(request.base_url).rstrip('/')}{request.url.path}"
        links.append({"href": f"{address}?{urlencode([*query, ('cursor', following)])}", "rel": "next", "type": "application/json"})
    return {"numberMatched": matched, "numberReturned": len(found), "merges" if queue == Queue.MERGED else "pairs": found, "links": links}


@router.post("/preview", summary="What a merge would make")
def preview(request: Request, body: Annotated[PreviewBody, Body()]) -> dict[str, Any]:
    """Return the facility that a merge would make, what there is to choose, and the revisions to name in it. Nothing is stored."""
    _person, store = editor_of(request)
    return workflow.preview_merge(store, body.keep, body.others, fields=body.fields)


@router.post("/merge", summary="Merge facilities into one")
def merge(request: Request, body: Annotated[MergeBody, Body()]) -> dict[str, Any]:
    """Say that several facilities are one: the kept one takes names, identifiers and what it does not say itself; the others go into it."""
    person, store = editor_of(request)
    unseen = {body.keep, *body.others} - body.revisions.keys()
    if unseen:
        raise MissingPrecondition(f"revisions must name the revision that you have seen of {', '.join(map(str, sorted(unseen)))}; preview gives them")
    return workflow.merge_facilities(
        store, body.keep, body.others, author=person.name, reason=body.reason, origin="api", fields=body.fields, expected=body.revisions)


@router.post("/unmerge", summary="Take a merge back")
def unmerge(request: Request, body: Annotated[UnmergeBody, Body()]) -> dict[str, Any]:
    """Take a merge back: everything is as it was before. Where somebody built on it, the answer (409) says who and what."""
    person, store = editor_of(request)
    return workflow.unmerge_facilities(store, body.merge, author=person.name, reason=body.reason, keep_edits=body.keep_edits)


@router.post("/answers", summary="Say that pairs are two, or take that back")
def answers(request: Request, body: Annotated[AnswersBody, Body()]) -> dict[str, Any]:
    """Remember of pairs that they are not one, all of them or none; they are not asked about again."""
    person, store = editor_of(request)
    if body.answer is None:
        return workflow.take_back_answers(store, body.pairs, author=person.name, reason=body.reason)
    return workflow.answer_pairs(store, body.pairs, author=person.name, reason=body.reason, origin="api", answer=body.answer)
