"""Maps to hand over: sheets to print and the page for leaders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from geosvc.api.parameters import DatetimeParameter, RecordedParameter, StrictRoute
from geosvc.api.services import RunParameter, ScenarioParameter, ThresholdParameter, answering
from geosvc.gate.people import store_of
from geosvc.workflows import handing_over

if TYPE_CHECKING:
    from geosvc.workflows.handing_over import Handout

router = APIRouter(prefix="/api", route_class=StrictRoute, tags=["services"])

LanguageOption = Annotated[Literal["zh", "en"], Query(description="Language of the sheet.")]
MakersOption = Annotated[str, Query(max_length=handing_over.MOST_MAKERS, description="Who hands it over; stands in the title block.")]


def _files(forms: tuple[str, ...]) -> dict[int | str, dict[str, Any]]:
    return {200: {"description": "The file.", "content": {handing_over.TYPES[form]: {} for form in forms}}}


@router.get(
    "/services/{service_id}/sheet", summary="Map to print", response_class=Response, responses=_files(handing_over.SHEET_FORMATS))
def sheet(
    service_id: str, request: Request,
    f: Annotated[Literal["pdf", "png"], Query(description="Format of the file; png is made of A4 at 150 to the inch.")] = "pdf",
    paper: Annotated[Literal["a4", "a3"], Query(description="Paper, landscape.")] = "a4",
    run: RunParameter = None, threshold: ThresholdParameter = None, at: DatetimeParameter = None, recorded: RecordedParameter = None,
    scenario: ScenarioParameter = None, language: LanguageOption = "zh", makers: MakersOption = "",
) -> Response:
    """Return the map of a run on paper: title block, three numbers, legend with counts, scale, north, CRS, run and dates of its data.

    The same run gives the same bytes. To an account of some areas it shows these, and says so. Where the server has no
    Chinese font the answer is 409 and says what to install: characters are never boxes.
    """
    found, day = _answering(request, service_id, run, at, recorded, scenario)
    return _file(request, handing_over.map_sheet(
        store_of(request), request.app.state.settings, service_id, form=f, paper=paper, run_id=found, threshold_id=threshold,
        language=language, makers=makers, day=day))


@router.get(
    "/services/{service_id}/summary", summary="One page for leaders", response_class=Response, responses=_files(handing_over.SUMMARY_FORMATS))
def summary(
    service_id: str, request: Request,
    f: Annotated[Literal["pdf", "docx"], Query(description="Format of the file.")] = "pdf",
    run: RunParameter = None, threshold: ThresholdParameter = None, at: DatetimeParameter = None, recorded: RecordedParameter = None,
    scenario: ScenarioParameter = None, language: LanguageOption = "zh", makers: MakersOption = "",
) -> Response:
    """Return the finding on one page: three numbers, the map with its legend, the five worst places, where everything comes from.

    The same run gives the same bytes; the numbers are those of the coverage table.
    """
    found, day = _answering(request, service_id, run, at, recorded, scenario)
    return _file(request, handing_over.summary(
        store_of(request), request.app.state.settings, service_id, form=f, run_id=found, threshold_id=threshold, language=language,
        makers=makers, day=day))


def _answering(
    request: Request, service: str, run: str | None, at: str | None, recorded: str | None, scenario: str | None
) -> tuple[str | None, str | None]:
    """Return the run that answers, and the day that was asked for where it was."""
    found, told = answering(request, service, run, at, recorded, scenario)
    return found, told["as_of"]["datetime"] if "as_of" in told else None


def _file(request: Request, made: Handout) -> Response:
    whole = store_of(request).areas is None
    return Response(made.content, media_type=made.media_type, headers={
        "Content-Disposition": f'attachment; filename="{made.name}"',
        "Cache-Control": "no-cache" if whole else "private, no-store", "Vary": "Cookie, Authorization"})
