"""The one place where the parts of the server are joined."""

from __future__ import annotations

import threading
from contextlib import asynccontextmanager
from functools import cache
from typing import TYPE_CHECKING

from fastapi import APIRouter, Depends, FastAPI, Request
from starlette.concurrency import run_in_threadpool
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import RedirectResponse

from geosvc import __version__
from geosvc.accounts.provider import Provider
from geosvc.api import (
    areas,
    audit,
    blank_spots,
    collections,
    cross_table,
    duplicates,
    editing,
    exports,
    gaps,
    handing_over,
    imports,
    jobs,
    landing,
    locating,
    map_layers,
    plans,
    proposals,
    review,
    scenarios,
    services,
    what_if,
)
from geosvc.api.openapi import add_openapi
from geosvc.api.problems import answer_error, handled
from geosvc.api.proposals import answer_proposed
from geosvc.errors import NotSignedIn, TooLarge
from geosvc.gate.forgery import refuse_forged
from geosvc.gate.head import HeadAsGet
from geosvc.gate.headers import SECURITY_HEADERS, SecurityHeaders
from geosvc.gate.limits import LimitBody
from geosvc.registry.proposals import Proposed
from geosvc.store.partial import remove_left_over
from geosvc.web import pages
from geosvc.web.render import render_error
from geosvc.web.signing_in import sign_in_address
from geosvc.workflows.job_runner import Runner
from geosvc.workflows.live import Live, Warming
from geosvc.workflows.webhooks import Sender
from geosvc.workflows.workspace import has_workspace, open_workspace

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from starlette.responses import Response
    from starlette.routing import BaseRoute
    from starlette.types import Scope

    from geosvc.settings import Settings
    from geosvc.store.engine import Store

_SMALLEST_TO_COMPRESS = 1024
# A fifth of the time of level 9 for 4 % more bytes: the page of a large map is there a tenth of a second sooner.
_COMPRESSION = 5


_API = (
    landing.router, areas.router, areas.reforms, audit.router, blank_spots.router, collections.router, cross_table.router, duplicates.router,
    editing.router, exports.router, gaps.router, handing_over.router, imports.router, jobs.router, locating.router, map_layers.router,
    plans.router, proposals.router, review.router, scenarios.router, services.router, what_if.router,
)


def create_app(settings: Settings, *, warm_up: bool = False) -> FastAPI:
    """Return the application for one workspace.

    The workspace is opened by the first request that needs it: a server may start before the
    workspace is made, and says what to do until then. With ``warm_up`` the what-if is asked ahead, in the
    background: once the server has started, and when a map page is opened.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        if has_workspace(settings):
            for folder in ("runs", "layers"):
                await run_in_threadpool(remove_left_over, settings.workspace / folder)
            await run_in_threadpool(app.state.sender.start_if_needed)
            app.state.jobs.wake()
            app.state.warming.soon()
        yield
        app.state.warming.stop()
        await run_in_threadpool(app.state.jobs.stop)
        await run_in_threadpool(app.state.sender.stop)
        app.state.close_store()

    app = FastAPI(
        title="geosvc", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None,
        openapi_url=None, routes=list(_routes()),
        description="Registry of health facilities and coverage of health services. Shaped as OGC API - Features Part 1.",
    )
    app.state.settings = settings
    app.state.provider = Provider(settings) if settings.oidc_issuer else None
    app.state.store, app.state.close_store = _store_once(settings)
    app.state.live = Live(settings)
    app.state.warming = Warming(app.state.live, app.state.store, enabled=warm_up)
    app.state.jobs = Runner(app.state.store, settings)
    app.state.sender = Sender(app.state.store, private=settings.webhook_private)
    app.add_middleware(GZipMiddleware, minimum_size=_SMALLEST_TO_COMPRESS, compresslevel=_COMPRESSION)
    app.add_middleware(LimitBody, upload_mb=settings.max_file_mb, refuse=_refuse_size)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(HeadAsGet)
    add_openapi(app)
    pages.add_static(app)
    app.add_exception_handler(Proposed, _answer_proposed)
    for family in handled:
        app.add_exception_handler(family, _answer)
    return app


@cache
def _routes() -> tuple[BaseRoute, ...]:
    """Return all addresses: what their functions ask for is read once, for all applications of a process."""
    joined = APIRouter(dependencies=[Depends(refuse_forged)])
    for router in (*_API, *pages.routers):
        joined.include_router(router)
    return tuple(joined.routes)


def _for_scripts(request: Request) -> bool:
    return (request.url.path + "/").startswith("/api/")


async def _answer_proposed(request: Request, proposed: Exception) -> Response:
    """Tell whoever asked for a change that it waits for approval: a script with 202, a person with its page."""
    assert isinstance(proposed, Proposed)  # what it is registered for
    if _for_scripts(request):
        return answer_proposed(request, proposed)
    return RedirectResponse(f"/proposals/{proposed.told['id']}?done=proposed", status_code=303)


async def _answer(request: Request, error: Exception) -> Response:
    """Answer a script with JSON, a person with a page."""
    answer: Response = await answer_error(request, error)  # logs what is unexpected
    if not _for_scripts(request) and "text/html" in request.headers.get("accept", ""):
        if isinstance(error, NotSignedIn) and request.method == "GET" and not request.url.path.startswith("/sign-in"):
            answer = RedirectResponse(sign_in_address(request), status_code=303)
        else:
            answer = render_error(request, error)
    # An unexpected error is answered outside of the middleware that adds these.
    for name, value in SECURITY_HEADERS.items():
        answer.headers.setdefault(name, value)
    return answer


async def _refuse_size(scope: Scope, error: TooLarge) -> Response:
    """Answer a request that is refused before any route sees it."""
    return await _answer(Request(scope), error)


def _store_once(settings: Settings) -> tuple[Callable[[], Store], Callable[[], None]]:
    """Return (give, close): the store is opened once, whichever request comes first."""
    opened: list[Store] = []
    lock = threading.Lock()

    def give() -> Store:
        with lock:
            if not opened:
                opened.append(open_workspace(settings))
            return opened[0]

    def close() -> None:
        with lock:
            while opened:
                opened.pop().close()

    return give, close
