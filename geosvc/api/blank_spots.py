"""Blank spots: townships and villages without the facility that their rule asks for."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from geosvc.api.exports import download
from geosvc.api.parameters import DatetimeParameter, RecordedParameter, StrictRoute
from geosvc.api.plans import ScenarioParameter, under
from geosvc.coverage.blank_spots import SpotState
from geosvc.gate.people import store_of
from geosvc.workflows import as_of, blank_spots

router = APIRouter(prefix="/api", route_class=StrictRoute, tags=["services"])


@router.get("/blank-spots", summary="Townships and villages without the facility they must have", response_model=None)
def spots(
    request: Request,
    rule: Annotated[str | None, Query(max_length=64, description="township-centre or village-clinic; all rules unless given.")] = None,
    area: Annotated[str | None, Query(max_length=20, description="Code of the area, or the beginning of it.")] = None,
    state: Annotated[SpotState | None, Query(description="Lists only areas in this state; counts are of all.")] = None,
    at: DatetimeParameter = None,
    recorded: RecordedParameter = None,
    scenario: ScenarioParameter = None,
    f: Annotated[Literal["json", "csv", "xlsx"], Query(description="json, or a table for a spreadsheet.")] = "json",
    language: Annotated[Literal["zh", "en"], Query(description="Language of csv and xlsx.")] = "zh",
) -> dict[str, Any] | Response:
    """Return, rule by rule, every area of its level with its state, and how many are in each.

    ``held``: a facility of the class stands there; ``joint``, ``extended``, ``posted``, ``mobile``: filled by that
    service mode; ``mode_unknown``: served, nobody told how; ``exempt``: the rule asks for none there; ``undecided``: a
    facility may stand there whose area is not known; ``not_computable``: the registry holds no facility of the class in
    the county; ``not_asked``: the rule is not for areas of that kind; ``blank``: none of these. A rule of which
    the registry holds no facilities or areas at all has ``computable`` false and says which import would change that. Under a scenario
    ``registered_state`` and ``registered_counts`` tell how it is without it.
    """
    when = as_of.times_asked(at, recorded)
    told = blank_spots.blank_spots(
        store_of(request), when, rule_id=rule, area=area, states=None if state is None else [state], under=under(request, scenario, when))
    if f == "json":
        return told
    return download(lambda target: blank_spots.write_blank_spots(told, target, language=language), f, blank_spots.name_of)
