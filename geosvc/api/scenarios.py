"""Scenarios over HTTP: save, measure, compare, apply."""

from __future__ import annotations

import csv
import io
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Query, Request
from fastapi.responses import JSONResponse, Response

from geosvc.accounts.people import Person, Right
from geosvc.api.collections import etag_of
from geosvc.api.editing import IfMatch, revision_of
from geosvc.api.parameters import StrictRoute
from geosvc.api.services import as_text
from geosvc.errors import InvalidParameter
from geosvc.gate.people import editor_of, person_of, seen_by, store_of
from geosvc.language import words
from geosvc.store.engine import Store
from geosvc.workflows import applying, comparing, scenario_runs, scenarios
from geosvc.workflows.scenarios import scenario_number

router = APIRouter(prefix="/api/scenarios", route_class=StrictRoute, tags=["scenarios"])
_ORIGIN = "api"
_EXAMPLE = {
    "name": "花园口镇增设卫生院", "notes": "2026 年规划初稿",
    "changes": {
        "open": [{"number": 1, "class_code": "C220", "name": "花园口镇第二卫生院", "lon": 126.79, "lat": 42.41}], "close": [12],
        "move": [{"facility": 7, "lon": 126.9, "lat": 42.3}], "serve": [{"facility": 9, "mode": "邻村延伸", "areas": ["220622102003"]}], "close_roads": [[126.81, 42.39]], "conditions": ["winter"]},
}
Document = Annotated[Any, Body(
    description="``name``, ``notes`` and ``changes``. A planned facility has a ``number`` of its own in its scenario; degrees. "
                "``serve``: a registered facility also serves areas by 联合设置, 邻村延伸, 派驻 or 流动巡诊.", examples=[_EXAMPLE])]
_SIDE = "Number of a scenario, or ``baseline``: the newest run of what is registered."


def _measurer(request: Request) -> tuple[Person, Store]:
    person = person_of(request)
    person.must(Right.MEASURE)
    return person, seen_by(request, person)


def _with_address(request: Request, told: dict[str, Any]) -> dict[str, Any]:
    return {**told, "href": f"{str(request.base_url).rstrip('/')}/api/scenarios/{told['id']}"}


def _answer(request: Request, told: dict[str, Any], status: int = 200) -> JSONResponse:
    body = _with_address(request, told)
    # With another right or of other areas the same address says something else.
    headers = {"ETag": etag_of(told["version"]), "Vary": "Authorization, Cookie"}
    if status == 201:
        headers["Location"] = body["href"]
    return JSONResponse(body, status_code=status, headers=headers)


@router.get("", summary="Scenarios")
def list_scenarios(
    request: Request,
    state: Annotated[str | None, Query(description="draft, applied or archived; all but archived unless given.")] = None,
) -> dict[str, Any]:
    """Return the scenarios that you may see, the one changed last first.

    An account of some areas sees its own, and those of which every change lies in its areas.
    """
    found = scenarios.list_scenarios(store_of(request), person_of(request), state=state)
    return {"numberReturned": len(found), "scenarios": [_with_address(request, each) for each in found]}


@router.post("", summary="Save a new scenario", status_code=201, response_class=JSONResponse)
def create(request: Request, document: Document) -> Response:
    """Save changes under a name; nothing in the registry changes. For who may measure."""
    person, store = _measurer(request)
    return _answer(request, scenarios.create(store, person, document, origin=_ORIGIN), status=201)


@router.get("/compare", summary="Two scenarios side by side", response_model=None)
def compare(
    request: Request,
    second: Annotated[str, Query(description=_SIDE, examples=["3"])],
    first: Annotated[str, Query(description=_SIDE)] = scenarios.BASELINE,
    service: Annotated[str | None, Query(description="Id of the service; the default service unless given.")] = None,
    threshold: Annotated[str | None, Query(description="Limit of the service, such as 30min; the first unless given.")] = None,
    f: Annotated[Literal["json", "csv"], Query(description="json, or csv for a spreadsheet.")] = "json",
) -> dict[str, Any] | Response:
    """Return people by area of both and the difference (second minus first), totals, gaps, and how the worst-off area fares.

    ``same_data`` is false where the two runs rest on other roads, people or registered facilities. What is unknown in one is
    null in the difference. 404 names what is to be measured first.
    """
    table = comparing.compare(store_of(request), person_of(request), first, second, service_id=service, threshold_id=threshold)
    return table if f == "json" else _csv(table)


@router.get("/{number}", summary="A scenario", response_class=JSONResponse)
def one_scenario(number: str, request: Request) -> Response:
    """Return a scenario; its ETag is what a change of it sends as If-Match.

    ``facilities`` says what stands today of those that it closes, moves or has serve (``gone``: deleted or merged), ``measured`` which
    runs there are of it as it is now.
    """
    return _answer(request, scenarios.get_scenario(store_of(request), person_of(request), scenario_number(number)))


@router.put("/{number}", summary="Say what a scenario is", response_class=JSONResponse)
def put(number: str, request: Request, document: Document, if_match: IfMatch = None) -> Response:
    """Save a scenario wholly; for its author and administrators, others copy it. Other changes are to be measured anew."""
    person, store = _measurer(request)
    told = scenarios.save(store, person, scenario_number(number), document, expected=revision_of(if_match, "scenario"), origin=_ORIGIN)
    return _answer(request, told)


@router.delete("/{number}", summary="Delete a scenario", status_code=204, response_class=Response)
def delete(number: str, request: Request, if_match: IfMatch = None) -> Response:
    """Remove a scenario; for its author and administrators. What applying it did stays."""
    person, store = _measurer(request)
    scenarios.delete(store, person, scenario_number(number), expected=revision_of(if_match, "scenario"), origin=_ORIGIN)
    return Response(status_code=204)


@router.post("/{number}/copy", summary="Copy a scenario", status_code=201, response_class=JSONResponse)
def copy(
    number: str, request: Request, name: Annotated[str | None, Query(max_length=scenarios.LONGEST_NAME, description="Of the copy.")] = None
) -> Response:
    """Save a scenario again as your own; facilities that are gone are left out."""
    person, store = _measurer(request)
    return _answer(request, scenarios.copy(store, person, scenario_number(number), name=name, origin=_ORIGIN), status=201)


@router.post("/{number}/archive", summary="Put a scenario away", response_class=JSONResponse)
def archive(number: str, request: Request, if_match: IfMatch = None) -> Response:
    """Put a scenario away: lists leave it out unless asked for."""
    person, store = _measurer(request)
    return _answer(request, scenarios.archive(
        store, person, scenario_number(number), archived=True, expected=revision_of(if_match, "scenario"), origin=_ORIGIN))


@router.post("/{number}/restore", summary="Take a scenario out again", response_class=JSONResponse)
def restore(number: str, request: Request, if_match: IfMatch = None) -> Response:
    """Take a scenario out again that was put away."""
    person, store = _measurer(request)
    return _answer(request, scenarios.archive(
        store, person, scenario_number(number), archived=False, expected=revision_of(if_match, "scenario"), origin=_ORIGIN))


@router.post("/{number}/measure", summary="Measure a scenario")
def measure(
    number: str, request: Request,
    service: Annotated[list[str] | None, Query(description="A service; may be repeated. Those that the changes concern unless given.")] = None,
) -> dict[str, Any]:
    """Measure a scenario and, on the same data, the baseline; what is measured already is read. The answer comes when it is done.

    ``measured`` names the runs by service, ``not_computable`` says why a service has no answer under these changes.
    """
    person, store = _measurer(request)
    return scenario_runs.measure(store, request.app.state.settings, person, scenario_number(number), service_ids=service or ())


@router.get("/{number}/preview", summary="What applying a scenario would do")
def preview(
    number: str, request: Request,
    valid_from: Annotated[str | None, Query(description="The day from which it would be so; today unless given.")] = None,
) -> dict[str, Any]:
    """Return what would be written of each change, what looks wrong about it, and why it cannot be. For editors."""
    person, store = editor_of(request)
    return applying.preview(store, person, scenario_number(number), valid_from=valid_from, language="en")


@router.post("/{number}/apply", summary="Apply a scenario", response_class=JSONResponse, responses={
    202: {"description": "The changes are not made but proposed: an administrator publishes them.", "content": {"application/json": {"schema": {"type": "object"}}}}})
def apply(
    number: str, request: Request, if_match: IfMatch = None,
    valid_from: Annotated[str | None, Query(description="The day from which it is so; today unless given.")] = None,
    document: Annotated[Any, Body(
        description="``names``: names of planned facilities by their number, in place of those of the scenario.", examples=[{"names": {"1": "花园口镇第二卫生院"}}])] = None,
) -> Response:
    """Write a scenario into the registry, all of it or nothing: openings are registered, moves, services and closings are updates from a day.

    412 says what somebody changed since the scenario was saved. Closed roads and conditions are no facts of the registry:
    ``not_applied`` names them. Where an administrator publishes what editors change, the answer is 202 with ``proposals``.
    """
    person, store = editor_of(request)
    told = applying.apply(
        store, person, scenario_number(number), expected=revision_of(if_match, "scenario"), names=_names(document), valid_from=valid_from, origin=_ORIGIN)
    body = {**told, "scenario": _with_address(request, told["scenario"])}
    return JSONResponse(body, status_code=202 if told["proposals"] else 200, headers={"ETag": etag_of(told["scenario"]["version"])})


def _names(document: Any) -> dict[int, str]:
    """Return names by the number of an opening.

    Raises
    ------
    InvalidParameter
    """
    if document is None:
        return {}
    names = document.get("names", {}) if isinstance(document, dict) and set(document) <= {"names"} else None
    if not isinstance(names, dict) or not all(key.isascii() and key.isdigit() and isinstance(value, str) for key, value in names.items()):
        raise InvalidParameter('expected {"names": {"1": "…"}}: names of planned facilities by their number; or no body at all')
    return {int(key): value for key, value in names.items()}


def _csv(table: dict[str, Any]) -> Response:
    # A byte-order mark, so that spreadsheets read Chinese as UTF-8.
    text = io.StringIO()
    writer = csv.writer(text)
    named = ("covered", "not_covered", "share", "p50", "p90")
    writer.writerow(["area_code", "name", "level", "people_total", *(f"{side}_{name}" for side in ("first", "second", "difference") for name in named),
                     "service", "threshold", "unit", "first_scenario", "second_scenario", "first_run", "second_run", "same_data", "schematic", "notes_zh", "notes_en"])
    # In every row, so that no row is parted from what its reader must know.
    told = [table["service"], table["threshold"]["id"], table["unit"], *(_name_of(table[side]) for side in ("first", "second")),
            *(table[side]["run"] for side in ("first", "second")), str(table["same_data"]).lower(), str(table["schematic"]).lower(),
            *(words(language)["list_mark"].join(note[language] for note in table["second"]["notes"]) for language in ("zh", "en"))]
    for row in table["rows"]:
        figures = [(row[side] or {}).get(name) for side in ("first", "second", "difference") for name in named]
        writer.writerow([as_text(row["area_code"]), as_text(row["name"]), row["level"], row["people_total"], *figures, *told])
    return Response("\ufeff" + text.getvalue(), media_type="text/csv; charset=utf-8",
                    headers={"Content-Disposition": f'attachment; filename="compare-{table["service"]}-{table["threshold"]["id"]}.csv"'})


def _name_of(side: dict[str, Any]) -> str:
    return scenarios.BASELINE if side["scenario"] is None else as_text(side["scenario"]["name"])
