"""The gallery: what can be taken away of each service, and what lies in the folder of maps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse, HTMLResponse, Response

from geosvc.errors import NotFound
from geosvc.gate.people import person_of, store_of
from geosvc.web.render import render
from geosvc.workflows import handing_over, reading
from geosvc.workflows.workspace import study_title

if TYPE_CHECKING:
    from geosvc.settings import Settings

router = APIRouter(include_in_schema=False)
_KIB = 1024


@router.get("/gallery", response_class=HTMLResponse)
def gallery_page(request: Request, lang: Annotated[str | None, Query()] = None) -> HTMLResponse:
    """List what can be made of each measured service, and the maps that were written already."""
    del lang  # read by language_of
    store, settings = store_of(request), request.app.state.settings
    services = reading.list_services(store)
    return render(
        request, "gallery.html", active="about", study=study_title(store), services=[_entry(each) for each in services if each["run"]],
        missing=[each for each in services if not each["run"]], drawn=handing_over.can_be_drawn(settings), folder=settings.maps.name,
        saved=_saved(request, settings))


def _entry(service: dict[str, Any]) -> dict[str, Any]:
    """Return a service with the limits that a sheet of it can show; "" is the one that it shows unless told."""
    apart = any(each["applies_to"] != "any" for each in service["thresholds"])
    return {**service, "apart": apart}


def _saved(request: Request, settings: Settings) -> list[dict[str, Any]] | None:
    """Return the files of the folder; None to an account of some areas, since they are of the whole study."""
    if person_of(request).areas is not None:
        return None
    return [{**each, "kib": f"{max(1, round(each['bytes'] / _KIB)):,}"} for each in handing_over.saved_maps(settings)]


@router.get("/gallery/files/{name}")
def saved_file(request: Request, name: str) -> FileResponse:
    """Return a saved map to keep; it is not opened here, for its scripts stand inside it."""
    store_of(request)  # who may not read is refused
    if person_of(request).areas is not None:
        raise NotFound(f"no map is called {name!r}")
    path = handing_over.saved_map(request.app.state.settings, name)
    return FileResponse(path, filename=path.name, headers={"Cache-Control": "private, no-store"})


@router.get("/gallery/{service}/{run}.png")
def thumbnail(request: Request, service: str, run: str, threshold: str | None = None) -> Response:
    """Return the surface of a run, small."""
    store = store_of(request)
    png = handing_over.thumbnail(store, service, run, threshold)
    kept = "private, no-store" if store.areas is not None else "private, max-age=86400"
    return Response(png, media_type="image/png", headers={"Cache-Control": kept, "Vary": "Cookie, Authorization"})
