"""The pages: map, facilities, about; and all routers of pages."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from geosvc.accounts.people import Right
from geosvc.errors import NotFound
from geosvc.gate.people import person_of, store_of
from geosvc.maps.figure import page_parts
from geosvc.web import (
    coverage_pages,
    duplicate_pages,
    facility_forms,
    facility_list,
    fill_pages,
    gallery_pages,
    gap_pages,
    import_pages,
    job_pages,
    locating_pages,
    many_forms,
    places,
    plan_file_pages,
    plan_pages,
    proposal_pages,
    review_pages,
    scenario_pages,
    signing_in,
    views,
    webhook_pages,
)
from geosvc.web.facility_page import facility_page as facility_page_of
from geosvc.web.planner import planner_data
from geosvc.web.render import language_of, render, templates
from geosvc.workflows import publishing, scenarios

if TYPE_CHECKING:
    from fastapi import FastAPI

    from geosvc.store.engine import Store

router = APIRouter(include_in_schema=False)
_PER_PAGE = 50

LanguageParameter = Annotated[str | None, Query(alias="lang")]
DatetimeParameter = Annotated[str | None, Query(alias="datetime")]


def add_static(app: FastAPI) -> None:
    """Give an application the templates of its pages and their static files."""
    app.state.templates = templates()
    app.mount("/static/maps", StaticFiles(directory=Path(str(files("geosvc.maps"))) / "assets"), name="maps")
    app.mount("/static", StaticFiles(directory=Path(str(files("geosvc.web"))) / "static"), name="static")


@router.get("/", response_class=HTMLResponse)
def map_page(
    request: Request, service: str | None = None, threshold: str | None = None, at: DatetimeParameter = None,
    recorded: str | None = None, limit: str | None = None, scenario: str | None = None, area: str | None = None, facility: str | None = None,
    lang: LanguageParameter = None,
) -> HTMLResponse:
    """Show the map of a service with its figures, as things are or as they were on a day; ``scenario`` is tried on it.

    ``area`` and ``facility`` are places that another page points at: they are brought into view.
    """
    del lang  # read by language_of
    store = store_of(request)
    page = views.map_view(
        store, service, threshold or None, language_of(request), settings=request.app.state.settings, at=at, recorded=recorded)
    map_html, planner = "", None
    if page["run"] is not None:
        planner = _planner(request, page, scenario, limit)
        if planner is not None:
            planner["place"] = places.place_asked(store, area, facility, language_of(request))
        if planner is not None and planner["may_try"]:
            request.app.state.warming.soon(page["service"]["id"])
        shown = None if page["threshold"] is None else page["threshold"]["id"]
        map_html = _map_html(store, page["service"]["id"], shown, page["run"]["id"], language_of(request))
    return render(
        request, "map.html", active="map", map_html=map_html, planner=planner, measuring=job_pages.measuring_of(request, page["service"], page["times"]), **page)


def _planner(request: Request, page: dict[str, Any], scenario: str | None, limit: str | None) -> dict[str, Any] | None:
    """Return what the planner's script is told; None where no limit speaks for everybody and none was chosen."""
    if page["threshold"] is None:
        return None
    tried = None if not scenario else scenarios.get_scenario(store_of(request), person_of(request), scenarios.scenario_number(scenario))
    return planner_data(page, person_of(request), language_of(request), scenario=tried, limit=views.number_or_none(limit))


def _map_html(store: Store, service: str, threshold: str | None, run: str, language: str) -> str:
    """Return the map of a run for the page, drawn once until the registry changes: 2,000 gaps of a large study take half a second."""

    def drawn() -> str:
        document = publishing.map_of(
            store, service, threshold_id=threshold, run_id=run, language=language, title_block=False,
            picture_address=f"/api/services/{service}/picture?run={run}",
        )
        return page_parts(document)[0]

    with store.reading() as session:
        return store.recall_large(session, ("map", service, threshold, run, language), drawn)


@router.get("/map/{run}/main.js")
def map_script(run: str) -> Response:
    """Return the script that Folium wrote for the map of a run; the page forbids scripts inside itself."""
    if not (run.isalnum() and run.isascii()):
        raise NotFound(f"no run has the id {run!r}")
    # The script depends on nothing but the run's id: all else is in the page's block of JSON.
    _html, script = page_parts({"run": run, "title": "", "language": "zh", "bounds": [0.0, 0.0, 0.0, 0.0]})
    return Response(script, media_type="text/javascript; charset=utf-8", headers={"Cache-Control": "no-cache"})


@router.get("/facilities", response_class=HTMLResponse)
def facilities_page(request: Request) -> HTMLResponse:
    """List the facilities, searched, filtered and sorted, as they are or as they were on a day."""
    page = facility_list.list_view(store_of(request), request.query_params, language_of(request), limit=_PER_PAGE)
    editing = person_of(request).may(Right.EDIT)
    return render(request, "facilities.html", active="facilities", editing=editing, **page, **facility_list.done_of(request.query_params),
                  ticking=editing and bool(page["facilities"]) and not page["times"]["then"])


@router.get("/facilities/{facility_id}", response_class=HTMLResponse)
def facility_page(
    request: Request, facility_id: str, at: DatetimeParameter = None, recorded: str | None = None,
    lang: LanguageParameter = None,
) -> Response:
    """Show one facility and how it came to be so; one that was merged leads to the one that was kept."""
    del lang
    merged = duplicate_pages.merges_view(store_of(request), facility_id, request.query_params, with_authors=person_of(request).signed_in)
    if merged["went_into"] and not (at or recorded or request.query_params.get("itself")):
        return RedirectResponse(f"/facilities/{merged['went_into']}?came_from={facility_id}", status_code=303)
    return facility_page_of(request, facility_id, merged, at=at, recorded=recorded)


@router.get("/about", response_class=HTMLResponse)
def about_page(request: Request, lang: LanguageParameter = None) -> HTMLResponse:
    """Say where every number comes from."""
    del lang
    return render(request, "about.html", active="about", **views.about_view(store_of(request)))


# /facilities/new before /facilities/{id}
routers = (
    facility_forms.router, many_forms.router, router, duplicate_pages.router, fill_pages.router, gallery_pages.router, gap_pages.router,
    coverage_pages.router, import_pages.router, job_pages.router, locating_pages.router, plan_file_pages.router, plan_pages.router, proposal_pages.router,
    review_pages.router, scenario_pages.router, signing_in.router, webhook_pages.router,
)
