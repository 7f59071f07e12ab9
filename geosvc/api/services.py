"""Services: what is asked of the map, and what the runs answered."""

from __future__ import annotations

import csv
import io
import tempfile
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.background import BackgroundTask

from geosvc.accounts.people import Right
from geosvc.api.collections import GEOJSON
from geosvc.api.parameters import DatetimeParameter, RecordedParameter, StrictRoute, check_level
from geosvc.coverage.states import STATE_WORDS, CoverageState
from geosvc.errors import InvalidParameter
from geosvc.gate.people import person_of, store_of
from geosvc.language import words
from geosvc.maps.figure import single_file
from geosvc.workflows import as_of, conditions, features, publishing, reading, scenario_runs, uncertainty

router = APIRouter(prefix="/api", route_class=StrictRoute, tags=["services"])

_MOST_LIMITS, _LARGEST_LIMIT = 20, 1e6
_FORMULA_BEGINS = tuple("=+-@\t\r")
RunParameter = Annotated[str | None, Query(description="Id of a run; the service's newest unless given.")]
ScenarioParameter = Annotated[str | None, Query(description="Number of a scenario: its newest run answers; 'baseline' is what is registered.", examples=["3"])]
ThresholdParameter = Annotated[str | None, Query(description="Limit of the service, such as 30min; the first unless given.")]


def answering(
    request: Request, service: str | None, run: str | None, at: str | None, recorded: str | None, scenario: str | None = None
) -> tuple[str | None, dict[str, Any]]:
    """Return the run that answers for the times or the scenario asked (None: the newest), and what the answer says of them.

    Raises
    ------
    InvalidParameter
        If a scenario is asked for together with a run or a time.
    """
    if scenario is not None:
        if run or at or recorded:
            raise InvalidParameter("scenario is of today: send it without run, datetime and recorded")
        return scenario_runs.run_of(store_of(request), person_of(request), scenario, service)
    times = as_of.times_asked(at, recorded)
    return as_of.answering(store_of(request), request.app.state.settings, service, run, times)


@router.get("/services", summary="The services")
def services(request: Request) -> dict[str, Any]:
    """List the services: which facilities, how people travel, which limits, whose limits, and the newest run."""
    return {"services": reading.list_services(store_of(request))}


@router.get("/conditions", summary="The conditions of travel")
def travel_conditions(request: Request) -> dict[str, Any]:
    """List winter, night, flood …: factors of speed, what they close, their source, and the barriers marked with each."""
    return {"conditions": conditions.list_conditions(store_of(request))}


@router.get("/services/{service_id}", summary="One service")
def service(service_id: str, request: Request) -> dict[str, Any]:
    """Describe one service."""
    return reading.service_entry(store_of(request), service_id)


@router.get("/services/{service_id}/coverage", summary="Coverage by area", response_model=None)
def coverage(
    service_id: str,
    request: Request,
    run: RunParameter = None,
    threshold: ThresholdParameter = None,
    at: DatetimeParameter = None,
    recorded: RecordedParameter = None,
    scenario: ScenarioParameter = None,
    compared_with: Annotated[str | None, Query(description="A second day: people by state of both, by the areas of this one, and the difference. Only as json.")] = None,
    level: Annotated[str | None, Query(description="Only areas of this level; 'total' is the sum.")] = None,
    f: Annotated[Literal["json", "csv"], Query(description="json, or csv for a spreadsheet.")] = "json",
) -> dict[str, Any] | Response:
    """Return people and km2 in each state by area.

    The states add up to the total. ``people`` and ``km2`` are null where they are unknown, never 0. ``people_by_age`` applies the
    ages in an area's own figure to its people in every state; it is null where that figure tells none. With ``datetime``
    or ``recorded`` the run measured for that day answers; where there is none, the answer is 404 and names the command to run.
    """
    check_level(level, "total", "outside")
    if compared_with is not None:
        if scenario is not None:
            raise InvalidParameter("compared_with compares days; scenarios are compared at /api/scenarios/compare")
        return _compared(request, service_id, (at, compared_with), recorded, run, threshold, level, f)
    found, told = answering(request, service_id, run, at, recorded, scenario)
    table = reading.coverage_table(
        store_of(request), service_id, run_id=found, threshold_id=threshold, level=level
    )
    return {**table, **told} if f == "json" else _csv(table)


def _compared(
    request: Request, service_id: str, days: tuple[str | None, str], recorded: str | None, run: str | None,
    threshold: str | None, level: str | None, f: str,
) -> dict[str, Any]:
    if run is not None or f != "json":
        raise InvalidParameter("compared_with goes with datetime and f=json; a run is of one time, and the table of two days is not made as csv")
    before, after = (as_of.times_asked(day, recorded, name=name) for day, name in zip(days, ("datetime", "compared_with"), strict=True))
    return as_of.compared(
        store_of(request), request.app.state.settings, service_id, (before, after), threshold_id=threshold, level=level)


def _csv(table: dict[str, Any]) -> Response:
    # A byte-order mark, so that spreadsheets read Chinese as UTF-8.
    text = io.StringIO()
    writer = csv.writer(text)
    states = list(STATE_WORDS)
    ages = sorted({(part["first"], part["ages"]) for row in table["rows"] for part in row["people_by_age"] or ()})
    writer.writerow(["area_code", "name", "level", "people_total", *(f"people_{s}" for s in states),
                     *(f"km2_{s}" for s in states), "share_of_all_people", f"p50_{table['unit']}", f"p90_{table['unit']}",
                     *(f"people_{each}{what}" for _first, each in ages for what in ("", "_covered")),
                     "service", "threshold", "run", "schematic", "notes_zh", "notes_en"])
    # In every row, so that no row is parted from what its reader must know.
    told = [str(table["schematic"]).lower(), *(words(language)["list_mark"].join(note[language] for note in table["notes"]) for language in ("zh", "en"))]
    for row in table["rows"]:
        people, km2 = row["people"] or {}, row["km2"] or {}
        by_age = {part["ages"]: (part["people_total"], part["people"][CoverageState.COVERED.word]) for part in row["people_by_age"] or ()}
        writer.writerow([
            as_text(row["area_code"]), as_text(row["name"]), row["level"], row["people_total"], *(people.get(s) for s in states),
            *(km2.get(s) for s in states), row["share"]["of_all_people"], row["p50"], row["p90"],
            *(figure for _first, each in ages for figure in by_age.get(each, (None, None))),
            table["service"], table["threshold"]["id"], table["run"], *told,
        ])
    name = f"coverage-{table['service']}-{table['threshold']['id']}.csv"
    return Response("\ufeff" + text.getvalue(), media_type="text/csv; charset=utf-8",
                    headers={"Content-Disposition": f'attachment; filename="{name}"'})


def as_text(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell[:1] in _FORMULA_BEGINS else cell


@router.get("/services/{service_id}/coverage/band", summary="Coverage by area with its uncertainty")
def coverage_band(
    service_id: str,
    request: Request,
    run: RunParameter = None,
    threshold: ThresholdParameter = None,
    draws: Annotated[
        int, Query(ge=uncertainty.FEWEST_DRAWS, le=uncertainty.MOST_DRAWS, description="How often to draw.")
    ] = uncertainty.DEFAULT_DRAWS,
    seed: Annotated[
        int, Query(ge=0, le=uncertainty.LARGEST_SEED, description="The same seed gives the same answer.")
    ] = uncertainty.DEFAULT_SEED,
) -> dict[str, Any]:
    """Return the coverage of a run with the 5th, 50th and 95th percentile of many draws.

    Speeds, positions of facilities and the source of people are drawn from the stated assumptions. A band that was
    computed before is read; one that takes seconds is computed now for those who may measure everywhere; for a larger
    one the answer is 409 and names the command to run. Unknown figures are null, never 0.
    """
    store, settings = store_of(request), request.app.state.settings
    known = uncertainty.known_band(store, service_id, threshold, run_id=run, draws=draws, seed=seed)
    if known is not None:
        return known
    person_of(request).must_everywhere(Right.MEASURE)
    return uncertainty.band_while_waiting(store, settings, service_id, threshold, run_id=run, draws=draws, seed=seed)


@router.get("/services/{service_id}/curves", summary="What every limit would give")
def service_curves(
    service_id: str, request: Request, run: RunParameter = None, at: DatetimeParameter = None, recorded: RecordedParameter = None,
    scenario: ScenarioParameter = None,
) -> dict[str, Any]:
    """Return people by how far they are, for the total and each area, and the gaps that each limit would leave.

    ``people[k]`` of an area are those farther than ``(k - 1) * step`` and at most ``k * step`` away, in ``unit``; the sum up
    to ``k`` is covered by a limit of ``k * step``. The last entry holds everybody farther. An account of
    some areas is told of these; ``gaps`` is null where one of them has no outline, and people are null where they are unknown, never 0.
    """
    found, told = answering(request, service_id, run, at, recorded, scenario)
    return {**reading.curves_of_run(store_of(request), service_id, found), **told}


@router.get("/services/{service_id}/surface", summary="Surface as GeoTIFF", response_class=FileResponse)
def surface(
    service_id: str, request: Request, run: RunParameter = None, at: DatetimeParameter = None, recorded: RecordedParameter = None,
    scenario: ScenarioParameter = None,
) -> FileResponse:
    """Return the surface: band 1 minutes (or km), NaN = not reached; band 2 the nearest facility's id.

    To an account of some areas all else is NaN, and so is the id of a facility that it may not see; where none of
    its areas has an outline the answer is 409.
    """
    run, _told = answering(request, service_id, run, at, recorded, scenario)
    folder = Path(tempfile.mkdtemp(prefix="geosvc-surface-"))
    target = folder / "surface.tif"

    def clean() -> None:
        target.unlink(missing_ok=True)
        folder.rmdir()

    store = store_of(request)
    try:
        found = reading.surface_geotiff(store, service_id, run, target)
    except BaseException:
        clean()
        raise
    return FileResponse(target, media_type="image/tiff; application=geotiff",
                        filename=f"{service_id}-{found}.tif",
                        headers={"ETag": f'"{found}"'} if store.areas is None else {"Cache-Control": "private, no-store"},
                        background=BackgroundTask(clean))


@router.get("/services/{service_id}/isochrones", summary="Isochrones as GeoJSON")
def service_isochrones(
    service_id: str, request: Request,
    limits: Annotated[str, Query(description="Limits in the service's unit, separated by commas.", examples=["15,30,60"])],
    run: RunParameter = None, at: DatetimeParameter = None, recorded: RecordedParameter = None, scenario: ScenarioParameter = None,
) -> Response:
    """Return everything within each limit, the smallest first; each lies within the next."""
    store = store_of(request)
    run, _told = answering(request, service_id, run, at, recorded, scenario)
    found = features.isochrone_features(store, service_id, run, _limits(limits))
    return _collection(found, reading.run_notes(store, service_id, run))


@router.get("/services/{service_id}/catchments", summary="Catchments as GeoJSON")
def service_catchments(
    service_id: str, request: Request,
    limit: Annotated[float | None, Query(ge=0, le=1e6, description="Only what is at most so far, in the service's unit.")] = None,
    run: RunParameter = None, at: DatetimeParameter = None, recorded: RecordedParameter = None, scenario: ScenarioParameter = None,
) -> Response:
    """Return, for each facility, every place to which it is the nearest."""
    store = store_of(request)
    run, _told = answering(request, service_id, run, at, recorded, scenario)
    return _collection(
        features.catchment_features(store, service_id, run, limit), reading.run_notes(store, service_id, run)
    )


def _limits(text: str) -> list[float]:
    try:
        limits = [float(part) for part in text.split(",")]
    except ValueError:
        limits = []
    if not 0 < len(limits) <= _MOST_LIMITS or not all(0 <= limit <= _LARGEST_LIMIT for limit in limits):
        raise InvalidParameter(
            f"limits must be one to {_MOST_LIMITS} numbers from 0 to {_LARGEST_LIMIT:g} separated by commas, got {text!r}"
        )
    return limits


def _collection(found: list[features.Feature], told: dict[str, Any]) -> Response:
    body = {"type": "FeatureCollection", "numberReturned": len(found), **told, "features": found}
    return JSONResponse(body, media_type=GEOJSON)


@router.get("/services/{service_id}/picture", summary="Surface as a picture of numbers", response_class=Response)
def picture(service_id: str, request: Request, run: RunParameter = None) -> Response:
    """Return the surface as an 8-bit PNG for web maps; the map document says what its numbers mean."""
    store = store_of(request)
    png, record = reading.picture_of_run(store, service_id, run)
    if store.areas is not None:  # what an account means may change, and the next person at this browser sees another part
        headers = {"Cache-Control": "private, no-store"}
    else:  # with its run named the picture never changes
        whose = "private" if person_of(request).signed_in else "public"
        headers = {"Cache-Control": f"{whose}, max-age=31536000, immutable" if run else "no-cache", "ETag": f'"{record["run"]}"'}
    return Response(png, media_type="image/png", headers={**headers, "Vary": "Cookie, Authorization"})


@router.get("/services/{service_id}/map", summary="Map as a single file", response_class=HTMLResponse)
def single_map(
    service_id: str, request: Request, run: RunParameter = None, threshold: ThresholdParameter = None,
    at: DatetimeParameter = None, recorded: RecordedParameter = None, scenario: ScenarioParameter = None,
    language: Annotated[Literal["zh", "en"], Query()] = "zh",
) -> HTMLResponse:
    """Return the map as one HTML file that needs no server and no internet, to keep or to send."""
    run, _told = answering(request, service_id, run, at, recorded, scenario)
    document = publishing.map_of(
        store_of(request), service_id, run_id=run, threshold_id=threshold, language=language, title_block=True
    )
    name = f"{service_id}-{document['threshold']['id']}.html"
    return HTMLResponse(single_file(document), headers={"Content-Disposition": f'attachment; filename="{name}"'})


@router.get("/runs/{run_id}", summary="One run")
def run(run_id: str, request: Request) -> dict[str, Any]:
    """Return what a run rests on: checksums of its inputs, parameters, version, notes, figures."""
    return reading.run_record(store_of(request), run_id)
