"""Scenarios in pages: the list, one of them, applying it, and two side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from geosvc.accounts.people import Right
from geosvc.coverage.changes import changes_from
from geosvc.errors import Conflict, InvalidInput, MissingPrecondition, RunNotFound, ScenarioClosed, Unsolvable
from geosvc.gate.people import editor_of, person_of, seen_by, store_of
from geosvc.maps.figure import json_block
from geosvc.store.scenarios import ARCHIVED
from geosvc.web import job_pages, scenario_views
from geosvc.web.duplicate_pages import FIRST_COME, NOT_NOW, SEE_OTHER, UNUSABLE, Sent, text_of
from geosvc.web.facility_views import label, value
from geosvc.web.render import language_of, render
from geosvc.web.views import service_chosen
from geosvc.workflows import applying, comparing, reading, scenario_runs, scenarios
from geosvc.workflows.finding import is_whole
from geosvc.workflows.scenarios import BASELINE, scenario_number
from geosvc.workflows.workspace import study_title

if TYPE_CHECKING:
    from starlette.datastructures import FormData

    from geosvc.accounts.people import Person
    from geosvc.store.engine import Store

router = APIRouter(include_in_schema=False)
_ORIGIN = "form"
_DONE = ("saved", "measured", "copied", "archived", "restored", "deleted", "applied", "proposed")
_NAME = "name-"  # of the fields that name openings


def _page(request: Request, template: str, store: Store, **values: Any) -> HTMLResponse:
    done = request.query_params.get("done", "")
    shown = {"problem": "", "detail": "", "done": done if done in _DONE else "", **values}
    return render(request, template, active="scenarios", study=study_title(store), **shown)


@router.get("/scenarios", response_class=HTMLResponse)
def scenarios_page(request: Request) -> HTMLResponse:
    """List the scenarios that somebody may see."""
    store, person = store_of(request), person_of(request)
    archived = request.query_params.get("state") == ARCHIVED
    found = scenarios.list_scenarios(store, person, state=ARCHIVED if archived else None)
    entries = [scenario_views.entry(each, store, language_of(request)) for each in found]
    return _page(request, "scenarios.html", store, entries=entries, archived=archived)


@router.get("/scenarios/compare", response_class=HTMLResponse)
def compare_page(request: Request) -> HTMLResponse:
    """Show two scenarios side by side, or one beside the baseline."""
    store, person, language, asked = store_of(request), person_of(request), language_of(request), request.query_params
    known = scenarios.list_scenarios(store, person)
    names = {BASELINE: None, **{str(each["id"]): each["name"] for each in known}}
    first, second = asked.get("first") or BASELINE, asked.get("second") or next(iter([*list(names)[1:], BASELINE]))
    for each in (first, second):
        if each not in names:  # one that was put away, or none that there is
            names[each] = scenarios.get_scenario(store, person, scenario_number(each))["name"]
    services = reading.list_services(store)
    measured: list[dict[str, str]] = next((each["measured"] for each in known if str(each["id"]) == second), [])
    wanted = asked.get("service") or (measured[0]["service"] if measured else None)
    service = service_chosen(services, wanted, store)
    values = {"names": names, "first": first, "second": second, "services": services, "service": service, "measuring": person.may(Right.MEASURE)}
    missing = _missing(store, person, (first, second), service["id"])
    if missing:
        own = {each: {"service": service["id"], **({} if each == BASELINE else {"scenario": int(each)})} for each in missing}
        jobs = {each: job_pages.measuring_what(request, asked) for each, asked in own.items()}
        return _page(request, "scenario_compare.html", store, table=None, missing=missing, jobs=jobs, **values)
    table = comparing.compare(store, person, first, second, service_id=service["id"], threshold_id=asked.get("threshold") or None)
    maps = scenario_views.maps_of(store, table, language)
    return _page(
        request, "scenario_compare.html", store, table=table, missing=[], totals=scenario_views.totals_of(table, language),
        rows=scenario_views.rows_of(table, language), blocks=[json_block(each, f"compare-{side}") for each, side in zip(maps, ("first", "second"), strict=True)],
        notes=_notes(table), thresholds=[{**each, "unit": table["unit"]} for each in service["thresholds"]], **values)


def _notes(table: dict[str, Any]) -> list[dict[str, str]]:
    """Return what a reader of both must know, each note once."""
    return list({(note["code"], note["zh"]): note for side in ("first", "second") for note in table[side]["notes"]}.values())


def _missing(store: Store, person: Person, sides: tuple[str, str], service_id: str) -> list[str]:
    """Return which of two sides has no run of a service."""
    found = []
    for each in dict.fromkeys(sides):
        try:
            run, _told = scenario_runs.run_of(store, person, each, service_id)
            reading.run_notes(store, service_id, run)
        except (RunNotFound, Unsolvable):
            found.append(each)
    return found


@router.get("/scenarios/{number}", response_class=HTMLResponse)
def scenario_page(request: Request, number: str) -> HTMLResponse:
    """Show one scenario: what it changes, and its figures beside the baseline."""
    return _one(request, store_of(request), person_of(request), scenario_number(number))


def _one(
    request: Request, store: Store, person: Person, number: int, *, status: int = 200, problem: str = "", detail: str = "", typed: dict[str, str] | None = None,
    failed: dict[str, str] | None = None,
) -> HTMLResponse:
    language = language_of(request)
    told = scenarios.get_scenario(store, person, number)
    services = {each["id"]: each for each in reading.list_services(store)}
    changes = changes_from(told["changes"])
    return _page(
        request, "scenario.html", store, status=status, problem=problem, detail=detail, scenario=scenario_views.entry(told, store, language),
        figures=scenario_views.figures(store, person, told, language), concerned=scenario_runs.concerned(store, changes),
        failed=[services[each] for each in failed or job_pages.without_answer(request, {"scenario": number}, told["changed_at"]) if each in services],
        job=job_pages.measuring_what(request, {"scenario": number}),
        typed=typed or {"name": told["name"], "notes": told["notes"]}, measuring=person.may(Right.MEASURE),
        applying=person.may(Right.EDIT) and told["state"] == "draft" and not any(each["state"] in ("open", "published") for each in told["proposals"]))


@router.post("/scenarios/{number}")
def change(request: Request, number: str, sent: Sent) -> Response:
    """Save name and notes, measure, copy, put away or delete a scenario."""
    person, which = person_of(request), scenario_number(number)
    person.must(Right.MEASURE)
    store, what = seen_by(request, person), text_of(sent, "what")
    told = text_of(sent, "version")
    by = {"expected": int(told) if is_whole(told) else None, "origin": _ORIGIN}
    try:
        return _changed(request, store, person, which, what, sent, by)
    except (Conflict, MissingPrecondition):
        return _one(request, store, person, which, status=FIRST_COME, problem="scenario_problem_conflict", typed=_typed(sent) if what == "save" else None)
    except (InvalidInput, Unsolvable) as error:
        return _one(request, store, person, which, status=UNUSABLE if isinstance(error, InvalidInput) else NOT_NOW, problem="scenario_problem_refused",
                    detail=str(error), typed=_typed(sent) if what == "save" else None)


def _typed(sent: FormData) -> dict[str, str]:
    return {name: text_of(sent, name) for name in ("name", "notes")}


def _changed(request: Request, store: Store, person: Person, number: int, what: str, sent: FormData, by: dict[str, Any]) -> Response:
    if what == "measure":
        service = text_of(sent, "service")
        outcome = scenario_runs.measure(store, request.app.state.settings, person, number, service_ids=[service] if service else ())
        if outcome["not_computable"]:
            return _one(request, store, person, number, failed=outcome["not_computable"])
        back, done = text_of(sent, "back"), "?done=measured" if outcome["measured"] else ""  # else the page says that no service is concerned
        return RedirectResponse(back if back.startswith("/scenarios/compare?") else f"/scenarios/{number}{done}", status_code=SEE_OTHER)
    if what == "copy":
        made = scenarios.copy(store, person, number, origin=_ORIGIN)
        return RedirectResponse(f"/scenarios/{made['id']}?done=copied", status_code=SEE_OTHER)
    if what == "delete":
        scenarios.delete(store, person, number, **by)
        return RedirectResponse("/scenarios?done=deleted", status_code=SEE_OTHER)
    if what in ("archive", "restore"):
        scenarios.archive(store, person, number, archived=what == "archive", **by)
        return RedirectResponse(f"/scenarios/{number}?done={what}d", status_code=SEE_OTHER)
    told = scenarios.get_scenario(store, person, number)
    words = _typed(sent) if what == "save" else {}
    scenarios.save(store, person, number, {"name": told["name"], "notes": told["notes"], **words, "changes": told["changes"]}, **by)
    return RedirectResponse(f"/scenarios/{number}?done=saved", status_code=SEE_OTHER)


@router.get("/scenarios/{number}/apply", response_class=HTMLResponse)
def apply_page(request: Request, number: str) -> HTMLResponse:
    """Show what applying a scenario would write, and ask."""
    person, store = editor_of(request)
    return _asking(request, person, store, scenario_number(number), names={}, valid_from="")


def _asking(
    request: Request, person: Person, store: Store, number: int, *, names: dict[int, str], valid_from: str, status: int = 200, problem: str = "", detail: str = ""
) -> HTMLResponse:
    language = language_of(request)
    told = scenarios.get_scenario(store, person, number)
    # A day that is none is said by what was asked, not by what is shown of it.
    seen = applying.preview(store, person, number, names=names, valid_from=valid_from if not problem else None, language=language)
    lines = [{**each, "since": [{"label": label(name, language), "then": value(name, pair[0], language), "now": value(name, pair[1], language)}
                                for name, pair in each["changed_since"].items()]} for each in seen["changes"]]
    return _page(
        request, "scenario_apply.html", store, status=status, problem=problem, detail=detail, scenario=scenario_views.entry(told, store, language),
        lines=lines, seen=seen, names=names, valid_from=valid_from, unnamed={each["number"] for each in _unnamed(told)})


def _unnamed(told: dict[str, Any]) -> list[dict[str, Any]]:
    return [each for each in told["changes"].get("open", ()) if not each["name"]]


@router.post("/scenarios/{number}/apply")
def apply(request: Request, number: str, sent: Sent) -> Response:
    """Apply a scenario that was looked at; what cannot be is shown with the reason, and nothing was written."""
    person, store = editor_of(request)
    which, valid_from, version = scenario_number(number), text_of(sent, "valid_from"), text_of(sent, "version")
    names = {int(key.removeprefix(_NAME)): text_of(sent, key) for key in sent if key.startswith(_NAME) and is_whole(key.removeprefix(_NAME))}
    try:
        done = applying.apply(
            store, person, which, expected=int(version) if is_whole(version) else None, names=names, valid_from=valid_from or None, origin=_ORIGIN)
    except (Conflict, InvalidInput, ScenarioClosed) as error:
        status = FIRST_COME if isinstance(error, Conflict | MissingPrecondition) else UNUSABLE if isinstance(error, InvalidInput) else NOT_NOW
        return _asking(request, person, store, which, names=names, valid_from=valid_from, status=status, problem="scenario_apply_impossible", detail=str(error))
    return RedirectResponse(f"/scenarios/{which}?done={'proposed' if done['proposals'] else 'applied'}", status_code=SEE_OTHER)
