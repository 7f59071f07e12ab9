"""Filling a blank spot in a scenario: a small form, from the list of blank spots and from what makes a plan fail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from geosvc.accounts.people import Right
from geosvc.coverage.blank_spots import MODES
from geosvc.coverage.changes import SERVING_MODES
from geosvc.errors import Conflict, InvalidInput, InvalidParameter, ScenarioClosed
from geosvc.gate.people import person_of, seen_by, store_of
from geosvc.language import words
from geosvc.web.duplicate_pages import FIRST_COME, NOT_NOW, SEE_OTHER, UNUSABLE, Sent, text_of
from geosvc.web.render import language_of, render
from geosvc.web.scenario_views import class_name
from geosvc.workflows import filling
from geosvc.workflows.finding import is_whole
from geosvc.workflows.scenarios import LONGEST_NAME, scenario_number
from geosvc.workflows.workspace import study_title

if TYPE_CHECKING:
    from collections.abc import Mapping

    from geosvc.accounts.people import Person
    from geosvc.store.engine import Store

router = APIRouter(include_in_schema=False)
_ORIGIN = "form"
_NEW = "new"
# Where the form can be opened, and where it leads back to.
_PAGES = ("/blank-spots", "/plans/")
_LONGEST_BACK = 500


def way_back(address: str, **values: str) -> str:
    """Return a page that lists blank spots, with other values in its address; the list of them where it is none of ours.

    >>> way_back("/plans/a?kind=UNIT#b", scenario="3"), way_back("//elsewhere/plans/", scenario="3")
    ('/plans/a?kind=UNIT&scenario=3#b', '/blank-spots?scenario=3')
    """
    parts = urlsplit(address[:_LONGEST_BACK])
    ours = not parts.scheme and not parts.netloc and "\\" not in address and not parts.path.startswith("//") and (
        parts.path == _PAGES[0] or parts.path.startswith(_PAGES[1]))
    query = {**(dict(parse_qsl(parts.query)) if ours else {}), **values}
    return parts._replace(path=parts.path if ours else _PAGES[0], scheme="", netloc="", query=urlencode({key: each for key, each in query.items() if each}),
                          fragment=parts.fragment if ours else "").geturl()


@router.get("/blank-spots/fill", response_class=HTMLResponse)
def fill_page(request: Request) -> HTMLResponse:
    """Ask which facility serves an area, by which mode, in which scenario."""
    person = person_of(request)
    person.must(Right.MEASURE)
    asked = request.query_params
    typed = {name: asked.get(name, "") for name in ("rule", "area", "back", "q", "facility", "mode", "scenario", "name")}
    return _asking(request, person, store_of(request), typed)


def _asking(
    request: Request, person: Person, store: Store, typed: Mapping[str, str], *, status: int = 200, detail: str = ""
) -> HTMLResponse:
    language = language_of(request)
    spot = filling.spot_to_fill(store, typed["rule"], typed["area"])
    found, number = filling.candidates(store, spot, search=typed["q"].strip())
    drafts = filling.drafts_of(store, person)
    text = words(language)
    entries = [{**each, "class_name": class_name(each["class_code"], language), "said_mode": _mode(each["mode"], text)} for each in found]
    name = typed["name"] or text["fill_name"].format(area=spot["name"], mode="").strip()[:LONGEST_NAME]
    chosen = typed["scenario"] if any(str(each["id"]) == typed["scenario"] for each in drafts) else _NEW
    return render(
        request, "fill.html", active="gaps", status=status, study=study_title(store), spot=spot, rule=spot["rule"], candidates=entries, found=number,
        drafts=drafts, chosen=chosen, typed={**typed, "name": name}, modes=[(each, text[f"blank_mode_{MODES[each]}"]) for each in SERVING_MODES],
        back=way_back(typed["back"]), detail=detail, shown=filling.SHOWN)


def _mode(told: str | None, text: Mapping[str, str]) -> str:
    """Return how a facility serves already, in words; nothing for its own area."""
    mode = MODES.get((told or "").strip(), "own")
    return "" if mode == "own" else text[f"blank_mode_{mode}"]


@router.post("/blank-spots/fill")
def fill(request: Request, sent: Sent) -> Response:
    """Save that a facility serves an area, and lead back to the page that asked, under the scenario."""
    person = person_of(request)
    person.must(Right.MEASURE)
    store = seen_by(request, person)
    typed = {name: text_of(sent, name) for name in ("rule", "area", "back", "q", "facility", "mode", "scenario", "name")}
    try:
        told = _filled(store, person, typed)
    except (Conflict, InvalidInput, ScenarioClosed) as error:
        status = FIRST_COME if isinstance(error, Conflict) else UNUSABLE if isinstance(error, InvalidInput) else NOT_NOW
        return _asking(request, person, store, typed, status=status, detail=str(error))
    return RedirectResponse(way_back(typed["back"], scenario=str(told["id"])), status_code=SEE_OTHER)


def _filled(store: Store, person: Person, typed: Mapping[str, str]) -> dict[str, Any]:
    spot = filling.spot_to_fill(store, typed["rule"], typed["area"])
    if not is_whole(typed["facility"]):
        raise InvalidParameter("choose the facility that is to serve the area")
    scenario = None if typed["scenario"] in ("", _NEW) else scenario_number(typed["scenario"])
    return filling.fill(
        store, person, spot, facility=int(typed["facility"]), mode=typed["mode"], scenario=scenario, name=typed["name"], origin=_ORIGIN)
