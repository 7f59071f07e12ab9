"""``geosvc webhooks``: addresses that are told of changes."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from geosvc.cli.common import JsonOption, WorkspaceOption, opened, out, print_json

webhooks = typer.Typer(help="Addresses that are told of changes: list, add, remove.", no_args_is_help=True)
_ORIGIN = "command-line"


@webhooks.command("list")
def list_webhooks(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """List the addresses and how far each has been told."""
    from geosvc.workflows import webhooks as workflow

    with opened(workspace) as (store, _settings):
        found = workflow.list_webhooks(store)
    if as_json:
        print_json([each.__dict__ for each in found])
        return
    table = Table("number", "address", "state", "last delivery", "lines behind", "last error")
    for each in found:
        table.add_row(str(each.id), escape(each.address), "paused" if each.paused else "in use", each.delivered_at or "never", str(each.lag), escape(each.error or ""))
    out.print(table if found else "No address is told of changes.")


@webhooks.command()
def add(address: Annotated[str, typer.Argument(help="http or https address.")], workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """Register an address and print its secret, this once; a server that runs without webhooks is to be started anew."""
    from geosvc.workflows import webhooks as workflow

    with opened(workspace) as (store, settings):
        number, secret = workflow.add_webhook(store, address, private=settings.webhook_private, author=settings.author, origin=_ORIGIN)
    print_json({"id": number, "address": address, "secret": secret}) if as_json else out.print(secret)


@webhooks.command()
def remove(number: Annotated[int, typer.Argument(help="Number of the webhook.")], workspace: WorkspaceOption = None) -> None:
    """Remove an address."""
    from geosvc.workflows import webhooks as workflow

    with opened(workspace) as (store, settings):
        workflow.remove_webhook(store, number, author=settings.author, origin=_ORIGIN)
    out.print(f"Webhook {number} is removed")
