"""Coverage of all services at once: areas by services, as data and as a table for a spreadsheet."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from geosvc.api.exports import download
from geosvc.api.parameters import DatetimeParameter, RecordedParameter, StrictRoute, check_level
from geosvc.errors import InvalidParameter
from geosvc.gate.people import store_of
from geosvc.workflows import as_of, cross_table

router = APIRouter(prefix="/api", route_class=StrictRoute, tags=["services"])


@router.get("/coverage", summary="Services by areas", response_model=None)
def services_by_areas(
    request: Request,
    level: Annotated[str, Query(max_length=20, description="Level of the areas.")] = cross_table.DEFAULT_LEVEL,
    services: Annotated[str | None, Query(max_length=2000, description="Ids of services separated by commas, in the order of the columns; all unless given.", examples=["hospital-drive,blood-drive"])] = None,
    at: DatetimeParameter = None,
    recorded: RecordedParameter = None,
    compared_with: Annotated[str | None, Query(max_length=40, description="A second day: its figures and the difference are in every cell.")] = None,
    f: Annotated[Literal["json", "csv", "xlsx"], Query(description="json, or a table for a spreadsheet.")] = "json",
    language: Annotated[Literal["zh", "en"], Query(description="Language of csv and xlsx.")] = "zh",
) -> dict[str, Any] | Response:
    """Return the people covered by each service in each area of a level, by the first limit of the service.

    A service whose limits are for different people has a column for each. ``state`` of a cell: ``known``;
    ``not_computable`` (no facility of the service has a position); ``not_measured`` (``cure`` of the column is the
    command); ``no_data``; ``no_people``. Figures of a cell that is not known are null, never 0.
    """
    check_level(level)
    store, settings = store_of(request), request.app.state.settings
    before = None if compared_with is None else as_of.times_asked(compared_with, recorded, name="compared_with")
    told = cross_table.cross_table(
        store, settings, as_of.times_asked(at, recorded), level=level, service_ids=_ids(services), before=before)
    if f == "json":
        return told
    return download(lambda target: cross_table.write_cross_table(told, target, language=language), f, cross_table.name_of)


def _ids(text: str | None) -> list[str]:
    if text is None:
        return []
    found = [each.strip() for each in text.split(",")]
    if not all(found):
        raise InvalidParameter(f"services must be ids separated by commas, got {text!r}")
    return found
