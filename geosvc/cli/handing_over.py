"""``geosvc map`` and ``geosvc summary``: files to hand over."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from geosvc.cli.common import JsonOption, WorkspaceOption, opened, out, print_json, settings_of

_KIB = 1024
ServiceArgument = Annotated[str, typer.Argument(help="The service.")]
ThresholdOption = Annotated[Optional[str], typer.Option(help="Limit, such as 30min; the first unless set.")]
RunOption = Annotated[Optional[str], typer.Option(help="A run by its id, in place of the service's newest.")]
AtOption = Annotated[Optional[str], typer.Option("--datetime", help="As things were on a day, such as 2019-01-01; it must have been measured for it.")]
LanguageOption = Annotated[str, typer.Option(help="zh or en.")]
MakersOption = Annotated[str, typer.Option(help="Who hands it over; stands in the title block.")]


def map_command(
    service: ServiceArgument,
    output: Annotated[Optional[Path], typer.Option("--output", "-o", help="HTML file to write: needs no server and no internet.")] = None,
    pdf: Annotated[Optional[Path], typer.Option("--pdf", help="PDF file to write: title block, legend, to print.")] = None,
    png: Annotated[Optional[Path], typer.Option("--png", help="The same as a picture, 150 to the inch.")] = None,
    paper: Annotated[str, typer.Option(help="a4 or a3, landscape.")] = "a4",
    workspace: WorkspaceOption = None,
    threshold: ThresholdOption = None,
    run: RunOption = None,
    at: AtOption = None,
    language: LanguageOption = "zh",
    makers: MakersOption = "",
    as_json: JsonOption = False,
) -> None:
    """Write the map of a measured service: one file for the screen (-o), a sheet for paper (--pdf), a picture (--png)."""
    from geosvc.workflows import handing_over, publishing

    if output is None and pdf is None and png is None:
        raise typer.BadParameter("say what to write: --output FILE.html, --pdf FILE.pdf or --png FILE.png")
    settings = settings_of(workspace, language=language)
    written: dict[str, Path] = {}
    with opened(workspace) as (store, own):
        found, day = _answering(store, own, service, run, at)
        if output is not None:
            written["map"] = publishing.write_map(store, service, output, threshold_id=threshold, run_id=found, language=settings.language)
        for form, target in (("pdf", pdf), ("png", png)):
            if target is not None:
                handing_over.write_handout(target, lambda form: handing_over.map_sheet(
                    store, own, service, form=form, paper=paper, run_id=found, threshold_id=threshold, language=settings.language,
                    makers=makers, day=day), (form,))
                written[form] = target
    _tell(written, as_json=as_json)


def summary_command(
    service: ServiceArgument,
    output: Annotated[list[Path], typer.Option("--output", "-o", help="File to write, .pdf or .docx; may be repeated.")],
    workspace: WorkspaceOption = None,
    threshold: ThresholdOption = None,
    run: RunOption = None,
    at: AtOption = None,
    language: LanguageOption = "zh",
    makers: MakersOption = "",
    as_json: JsonOption = False,
) -> None:
    """Write one page for leaders: the finding, three numbers, the map, the five worst places."""
    from geosvc.workflows import handing_over

    settings = settings_of(workspace, language=language)
    written: dict[str, Path] = {}
    with opened(workspace) as (store, own):
        found, day = _answering(store, own, service, run, at)
        for target in output:
            handing_over.write_handout(target, lambda form: handing_over.summary(
                store, own, service, form=form, run_id=found, threshold_id=threshold, language=settings.language, makers=makers, day=day),
                handing_over.SUMMARY_FORMATS)
            written[target.suffix.lower().removeprefix(".")] = target
    _tell(written, as_json=as_json)


def _answering(store: Any, settings: Any, service: str, run: str | None, at: str | None) -> tuple[str | None, str | None]:
    """Return the run that answers, and the day that was asked for where it was."""
    from geosvc.workflows import as_of

    found, told = as_of.answering(store, settings, service, run, as_of.times_asked(at, None))
    return found, told["as_of"]["datetime"] if "as_of" in told else None


def _tell(written: dict[str, Path], *, as_json: bool) -> None:
    if as_json:
        sizes = {name: path.stat().st_size for name, path in written.items()}
        print_json({**{name: str(path) for name, path in written.items()}, "bytes": next(iter(sizes.values())) if len(sizes) == 1 else sizes})
        return
    for path in written.values():
        out.print(f"{path} ({path.stat().st_size / _KIB:,.0f} KiB)")
