"""``geosvc export …``: taking the registry out, in forms that come back unchanged."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from geosvc.cli.common import JsonOption, WorkspaceOption, opened, out, print_json, pulse

exporter = typer.Typer(
    no_args_is_help=True, rich_markup_mode="markdown",
    help="Take the registry out. What is exported can be imported again and changes nothing.",
)


@exporter.command("facilities")
def export_facilities(
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write; its suffix says the format: .csv, .xlsx, .geojson, .gpkg.")],
    workspace: WorkspaceOption = None,
    datum: Annotated[str, typer.Option(help="Datum of the coordinates: WGS84, CGCS2000, GCJ02 (高德), BD09 (百度).")] = "WGS84",
    date: Annotated[Optional[str], typer.Option(help="As it was true on this day, such as 2025-12-31; today unless set.", show_default=False)] = None,
    recorded: Annotated[Optional[str], typer.Option(help="As the registry knew it then, such as 2025-12-31 or 2025-12-31T08:00:00Z.")] = None,
    klass: Annotated[Optional[str], typer.Option("--class", help="Class code, or the beginning of it: A is every hospital.")] = None,
    area: Annotated[Optional[str], typer.Option(help="Area code, or the beginning of it.")] = None,
    state: Annotated[Optional[str], typer.Option(help="planned, operating, suspended or closed.")] = None,
    with_contacts: Annotated[bool, typer.Option("--with-contacts", help="Telephones and officers too: personal data.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Write the facilities. Contacts are left out unless asked for; importing the file again keeps them."""
    from geosvc.workflows import exporting

    query = exporting.query_of(class_prefix=klass, area=area, state=state)
    with opened(workspace) as (store, _), pulse(output, quiet=as_json):
        told = exporting.export_facilities(
            store, output, query, date=date, recorded=recorded, datum=datum, with_contacts=with_contacts
        )
    _say(told, as_json=as_json)


@exporter.command("template")
def export_template(
    output: Annotated[Path, typer.Option("--output", "-o", help="Workbook to write (.xlsx).")],
    workspace: WorkspaceOption = None,
    empty: Annotated[bool, typer.Option("--empty", help="Headers and drop-downs only, without the current values.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Write a workbook to fill in: text cells, drop-downs from the code lists, the current values."""
    from geosvc.workflows import exporting

    with opened(workspace) as (store, _), pulse(output, quiet=as_json):
        told = exporting.write_template(store, output, empty=empty)
    _say(told, as_json=as_json)


def _say(told: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(told)
        return
    out.print(
        f"{told['file']}: {told['facilities']:,} facilities as of {told['as_of']} in {told['datum']}, {told['illustrative']:,} of them "
        f"illustrative, {told['to_be_located']:,} to be located; {'with' if told['contacts'] else 'without'} contacts",
        markup=False,
    )
