"""Sending what plans need: a plan file of one's own, and figures reported after a plan was written."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from geosvc.errors import Conflict, InvalidInput, PlanRefused
from geosvc.gate.people import editor_of_everywhere
from geosvc.gate.uploads import SentFile
from geosvc.plans.plan import problem_of_file
from geosvc.web import views
from geosvc.web.duplicate_pages import SEE_OTHER, UNUSABLE
from geosvc.web.facility_views import clock
from geosvc.web.plan_problems import problem_entry
from geosvc.web.render import language_of, render
from geosvc.workflows import plan_documents

router = APIRouter(include_in_schema=False)
_MOST_PROBLEMS = 50


@router.get("/plans/new", response_class=HTMLResponse)
def file_page(request: Request) -> HTMLResponse:
    """Ask for a plan file."""
    return _file_page(request)


def _file_page(request: Request, *, refused: dict[str, Any] | None = None, status: int = 200) -> HTMLResponse:
    _person, store = editor_of_everywhere(request)
    published = [plan for name, plan in plan_documents.plans_of(store).items() if name in plan_documents.shipped_plans()]
    return render(request, "plan_file.html", active="plans", status=status, **views.study_frame(store), refused=refused, published=published)


@router.post("/plans/new", response_class=HTMLResponse)
def send(request: Request, file: SentFile) -> Response:
    """Keep a plan file and show its plan; whatever is wrong is told with its line and its cure."""
    person, store = editor_of_everywhere(request)
    name = (file.filename or "plan.yaml")[-plan_documents.LONGEST_NAME:]
    try:
        plan = plan_documents.add_plan(store, file.file.read(), name, author=person.name)
    except InvalidInput as error:
        return _file_page(request, refused=_refused(error, name, language_of(request)), status=UNUSABLE)
    return RedirectResponse(f"/plans/{plan.id}", status_code=SEE_OTHER)


def _refused(error: InvalidInput | Conflict, name: str, language: str) -> dict[str, Any]:
    """Return what is wrong with a file: a sentence for each, some of very many."""
    problems = error.problems if isinstance(error, PlanRefused) else (problem_of_file(str(error), name),)
    return {"name": name, "problems": [problem_entry(each, language) for each in problems[:_MOST_PROBLEMS]], "more": max(0, len(problems) - _MOST_PROBLEMS)}


@router.post("/plans/{plan_id}/remove")
def remove(request: Request, plan_id: str) -> Response:
    """Forget a plan file of the workspace."""
    person, store = editor_of_everywhere(request)
    plan_documents.remove_plan(store, plan_id, author=person.name)
    return RedirectResponse("/plans", status_code=SEE_OTHER)


@router.get("/plans/{plan_id}/figures", response_class=HTMLResponse)
def figures_page(request: Request, plan_id: str, done: str = "") -> HTMLResponse:
    """Show what was reported for a plan, and ask for more."""
    return _figures_page(request, plan_id, done=done if done in ("kept", "forgotten") else "")


def _figures_page(request: Request, plan_id: str, *, done: str = "", refused: dict[str, Any] | None = None, status: int = 200) -> HTMLResponse:
    _person, store = editor_of_everywhere(request)
    told = plan_documents.reports_of(store, plan_id)
    problems = [problem_entry(each, language_of(request)) for each in told["problems"]]
    sent = None if told["sent"] is None else {**told["sent"], "at": clock(told["sent"]["recorded_at"])}
    texts = [{**each, "at": clock(each["recorded_at"])} for each in plan_documents.texts_sent(store, plan_id)]
    open_rows = sum(1 for row in told["form"][1:] if not row[3])
    return render(request, "plan_figures.html", active="plans", status=status, **views.study_frame(store), plan=told, sent=sent, open_rows=open_rows, problems=problems,
                  texts=texts, done=done, refused=refused)


@router.post("/plans/{plan_id}/figures", response_class=HTMLResponse)
def report(request: Request, plan_id: str, file: SentFile, seen: Annotated[str | None, Form()] = None) -> Response:
    """Keep a table of figures; whatever is wrong is told with its line and its cure, and what was kept before stays."""
    person, store = editor_of_everywhere(request)
    name = (file.filename or "reported.csv")[-plan_documents.LONGEST_NAME:]
    try:
        plan_documents.report_figures(store, plan_id, file.file.read(), name, author=person.name, seen=seen)
    except (InvalidInput, Conflict) as error:
        return _figures_page(request, plan_id, refused=_refused(error, name, language_of(request)), status=UNUSABLE)
    return RedirectResponse(f"/plans/{plan_id}/figures?done=kept", status_code=SEE_OTHER)


@router.post("/plans/{plan_id}/figures/forget")
def forget(request: Request, plan_id: str) -> Response:
    """Forget what was reported for a plan."""
    person, store = editor_of_everywhere(request)
    plan_documents.forget_reports(store, plan_id, author=person.name)
    return RedirectResponse(f"/plans/{plan_id}/figures?done=forgotten", status_code=SEE_OTHER)
