"""Plans: what they promise, how it stands, where their figures contradict each other."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from geosvc.api.exports import download
from geosvc.api.parameters import DatetimeParameter, RecordedParameter, StrictRoute
from geosvc.gate.people import person_of, store_of
from geosvc.plans.plan import Kind
from geosvc.plans.verdicts import Verdict
from geosvc.registry.moments import AsOf
from geosvc.workflows import as_of, plan_files, planning
from geosvc.workflows.scenarios import Asked, asked_changes

router = APIRouter(prefix="/api", route_class=StrictRoute, tags=["plans"])

ScenarioParameter = Annotated[str | None, Query(
    description="Number of a scenario: answers are as its changes make them; 'baseline' is what is registered. Not with datetime or recorded.", examples=["3"])]
KindParameter = Annotated[Kind | None, Query(alias="kind", description="Only statements of a kind.")]
VerdictParameter = Annotated[Verdict | None, Query(description="Only statements with an indicator of a verdict.")]


def under(request: Request, scenario: str | None, when: AsOf) -> Asked | None:
    """Return what the scenario of a request changes; None for the baseline.

    Raises
    ------
    ScenarioNotFound, InvalidParameter
    """
    return asked_changes(store_of(request), person_of(request), scenario, when)


@router.get("/plans", summary="Plans", response_model=None)
def plans(
    request: Request, at: DatetimeParameter = None, recorded: RecordedParameter = None, scenario: ScenarioParameter = None
) -> dict[str, Any]:
    """Return every plan with its counts: statements that are computed, wait for data, are stored or recorded only; verdicts; contradictions."""
    when = as_of.times_asked(at, recorded)
    found = planning.plan_list(store_of(request), request.app.state.settings, when, under=under(request, scenario, when))
    return {"plans": found}


@router.get("/plans/{plan_id}", summary="One plan", response_model=None)
def plan(
    plan_id: str, request: Request, at: DatetimeParameter = None, recorded: RecordedParameter = None, scenario: ScenarioParameter = None
) -> dict[str, Any]:
    """Return a plan: title, issuer, date, state, numbers of people that it can be divided by, and its counts."""
    when = as_of.times_asked(at, recorded)
    found = planning.plan_board(store_of(request), request.app.state.settings, plan_id, when, under=under(request, scenario, when))
    return {key: value for key, value in found.items() if key not in ("statements", "contradictions")}


@router.get("/plans/{plan_id}/indicators", summary="Indicators of a plan", response_model=None)
def indicators(
    plan_id: str, request: Request, kind: KindParameter = None, verdict: VerdictParameter = None, at: DatetimeParameter = None,
    recorded: RecordedParameter = None, scenario: ScenarioParameter = None,
    f: Annotated[Literal["json", "csv", "xlsx"], Query(description="json, or a table for a spreadsheet.")] = "json",
    language: Annotated[Literal["zh", "en"], Query(description="Language of csv and xlsx.")] = "zh",
) -> dict[str, Any] | Response:
    """Return the statements of a plan with their quotes, and each indicator with baseline, now, target and verdict.

    ``now`` is as of the day: ``value`` where all is known, else between ``low`` and ``high`` (null: open); ``why`` where nothing
    can be said, with the command that would unlock it. ``by_people`` tells a rate with every number of people; ``stated`` what
    the plan's own count and rate imply. Unknown is never no: see ``counts``. Under a scenario ``registered`` tells each without it.
    """
    store, settings, when = store_of(request), request.app.state.settings, as_of.times_asked(at, recorded)
    told = planning.plan_board(store, settings, plan_id, when, kind=kind, verdict=verdict, everything=f == "xlsx", under=under(request, scenario, when))
    if f == "json":
        return told
    return download(lambda target: plan_files.write_plan(told, target, language=language), f, plan_files.name_of)


@router.get("/plans/{plan_id}/conflicts", summary="Contradictions between the figures of a plan", response_model=None)
def conflicts(
    plan_id: str, request: Request, at: DatetimeParameter = None, recorded: RecordedParameter = None, scenario: ScenarioParameter = None
) -> dict[str, Any]:
    """Return what does not fit, as a sentence in both languages with its figures, and what every number of people would give."""
    when = as_of.times_asked(at, recorded)
    return planning.plan_conflicts(store_of(request), request.app.state.settings, plan_id, when, under=under(request, scenario, when))


@router.get("/plans/{plan_id}/failing", summary="What makes indicators fail", response_model=None)
def failing(
    plan_id: str, request: Request,
    indicator: Annotated[str | None, Query(max_length=80, description="Id of an indicator; all unless given.")] = None,
    at: DatetimeParameter = None, recorded: RecordedParameter = None, scenario: ScenarioParameter = None,
) -> dict[str, Any]:
    """Return the facilities and areas that make indicators fail (``known``), or of which it is not known."""
    when = as_of.times_asked(at, recorded)
    return planning.plan_failing(
        store_of(request), request.app.state.settings, plan_id, when, indicator=indicator, under=under(request, scenario, when))
