"""``geosvc audit``: who changed what, when and why; and whether the log still holds."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Optional

import typer
from rich.markup import escape
from rich.table import Column, Table

from geosvc.cli.common import ROWS_SHOWN, JsonOption, WorkspaceOption, opened, out, print_json
from geosvc.errors import Conflict, StoreError


def audit(
    workspace: WorkspaceOption = None,
    verify: Annotated[bool, typer.Option("--verify", help="Check every line, and that what it answers for is unchanged.")] = False,
    seal: Annotated[Optional[str], typer.Option(help="With --verify: the seal of a line written down earlier; it must still be there.")] = None,
    subject: Annotated[Optional[str], typer.Option(help="Only lines about this, such as facility:12 or import:3.")] = None,
    limit: Annotated[int, typer.Option(help="How many of the newest lines to print.", min=1)] = ROWS_SHOWN,
    output: Annotated[Optional[Path], typer.Option("--output", "-o", help="Write the whole log as JSON lines.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show the audit log: one line for every change, each sealed with the line before it."""
    from geosvc.workflows import history

    with opened(workspace) as (store, _):
        if verify:
            verdict = history.verify(store, seal=seal)
            if as_json:
                print_json(verdict.__dict__)
            if not verdict.holds:
                if as_json:
                    raise typer.Exit(7)
                raise Conflict(f"the audit log does not hold: {verdict.problem}")
            if not as_json:
                out.print(f"{verdict.lines:,} lines hold; seal of the last: {verdict.seal}")
            return
        if output is not None:
            _write(output, history.audit_lines(store))
            return
        lines, matched, _next = history.audit_page(store, subject=subject, limit=limit)
    if as_json:
        print_json({"matched": matched, "lines": lines})
        return
    table = Table(Column("line", justify="right"), "at", "who", "did", "to", "why", "by")
    for line in lines:
        told = (line["at"][:19], line["author"], line["action"], line["subject"], line["reason"] or "", line["origin"] or "")
        table.add_row(str(line["line"]), *(escape(each) for each in told))
    out.print(table)
    out.print(f"{matched:,} lines" + (f", the newest {limit} shown" if matched > limit else ""))


def _write(path: Path, lines: Iterable[dict[str, Any]]) -> None:
    try:
        with path.open("w", encoding="utf-8") as file:
            for line in lines:
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error}") from error
