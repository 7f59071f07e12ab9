"""``geosvc review``: how far the yearly review is, for people and for reminders by cron."""

from __future__ import annotations

from typing import Annotated, Optional

import typer
from rich.markup import escape
from rich.table import Column, Table

from geosvc.cli.common import ROWS_SHOWN, JsonOption, WorkspaceOption, opened, out, print_json


def review(
    workspace: WorkspaceOption = None,
    area: Annotated[Optional[str], typer.Option(help="Area code, or the beginning of it.")] = None,
    class_code: Annotated[Optional[str], typer.Option("--class", help="Class code, or the beginning of it.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Say how many facilities were reviewed this year and how many are due: registered, changed or confirmed counts as reviewed."""
    from geosvc.workflows.reviewing import progress

    with opened(workspace) as (store, _settings):
        told = progress(store, area=area, class_prefix=class_code)
    if as_json:
        print_json(told)
        return
    out.print(f"{told['year']}: {told['checked']} of {told['total']} facilities reviewed; {told['due']} not for more than {told['review_days']} days")
    table = Table(Column("area", no_wrap=True), "name", *(Column(each, justify="right") for each in ("due", "reviewed", "facilities")))
    due = [each for each in told["by_area"] if each["due"]]
    for each in due[:ROWS_SHOWN]:
        table.add_row(each["code"] or "none", escape(each["name"] or ""), str(each["due"]), str(each["checked"]), str(each["total"]))
    if due:
        out.print(table)
