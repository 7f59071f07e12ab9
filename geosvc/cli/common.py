"""What the commands share: options, the console, progress, opening a workspace."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Optional

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from geosvc.settings import Settings

ROWS_SHOWN = 20
# A file or a pipe has no width of its own: tables are not cut there.
out = Console(soft_wrap=True, highlight=False, width=None if sys.stdout.isatty() else 200)
err = Console(stderr=True, soft_wrap=True, highlight=False)

WorkspaceOption = Annotated[
    Optional[Path], typer.Option("--workspace", "-w", help="Folder of the workspace.", show_default=False)
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for scripts instead of text.")]
LayerOption = Annotated[Optional[str], typer.Option("--layer", help="Layer (or sheet) of a file that has several.")]
CrsOption = Annotated[Optional[str], typer.Option("--crs", help="CRS of a map file that does not say it, such as EPSG:4551.")]
SourceOption = Annotated[Optional[str], typer.Option("--source", help="Who made the data, as maps name it. FILE.meta.json may say it, too; of OpenStreetMap it is known.")]
LicenceOption = Annotated[Optional[str], typer.Option("--licence", help="Under what licence, such as CC BY 4.0.")]
DatedOption = Annotated[Optional[str], typer.Option("--dated", help="Of which day or year the data are, such as 2024.")]
DatumOption = Annotated[
    Optional[str], typer.Option("--datum", help="Datum of the coordinates in a table: WGS84, CGCS2000 (degrees, or metres with their zone), GCJ02 (高德), BD09 (百度). Never guessed.")
]



def settings_of(workspace: Path | None, **others: Any) -> Settings:
    """Return the settings of the environment and of a command's options."""
    return Settings.from_environment(workspace=workspace, **others)


def print_json(value: Any) -> None:
    """Print a value as JSON that a person can read too."""
    print(json.dumps(value, ensure_ascii=False, indent=2))


@contextmanager
def progress_bar(*, quiet: bool) -> Iterator[Callable[[float, str], None]]:
    """Show a progress bar; it appears on a terminal only and is gone when the work is done."""
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True, disable=quiet or not err.is_terminal) as progress:
        task = progress.add_task("", total=1.0)

        def tell(share: float, text: str) -> None:
            progress.update(task, completed=share, description=text)

        yield tell


@contextmanager
def pulse(file: Path, *, quiet: bool) -> Iterator[None]:
    """Show that a file is being read, where nobody can say how much of it is done."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True, disable=quiet or not err.is_terminal) as progress:
        progress.add_task(file.name, total=None)
        yield


@contextmanager
def opened(workspace: Path | None) -> Iterator[tuple[Any, Settings]]:
    """Open the workspace for a command and close it afterwards."""
    from geosvc.workflows.workspace import open_workspace

    settings = settings_of(workspace)
    store = open_workspace(settings)
    try:
        yield store, settings
    finally:
        store.close()


def administrator(settings: Settings) -> Any:
    """Return who works at the command line: an administrator."""
    from geosvc.accounts.people import Person, Role, rights_of

    return Person(name=settings.author, rights=rights_of(Role.ADMIN), role=Role.ADMIN)


def print_report(report: Any, as_json: bool) -> None:
    """Say what an import did."""
    told = report.as_dict()
    if as_json:
        print_json(told)
        return
    counts = f"{told['new']} new, {told['changed']} changed, {told['unchanged']} unchanged, {len(told['refused'])} refused"
    out.print(f"{escape(told['file_name'])}: {counts}")
    for name, value in report.figures.items():
        if name != "bbox" and value is not None:
            grouped = isinstance(value, int | float) and name != "year"
            out.print(f"  {name}: {escape(f'{value:,}' if grouped else str(value))}")
    for note in report.notes:
        out.print(f"  note: {escape(note)}")
    for each in report.waiting[:ROWS_SHOWN]:
        out.print(f"  waits for an answer: row {each['row']} {escape(each['name'])}")
        for one in each["candidates"]:
            why = "；".join(reason["zh"] for reason in one["reasons"])
            out.print(f"    --answer {each['row']}={one['id']}  {escape(one['name'])} (score {one['score']:.2f}: {escape(why)})")
    for refusal in report.refusals[:ROWS_SHOWN]:
        out.print(f"  refused: {escape(str(refusal))}")
