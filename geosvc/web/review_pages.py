"""The yearly review in a page, and the rules by which the registry is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from geosvc.errors import Conflict, FacilityNotFound, InvalidInput
from geosvc.gate.people import administrator_of, editor_of, store_of
from geosvc.registry.classes import FacilityClass, facility_classes
from geosvc.web.duplicate_pages import FIRST_COME, SEE_OTHER, UNUSABLE, Sent, text_of
from geosvc.web.many_forms import Chosen
from geosvc.web.render import render
from geosvc.workflows import editing, features, reviewing
from geosvc.workflows.editing import Intent
from geosvc.workflows.finding import is_whole
from geosvc.workflows.rules import change_rules, rules_of
from geosvc.workflows.workspace import study_title

if TYPE_CHECKING:
    from collections.abc import Mapping

    from geosvc.store.engine import Store

router = APIRouter(include_in_schema=False)
_PER_PAGE = 50
_LONGEST_REASON = 500
_DONE = ("confirmed", "none")


@router.get("/review", response_class=HTMLResponse)
def review_page(request: Request) -> HTMLResponse:
    """Show how far this year's review is, and what nobody has looked at for longest."""
    return _review(request, store_of(request), request.query_params)


def _review(request: Request, store: Store, told: Mapping[str, str], *, problem: str = "", status: int = 200) -> HTMLResponse:
    asked = {name: (told.get(name) or "").strip()[:20] for name in ("area", "class_code")}
    cursor = told.get("cursor") or None
    where = {"area": asked["area"] or None, "class_prefix": asked["class_code"] or None}
    found, matched, following = reviewing.due_page(store, **where, cursor=cursor, limit=_PER_PAGE)
    done, count, by = told.get("done", ""), told.get("count", ""), told.get("by") == "yes"
    return render(
        request, "review.html", status=status, active="facilities", study=study_title(store), asked=asked, entries=found, matched=matched,
        following=following, cursor=cursor, progress=reviewing.progress(store, **where, parts=by), by=by, classes=_classes(store, asked["class_code"]),
        areas=features.areas_to_choose(store), problem=problem, done=done if done in _DONE else "",
        done_count=int(count) if is_whole(count) else 0, address=_address,
    )


def _classes(store: Store, chosen: str) -> list[FacilityClass]:
    known = facility_classes()
    return [known[code] for code in sorted({*features.classes_in_use(store), *([chosen.upper()] if chosen.upper() in known else [])})]


def _address(asked: Mapping[str, str], **more: Any) -> str:
    query = urlencode([(name, text) for name, text in {**asked, **more}.items() if text])
    return f"/review?{query}" if query else "/review"


@router.post("/review/confirm")
def confirm(request: Request, sent: Sent, revisions: Chosen) -> Response:
    """Say of the facilities that were ticked that they are still so."""
    person, store = editor_of(request)
    asked = {name: text_of(sent, name)[:20] for name in ("area", "class_code")}
    if not revisions:
        return RedirectResponse(_address(asked, done="none"), status_code=SEE_OTHER)
    intent = Intent(author=person.name, origin="form", reason=text_of(sent, "reason")[:_LONGEST_REASON] or None)
    try:
        count = editing.confirm_many(store, revisions, intent)
    except (Conflict, FacilityNotFound):
        return _review(request, store, asked, problem="review_changed", status=FIRST_COME)
    return RedirectResponse(_address(asked, done="confirmed", count=count), status_code=SEE_OTHER)


@router.get("/rules", response_class=HTMLResponse)
def rules_page(request: Request) -> HTMLResponse:
    """Show the rules by which the registry is kept, to administrators."""
    return _rules(request, done=request.query_params.get("done") == "saved")


def _rules(request: Request, *, problem: str = "", done: bool = False, days: str = "", status: int = 200) -> HTMLResponse:
    _person, store = administrator_of(request)
    return render(request, "rules.html", status=status, active="rules", study=study_title(store), rules=rules_of(store), problem=problem, done=done, days=days)


@router.post("/rules")
def save_rules(request: Request, sent: Sent) -> Response:
    """Change the rules."""
    person, store = administrator_of(request)
    days = text_of(sent, "review_days")
    try:
        change_rules(store, author=person.name, approval=bool(text_of(sent, "approval")), review_days=int(days) if is_whole(days) else 0)
    except InvalidInput:
        return _rules(request, problem="review_days_wrong", days=days[:20], status=UNUSABLE)
    return RedirectResponse("/rules?done=saved", status_code=SEE_OTHER)
