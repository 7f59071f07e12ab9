"""``geosvc band``: a coverage figure with what it may be."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Optional

import typer
from rich.markup import escape
from rich.table import Column, Table

from geosvc.cli.common import ROWS_SHOWN, JsonOption, WorkspaceOption, opened, out, print_json, progress_bar

# Typer reads the defaults when the commands are declared; a test holds them to those of the workflow.
_DRAWS, _SEED = 100, 1


def band(
    service: Annotated[str, typer.Argument(help="The service; it must have been measured.")],
    workspace: WorkspaceOption = None,
    threshold: Annotated[Optional[str], typer.Option(help="Limit, such as 30min; the first unless set.")] = None,
    run: Annotated[Optional[str], typer.Option(help="A run by its id, in place of the service's newest.")] = None,
    draws: Annotated[int, typer.Option(help="How often to draw (20 to 2000). More draws, steadier percentiles.")] = _DRAWS,
    seed: Annotated[int, typer.Option(help="The same seed gives the same answer.")] = _SEED,
    assumptions: Annotated[Optional[Path], typer.Option("--assumptions", help="TOML file with other distributions; see docs/uncertainty.md.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Draw speeds, positions and sources of people again and again: coverage with its 5-50-95 % band."""
    from geosvc.coverage.uncertainty import read_assumptions
    from geosvc.workflows.study import Study
    from geosvc.workflows.uncertainty import coverage_band

    own = None if assumptions is None else read_assumptions(assumptions)
    with opened(workspace) as (store, settings), progress_bar(quiet=as_json) as tell:
        answer = coverage_band(
            Study(store, settings), service, threshold, run_id=run, draws=draws, seed=seed, assumptions=own,
            progress=lambda share, text: tell(share, f"{service}: {text}"),
        )
    if as_json:
        print_json(answer)
        return
    _print_band(answer)


def _print_band(answer: dict[str, Any]) -> None:
    limit = f"{answer['threshold']['value']:g} {answer['threshold']['unit']}"
    out.print(f"{answer['service']} ({limit}): {answer['draws']} draws, seed {answer['seed']}  [dim]run {answer['run']}[/]")
    headings = ("people covered", "5 %", "50 %", "95 %", "share", "5-95 %", "not certain", "km2 not certain")
    table = Table(Column("area", no_wrap=True), *(Column(each, justify="right", no_wrap=True) for each in headings))
    for row in answer["rows"][:ROWS_SHOWN]:
        covered, share, doubtful = row["people_covered"], row["share_covered"], row["not_certain"]
        table.add_row(
            escape(row["name"] or row["level"]), *(_count(covered[each]) for each in ("run", "p5", "p50", "p95")),
            _percent(share["run"]), f"{_percent(share['p5'])} - {_percent(share['p95'])}" if share["run"] is not None else "",
            _count(doubtful["people"]), "" if doubtful["km2"] is None else f"{doubtful['km2']:,.2f}",
        )
    out.print(table)
    if len(answer["rows"]) > ROWS_SHOWN:
        out.print(f"{len(answer['rows'])} areas, the first {ROWS_SHOWN} shown; --json has them all")
    if answer["changed_since"]:
        out.print(f"[yellow]changed after the run:[/] {', '.join(answer['changed_since'])}")
    for left in answer["people_sources_left_out"]:
        out.print(f"  [dim]people of {left['year']} ({left['status']}) not drawn from: {escape(left['reason_en'])}[/]")
    for note in answer["notes"]:
        out.print(f"  [dim]{escape(note['zh'])} · {escape(note['en'])}[/]")


def _count(people: float | None) -> str:
    return "unknown" if people is None else f"{people:,.0f}"


def _percent(share: float | None) -> str:
    from geosvc.maps.numbers import percent

    return percent(share, "en")
