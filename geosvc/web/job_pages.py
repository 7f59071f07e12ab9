"""Jobs in pages: asking for one where an answer is missing, how far it is, and the list."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from geosvc.accounts.people import Right
from geosvc.errors import Busy, InvalidInput, NotFound, Unsolvable
from geosvc.gate.people import person_of, whole_store
from geosvc.store.jobs import OPEN
from geosvc.web.duplicate_pages import SEE_OTHER, Sent, text_of
from geosvc.web.facility_views import clock
from geosvc.web.render import language_of, render
from geosvc.workflows import jobs, reading
from geosvc.workflows.job_kinds import BAND, KINDS, MEASURE
from geosvc.workflows.jobs import job_number
from geosvc.workflows.workspace import study_title

if TYPE_CHECKING:
    from geosvc.store.engine import Store

router = APIRouter(include_in_schema=False)
_PER_PAGE = 50
_FIELDS = ("service", "datetime", "recorded", "scenario", "threshold", "run")
_SAID = (*_FIELDS, "conditions", "speed_kmh", "draws", "seed")
# Where a page may lead back to.
_BACK = ("/gaps", "/", "/coverage", "/scenarios/compare")
_BACK_TO_SCENARIO = re.compile(r"/scenarios/\d{1,18}")
_REFUSED = 409


def measuring_of(request: Request, service: dict[str, Any], times: dict[str, Any]) -> dict[str, Any] | None:
    """Return what a page needs to offer measuring what it shows; None to who may not measure every area.

    ``job`` is the one that is open for this question.
    """
    asked = {"service": service["id"]}
    if times["then"]:
        asked |= {name: times[name] for name in ("datetime", "recorded") if times[name]}
    return measuring_what(request, asked)


def measuring_what(request: Request, asked: dict[str, Any], *, kind: str = MEASURE) -> dict[str, Any] | None:
    """Return what a page needs to offer a job with these parameters; None to who may not measure every area."""
    person = person_of(request)
    if not person.may(Right.MEASURE) or person.areas is not None:
        return None
    back = _back_of(request.url.path + (f"?{request.url.query}" if request.url.query else ""))
    return {"kind": kind, "asked": asked, "job": jobs.open_for(whole_store(request), person, asked, kind=kind), "back": back}


def without_answer(request: Request, asked: dict[str, Any], since: str) -> dict[str, str]:
    """Return why services had no answer in the last job of somebody with these parameters that was done after a moment."""
    person = person_of(request)
    if not person.may(Right.MEASURE) or person.areas is not None:
        return {}
    found, _matched = jobs.list_jobs(whole_store(request), person, state="done", limit=_PER_PAGE)
    last = next((each for each in found if each["parameters"] == asked), None)
    return last["result"]["not_computable"] if last is not None and last["finished_at"] > since else {}


@router.post("/jobs")
def submit(request: Request, sent: Sent) -> Response:
    """Ask for a job and lead to its page; what is done already leads back at once."""
    kind = text_of(sent, "kind") if text_of(sent, "kind") in KINDS else MEASURE
    asked = {name: text_of(sent, name) for name in _FIELDS if text_of(sent, name)}
    back = _back_of(text_of(sent, "back"))
    person, store = person_of(request), whole_store(request)
    try:
        told = jobs.submit(store, request.app.state.settings, person, kind, asked)
    except (InvalidInput, NotFound, Unsolvable) as error:
        return _list(request, store, problem="jobs_busy" if isinstance(error, Busy) else "jobs_refused", detail=str(error), status=_REFUSED)
    request.app.state.jobs.wake()
    return _to_job(told["id"], back)


@router.get("/jobs", response_class=HTMLResponse)
def jobs_page(request: Request) -> HTMLResponse:
    """List the jobs of somebody; to administrators all."""
    return _list(request, whole_store(request))


def _list(request: Request, store: Store, *, problem: str = "", detail: str = "", status: int = 200) -> HTMLResponse:
    person, before = person_of(request), request.query_params.get("before", "")
    found, matched = jobs.list_jobs(store, person, before=job_number(before) if before else None, limit=_PER_PAGE)
    names = _names(store, language_of(request))
    entries = [_entry(each, names) for each in found]
    page = render(
        request, "jobs.html", status=status, active="account", study=study_title(store), entries=entries, matched=matched, problem=problem, detail=detail,
        following=found[-1]["id"] if len(found) == _PER_PAGE else None, everybody=person.may(Right.ADMINISTER), clock=clock)
    page.headers["Cache-Control"] = "no-store"
    return page


@router.get("/jobs/{number}", response_class=HTMLResponse)
def job_page(request: Request, number: str) -> HTMLResponse:
    """Show how far a job is; the page looks again by itself while it is open."""
    store = whole_store(request)
    told = jobs.get_job(store, person_of(request), job_number(number))
    names = _names(store, language_of(request))
    page = render(
        request, "job.html", active="account", study=study_title(store), job=_entry(told, names), names=names, clock=clock,
        back=_back_of(request.query_params.get("back", "")))
    page.headers["Cache-Control"] = "no-store"
    return page


@router.post("/jobs/{number}/cancel")
def cancel(request: Request, number: str, sent: Sent) -> Response:
    """Cancel a job and show what became of it."""
    jobs.cancel(whole_store(request), person_of(request), job_number(number))
    return _to_job(job_number(number), _back_of(text_of(sent, "back")))


def _to_job(number: int, back: str) -> RedirectResponse:
    query = f"?{urlencode({'back': back})}" if back else ""
    return RedirectResponse(f"/jobs/{number}{query}", status_code=SEE_OTHER)


def _back_of(told: str) -> str:
    """Return the address on this server from which somebody came; nothing else is led to."""
    known = any(told == path or told.startswith(f"{path}?") for path in _BACK) or _BACK_TO_SCENARIO.fullmatch(told)
    return told if known and len(told) <= 500 else ""


def _names(store: Store, language: str) -> dict[str, str]:
    """Return what the services are called."""
    return {each["id"]: str(each[language]) for each in reading.list_services(store)}


def _entry(told: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    """Return a job as a page shows it."""
    asked = told["parameters"]
    service, _, doing = told["step"].partition(": ")
    query = {name: asked[name] for name in ("service", "datetime", "recorded") if name in asked}
    band = (told["result"] or {}).get("band")
    # A trial is found by its run; a scenario has a page of its own.
    plain = told["kind"] == MEASURE and not {"scenario", "conditions", "speed_kmh"} & set(asked)
    return {
        **told, "asked": {name: asked.get(name) for name in _SAID}, "is_open": told["state"] in OPEN, "percent": int(100 * told["progress"]), "service_name": names.get(asked.get("service"), asked.get("service")),
        "doing": doing, "doing_service": names.get(service, service), "answers": f"?{urlencode(query)}" if plain else "",
        "is_band": told["kind"] == BAND, "band_address": "" if band is None else f"/coverage?{urlencode({'service': band['service'], 'threshold': band['threshold']})}",
    }
