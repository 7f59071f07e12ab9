"""The command line: ``geosvc --help``.

Exit codes: 0 done, 2 the command was not understood, 3 the input was refused, 4 nothing has
that name, 5 the question has no answer with what the workspace holds, 6 the workspace cannot
be read or written, 7 somebody else changed it meanwhile, or the audit log does not hold, 8 the
account may not do that.
"""

from __future__ import annotations

import io
import json
import socket
import sys
from pathlib import Path
from typing import Annotated, Any, Optional

import typer
from rich.markup import escape
from rich.table import Column, Table

from geosvc import __version__
from geosvc.cli.accounts import accounts, link_address
from geosvc.cli.audit import audit
from geosvc.cli.backup import backup, restore
from geosvc.cli.common import (
    ROWS_SHOWN,
    JsonOption,
    WorkspaceOption,
    err,
    opened,
    out,
    print_json,
    print_report,
    progress_bar,
    settings_of,
)
from geosvc.cli.divisions import divisions
from geosvc.cli.duplicates import duplicates, merge, not_duplicate, unmerge
from geosvc.cli.exports import exporter
from geosvc.cli.handing_over import map_command, summary_command
from geosvc.cli.import_records import list_imports, undo_import
from geosvc.cli.imports import importer
from geosvc.cli.jobs import jobs
from geosvc.cli.plans import plans
from geosvc.cli.review import review
from geosvc.cli.scenarios import scenarios
from geosvc.cli.uncertainty import band
from geosvc.cli.webhooks import webhooks
from geosvc.errors import (
    Conflict,
    GeosvcError,
    InvalidInput,
    InvalidParameter,
    NotAllowed,
    NotFound,
    NotUndoable,
    RefusedRows,
    StoreError,
    Unsolvable,
    WaitingRows,
)
from geosvc.settings import Settings

EXIT_CODES: dict[type[GeosvcError], int] = {InvalidInput: 3, NotFound: 4, Unsolvable: 5, StoreError: 6, Conflict: 7, NotAllowed: 8}

app = typer.Typer(
    name="geosvc", no_args_is_help=True, rich_markup_mode="markdown", pretty_exceptions_enable=False,
    help="Who is not reached by health services, by how much, and what would change it.\n\n"
         "A workspace is a folder with the registry, its layers and its results. Every command takes it from "
         "`--workspace`, else from `GEOSVC_WORKSPACE`, else `./workspace`.\n\n"
         "Begin with `geosvc demo`, or with your own county: `init`, `import …`, `measure`, `gaps`, `map`, `serve`.",
    epilog="Exit codes: 0 done · 2 command not understood · 3 input refused · 4 no such thing · 5 no answer "
           "with this data · 6 workspace cannot be read or written · 7 changed by somebody meanwhile, or an audit log that does not hold · 8 not allowed",
)
app.add_typer(importer, name="import")
app.add_typer(exporter, name="export")
app.add_typer(divisions, name="divisions")
app.add_typer(accounts, name="accounts")
app.add_typer(plans, name="plan")
app.add_typer(scenarios, name="scenarios")
app.add_typer(jobs, name="jobs")
app.add_typer(webhooks, name="webhooks")


def main() -> None:
    """Run the command line; a refusal is one clear sentence and an exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal without Chinese shows codes rather than fail
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except GeosvcError as error:
        _print_refusal(error)
        sys.exit(next(code for family, code in EXIT_CODES.items() if isinstance(error, family)))


def _print_refusal(error: GeosvcError) -> None:
    if "--json" in sys.argv:
        body: dict[str, Any] = {"error": type(error).__name__, "detail": str(error)}
        if isinstance(error, RefusedRows):
            body["refused"] = [{"row": r.row, "reason": r.reason} for r in error.refusals]
        if isinstance(error, WaitingRows):
            body["waiting"] = error.waiting
        if isinstance(error, NotUndoable):
            body["later"] = error.later
        print(json.dumps(body, ensure_ascii=False), file=sys.stderr)
        return
    err.print(f"[bold red]geosvc:[/] {escape(str(error))}")
    if isinstance(error, RefusedRows):
        for refusal in error.refusals[3:ROWS_SHOWN]:
            err.print(f"  {escape(str(refusal))}")


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version and leave.", is_eager=True)] = False,
) -> None:
    if version:
        out.print(f"geosvc {__version__}")
        raise typer.Exit


@app.command()
def init(
    folder: Annotated[Optional[Path], typer.Argument(help="Folder of the new workspace.", show_default=False)] = None,
    workspace: WorkspaceOption = None,
    title: Annotated[Optional[str], typer.Option(help="Title of the study, such as 靖宇县.")] = None,
    cell_size: Annotated[Optional[float], typer.Option(help="Side of a grid cell, metres (100 unless set).", show_default=False)] = None,
    grid_crs: Annotated[Optional[str], typer.Option("--grid-crs", help="Metric CRS of the grid; chosen by place unless set.")] = None,
    margin: Annotated[Optional[float], typer.Option(help="How far beyond the boundary travel is computed, km (2 unless set).", show_default=False)] = None,
    default_service: Annotated[Optional[str], typer.Option(help="The service that pages show first.")] = None,
    approval: Annotated[Optional[bool], typer.Option("--approval/--no-approval", help="Whether what editors change waits until an administrator publishes it (no unless set).", show_default=False)] = None,
    review_days: Annotated[Optional[int], typer.Option(help="After how many days without change or confirmation a facility is due for review (365 unless set).", show_default=False)] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a workspace, change what one is about, or bring an older one up to date."""
    from geosvc.workflows.rules import change_rules
    from geosvc.workflows.workspace import init_workspace, overview

    settings = settings_of(folder or workspace)
    store = init_workspace(
        settings, title=title, cell_size_m=cell_size, grid_crs=grid_crs, margin_km=margin,
        default_service=default_service,
    )
    change_rules(store, author=settings.author, approval=approval, review_days=review_days)
    held = overview(store)
    store.close()
    if as_json:
        print_json({"workspace": str(settings.workspace), **held})
        return
    out.print(f"Workspace: {settings.workspace} ({held['facilities']} facilities, {held['areas']} areas, {held['services']} services)")


@app.command()
def services(
    workspace: WorkspaceOption = None,
    add: Annotated[Optional[Path], typer.Option("--add", help="TOML file with [[service]] tables to declare.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List the services, or declare new ones. A service is a question that can be asked of the map."""
    from geosvc.workflows import importing, reading

    with opened(workspace) as (store, settings):
        if add is not None:
            report = importing.import_services(store, add, settings)
            if not as_json:
                print_report(report, as_json=False)
        entries = reading.list_services(store)
    if as_json:
        print_json(entries)
        return
    table = Table(Column("id", no_wrap=True), "service", "limits", "facilities", "measured")
    for entry in entries:
        limits = ", ".join(f"{t['value']:g} {entry['unit']}" for t in entry["thresholds"])
        count = str(entry["facilities"]) + (f" (+{entry['to_be_located']} to be located)" if entry["to_be_located"] else "")
        table.add_row(entry["id"], entry["zh"], limits, count, entry["run"] or ("no" if entry["computable"] else "not computable"))
    out.print(table)


@app.command()
def conditions(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """List the conditions of travel (winter, night, flood …) that measure --condition and a service's `conditions` know."""
    from geosvc.workflows.conditions import list_conditions

    with opened(workspace) as (store, _):
        entries = list_conditions(store)
    if as_json:
        print_json(entries)
        return
    table = Table(Column("id", no_wrap=True), "condition", "factors of speed", "closed", "barriers", "source")
    for entry in entries:
        factors = "; ".join(
            f"{kind}: " + ", ".join(f"{name} {value:g}" for name, value in entry[kind].items()) for kind in ("road", "ground") if entry[kind]
        )
        table.add_row(entry["id"], f"{entry['zh']} {entry['en']}", factors, ", ".join(entry["closed"]),
                      str(entry["barriers"]), entry["source_en"])
    out.print(table)


@app.command()
def measure(
    service: Annotated[Optional[list[str]], typer.Argument(help="Services to measure; all unless named.", show_default=False)] = None,
    workspace: WorkspaceOption = None,
    speed: Annotated[Optional[float], typer.Option(help="Try another pace on foot or by bicycle, km/h; the run is a trial, found by its id, and does not become the service's answer.")] = None,
    condition: Annotated[Optional[list[str]], typer.Option("--condition", help="Try a condition of travel (geosvc conditions lists them), everywhere or in some areas: winter, flood@220622100,220622101; may be repeated. The run is a trial, too.")] = None,
    at: Annotated[Optional[str], typer.Option("--datetime", help="Measure with facilities, areas and people as they were on a day, such as 2019-01-01.")] = None,
    recorded: Annotated[Optional[str], typer.Option("--recorded", help="Measure with what was known at a moment, such as 2024-06-30.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Answer services: travel time to the nearest facility, coverage by area, gaps with their people."""
    from geosvc.workflows import reading
    from geosvc.workflows.as_of import times_asked
    from geosvc.workflows.measuring import measure_service, part_of
    from geosvc.workflows.study import Study

    with opened(workspace) as (store, settings):
        times = times_asked(at, recorded)
        study = Study(store, settings, times)
        wanted = service or [
            entry["id"] for entry in reading.list_services(store)
            if not condition or entry["method"] == "travel_time"  # the crow knows no winter
        ]
        answers, failed = [], {}
        with progress_bar(quiet=as_json) as tell:
            for number, name in enumerate(wanted):
                try:
                    run = measure_service(
                        study, name, speed_kmh=speed, conditions=condition or (), progress=part_of(tell, number, len(wanted), name))
                    answers.append(reading.default_answer(store, name, run_id=run.id))
                except Unsolvable as error:
                    if service:  # asked for by name: it is the answer
                        raise
                    failed[name] = str(error)
    if as_json:
        print_json({"measured": answers, "not_computable": failed})
        if not answers:
            raise typer.Exit(EXIT_CODES[Unsolvable])
        return
    for answer in answers:
        _print_answer(answer)
    if answers:
        _print_circumstances(times, speed, condition)
    for name, reason in failed.items():
        out.print(f"[yellow]not computable[/] {name}: {escape(reason)}")
    if not answers:
        raise Unsolvable("no service could be measured; see the reasons above")


def _print_circumstances(times: Any, speed: float | None, condition: list[str] | None) -> None:
    """Say of which day the answers are, and what was tried."""
    if not times.is_present:
        known = "" if times.recorded_at is None else f", as known at {times.recorded_at}"
        out.print(f"[dim]as of {times.day}{known}; geosvc gaps and geosvc map show it with --run, the API and the pages with ?datetime={times.day}[/]")
    tried = [*([f"at {speed:g} km/h"] if speed is not None else []), *([f"under {', '.join(condition)}"] if condition else [])]
    if tried:
        out.print(f"[dim]a trial {' '.join(tried)}: see it with geosvc gaps or geosvc map and --run[/]")


def _print_answer(answer: dict[str, Any]) -> None:
    from geosvc.maps.numbers import verdict_sentence

    apart = answer["verdict"] is not None
    for one in answer["limits"] if apart else answer["limits"][:1]:
        limit = one["threshold"]
        whom = f", {limit['applies_to']}" if apart else ""
        out.print(f"{answer['service']} ({limit['value']:g} {limit['unit']}{whom}): {_people_within(one, answer['people_total'])}  "
                  f"[dim]run {answer['run']}[/]")
    if apart:
        told = {"summary": {"verdict": answer["verdict"]}}
        out.print(f"  {escape(verdict_sentence(told, 'zh'))} · {escape(verdict_sentence(told, 'en'))}")
    _print_notes(answer)


def _people_within(limit: dict[str, Any], total: float | None) -> str:
    from geosvc.maps.document import percent

    if total is None:
        return "people unknown (no population was imported)"
    share = percent(limit["people_covered"] / total if total else None, "en")
    return (f"{limit['people_covered']:,.0f} of {total:,.0f} people covered ({share}), "
            f"{limit['people_in_gaps']:,.0f} in {limit['gaps']} gap{'' if limit['gaps'] == 1 else 's'}")


def _print_notes(answer: dict[str, Any]) -> None:
    """Print what a reader of the numbers must know."""
    for note in answer["notes"]:
        out.print(f"  [dim]{escape(note['zh'])} · {escape(note['en'])}[/]")


app.command()(band)
app.command()(duplicates)
app.command()(merge)
app.command()(unmerge)
app.command()(not_duplicate)
app.command("imports")(list_imports)
app.command("undo-import")(undo_import)
app.command()(review)
app.command()(audit)
app.command()(backup)
app.command()(restore)


@app.command()
def gaps(
    service: Annotated[str, typer.Argument(help="The service.")],
    workspace: WorkspaceOption = None,
    threshold: Annotated[Optional[str], typer.Option(help="Limit, such as 30min; the first unless set.")] = None,
    area: Annotated[Optional[str], typer.Option(help="Code of an area (or the beginning of it).")] = None,
    min_people: Annotated[Optional[float], typer.Option(help="Only gaps with at least so many people.")] = None,
    run: Annotated[Optional[str], typer.Option(help="A run by its id, in place of the service's newest.")] = None,
    sort: Annotated[Optional[str], typer.Option(help="people (most first), worst (farthest beyond the limit first) or area.")] = None,
    limit: Annotated[int, typer.Option(help="How many to print.", min=1)] = ROWS_SHOWN,
    output: Annotated[Optional[Path], typer.Option("--output", "-o", help="Write all of them: .geojson, .gpkg, .csv or .xlsx.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List the gaps of a service, most people first or as sorted."""
    from geosvc.workflows import features, gap_files, reading

    asked: dict[str, Any] = {"service_id": service, "run_id": run, "threshold_id": threshold, "area_code": area, "min_people": min_people, "sort": sort}
    with opened(workspace) as (store, _):
        found, matched, _next = features.gaps_page(store, **asked, limit=limit)
        told = reading.run_notes(store, service, run)
        if output is not None:
            gap_files.export_gaps(store, output, **asked)
    collection = {"type": "FeatureCollection", **told, "numberMatched": matched, "features": found}
    if as_json:
        print_json(collection)
        return
    table = Table("no.", "area", "people", "km2", "worst", "villages")
    for feature in found[:limit]:
        one = feature["properties"]
        people = "unknown" if one["people"] is None else f"{one['people']:,.0f}"
        worst = "unreachable" if one["worst"] is None else f"{one['worst']:,.1f} {one['unit']}"
        villages = "、".join(each["name"] for each in one["settlements"][:4])
        table.add_row(str(one["rank"]), one["area_name"] or one["area_code"] or "", people, f"{one['km2']:,.2f}", worst, villages)
    out.print(table)
    out.print(("1 gap" if matched == 1 else f"{matched} gaps") + (f", the first {limit} shown" if matched > limit else ""))


app.command("map")(map_command)
app.command("summary")(summary_command)


@app.command()
def serve(
    workspace: WorkspaceOption = None,
    host: Annotated[Optional[str], typer.Option(help="Address to listen on (127.0.0.1 unless set).", show_default=False)] = None,
    port: Annotated[Optional[int], typer.Option(help="Port (8000 unless set).", show_default=False)] = None,
    public_read: Annotated[bool, typer.Option("--public-read", help="Let everybody read without signing in; contacts stay hidden.")] = False,
) -> None:
    """Serve the pages and the API. The first start prints a link for the first administrator."""
    _serve(settings_of(workspace, host=host, port=port, public_read=public_read or None))


def _check_free(settings: Settings) -> None:
    """Refuse an address that somebody else listens on, before the server says it in its own words."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise InvalidParameter(
                f"nothing can listen on {settings.host}:{settings.port} ({error.strerror}); is geosvc running already? "
                "choose another port with --port (make demo PORT=8001)"
            ) from None


def _serve(settings: Settings) -> None:
    import uvicorn

    from geosvc.application import create_app

    _check_free(settings)
    _print_first_link(settings)
    uvicorn.run(create_app(settings, warm_up=settings.warm_up), host=settings.host, port=settings.port, log_level="warning", server_header=False)


def _print_first_link(settings: Settings) -> None:
    from geosvc.workflows import people
    from geosvc.workflows.workspace import has_workspace, open_workspace

    if not has_workspace(settings):
        return  # the pages say what to do
    store = open_workspace(settings)
    token = people.first_link(store)
    store.close()
    if token is not None:
        out.print(f"Nobody has an account yet. Make the first administrator here (works once, for a day):\n  {link_address(settings, token)}")


@app.command()
def demo(
    workspace: WorkspaceOption = None,
    maps: Annotated[Path, typer.Option(help="Folder for the maps.")] = Path("maps"),
    serve_after: Annotated[bool, typer.Option("--serve/--no-serve", help="Start the server afterwards.")] = True,
    host: Annotated[Optional[str], typer.Option(help="Address to listen on.", show_default=False)] = None,
    port: Annotated[Optional[int], typer.Option(help="Port.", show_default=False)] = None,
    as_json: JsonOption = False,
) -> None:
    """Load 靖宇县, measure every service, write the maps, and serve them."""
    from geosvc.workflows.demo import run_demo

    settings = settings_of(workspace, host=host, port=port, public_read=True)  # sample data: nothing to hide
    with progress_bar(quiet=as_json) as tell:
        report = run_demo(settings, maps, progress=tell)
    if as_json:
        print_json({"answer": report.answer, "maps": [str(each) for each in report.maps],
                     "measured": report.measured, "not_computable": report.not_computable})
    else:
        _print_demo(report, maps)
    if serve_after:
        out.print(f"\nOpen  [bold]http://{settings.host}:{settings.port}/[/]   (Ctrl+C ends it)")
        _serve(settings)


def _print_demo(report: Any, maps: Path) -> None:
    answer = report.answer
    out.print(f"[bold]靖宇县 · {answer['zh']}[/]  ({answer['threshold']['value']:g} {answer['threshold']['unit']})")
    out.print(f"  people covered            {answer['people_covered']:>10,.0f}   覆盖人口")
    out.print(f"  people in gaps            {answer['people_in_gaps']:>10,.0f}   缺口人口")
    out.print(f"  facilities to be located  {answer['to_be_located']:>10,}   待定位机构")
    _print_notes(answer)
    out.print(f"{len(report.maps)} maps in {maps}/")
    for name, reason in report.not_computable.items():
        out.print(f"[yellow]not computable[/] {name}: {escape(reason)}")


@app.command("compile", hidden=True)
def compile_command() -> None:
    """Compile the kernels of travel time and coverage once, so that the first measure does not wait for it."""
    from geosvc.coverage import warmup as of_coverage
    from geosvc.travel import warmup as of_travel

    of_travel.compile_kernels()
    of_coverage.compile_kernels()
