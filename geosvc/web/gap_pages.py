"""The pages of what is missing: gaps of a service, and blank spots of a rule."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from geosvc.accounts.people import Right
from geosvc.coverage.blank_spots import SpotState, shipped_rules
from geosvc.coverage.services import service_from
from geosvc.gate.people import person_of, store_of
from geosvc.maps import numbers
from geosvc.store.runs import GAP_SORTS
from geosvc.web import facility_views, job_pages, views
from geosvc.web.render import language_of, render
from geosvc.workflows import as_of, blank_spots, features, publishing, reading, scenarios
from geosvc.workflows.scenario_runs import asked_changes

if TYPE_CHECKING:
    from geosvc.settings import Settings
    from geosvc.store.engine import Store

router = APIRouter(include_in_schema=False)
_PER_PAGE = 50
_MOST_AREAS = 300
EXPORTS = ("xlsx", "csv", "geojson", "gpkg")
# What somebody looks for first; the others are counted, and listed when they are chosen.
_LISTED_FIRST = (SpotState.BLANK, SpotState.UNDECIDED)

LanguageParameter = Annotated[str | None, Query(alias="lang")]
DatetimeParameter = Annotated[str | None, Query(alias="datetime")]


# -- gaps ------------------------------------------------------------------------------------


@router.get("/gaps", response_class=HTMLResponse)
def gaps_page(
    request: Request, service: str | None = None, threshold: str | None = None, area: str | None = None,
    min_people: str | None = None, sort: str | None = None, run: str | None = None, cursor: str | None = None,
    at: DatetimeParameter = None, recorded: str | None = None, scenario: str | None = None, lang: LanguageParameter = None,
) -> HTMLResponse:
    """List the gaps of a service, as they are, as they were on a day, as a run has them, or under a scenario."""
    del lang
    store = store_of(request)
    tried = views.scenario_tried(store, person_of(request), scenario, run, at, recorded)
    known = scenarios.list_scenarios(store, person_of(request))
    asked = {"area": area or "", "min_people": views.number_or_none(min_people), "sort": features.gap_order(sort or None)}
    page = gaps_view(
        store, service or None, threshold or None, language_of(request), asked=asked, run_id=run or None,
        cursor=cursor or None, limit=_PER_PAGE, settings=request.app.state.settings, at=at, recorded=recorded, tried=tried,
    )
    measuring = None if page["apart_run"] or tried else job_pages.measuring_of(request, page["service"], page["times"])
    # One that is looked at stands in the list, measured or not; of the others those that have an answer.
    choices = [each for each in known if views.run_of_scenario(each, page["service"]["id"]) or (tried and each["id"] == tried["id"])]
    return render(request, "gaps.html", active="gaps", measuring=measuring, scenarios=choices, **page)


def gaps_view(
    store: Store, service_id: str | None, threshold_id: str | None, language: str, *, asked: dict[str, Any],
    run_id: str | None, cursor: str | None, limit: int, settings: Settings, at: str | None = None,
    recorded: str | None = None, tried: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return what the list of gaps shows; no list where no limit speaks for everybody and none was chosen.

    ``asked`` are area, min_people and sort. A run that is named answers for itself, whatever day is asked; ``tried``,
    a scenario, is answered by its run, and by none where it has none: never by the baseline.
    """
    times = facility_views.times_of(None, None) if run_id else facility_views.times_of(at, recorded)
    frame = {**views.study_frame(store), "times": times, **asked, "sorts": GAP_SORTS}
    named = None if run_id is None else reading.run_record(store, run_id)
    service = views.service_chosen(frame["services"], service_id or (None if named is None else named["service"]), store)
    if named is not None:
        reading.run_notes(store, service["id"], run_id)  # refuses a run of another service
    if tried is not None:
        run_id = views.run_of_scenario(tried, service["id"])
    of_one = run_id is not None or tried is not None
    found = {"run": run_id, "missing": None, "cure": None} if of_one else views.run_shown(store, settings, service, times)
    empty = {**frame, **found, "service": service, "gaps": [], "matched": 0, "following": None, "threshold": None,
             "schematic": False, "notes": [], "areas": [], "tiles": [], "verdict": "", "apart": False, "part": None,
             "apart_run": None, "exports": [], "keep": {}, "tried": tried, "ranked": [], "ranked_apart": False, "changed_since": []}
    if found["run"] is None:
        return empty
    run = named or reading.run_record(store, found["run"])
    measured = service_from(run["parameters"]["service"])
    apart = numbers.stands_apart(run)
    # The link of every form and page of the list leads to the same run.
    keep = {"scenario": str(tried["id"])} if tried else {"run": run_id or "", "datetime": times["datetime"], "recorded": times["recorded"]}
    told = {
        **empty, "run": run["id"], "part": run.get("part"), "schematic": reading.is_schematic(run["notes"]), "notes": run["notes"],
        "apart": apart, "keep": {name: value for name, value in keep.items() if value},
        "apart_run": _about_run(run, service) if run_id else None,
        "verdict": numbers.verdict_sentence(run, language) if apart else "",
        "tiles": numbers.side_by_side(run, measured, language) if apart else [],
    }
    shown = publishing.chosen_threshold(run, measured, threshold_id)
    return told if shown is None else {**told, **_listed(store, run, shown.id, asked, cursor, limit, language)}


def _about_run(run: dict[str, Any], service: dict[str, Any]) -> dict[str, Any]:
    """Return what a reader must know of a run that was asked for by its id."""
    told = run["parameters"]
    return {"newest": run["id"] == service["run"], "scenario": bool(told.get("changes")), "conditions": told.get("conditions") or [],
            "day": run["datetime"]}


def _listed(
    store: Store, run: dict[str, Any], threshold_id: str, asked: dict[str, Any], cursor: str | None, limit: int, language: str
) -> dict[str, Any]:
    table = reading.coverage_table(store, run["service"], run_id=run["id"], threshold_id=threshold_id)
    gaps, matched, following = features.gaps_page(
        store, service_id=run["service"], run_id=run["id"], threshold_id=threshold_id, area_code=asked["area"] or None,
        min_people=asked["min_people"], sort=asked["sort"], cursor=cursor, limit=limit,
    )
    cut_by, ranked = [row for row in table["rows"] if features.holds_gaps(row)], _ranked(table["rows"], asked)
    return {
        "changed_since": table["changed_since"], "gaps": gaps, "matched": matched, "following": following, "threshold": table["threshold"],
        "areas": cut_by, "exports": _exports(run, threshold_id, asked, language), "ranked": ranked,
        "ranked_apart": not {row["area_code"] for row in ranked} <= {row["area_code"] for row in cut_by},
    }


_RANKINGS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "people": lambda row: -numbers.not_reached(row),
    "worst": lambda row: -(float("inf") if row["p90"] is None else row["p90"]),
    "area": lambda row: row["area_code"],
}


def _ranked(rows: list[dict[str, Any]], asked: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the townships (the highest level with two areas) whose people are not all reached, in the order of the gaps.

    These count people where they are registered, so they tell a township from the next where one gap lies in many, or no
    township has an outline to cut gaps by.
    """
    found = [
        {**row, "not_reached": numbers.not_reached(row)} for row in numbers.rows_to_rank(rows)
        if row["area_code"].startswith(asked["area"]) and numbers.not_reached(row) > 0
        and numbers.not_reached(row) >= (asked["min_people"] or 0)
    ]
    return sorted(found, key=lambda row: (_RANKINGS[asked["sort"]](row), row["area_code"]))


def _exports(run: dict[str, Any], threshold_id: str, asked: dict[str, Any], language: str) -> list[tuple[str, str]]:
    """Return (format, address) of the files of the list as it is shown."""
    query = {"service": run["service"], "threshold": threshold_id, "run": run["id"], **asked, "language": language}
    told = {name: value for name, value in query.items() if value not in (None, "")}
    return [(name, f"/api/collections/gaps/export?{urlencode({'f': name, **told})}") for name in EXPORTS]


def _address(**asked: str | None) -> str:
    told = {name: value for name, value in asked.items() if value}
    return "/blank-spots" + (f"?{urlencode(told)}" if told else "")


# -- blank spots -----------------------------------------------------------------------------


@router.get("/blank-spots", response_class=HTMLResponse)
def blank_spots_page(
    request: Request, rule: str | None = None, area: str | None = None, state: str | None = None,
    at: DatetimeParameter = None, recorded: str | None = None, scenario: str | None = None, lang: LanguageParameter = None,
) -> HTMLResponse:
    """List the townships and villages without the facility that their rule asks for, as they are or were on a day, or under a scenario."""
    del lang
    store, language = store_of(request), language_of(request)
    times = facility_views.times_of(at, recorded)
    day = as_of.times_asked(at or None, recorded or None)
    states: Sequence[str] = [state] if state else _LISTED_FIRST
    under = asked_changes(store, person_of(request), scenario, day)
    told = blank_spots.blank_spots(store, day, rule_id=rule or None, area=area or None, states=states, under=under, changed_too=not state)
    number = "" if under is None else str(under.id)
    query = {"rule": rule, "area": area, "scenario": number, "datetime": times["datetime"], "recorded": times["recorded"], "language": language}
    exports = [(name, f"/api/blank-spots?{urlencode({'f': name, **{key: value for key, value in query.items() if value}})}")
               for name in blank_spots.FORMATS[::-1]]
    return render(
        request, "blank_spots.html", active="gaps", study=told["title"], times=times, rules=told["rules"], all_rules=shipped_rules(), rule=rule or "",
        area=area or "", state=state or "", states=list(SpotState), exports=exports, most=_MOST_AREAS,
        scenario=told["scenario"], fillable=_LISTED_FIRST if person_of(request).may(Right.MEASURE) and not times["then"] else (),
        back=_address(rule=rule, state=state, area=area, scenario=number), baseline=_address(rule=rule, state=state, area=area),
        said_of=lambda facility: blank_spots.said_of(facility, language))
