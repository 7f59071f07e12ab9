"""Plans: what they promise, how it stands, where their figures contradict each other."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response

from geosvc.api.exports import download
from geosvc.api.parameters import DatetimeParameter, RecordedParameter, StrictRoute
from geosvc.gate.people import editor_of_everywhere, person_of, store_of
from geosvc.gate.uploads import FORM, SentFile
from geosvc.plans.plan import Kind
from geosvc.plans.verdicts import Verdict
from geosvc.registry.moments import AsOf
from geosvc.workflows import as_of, plan_documents, plan_files, planning
from geosvc.workflows.scenario_runs import Asked, asked_changes

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
    found = planning.plan_list(store_of(request), when, under=under(request, scenario, when))
    return {"plans": found}


@router.get("/plans/{plan_id}", summary="One plan", response_model=None)
def plan(
    plan_id: str, request: Request, at: DatetimeParameter = None, recorded: RecordedParameter = None, scenario: ScenarioParameter = None
) -> dict[str, Any]:
    """Return a plan: title, issuer, date, state, numbers of people that it can be divided by, and its counts."""
    when = as_of.times_asked(at, recorded)
    found = planning.plan_board(store_of(request), plan_id, when, under=under(request, scenario, when))
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
    when = as_of.times_asked(at, recorded)
    told = planning.plan_board(store_of(request), plan_id, when, kind=kind, verdict=verdict, everything=f == "xlsx", under=under(request, scenario, when))
    if f == "json":
        return told
    return download(lambda target: plan_files.write_plan(told, target, language=language), f, plan_files.name_of)


@router.get("/plans/{plan_id}/conflicts", summary="Contradictions between the figures of a plan", response_model=None)
def conflicts(
    plan_id: str, request: Request, at: DatetimeParameter = None, recorded: RecordedParameter = None, scenario: ScenarioParameter = None
) -> dict[str, Any]:
    """Return what does not fit, as a sentence in both languages with its figures, and what every number of people would give."""
    when = as_of.times_asked(at, recorded)
    return planning.plan_conflicts(store_of(request), plan_id, when, under=under(request, scenario, when))


@router.get("/plans/{plan_id}/failing", summary="What makes indicators fail", response_model=None)
def failing(
    plan_id: str, request: Request,
    indicator: Annotated[str | None, Query(max_length=80, description="Id of an indicator; all unless given.")] = None,
    at: DatetimeParameter = None, recorded: RecordedParameter = None, scenario: ScenarioParameter = None,
) -> dict[str, Any]:
    """Return the facilities and areas that make indicators fail (``known``), or of which it is not known."""
    when = as_of.times_asked(at, recorded)
    return planning.plan_failing(
        store_of(request), plan_id, when, indicator=indicator, under=under(request, scenario, when))


# -- plan files and reported figures ---------------------------------------------------------


@router.post("/plans", summary="Keep a plan file", status_code=201, openapi_extra=FORM, response_class=JSONResponse)
def send_plan(
    request: Request, file: SentFile,
    check: Annotated[bool, Query(description="Say what is wrong with it and keep nothing (200).")] = False,
) -> JSONResponse:
    """Keep a plan file (YAML, docs/plans.md) beside the published ones, in place of one of the same id.

    One that has problems is refused whole (422), each with its line and its cure; with ``check`` they are told and nothing is kept.
    """
    person, store = editor_of_everywhere(request)
    content, name = file.file.read(), file.filename or "plan.yaml"
    plan = plan_documents.plan_from(content, name) if check else plan_documents.add_plan(store, content, name, author=person.name)
    told = {"plan": plan.id, "title": plan.title, "statements": len(plan.statements),
            "with_computation": sum(any(one.way for one in each.indicators) for each in plan.statements), "problems": [str(each) for each in plan.problems]}
    if check:
        return JSONResponse(told)
    return JSONResponse(told, status_code=201, headers={"Location": f"{str(request.base_url).rstrip('/')}/api/plans/{plan.id}"})


@router.delete("/plans/{plan_id}", summary="Forget a plan file", status_code=204)
def remove_plan(plan_id: str, request: Request) -> Response:
    """Forget a plan file of the workspace; a published plan stays, and comes back where a file had taken its place."""
    person, store = editor_of_everywhere(request)
    plan_documents.remove_plan(store, plan_id, author=person.name)
    return Response(status_code=204)


@router.get("/plans/{plan_id}/file", summary="The file of a plan", response_class=Response,
            responses={200: {"description": "YAML, as it was written.", "content": {"application/yaml": {"schema": {"type": "string"}}}}})
def plan_file(plan_id: str, request: Request, recorded: RecordedParameter = None) -> Response:
    """Return the file of a plan, a published one too: a beginning for one of your own. With ``recorded`` the file that was there then."""
    text = plan_documents.plan_text(store_of(request), plan_id, as_of.times_asked(None, recorded).recorded_at)
    return Response(text, media_type="application/yaml; charset=utf-8", headers={"Content-Disposition": f'attachment; filename="{plan_id}.yaml"'})


@router.get("/plans/{plan_id}/reported", summary="Figures reported for a plan", response_model=None)
def reported(
    plan_id: str, request: Request,
    f: Annotated[Literal["json", "csv"], Query(description="json, or the table to fill in.")] = "json", recorded: RecordedParameter = None,
) -> dict[str, Any] | Response:
    """Return the figures reported after a plan was written, who sent them and when; with ``recorded`` those that were there then.

    As csv it is the table to fill in: what was reported, and a row without a value for every indicator that is not computed.
    """
    when = as_of.times_asked(None, recorded).recorded_at
    told = plan_documents.reports_of(store_of(request), plan_id, when, with_authors=person_of(request).signed_in)
    if f == "json":
        return _told(told)
    return download(lambda target: plan_documents.write_form(told, target), f, lambda _told: f"{plan_id}-reported")


@router.get("/plans/{plan_id}/texts", summary="What was sent for a plan", response_model=None)
def texts_sent(plan_id: str, request: Request) -> dict[str, Any]:
    """Return which plan files and tables of figures were ever sent for a plan or taken away, newest first.

    Each has ``part`` (file, reported), the ``name`` it was sent under, ``recorded_at``, ``until`` (null: in force), ``taken_away`` and, to accounts, its ``author``.
    The text is what ``file`` and ``reported`` answer with ``recorded`` set to its ``recorded_at``.
    """
    return {"plan": plan_id, "texts": plan_documents.texts_sent(store_of(request), plan_id, with_authors=person_of(request).signed_in)}


@router.put("/plans/{plan_id}/reported", summary="Report figures", openapi_extra=FORM, response_model=None)
def report(
    plan_id: str, request: Request, file: SentFile,
    seen: Annotated[str | None, Query(description="recorded_at of the table that is replaced, none where there is none; 412 if it is another one by now.")] = None,
) -> dict[str, Any]:
    """Keep a table of figures (CSV: indicator, year, value, source), in place of what was reported before; one with a fault is refused whole (422)."""
    person, store = editor_of_everywhere(request)
    plan_documents.report_figures(store, plan_id, file.file.read(), file.filename or "reported.csv", author=person.name, seen=seen)
    return _told(plan_documents.reports_of(store, plan_id))


def _told(reports: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in reports.items() if key != "form"} | {"problems": [str(each) for each in reports["problems"]]}


@router.delete("/plans/{plan_id}/reported", summary="Forget reported figures", status_code=204)
def forget_reports(plan_id: str, request: Request) -> Response:
    """Forget what was reported for a plan."""
    person, store = editor_of_everywhere(request)
    plan_documents.forget_reports(store, plan_id, author=person.name)
    return Response(status_code=204)
