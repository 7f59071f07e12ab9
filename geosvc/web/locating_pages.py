"""Facilities to be located, in pages: the worklist, one click to take a suggestion, a pasted position, and undoing it.

Every placing has an origin of its own, so that a wrong click is taken back exactly.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from geosvc.accounts.people import Right
from geosvc.errors import Conflict, FacilityNotFound, GeosvcError, InvalidInput, NotFound, NotUndoable
from geosvc.gate.people import editor_of, needs_administrator, person_of, store_of
from geosvc.geo.datums import DATUMS
from geosvc.registry.imports.positions import number_of
from geosvc.registry.locating import Rule
from geosvc.registry.pasted_positions import read_pasted
from geosvc.web.duplicate_pages import FIRST_COME, SEE_OTHER, UNUSABLE, Sent, not_undoable, text_of
from geosvc.web.facility_views import clock
from geosvc.web.render import language_of, render
from geosvc.web.signing_in import own_page
from geosvc.workflows import editing, features, workspace
from geosvc.workflows import locating as workflow
from geosvc.workflows.workspace import study_title

if TYPE_CHECKING:
    from geosvc.accounts.people import Person
    from geosvc.store.engine import Store

router = APIRouter(include_in_schema=False)
_PER_PAGE = 30
_PLACINGS_SHOWN = 30
_DONE = ("placed", "placed_many", "undone", "none_placed", "gone")
_MOST_LETTERS = 500
_MARK = re.compile(r"placing:[0-9T:.+Z-]{1,40}")


# -- the worklist ----------------------------------------------------------------------------


@router.get("/locating", response_class=HTMLResponse)
def worklist_page(request: Request) -> HTMLResponse:
    """List the facilities without a position, each with the places where it may stand."""
    return _page(request, store_of(request), _asked(request.query_params))


def _asked(told: Any) -> dict[str, str]:
    return {name: (told.get(name) or "").strip() for name in ("area", "class_code", "rule", "cursor")}


def _page(
    request: Request, store: Store, asked: dict[str, str], *, typed: dict[str, str] | None = None, problems: dict[str, str] | None = None,
    findings: list[dict[str, Any]] | None = None, problem: str = "", status: int = 200,
) -> HTMLResponse:
    """Return the page; ``typed`` is what somebody wrote of one facility, with what is wrong about it."""
    person = person_of(request)
    where: dict[str, str | None] = {"area": asked["area"] or None, "class_prefix": asked["class_code"] or None}
    found, matched, following = workflow.worklist_page(store, **where, cursor=asked["cursor"] or None, limit=_PER_PAGE)
    counts = workflow.counts(store)
    placings = [{**each, "at": clock(each["at"])} for each in workflow.placings(store, with_authors=person.signed_in)]
    told = request.query_params
    done = told.get("done", "") if request.method == "GET" else ""
    return render(
        request, "locating.html", status=status, active="facilities", study=study_title(store), asked=asked, entries=found, matched=matched,
        counts=counts, following=following, placing_list=placings[:_PLACINGS_SHOWN], placings_more=max(len(placings) - _PLACINGS_SHOWN, 0),
        deciding=person.may(Right.EDIT), needs_administrator=person.may(Right.EDIT) and needs_administrator(person, store), areas=features.areas_to_choose(store), rules=list(Rule), methods=workflow.METHODS, datums=DATUMS,
        preview=_preview(store, asked, where), typed=typed or {}, problems=problems or {}, findings=findings or [],
        accepted=_accepted(findings or []), problem=problem, done=done if done in _DONE else "", just=_just(store, told, placings) if done else None,
        here=_address(asked), first=_address({**asked, "cursor": ""}), next=_address({**asked, "cursor": following or ""}), address=_address,
        anything=bool(counts["total"] or placings or workspace.overview(store)["facilities"]),
    )


def _address(asked: dict[str, str], **more: str) -> str:
    query = urlencode([(name, text) for name, text in {**asked, **more}.items() if text])
    return f"/locating?{query}" if query else "/locating"


def _preview(store: Store, asked: dict[str, str], where: dict[str, str | None]) -> dict[str, Any] | None:
    """Return what a rule would do with all that are listed; None where none was asked for.

    Raises
    ------
    InvalidInput
    """
    if not asked["rule"]:
        return None
    return workflow.place_many(store, asked["rule"], author="", reason="", preview=True, area=where["area"], class_prefix=where["class_prefix"])


def _just(store: Store, told: Any, placings: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what was done just now: the facility by its name, and the placing that can be taken back."""
    mark, number = told.get("placing", ""), told.get("facility", "")
    facility = None
    if re.fullmatch(r"\d{1,18}", number, re.ASCII):
        try:
            facility = {"id": int(number), "name": editing.seen(store, int(number)).facility.name}
        except GeosvcError:
            facility = None
    return {"facility": facility, "placing": next((each for each in placings if each["placing"] == mark), None)}


def _accepted(findings: list[dict[str, Any]]) -> str:
    """Return a mark of the warnings that a person has seen."""
    return " ".join(sorted(each["code"] for each in findings if each["severity"] == "warning"))


# -- placing ---------------------------------------------------------------------------------


@router.post("/locating/take")
def take(request: Request, sent: Sent) -> Response:
    """Put a facility where one of its suggestions says."""
    person, store = editor_of(request)
    told, at = _facility(sent), text_of(sent, "suggestion").split(" ")
    if len(at) != 3:
        raise InvalidInput("expected a suggestion as the page offers it; load the page again")
    origin = workflow.new_placing()
    try:
        workflow.take(store, told["facility"], at[0], _float(at[1]), _float(at[2]), author=person.name, expected=told["revision"], origin=origin)
    except (Conflict, FacilityNotFound):
        return _page(request, store, _asked_back(sent), problem="locating_moved", status=FIRST_COME)
    return _done(sent, "placed", facility=str(told["facility"]), placing=origin)


@router.post("/locating/place")
def place(request: Request, sent: Sent) -> Response:
    """Put a facility where somebody says; what looks wrong about the place is asked once."""
    person, store = editor_of(request)
    told, language = _facility(sent), language_of(request)
    typed = {name: text_of(sent, name)[:_MOST_LETTERS] for name in ("position", "datum", "method", "source")} | {"facility": str(told["facility"])}
    problems, at = _read(store, typed)
    if at is None:
        return _page(request, store, _asked_back(sent), typed=typed, problems=problems, status=UNUSABLE)
    try:
        findings = workflow.look_at(store, told["facility"], *at, method=typed["method"], datum=typed["datum"], language=language)
        if _accepted(findings) and _accepted(findings) != text_of(sent, "accepted"):
            return _page(request, store, _asked_back(sent), typed=typed, findings=findings)
        return _place(sent, store, person, told, at, typed)
    except (Conflict, FacilityNotFound):
        return _page(request, store, _asked_back(sent), problem="locating_moved", status=FIRST_COME)
    except InvalidInput:  # not on Earth, or metres in a datum of degrees
        return _page(request, store, _asked_back(sent), typed=typed, problems={"position": "locating_not_degrees"}, status=UNUSABLE)


def _place(sent: Any, store: Store, person: Person, told: dict[str, int], at: tuple[float, float], typed: dict[str, str]) -> Response:
    origin = workflow.new_placing()
    workflow.place(
        store, told["facility"], *at, method=typed["method"], datum=typed["datum"], author=person.name, expected=told["revision"],
        source=typed["source"] or None, origin=origin)
    return _done(sent, "placed", facility=str(told["facility"]), placing=origin)


def _read(store: Store, typed: dict[str, str]) -> tuple[dict[str, str], tuple[float, float] | None]:
    """Return (what cannot be used, by field; longitude and latitude as they were written, None if something cannot)."""
    problems: dict[str, str] = {}
    at = None
    try:
        x, y = read_pasted(typed["position"], features.extent(store))
        at = (number_of(x, "longitude"), number_of(y, "latitude"))
    except InvalidInput:
        problems["position"] = "locating_position_unclear"
    if typed["datum"] not in DATUMS:
        problems["datum"] = "form_datum_needed"
    if typed["method"] not in workflow.METHODS:
        problems["method"] = "locating_method_needed"
    return problems, None if problems else at


def _facility(sent: Any) -> dict[str, int]:
    """Return which facility a form is about, and which revision was seen.

    Raises
    ------
    InvalidInput
    """
    told = {name: text_of(sent, name) for name in ("facility", "revision")}
    if not all(re.fullmatch(r"\d{1,18}", text, re.ASCII) for text in told.values()):
        raise InvalidInput(f"expected the numbers of a facility and of the revision that was seen, got {told}; load the page again")
    return {name: int(text) for name, text in told.items()}


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InvalidInput(f"expected a number, got {text[:40]!r}") from None


@router.post("/locating/rule")
def place_many(request: Request, sent: Sent) -> Response:
    """Place all that were previewed by one rule."""
    person, store = editor_of(request)
    asked = {name: text_of(sent, name)[:_MOST_LETTERS] for name in ("area", "class_code", "rule")} | {"cursor": ""}
    reason, count = text_of(sent, "reason")[:_MOST_LETTERS], text_of(sent, "expected_count")
    if not asked["rule"] or not re.fullmatch(r"\d{1,9}", count, re.ASCII):
        raise InvalidInput(f"expected a rule and how many its preview said, got {asked['rule'][:40]!r} and {count[:40]!r}; look at the preview again")
    if not reason:
        return _page(request, store, asked, problem="locating_reason_needed", status=UNUSABLE)
    try:
        told = workflow.place_many(store, asked["rule"], author=person.name, reason=reason, area=asked["area"] or None,
                                   class_prefix=asked["class_code"] or None, expected_count=int(count))
    except Conflict:
        return _page(request, store, asked, problem="locating_count_moved", status=FIRST_COME)
    if told["placing"] is None:
        return _done(sent, "none_placed")
    return _done(sent, "placed_many", placing=told["placing"])


@router.post("/locating/undo")
def undo(request: Request, sent: Sent) -> Response:
    """Take a placing back."""
    person, store = editor_of(request)
    mark = text_of(sent, "placing")
    if not _MARK.fullmatch(mark):
        raise NotFound(f"no facilities were placed as {mark[:40]!r}")
    try:
        workflow.undo_placing(store, mark, author=person.name)
    except NotUndoable as error:
        return not_undoable(request, store, error)
    return _done(sent, "undone")


def _asked_back(sent: Any) -> dict[str, str]:
    """Return the filters of the page from which a form was sent."""
    return {name: text_of(sent, f"at.{name}")[:_MOST_LETTERS] for name in ("area", "class_code", "cursor")} | {"rule": ""}


def _done(sent: Any, done: str, **more: str) -> Response:
    asked = {name: text for name, text in _asked_back(sent).items() if text}
    return RedirectResponse(own_page(f"/locating?{urlencode({**asked, 'done': done, **more})}"), status_code=SEE_OTHER)
