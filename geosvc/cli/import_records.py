"""``geosvc imports`` and ``geosvc undo-import``: what came in, and taking it back."""

from __future__ import annotations

from typing import Annotated, Any, Optional

import typer
from rich.markup import escape
from rich.table import Column, Table

from geosvc.cli.common import ROWS_SHOWN, JsonOption, WorkspaceOption, opened, out, print_json

_WHY_NOT = {"undone": "undone", "kind": "not of facilities", "later": "later changes depend on it", "confirmed": "confirmed since"}


def list_imports(
    number: Annotated[Optional[int], typer.Argument(help="One import, with its report and what depends on it.", show_default=False)] = None,
    workspace: WorkspaceOption = None,
    limit: Annotated[int, typer.Option(help="How many of the newest imports to print.", min=1)] = ROWS_SHOWN,
    as_json: JsonOption = False,
) -> None:
    """List the imports, the newest first: which file, when, by whom, what it changed, and whether it can be undone."""
    from geosvc.workflows.import_records import import_record, imports_page

    with opened(workspace) as (store, _):
        if number is not None:
            record = import_record(store, number)
            if as_json:
                print_json(record)
            else:
                _print_record(record)
            return
        shown, matched, _next = imports_page(store, limit=limit)
    if as_json:
        print_json({"numberMatched": matched, "imports": shown})
        return
    table = Table(Column("import", justify="right"), "at", "who", "file", "of", *(Column(each, justify="right") for each in ("new", "changed", "refused")), "undo")
    for each in shown:
        told = (each["at"][:19], each["author"], each["file_name"], each["kind"], str(each["new"]), str(each["changed"]), str(each["refused"]), _undo(each))
        table.add_row(str(each["id"]), *(escape(text) for text in told))
    out.print(table)
    out.print(("1 import" if matched == 1 else f"{matched} imports") + (f", the newest {limit} shown" if matched > limit else ""))


def _undo(each: dict[str, Any]) -> str:
    return "possible" if each["undoable"] else _WHY_NOT[each["not_undoable"]]


def _print_record(record: dict[str, Any]) -> None:
    out.print(f"import {record['id']} of {record['kind']}: {escape(record['file_name'])}, {record['at'][:19]}Z by {escape(record['author'])}")
    out.print(f"  sha256 {record['sha256']}")
    out.print(f"  {record['new']} new, {record['changed']} changed, {record['unchanged']} unchanged, {record['refused']} refused; undo: {_undo(record)}")
    if record["undone_at"]:
        out.print(f"  undone at {record['undone_at'][:19]}Z by {escape(record['undone_by'])}{escape(': ' + record['undone_reason'] if record['undone_reason'] else '')}")
    for each in record["later"][:ROWS_SHOWN]:
        out.print(f"  since: {each['facility_id']} {escape(each['name'])}, {each['kind']} by {escape(each['author'] or '')} {escape(each['origin'] or '')}")


def undo_import(
    number: Annotated[int, typer.Argument(help="The import, as geosvc imports lists it.")],
    workspace: WorkspaceOption = None,
    reason: Annotated[Optional[str], typer.Option(help="Why; it stands in the history.")] = None,
    confirmed_too: Annotated[bool, typer.Option("--confirmed-too", help="Also where somebody has confirmed since that it is as the import said.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Take an import of facilities back as a whole: the registry is what it was before. Later changes that depend on it are named, and nothing is undone."""
    from geosvc.workflows import undoing

    with opened(workspace) as (store, settings):
        report = undoing.undo_import(store, number, author=settings.author, reason=reason, confirmed_too=confirmed_too)
    if as_json:
        print_json(report.as_dict())
        return
    out.print(f"import {number} ({escape(report.file_name)}) is undone: {report.deleted} deleted, {report.believed_again} as before")
    if report.confirmations:
        out.print(f"  note: {report.confirmations} of them had been confirmed since")
