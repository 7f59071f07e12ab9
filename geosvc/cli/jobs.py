"""``geosvc jobs``: what a server computes in the background."""

from __future__ import annotations

from typing import Annotated, Any, Optional

import typer
from rich.markup import escape
from rich.table import Table

from geosvc.cli.common import ROWS_SHOWN, JsonOption, WorkspaceOption, administrator, opened, out, print_json

jobs = typer.Typer(help="Jobs: what the server computes in the background; list, cancel. To measure here and now there is geosvc measure.", no_args_is_help=True)


@jobs.command("list")
def list_jobs(
    workspace: WorkspaceOption = None,
    state: Annotated[Optional[str], typer.Option(help="open (waiting or running), waiting, running, done, failed or cancelled; all unless set.")] = None,
    limit: Annotated[int, typer.Option(help="How many to print.", min=1)] = ROWS_SHOWN,
    as_json: JsonOption = False,
) -> None:
    """List the jobs, the newest first."""
    from geosvc.workflows import jobs as workflow

    with opened(workspace) as (store, settings):
        found, matched = workflow.list_jobs(store, administrator(settings), state=state, limit=limit)
    if as_json:
        print_json(found)
        return
    table = Table("number", "what", "state", "author", "asked", "result")
    for each in found:
        table.add_row(str(each["id"]), escape(_about(each)), _state(each), escape(each["author"]), each["created_at"][:16], escape(_came_out(each)))
    out.print(table if found else "There is no job.")
    if matched > len(found):
        out.print(f"{matched} jobs, the newest {len(found)} shown")


@jobs.command()
def cancel(number: Annotated[int, typer.Argument(help="Number of the job; geosvc jobs list shows them.")], workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """Cancel a job for all who want it: one that waits at once, one that runs at its next step."""
    from geosvc.workflows import jobs as workflow

    with opened(workspace) as (store, settings):
        told = workflow.cancel(store, administrator(settings), number)
    if as_json:
        print_json(told)
        return
    out.print(f"job {number} stops after this step" if told["cancelling"] else f"job {number} is {told['state']}")


def _about(told: dict[str, Any]) -> str:
    return " ".join([told["kind"], *(f"{name}={','.join(value) if isinstance(value, list) else value}" for name, value in told["parameters"].items())])


def _state(told: dict[str, Any]) -> str:
    return f"running {told['progress']:.0%}" if told["state"] == "running" else str(told["state"])


def _came_out(told: dict[str, Any]) -> str:
    if told["error"] is not None:
        return str(told["error"]["detail"])
    return ", ".join(each["run"] for each in (told["result"] or {}).get("measured", []))
