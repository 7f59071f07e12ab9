"""Drawing a page: its template, its language, and who looks at it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from geosvc import __version__
from geosvc.accounts.people import Person, anonymous
from geosvc.errors import GeosvcError
from geosvc.gate.people import person_of
from geosvc.language import LANGUAGES, words
from geosvc.registry.moments import day_of
from geosvc.web import refusals, views
from geosvc.web.facility_views import clock

if TYPE_CHECKING:
    from fastapi import Request

_LANGUAGE_COOKIE = "language"
_YEAR_SECONDS = 365 * 24 * 3600


@cache
def templates() -> Environment:
    """Return the templates of the pages, compiled once for the process; what is put into them is escaped."""
    made = Environment(
        loader=PackageLoader("geosvc.web"), autoescape=select_autoescape(default=True),
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )
    made.filters |= {"day": day_of, "clock": clock}  # of a moment, as the clock in China shows it
    return made


def language_of(request: Request) -> str:
    """Return the language asked for, else the one chosen before, else the server's."""
    for told in (request.query_params.get("lang"), request.cookies.get(_LANGUAGE_COOKIE)):
        if told in LANGUAGES:
            return str(told)
    return str(request.app.state.settings.language)


def render(request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """Return a page; it is given the words ``t``, the wording ``view`` and the ``person`` who looks at it."""
    language = language_of(request)
    other = LANGUAGES[1 - LANGUAGES.index(language)]
    page = request.app.state.templates.get_template(template).render(
        t=words(language), lang=language, version=__version__, path=request.url.path, person=_looking(request),
        other_language=str(request.url.include_query_params(lang=other).replace(scheme="", netloc="")),
        other_language_name=words(language)["switch_language"], other_code=other, view=views.Wording(language), **values,
    )
    answer = HTMLResponse(page, status_code=status, headers={"Cache-Control": "no-cache"})
    if request.query_params.get("lang") in LANGUAGES:
        answer.set_cookie(_LANGUAGE_COOKIE, language, max_age=_YEAR_SECONDS, httponly=True, samesite="lax")
    return answer


def _looking(request: Request) -> Person:
    try:
        return person_of(request)
    except GeosvcError:  # the page may be the one that says what is wrong
        return anonymous(public_read=False)


def render_error(request: Request, error: Exception) -> HTMLResponse:
    """Return a page that says what went wrong and how to go on; the program's own sentence stands below."""
    kind, status = refusals.kind_of(error)
    text = words(language_of(request))
    return render(
        request, "error.html", status=status, title=text[f"error_{kind}"], cure=text[f"error_{kind}_text"],
        detail=refusals.detail_of(error), study="", active="", to_imports=kind == "upload",
    )
