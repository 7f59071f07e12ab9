"""Long work over HTTP: ask for it, see how far it is, read what came out, cancel it."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Body, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from geosvc import errors
from geosvc.api.parameters import StrictRoute
from geosvc.api.problems import status_of
from geosvc.errors import GeosvcError
from geosvc.gate.people import person_of, whole_store
from geosvc.store.jobs import OPEN, WAITING
from geosvc.workflows import jobs
from geosvc.workflows.jobs import job_number

router = APIRouter(prefix="/api/jobs", route_class=StrictRoute, tags=["jobs"])

_MOST_AT_ONCE = 200
_INTERNAL = 500
# How soon to look again, seconds.
_LOOK_AGAIN = {True: "2", False: "1"}
_WAITS = {
    "id": 12, "kind": "measure", "parameters": {"service": "hospital-drive"}, "state": "running", "progress": 0.5, "step": "hospital-drive: people",
    "before": None, "author": "wang", "created_at": "2026-11-22T02:10:00.123456Z", "started_at": "2026-11-22T02:10:01.000000Z", "finished_at": None,
    "attempts": 1, "note": None, "cancelling": False, "withdrawn": False, "others": 0, "result": None, "error": None,
    "href": "http://127.0.0.1:8000/api/jobs/12",
}
_DONE = {
    **_WAITS, "state": "done", "progress": 1.0, "step": "", "finished_at": "2026-11-22T02:10:09.000000Z",
    "result": {"run": "3f0c9a7be512", "href": "http://127.0.0.1:8000/api/runs/3f0c9a7be512", "not_computable": {}, "measured": [
        {"service": "hospital-drive", "run": "3f0c9a7be512", "href": "http://127.0.0.1:8000/api/runs/3f0c9a7be512"}]},
}


class JobBody(BaseModel):
    """What is to be done. A parameter that is unknown, or does not go with the kind, is refused."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["measure", "measure_all", "band"] = Field(
        description="measure: one service, or a scenario; measure_all: every service; band: how certain the coverage of a run is.")
    parameters: dict[str, Any] = Field(
        default={}, description=(
            "measure: ``service``; with ``datetime`` and ``recorded`` as things were on a day; ``conditions`` (a list) and ``speed_kmh`` make a trial; "
            "or ``scenario`` (a number), alone or with a ``service``. measure_all: ``datetime``, ``recorded``. band: ``service``; with ``threshold``, ``run``, ``draws`` and ``seed`` as "
            "``/api/services/{id}/coverage/band`` takes them."),
        examples=[{"service": "hospital-drive"}, {"service": "hospital-drive", "datetime": "2019-01-01"}, {"scenario": 3}])


def _shown(status: int, description: str, example: Any) -> dict[int | str, dict[str, Any]]:
    return {status: {"description": description, "content": {"application/json": {"example": example}}}}


def _with_addresses(request: Request, told: dict[str, Any]) -> dict[str, Any]:
    base = f"{str(request.base_url).rstrip('/')}/api"
    result, error = told["result"], told["error"]
    if result is not None:
        measured = [{**each, "href": f"{base}/runs/{each['run']}"} for each in result["measured"]]
        one = {"run": measured[0]["run"], "href": measured[0]["href"]} if len(measured) == 1 else {}
        result = {**one, **result, "measured": measured}
        if "band" in result:
            band = result["band"]
            query = urlencode({name: band[name] for name in ("threshold", "run", "draws", "seed")})
            result["band"] = {**band, "href": f"{base}/services/{band['service']}/coverage/band?{query}"}
    if error is not None:
        known = getattr(errors, error["title"], None)
        status = status_of(known) if isinstance(known, type) and issubclass(known, GeosvcError) else _INTERNAL
        error = {"type": "about:blank", "status": status, **error}
    return {**told, "result": result, "error": error, "href": f"{base}/jobs/{told['id']}"}


def _answer(request: Request, told: dict[str, Any], status: int = 200) -> JSONResponse:
    headers = {"Cache-Control": "no-store"}
    if status == 202:
        headers["Location"] = f"{str(request.base_url).rstrip('/')}/api/jobs/{told['id']}"
    if told["state"] in OPEN:
        headers["Retry-After"] = _LOOK_AGAIN[told["state"] == WAITING]
    return JSONResponse(_with_addresses(request, told), status_code=status, headers=headers)


@router.post("", summary="Ask for a job", status_code=202, response_class=JSONResponse, responses=_shown(202, "Asked for; ``Location`` is its address.", _WAITS))
def submit(request: Request, body: Annotated[JobBody, Body()]) -> JSONResponse:
    """Have a service, a scenario or all services measured in the background. For analysts, editors and administrators of every area.

    What nobody can answer is refused at once. Who asks what somebody else is waiting for joins that job. Where the run of
    exactly these inputs is stored already, the job is ``done`` at once; other inputs make another run.
    """
    told = jobs.submit(whole_store(request), request.app.state.settings, person_of(request), body.kind, body.parameters)
    request.app.state.jobs.wake()
    return _answer(request, told, status=202)


@router.get("", summary="Jobs", response_class=JSONResponse, responses=_shown(200, "Newest first.", {"numberMatched": 1, "numberReturned": 1, "jobs": [_DONE], "links": []}))
def list_jobs(
    request: Request,
    state: Annotated[
        Literal["open", "waiting", "running", "done", "failed", "cancelled"] | None,
        Query(description="Only jobs in this state; ``open`` wait or run.", examples=["open"])] = None,
    limit: Annotated[int, Query(ge=1, le=_MOST_AT_ONCE, description="How many to return at most.")] = 50,
    before: Annotated[int | None, Query(ge=1, lt=10**18, description="Only jobs with a smaller number; taken from a next link.", examples=[10])] = None,
) -> JSONResponse:
    """Return the jobs that you asked for; to administrators all. The last thousand that are over are kept."""
    found, matched = jobs.list_jobs(whole_store(request), person_of(request), state=state, before=before, limit=limit)
    links = [{"href": str(request.url), "rel": "self", "type": "application/json"}]
    if len(found) == limit:
        links.append({"href": str(request.url.include_query_params(before=found[-1]["id"])), "rel": "next", "type": "application/json"})
    told = [_with_addresses(request, each) for each in found]
    return JSONResponse({"numberMatched": matched, "numberReturned": len(told), "jobs": told, "links": links}, headers={"Cache-Control": "no-store"})


@router.get("/{number}", summary="A job", response_class=JSONResponse, responses=_shown(200, "With its result when it is done.", _DONE))
def one_job(number: str, request: Request) -> JSONResponse:
    """Return how far a job is, and what came out; while it is open ``Retry-After`` says when to look again.

    ``state`` is waiting (``before``: how many are begun earlier), running, done, failed or cancelled; ``progress`` a share of 1.
    ``result.measured`` names the runs, ``result.not_computable`` the services without an answer; ``error`` is a problem
    document. ``note`` says why it was begun again (``attempts``). ``withdrawn``: you cancelled it, ``others`` still want it.
    """
    return _answer(request, jobs.get_job(whole_store(request), person_of(request), job_number(number)))


@router.delete("/{number}", summary="Cancel a job", response_class=JSONResponse, responses=_shown(200, "As it is now.", {**_WAITS, "cancelling": True}))
def cancel(number: str, request: Request) -> JSONResponse:
    """Cancel a job: one that waits at once, one that runs at its next step (``cancelling``); one that is over stays as it is.

    Nothing half done is stored. Where others want it as well it goes on for them; an administrator who is not among those who
    want it ends it for all.
    """
    return _answer(request, jobs.cancel(whole_store(request), person_of(request), job_number(number)))
