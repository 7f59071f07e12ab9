"""Webhooks in a page, for administrators: list, add, test, pause, remove."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from geosvc.errors import InvalidInput, NotFound
from geosvc.gate.people import administrator_of
from geosvc.web.duplicate_pages import SEE_OTHER, UNUSABLE, Sent, text_of
from geosvc.web.facility_views import clock
from geosvc.web.render import render
from geosvc.workflows import webhooks
from geosvc.workflows.finding import is_whole
from geosvc.workflows.workspace import study_title

router = APIRouter(include_in_schema=False)
_ORIGIN = "form"


@router.get("/webhooks", response_class=HTMLResponse)
def webhooks_page(request: Request) -> HTMLResponse:
    """Show which addresses are told of changes, and how far they are."""
    return _page(request)


def _page(request: Request, *, status: int = 200, **told: Any) -> HTMLResponse:
    _person, store = administrator_of(request)
    shown = {"problem": "", "address": "", "secret": "", "tested": False, "test_error": None, **told}
    page = render(request, "webhooks.html", status=status, active="rules", study=study_title(store), webhooks=webhooks.list_webhooks(store), clock=clock, **shown)
    if shown["secret"]:
        page.headers["Cache-Control"] = "no-store"
    return page


@router.post("/webhooks")
def add(request: Request, sent: Sent) -> Response:
    """Register an address, and show its secret this once."""
    person, store = administrator_of(request)
    address = text_of(sent, "address")
    try:
        _number, secret = webhooks.add_webhook(
            store, address, private=request.app.state.settings.webhook_private, author=person.name, origin=_ORIGIN)
    except InvalidInput as error:
        return _page(request, problem=str(error), address=address[:2000], status=UNUSABLE)
    request.app.state.sender.wake()
    return _page(request, secret=secret, address=address)


@router.post("/webhooks/{number}")
def change(request: Request, number: str, sent: Sent) -> Response:
    """Test, pause, go on with or remove an address."""
    person, store = administrator_of(request)
    if not is_whole(number):
        raise NotFound(f"no webhook has the number {number!r}")
    who, what = {"author": person.name, "origin": _ORIGIN}, text_of(sent, "what")
    if what == "test":
        error = webhooks.try_webhook(store, int(number), private=request.app.state.settings.webhook_private)
        return _page(request, tested=True, test_error=error)
    if what == "remove":
        webhooks.remove_webhook(store, int(number), **who)
    elif what in ("pause", "resume"):
        webhooks.pause_webhook(store, int(number), paused=what == "pause", **who)
        request.app.state.sender.wake()
    return RedirectResponse("/webhooks", status_code=SEE_OTHER)
