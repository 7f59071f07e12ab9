"""``geosvc scenarios``: named changes on top of what is registered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Optional

import typer
from rich.markup import escape
from rich.table import Column, Table

from geosvc.cli.common import (
    ROWS_SHOWN,
    JsonOption,
    WorkspaceOption,
    administrator,
    opened,
    out,
    print_json,
    progress_bar,
)
from geosvc.errors import UnreadableFile

scenarios = typer.Typer(help="Scenarios: named changes on top of what is registered. They change nothing until one is applied.", no_args_is_help=True)
_ORIGIN = "cli"
_KINDS = ("open", "move", "serve", "close", "close_roads", "conditions")
NumberArgument = Annotated[int, typer.Argument(help="Number of the scenario; geosvc scenarios list shows them.")]


@scenarios.command("list")
def list_scenarios(
    workspace: WorkspaceOption = None,
    state: Annotated[Optional[str], typer.Option(help="draft, applied or archived; all but archived unless set.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List the scenarios, the one changed last first."""
    from geosvc.workflows import scenarios as workflow

    with opened(workspace) as (store, settings):
        found = workflow.list_scenarios(store, administrator(settings), state=state)
    if as_json:
        print_json(found)
        return
    table = Table("number", "name", "changes", "state", "author", "changed", "measured")
    for each in found:
        table.add_row(str(each["id"]), escape(each["name"]), _counts(each["changes"]), each["state"] + (" (stale)" if each["stale"] else ""),
                      escape(each["author"]), each["changed_at"][:16], ", ".join(one["service"] for one in each["measured"]))
    out.print(table if found else "There is no scenario.")


def _counts(changes: dict[str, Any]) -> str:
    return ", ".join(f"{kind} {len(changes[kind])}" for kind in _KINDS if changes.get(kind))


@scenarios.command()
def show(number: NumberArgument, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """Show one scenario: what it changes, what became of the facilities that it names, and its runs."""
    from geosvc.workflows import scenarios as workflow

    with opened(workspace) as (store, settings):
        told = workflow.get_scenario(store, administrator(settings), number)
    if as_json:
        print_json(told)
        return
    out.print(f"[bold]{escape(told['name'])}[/] ({told['state']}, by {escape(told['author'])}, version {told['version']})")
    if told["notes"]:
        out.print(escape(told["notes"]))
    for each in told["changes"].get("open", ()):
        out.print(f"  open   {escape(each['name'] or '(no name)')} {each['class_code']} at {each['lon']}, {each['lat']}")
    for each in told["changes"].get("move", ()):
        out.print(f"  move   {_facility(told, each['facility'])} to {each['lon']}, {each['lat']}")
    for each in told["changes"].get("serve", ()):
        out.print(f"  serve  {_facility(told, each['facility'])} serves {escape(', '.join(each['areas']))} by {each['mode']}")
    for one in told["changes"].get("close", ()):
        out.print(f"  close  {_facility(told, one)}")
    for lon, lat in told["changes"].get("close_roads", ()):
        out.print(f"  close the road at {lon}, {lat}")
    for one in told["changes"].get("conditions", ()):
        out.print(f"  under  {escape(one)}")
    for each in told["measured"]:
        out.print(f"  measured for {each['service']}  [dim]run {each['run']}[/]")


def _facility(told: dict[str, Any], number: int) -> str:
    held = told["facilities"][str(number)]
    gone = "(not registered any more)" if held["went_into"] is None else f"(went into {held['went_into']})"
    return f"{number} {gone if held['gone'] else escape(held['name'])}"


@scenarios.command("import")
def import_scenario(
    file: Annotated[Path, typer.Argument(help="JSON with name, notes and changes, as export writes it.")],
    workspace: WorkspaceOption = None, as_json: JsonOption = False,
) -> None:
    """Save a new scenario from a file."""
    from geosvc.workflows import scenarios as workflow

    try:
        document = json.loads(file.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise UnreadableFile(f"{file} is no JSON that can be read: {error}") from None
    with opened(workspace) as (store, settings):
        told = workflow.create(store, administrator(settings), document, origin=_ORIGIN)
    print_json(told) if as_json else out.print(f"scenario {told['id']}: {escape(told['name'])} ({_counts(told['changes'])})")


@scenarios.command()
def export(
    number: NumberArgument, workspace: WorkspaceOption = None,
    output: Annotated[Optional[Path], typer.Option("--output", "-o", help="File to write; printed unless set.")] = None,
) -> None:
    """Write name, notes and changes of a scenario as JSON that can be imported again."""
    from geosvc.workflows import scenarios as workflow

    with opened(workspace) as (store, settings):
        told = workflow.get_scenario(store, administrator(settings), number)
    document = {name: told[name] for name in ("name", "notes", "changes")}
    if output is None:
        print_json(document)
        return
    try:
        output.write_text(json.dumps(document, ensure_ascii=False, indent=2), encoding="utf-8")
    except OSError as error:
        raise UnreadableFile(f"{output} cannot be written: {error}") from None
    out.print(str(output))


@scenarios.command()
def measure(
    number: NumberArgument,
    service: Annotated[Optional[list[str]], typer.Argument(help="Services; those that the changes concern unless named.", show_default=False)] = None,
    workspace: WorkspaceOption = None, as_json: JsonOption = False,
) -> None:
    """Measure a scenario and, on the same data, the baseline."""
    from geosvc.workflows import scenario_runs

    with opened(workspace) as (store, settings), progress_bar(quiet=as_json) as tell:
        outcome = scenario_runs.measure(store, settings, administrator(settings), number, service_ids=service or (), progress=tell)
    if as_json:
        print_json(outcome)
        return
    for each in outcome["measured"]:
        out.print(f"{each['service']}: run {each['run']}" + ("  [dim]the scenario changes nothing here[/]" if each["same_as_baseline"] else f"  [dim]baseline {each['baseline']}[/]"))
    for name, reason in outcome["not_computable"].items():
        out.print(f"[yellow]not computable[/] {name}: {escape(reason)}")
    if not outcome["measured"] and not outcome["not_computable"]:
        out.print("The changes concern no service.")


@scenarios.command()
def compare(
    first: Annotated[str, typer.Argument(help="Number of a scenario, or baseline.")],
    second: Annotated[str, typer.Argument(help="Number of a scenario, or baseline.")],
    workspace: WorkspaceOption = None,
    service: Annotated[Optional[str], typer.Option(help="The service; the default one unless set.")] = None,
    threshold: Annotated[Optional[str], typer.Option(help="Limit, such as 30min; the first unless set.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show two scenarios side by side: people covered by area, and the difference (second minus first)."""
    from geosvc.workflows.comparing import compare as compared

    with opened(workspace) as (store, settings):
        table = compared(store, administrator(settings), first, second, service_id=service, threshold_id=threshold)
    if as_json:
        print_json(table)
        return
    limit = table["threshold"]
    out.print(f"{table['service']} ({limit['value']:g} {table['unit']})  [dim]runs {table['first']['run']}, {table['second']['run']}[/]")
    if not table["same_data"]:
        out.print("[yellow]measured on different data:[/] the difference is not the scenarios' alone; measure both anew")
    shown = Table(Column("area", no_wrap=True), *(Column(each, justify="right", no_wrap=True) for each in ("first", "second", "difference", "share", "share")))
    for row in table["rows"][:ROWS_SHOWN]:
        one, other, difference = (row[each] or {} for each in ("first", "second", "difference"))
        shown.add_row(escape(row["name"] or row["level"]), _people(one.get("covered")), _people(other.get("covered")),
                      _people(difference.get("covered"), signed=True), _percent(one.get("share")), _percent(other.get("share")))
    out.print(shown)
    if len(table["rows"]) > ROWS_SHOWN:
        out.print(f"{len(table['rows'])} areas, the first {ROWS_SHOWN} shown; --json has them all")


def _people(people: float | None, *, signed: bool = False) -> str:
    if people is None:
        return "unknown"
    return f"{people:+,.0f}" if signed else f"{people:,.0f}"


def _percent(share: float | None) -> str:
    from geosvc.maps.numbers import percent

    return percent(share, "en")


@scenarios.command("apply")
def apply_scenario(
    number: NumberArgument, workspace: WorkspaceOption = None,
    valid_from: Annotated[Optional[str], typer.Option("--from", help="The day from which it is so; today unless set.")] = None,
    name: Annotated[Optional[list[str]], typer.Option(help="NUMBER=NAME of a planned facility that has no name yet; may be repeated.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without it only what would be done is shown.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Write a scenario into the registry, all of it or nothing. Without --yes only what would be done is shown."""
    from geosvc.workflows import applying
    from geosvc.workflows import scenarios as workflow

    names = _names(name or [])
    with opened(workspace) as (store, settings):
        who = administrator(settings)
        if not yes:
            told = applying.preview(store, who, number, names=names, valid_from=valid_from, language="en")
        else:
            version = workflow.get_scenario(store, who, number)["version"]
            told = applying.apply(store, who, number, expected=version, names=names, valid_from=valid_from, origin=_ORIGIN)
    if as_json:
        print_json(told)
        return
    for each in told["changes"]:
        said = each["problem"] or ("unchanged" if each["unchanged"] else "")
        out.print(f"  {each['kind']:5}  {each['facility'] or ''} {escape(each['name'])}" + (f"  [yellow]{said}[/]" if said else ""))
        for finding in each.get("findings", ()):
            out.print(f"         [dim]{escape(finding['detail'])}[/]")
    if any(told["not_applied"].values()):
        out.print("  [dim]closed roads and conditions are no facts of the registry and are not written[/]")
    out.print("Applied." if yes else "Nothing was written; --yes does it." if told["possible"] else "It cannot be applied as it is.")


def _names(told: list[str]) -> dict[int, str]:
    found = {}
    for each in told:
        number, equals, text = each.partition("=")
        if not equals or not number.isdigit() or not text.strip():
            raise typer.BadParameter(f"expected NUMBER=NAME, such as 1=新卫生院; got {each!r}", param_hint="--name")
        found[int(number)] = text.strip()
    return found
