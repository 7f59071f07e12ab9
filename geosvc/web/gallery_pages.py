"""The gallery: what can be taken away of each service, and what lies in the folder of maps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse, HTMLResponse, Response

from geosvc.errors import NotFound
from geosvc.gate.people import person_of, store_of
from geosvc.web import facility_views, views
from geosvc.web.render import render
from geosvc.workflows import handing_over, reading, scenarios
from geosvc.workflows.workspace import study_title

if TYPE_CHECKING:
    from geosvc.settings import Settings
    from geosvc.store.engine import Store

router = APIRouter(include_in_schema=False)
_KIB = 1024


@router.get("/gallery", response_class=HTMLResponse)
def gallery_page(
    request: Request, at: Annotated[str | None, Query(alias="datetime")] = None, scenario: str | None = None,
    makers: Annotated[str, Query(max_length=handing_over.MOST_MAKERS)] = "", lang: Annotated[str | None, Query()] = None,
) -> HTMLResponse:
    """List what can be made of each measured service, as it is, as it was on a day or under a scenario, and the maps that were written already."""
    del lang  # read by language_of
    store, settings, person = store_of(request), request.app.state.settings, person_of(request)
    times = facility_views.times_of(at, None)
    tried = views.scenario_tried(store, person, scenario, at)
    shown = [_entry(store, settings, each, times, tried, makers.strip()) for each in reading.list_services(store)]
    return render(
        request, "gallery.html", active="about", study=study_title(store), services=[each for each in shown if each["run"]],
        missing=[each for each in shown if not each["run"]], drawn=handing_over.can_be_drawn(settings), folder=settings.maps.name,
        saved=_saved(request, settings), times=times, tried=tried, makers=makers.strip(), most_makers=handing_over.MOST_MAKERS,
        scenarios=[each for each in scenarios.list_scenarios(store, person) if each["measured"] or (tried and each["id"] == tried["id"])])


def _entry(
    store: Store, settings: Settings, service: dict[str, Any], times: dict[str, Any], tried: dict[str, Any] | None, makers: str
) -> dict[str, Any]:
    """Return a service with the run that answers, and the limits of which sheets can be made.

    ``limits`` are (None or the limit, what every address asks): None is the map of all limits side by side, where these are
    for different people. ``of`` leads to the same answer on the map.
    """
    if tried is not None:
        found: dict[str, Any] = {"run": views.run_of_scenario(tried, service["id"]), "missing": "not_measured"}
    else:
        found = views.run_shown(store, settings, service, times)
    run = found["run"]
    # Asked by the day, the sheet says the day; asked by the run, the day of the run.
    which = {"datetime": times["datetime"]} if times["then"] else {"run": run}
    apart = any(each["applies_to"] != "any" for each in service["thresholds"])
    limits: list[tuple[dict[str, Any] | None, str]] = []
    for each in [*([None] if apart else []), *service["thresholds"]]:
        asked = {**which, **({"threshold": each["id"]} if each else {})}
        limits.append((each, urlencode(asked)))
    of = {"service": service["id"], **({"scenario": tried["id"]} if tried else {"datetime": times["datetime"]} if times["then"] else {})}
    measured_at = None if run is None else service["measured_at"] if run == service["run"] else reading.run_record(store, run)["created_at"]
    return {**service, "run": run, "measured_at": measured_at, "limits": limits, "of": urlencode(of),
            "made_by": f"&{urlencode({'makers': makers})}" if makers else "",
            "computable": service["computable"] and found["missing"] != "not_computable"}


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
