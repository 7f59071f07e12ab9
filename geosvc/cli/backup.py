"""``geosvc backup`` and ``geosvc restore``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from geosvc.cli.common import JsonOption, WorkspaceOption, opened, out, print_json, progress_bar, settings_of

if TYPE_CHECKING:
    from geosvc.workflows.backup import Backup


def backup(
    output: Annotated[Path, typer.Option("--output", "-o", help="Zip file to write; it must not be there yet.")],
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the whole workspace into one file: registry, layers, results. The server may go on meanwhile."""
    from geosvc.workflows.backup import write_backup

    with opened(workspace) as (store, _), progress_bar(quiet=as_json) as tell:
        made = write_backup(store, output, tell)
    _print(made, "written", as_json=as_json)


def restore(
    file: Annotated[Path, typer.Argument(help="A file that geosvc backup wrote.")],
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a workspace out of a backup, in a new folder. Every byte is checked; a damaged file is refused as a whole."""
    from geosvc.geo.files import check_file
    from geosvc.workflows.backup import restore_backup

    settings = settings_of(workspace)
    check_file(file, max_mb=2**40, expected="a file that geosvc backup wrote")
    with progress_bar(quiet=as_json) as tell:
        made = restore_backup(file, settings.workspace, tell)
    _print(made, f"restored to {settings.workspace}", as_json=as_json)
    if not as_json:
        out.print(f"[dim]made by geosvc {made.version}; if this version is newer, bring it up to date: geosvc init {settings.workspace}[/]")


def _print(made: Backup, what: str, *, as_json: bool) -> None:
    if as_json:
        print_json(asdict(made) | {"path": str(made.path)})
        return
    out.print(f"{escape(str(made.path))} {escape(what)}: {made.files:,} files, {made.bytes / 2**20:,.1f} MiB, of {made.created_at}")
