"""What the map of a run is drawn with beside its picture."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from geosvc.api.collections import GEOJSON
from geosvc.api.parameters import StrictRoute
from geosvc.api.services import RunParameter
from geosvc.api.what_if import live_of
from geosvc.gate.people import store_of
from geosvc.workflows import map_layers

router = APIRouter(prefix="/api/services", route_class=StrictRoute, tags=["services"])


@router.get("/{service_id}/areas", summary="The areas of a run, to be drawn", response_class=JSONResponse)
def areas(service_id: str, request: Request, run: RunParameter = None) -> Response:
    """Return the areas that a run counts as GeoJSON, outlines simplified for a screen; the exact ones are ``/api/collections/areas``.

    ``centre`` is where the people of an area live as they are counted now: the mean of their cells by people, in degrees; null where
    nobody is counted. An area known only by its code has null geometry and can still be drawn there.
    """
    store = store_of(request)
    return JSONResponse(map_layers.areas_of_run(store, service_id, run, live_of(request).centres(store)), media_type=GEOJSON)


@router.get("/{service_id}/catchment-curves", summary="How far people are from the facility that is nearest to them")
def catchment_curves(service_id: str, request: Request, run: RunParameter = None) -> dict[str, Any]:
    """Return for each facility of a run the people to whom it is the nearest, by how far they are.

    ``people[k]`` are those farther than ``(k - 1) * step`` and at most ``k * step`` away, in ``unit``; the sum up to ``k`` is within a
    limit of ``k * step``. Zeros at the end are left out; entry ``steps`` holds everybody farther. ``people`` is null where
    nobody was counted, never 0. Who can reach no facility is in none. To an account of some areas the facilities of others are one,
    without id and name.
    """
    return map_layers.catchment_curves(store_of(request), service_id, run)
