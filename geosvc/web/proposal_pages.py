"""Proposals in pages: what editors want to change, seen beside what is there, and deciding on one or several."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from geosvc.accounts.people import Right
from geosvc.errors import InvalidInput
from geosvc.gate.people import administrator_of, editor_of
from geosvc.language import words
from geosvc.registry.proposals import What
from geosvc.store.proposals import OPEN, STATES
from geosvc.web.duplicate_pages import FIRST_COME, SEE_OTHER, UNUSABLE, Sent, text_of, texts_of
from geosvc.web.facility_views import clock, label, value
from geosvc.web.render import language_of, render
from geosvc.web.signing_in import own_page
from geosvc.workflows import proposing
from geosvc.workflows.finding import is_whole
from geosvc.workflows.proposing import proposal_number
from geosvc.workflows.rules import rules_of
from geosvc.workflows.workspace import study_title

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from geosvc.accounts.people import Person
    from geosvc.store.engine import Store

router = APIRouter(include_in_schema=False)
_PER_PAGE = 20
_STEPS_LISTED = 3
_LONGEST_REASON = 500
_DONE = ("proposed", "publish", "refuse", "withdraw", "none", "verb")


@router.get("/proposals", response_class=HTMLResponse)
def proposals_page(request: Request) -> HTMLResponse:
    """List the proposals that somebody may see, the open ones first."""
    person, store = editor_of(request)
    return _list(request, person, store)


def _list(
    request: Request, person: Person, store: Store, *, outcomes: Sequence[dict[str, Any]] = (), problem: str = "", reason: str = "", status: int = 200
) -> HTMLResponse:
    language, told = language_of(request), request.query_params
    state, cursor = told.get("state") or None, told.get("cursor") or None
    found, matched, following = proposing.proposals_page(
        store, person, state=state if state in STATES else None, cursor=cursor, limit=_PER_PAGE, language=language, steps=_STEPS_LISTED)
    entries = [_entry(each, person, language) for each in found]
    return render(
        request, "proposals.html", status=status, active="facilities", study=study_title(store), entries=entries, matched=matched, following=following,
        cursor=cursor, state=state if state in STATES else "", states=STATES, one=False, outcomes=outcomes, problem=problem, reason=reason, back="/proposals",
        waiting=proposing.open_count(store, person), approval=rules_of(store).approval, **_done(told),
        publishing=person.may(Right.ADMINISTER), withdrawing=any(each["mine"] for each in entries),
    )


def _done(told: Mapping[str, str]) -> dict[str, Any]:
    done, count = told.get("done", ""), told.get("count", "")
    return {"done": done if done in _DONE else "", "done_count": int(count) if is_whole(count) else 0}


@router.get("/proposals/{number}", response_class=HTMLResponse)
def proposal_page(request: Request, number: str) -> HTMLResponse:
    """Show one proposal, with all that it would change."""
    person, store = editor_of(request)
    return _one(request, person, store, proposal_number(number))


def _one(
    request: Request, person: Person, store: Store, number: int, *, outcomes: Sequence[dict[str, Any]] = (), problem: str = "", reason: str = "",
    status: int = 200,
) -> HTMLResponse:
    language = language_of(request)
    entry = _entry(proposing.proposal(store, person, number, language=language), person, language)
    return render(
        request, "proposals.html", status=status, active="facilities", study=study_title(store), entries=[entry], matched=1, following=None, cursor=None,
        state="", states=STATES, one=True, outcomes=outcomes, problem=problem, reason=reason, back=f"/proposals/{number}", waiting=0, approval=True,
        **_done(request.query_params), publishing=person.may(Right.ADMINISTER), withdrawing=entry["mine"],
    )


@router.post("/proposals/decide")
def decide(request: Request, sent: Sent) -> Response:
    """Publish, refuse or withdraw the proposals that were ticked; those that cannot be are shown with the reason."""
    verb, back, reason = text_of(sent, "verb"), own_page(text_of(sent, "back") or "/proposals"), text_of(sent, "reason")[:_LONGEST_REASON]
    person, store = editor_of(request) if verb in ("withdraw", "") else administrator_of(request)
    numbers = [int(each) for each in texts_of(sent, "chosen") if is_whole(each)]
    one = numbers[0] if back.startswith("/proposals/") and len(numbers) == 1 else None
    if not verb or not numbers:
        return RedirectResponse(f"{back}?done={'verb' if numbers else 'none'}", status_code=SEE_OTHER)
    try:
        outcomes = proposing.decide_many(store, person, numbers, verb, reason=reason)
    except InvalidInput:
        return _again(request, person, store, one, problem="proposal_reason_needed", status=UNUSABLE)
    if not all(each["done"] for each in outcomes):
        outcomes = [_outcome(each, language_of(request)) for each in outcomes]
        return _again(request, person, store, one, outcomes=outcomes, reason=reason, status=FIRST_COME)
    return RedirectResponse(f"{back}?done={verb}&count={len(outcomes)}", status_code=SEE_OTHER)


def _again(request: Request, person: Person, store: Store, one: int | None, **more: Any) -> HTMLResponse:
    return _list(request, person, store, **more) if one is None else _one(request, person, store, one, **more)


# -- as a reader sees it ---------------------------------------------------------------------


def _outcome(told: dict[str, Any], language: str) -> dict[str, Any]:
    """Return what became of a proposal, with the names of the fields that stood in its way."""
    return {**told, "fields": words(language)["list_comma"].join(label(name, language) for name in told["changed"])}


def _entry(told: dict[str, Any], person: Person, language: str) -> dict[str, Any]:
    known = words(language)
    changes = [_change(each, told, language) for each in told["changes"]]
    return {
        **told, "word": known[f"proposal_{told['what']}"], "at": clock(told["at"]), "decided_at": clock(told["decided_at"]) if told["decided_at"] else None,
        "changes": changes, "unlisted": max(told["count"] - len(changes), 0), "open": told["state"] == OPEN,
        "mine": told["state"] == OPEN and told["author"] == person.name,
        "stale": any(each["since"] or each["gone"] for each in changes),
    }


def _change(change: dict[str, Any], told: dict[str, Any], language: str) -> dict[str, Any]:
    new = told["what"] == What.CREATE
    lines = [
        {"label": label(name, language), "from": "" if new else _said(name, pair[0], change, 0, language), "to": _said(name, pair[1], change, 1, language)}
        for name, pair in change["changed"].items()
    ]
    since = [{"label": label(name, language), "from": value(name, pair[0], language), "to": value(name, pair[1], language),
              "proposed": value(name, change["changed"][name][1], language) if name in change["changed"] else ""}
             for name, pair in change["since"].items()]
    return {**change, "lines": lines, "since": since}


def _said(name: str, told: Any, change: dict[str, Any], side: int, language: str) -> str:
    """Return a value in words; contacts are shown here: whoever sees proposals may see them."""
    if name != "contact":
        return value(name, told, language)
    known = words(language)
    return known["list_mark"].join(f"{known.get(f'contact_{key}', key)} {text}" for key, text in change["contact"][side].items()) or known["none"]
