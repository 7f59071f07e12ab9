"""The pages: map, gaps, facilities, about."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from starlette.staticfiles import StaticFiles

from geosvc import __version__
from geosvc.errors import NotFound
from geosvc.language import LANGUAGES, words
from geosvc.maps.figure import page_parts
from geosvc.web import facility_views, refusals, views
from geosvc.workflows import publishing

if TYPE_CHECKING:
    from fastapi import FastAPI

    from geosvc.store.engine import Store

router = APIRouter(include_in_schema=False)
_LANGUAGE_COOKIE = "language"
_YEAR_SECONDS = 365 * 24 * 3600
_PER_PAGE = 50

LanguageParameter = Annotated[str | None, Query(alias="lang")]
DatetimeParameter = Annotated[str | None, Query(alias="datetime")]


def add_pages(app: FastAPI) -> None:
    """Give an application its pages and their static files."""
    app.state.templates = Environment(
        loader=PackageLoader("geosvc.web"), autoescape=select_autoescape(default=True),
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )
    app.mount("/static/maps", StaticFiles(directory=Path(str(files("geosvc.maps"))) / "assets"), name="maps")
    app.mount("/static", StaticFiles(directory=Path(str(files("geosvc.web"))) / "static"), name="static")
    app.include_router(router)


def language_of(request: Request) -> str:
    """Return the language asked for, else the one chosen before, else the server's."""
    for told in (request.query_params.get("lang"), request.cookies.get(_LANGUAGE_COOKIE)):
        if told in LANGUAGES:
            return str(told)
    return str(request.app.state.settings.language)


def _render(request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    language = language_of(request)
    other = LANGUAGES[1 - LANGUAGES.index(language)]
    page = request.app.state.templates.get_template(template).render(
        t=words(language), lang=language, version=__version__, path=request.url.path,
        other_language=str(request.url.include_query_params(lang=other).replace(scheme="", netloc="")),
        other_language_name=words(language)["switch_language"], other_code=other, view=views.Wording(language), **values,
    )
    answer = HTMLResponse(page, status_code=status, headers={"Cache-Control": "no-cache"})
    if request.query_params.get("lang") in LANGUAGES:
        answer.set_cookie(_LANGUAGE_COOKIE, language, max_age=_YEAR_SECONDS, httponly=True, samesite="lax")
    return answer


def _store(request: Request) -> Store:
    store: Store = request.app.state.store()
    return store


def render_error(request: Request, error: Exception) -> HTMLResponse:
    """Return a page that says what went wrong and how to go on; the program's own sentence stands below."""
    kind, status = refusals.kind_of(error)
    text = words(language_of(request))
    return _render(
        request, "error.html", status=status, title=text[f"error_{kind}"], cure=text[f"error_{kind}_text"],
        detail=refusals.detail_of(error), study="", active="",
    )


@router.get("/", response_class=HTMLResponse)
def map_page(
    request: Request, service: str | None = None, threshold: str | None = None, lang: LanguageParameter = None
) -> HTMLResponse:
    """Show the map of a service with its figures."""
    del lang  # read by language_of
    store = _store(request)
    page = views.map_view(store, service, threshold or None, language_of(request))
    map_html = ""
    if page["run"] is not None:
        shown = None if page["threshold"] is None else page["threshold"]["id"]
        document = _document(store, page["service"]["id"], shown, page["run"]["id"], language_of(request))
        map_html, _script = page_parts(document)
    return _render(request, "map.html", active="map", map_html=map_html, **page)


def _document(store: Store, service: str, threshold: str | None, run: str, language: str) -> dict[str, Any]:
    return publishing.map_of(
        store, service, threshold_id=threshold, run_id=run, language=language, title_block=False,
        picture_address=f"/api/services/{service}/picture?run={run}",
    )


@router.get("/map/{run}/main.js")
def map_script(run: str) -> Response:
    """Return the script that Folium wrote for the map of a run; the page forbids scripts inside itself."""
    if not (run.isalnum() and run.isascii()):
        raise NotFound(f"no run has the id {run!r}")
    # The script depends on nothing but the run's id: all else is in the page's block of JSON.
    _html, script = page_parts({"run": run, "title": "", "language": "zh", "bounds": [0.0, 0.0, 0.0, 0.0]})
    return Response(script, media_type="text/javascript; charset=utf-8", headers={"Cache-Control": "no-cache"})


@router.get("/gaps", response_class=HTMLResponse)
def gaps_page(
    request: Request, service: str | None = None, threshold: str | None = None, area: str | None = None,
    min_people: str | None = None, cursor: str | None = None, lang: LanguageParameter = None,
) -> HTMLResponse:
    """List the gaps of a service."""
    del lang
    page = views.gaps_view(
        _store(request), service, threshold or None, language_of(request), area=area or None, min_people=views.number_or_none(min_people),
        cursor=cursor or None, limit=_PER_PAGE,
    )
    return _render(request, "gaps.html", active="gaps", **page)


@router.get("/facilities", response_class=HTMLResponse)
def facilities_page(
    request: Request, q: str | None = None, class_code: str | None = None, located: str | None = None,
    at: DatetimeParameter = None, recorded: str | None = None, cursor: str | None = None, lang: LanguageParameter = None,
) -> HTMLResponse:
    """List the facilities, as they are or as they were on a day."""
    del lang
    page = facility_views.facilities_view(
        _store(request), q=q or None, class_code=class_code or None, at=at, recorded=recorded,
        located={"true": True, "false": False}.get(located or ""), cursor=cursor or None, limit=_PER_PAGE,
    )
    return _render(request, "facilities.html", active="facilities", **page)


@router.get("/facilities/{facility_id}", response_class=HTMLResponse)
def facility_page(
    request: Request, facility_id: str, at: DatetimeParameter = None, recorded: str | None = None,
    lang: LanguageParameter = None,
) -> HTMLResponse:
    """Show one facility and how it came to be so."""
    del lang
    page = facility_views.facility_view(_store(request), facility_id, language_of(request), at=at, recorded=recorded)
    return _render(request, "facility.html", active="facilities", **page)


@router.get("/about", response_class=HTMLResponse)
def about_page(request: Request, lang: LanguageParameter = None) -> HTMLResponse:
    """Say where every number comes from."""
    del lang
    return _render(request, "about.html", active="about", **views.about_view(_store(request)))
