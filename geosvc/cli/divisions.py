"""``geosvc divisions``: divisions that change code, merge or split (撤乡并镇)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Optional

import typer
from rich.markup import escape
from rich.table import Table

from geosvc.cli.common import JsonOption, WorkspaceOption, opened, out, print_json

divisions = typer.Typer(
    no_args_is_help=True, rich_markup_mode="markdown",
    help="Divisions that change code, merge or split (撤乡并镇). Both sides of the day stay: maps and figures of an earlier day "
         "have the old ones, and facilities with an old code are found under the new.",
)
OnOption = Annotated[str, typer.Option("--on", help="The first day of the new division, such as 2021-01-01.")]
NoteOption = Annotated[Optional[str], typer.Option(help="Why, such as the number of the decree.")]
NameOption = Annotated[Optional[str], typer.Option(help="Name of the new division.")]


@divisions.command("recode")
def recode(
    old: Annotated[str, typer.Argument(help="Code until then.")], new: Annotated[str, typer.Argument(help="Code from then on.")],
    on: OnOption, workspace: WorkspaceOption = None, name: NameOption = None, note: NoteOption = None, as_json: JsonOption = False,
) -> None:
    """Give a division another code, and another name if one is given."""
    from geosvc.workflows import divisions as reforms

    with opened(workspace) as (store, settings):
        told = reforms.recode(store, old, new, on=on, author=settings.author, origin="command line", name=name, note=note)
    _print(told, as_json)


@divisions.command("merge")
def merge(
    codes: Annotated[list[str], typer.Argument(help="Codes of the divisions that become one.")],
    into: Annotated[str, typer.Option("--into", help="Code of the one that takes the others in, or of a new one (with --name).")],
    on: OnOption, workspace: WorkspaceOption = None, name: NameOption = None, note: NoteOption = None, as_json: JsonOption = False,
) -> None:
    """Make several divisions one; its polygon is theirs together."""
    from geosvc.workflows import divisions as reforms

    with opened(workspace) as (store, settings):
        told = reforms.merge(store, codes, into, on=on, author=settings.author, origin="command line", name=name, note=note)
    _print(told, as_json)


@divisions.command("split")
def split(
    code: Annotated[str, typer.Argument(help="Code of the division.")],
    file: Annotated[Path, typer.Argument(help="Its parts, as a boundary file or a table of divisions.")],
    on: OnOption, workspace: WorkspaceOption = None, note: NoteOption = None, as_json: JsonOption = False,
) -> None:
    """Make several divisions of one; facilities go to the part in whose polygon they stand."""
    from geosvc.workflows import divisions as reforms

    with opened(workspace) as (store, settings):
        told = reforms.split(store, code, file, settings, on=on, author=settings.author, origin="command line", note=note)
    _print(told, as_json)


@divisions.command("list")
def list_all(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """List what divisions became, and when."""
    from geosvc.workflows import divisions as reforms

    with opened(workspace) as (store, _):
        links = reforms.list_successions(store)
    if as_json:
        print_json(links)
        return
    table = Table("on", "old", "new", "note")
    for link in links:
        table.add_row(link["day"], link["old"], link["new"], escape(link["note"] or ""))
    out.print(table)


def _print(told: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(told)
        return
    for old, new in told["links"]:
        out.print(f"{told['on']}: {old} became {new}")
    if told["moved"]:
        out.print(f"  {len(told['moved'])} areas lie below another division now")
    for note in told["notes"]:
        out.print(f"  note: {escape(note)}")
