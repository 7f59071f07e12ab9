"""Proposals of editors: what waits for approval, and what became of it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse

from geosvc.api.audit import next_link, self_link
from geosvc.api.parameters import CursorParameter, StrictRoute
from geosvc.gate.people import administrator_of, editor_of
from geosvc.registry.proposals import Proposed
from geosvc.workflows import proposing
from geosvc.workflows.proposing import proposal_number

router = APIRouter(prefix="/api/proposals", route_class=StrictRoute, tags=["proposals"])
_MOST = 200
StateParameter = Annotated[str | None, Query(description="One of open, published, refused, withdrawn.")]
ReasonParameter = Annotated[str | None, Query(max_length=500, description="Why; the author of the proposal reads it.")]


def answer_proposed(request: Request, proposed: Proposed) -> JSONResponse:
    """Return the answer to a change that waits for approval: the proposal, and its address."""
    told = _with_address(request, proposed.told)
    return JSONResponse({"proposal": told}, status_code=202, headers={"Location": told["href"]})


def _with_address(request: Request, told: dict[str, Any]) -> dict[str, Any]:
    return {**told, "href": f"{str(request.base_url).rstrip('/')}/api/proposals/{told['id']}"}


@router.get("", summary="Proposals")
def list_proposals(
    request: Request, state: StateParameter = None, limit: Annotated[int, Query(ge=1, le=_MOST)] = 50, cursor: CursorParameter = None,
) -> dict[str, Any]:
    """Return the proposals, the open ones first and then newest first: an editor's own, for an administrator all."""
    person, store = editor_of(request)
    found, matched, following = proposing.proposals_page(store, person, state=state, cursor=cursor, limit=limit)
    links = [self_link(request), *([] if following is None else [next_link(request, following)])]
    return {"numberMatched": matched, "numberReturned": len(found), "links": links, "proposals": [_with_address(request, each) for each in found]}


@router.get("/{number}", summary="A proposal")
def one_proposal(number: str, request: Request) -> dict[str, Any]:
    """Return a proposal with what it would change of each facility, what looks wrong, and what changed ``since`` it was made.

    Contacts are only said to differ.
    """
    person, store = editor_of(request)
    told = proposing.proposal(store, person, proposal_number(number))
    changes = [{name: value for name, value in each.items() if name != "contact"} for each in told["changes"]]
    return _with_address(request, {**told, "changes": changes})


@router.post("/{number}/publish", summary="Publish a proposal")
def publish(number: str, request: Request, reason: ReasonParameter = None) -> dict[str, Any]:
    """Do what was proposed; 412 says field by field what somebody changed since its author saw the facility, and nothing is done."""
    person, store = administrator_of(request)
    return _with_address(request, proposing.publish(store, person, proposal_number(number), reason=reason))


@router.post("/{number}/refuse", summary="Refuse a proposal")
def refuse(number: str, request: Request, reason: ReasonParameter = None) -> dict[str, Any]:
    """Say that a proposal is not published; needs a ``reason``."""
    person, store = administrator_of(request)
    return _with_address(request, proposing.refuse(store, person, proposal_number(number), reason=reason))


@router.post("/{number}/withdraw", summary="Withdraw a proposal")
def withdraw(number: str, request: Request, reason: ReasonParameter = None) -> dict[str, Any]:
    """Take one's own proposal back."""
    person, store = editor_of(request)
    return _with_address(request, proposing.withdraw(store, person, proposal_number(number), reason=reason))
