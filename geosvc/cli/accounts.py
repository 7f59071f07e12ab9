"""``geosvc accounts``: who may work with the registry; the way back in when nobody can sign in any more."""

from __future__ import annotations

from typing import Annotated, Optional

import typer
from rich.markup import escape
from rich.table import Table

from geosvc.cli.common import JsonOption, WorkspaceOption, opened, out, print_json
from geosvc.settings import Settings

accounts = typer.Typer(help="Who may work with the registry: list, add, change, lock, and links to set a password.", no_args_is_help=True)
NameArgument = Annotated[str, typer.Argument(help="Name of the account.")]
AreaOption = Annotated[Optional[list[str]], typer.Option("--area", help="Code of an area it is limited to; may be given several times.")]
_ORIGIN = "command-line"


def link_address(settings: Settings, token: str) -> str:
    """Return the address of a one-time link on this server."""
    return f"http://{settings.host}:{settings.port}/welcome/{token}"


@accounts.command("list")
def list_accounts(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """List the accounts."""
    from geosvc.workflows import people

    with opened(workspace) as (store, _settings):
        found = people.list_accounts(store)
    if as_json:
        print_json([{"id": each.id, "name": each.name, "role": each.role, "areas": each.areas, "locked": each.locked,
                     "has_password": each.has_password} for each in found])
        return
    table = Table("account", "role", "areas", "state")
    for each in found:
        state = "locked" if each.locked else "in use" if each.has_password or each.oidc_subject else "no password yet"
        table.add_row(escape(each.name), each.role, "everywhere" if each.areas is None else " ".join(each.areas), state)
    out.print(table if found else "There is no account yet: geosvc serve prints a link for the first administrator.")


@accounts.command()
def add(
    name: NameArgument,
    role: Annotated[str, typer.Option(help="viewer, analyst, editor or admin.")] = "viewer",
    area: AreaOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make an account and print the link by which its owner sets a password."""
    from geosvc.workflows import people

    with opened(workspace) as (store, settings):
        _account, token = people.create_account(store, name, role=role, areas=area or None, author=settings.author, origin=_ORIGIN)
    _print_link(settings, name, token, as_json=as_json)


@accounts.command()
def link(name: NameArgument, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """Print a link by which the owner of an account sets a new password: the way back in."""
    from geosvc.workflows import people

    with opened(workspace) as (store, settings):
        token = people.reset_link(store, people.account_named(store, name).id)
    _print_link(settings, name, token, as_json=as_json)


def _print_link(settings: Settings, name: str, token: str, *, as_json: bool) -> None:
    address = link_address(settings, token)
    if as_json:
        print_json({"account": name, "link": address})
        return
    out.print(f"Give this link to {escape(name)}; it works once, for a day:\n  {address}")


@accounts.command()
def change(
    name: NameArgument,
    role: Annotated[Optional[str], typer.Option(help="viewer, analyst, editor or admin.")] = None,
    area: AreaOption = None,
    everywhere: Annotated[bool, typer.Option("--everywhere", help="Lift the limit to areas.")] = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Change what an account may do."""
    from geosvc.workflows import people

    with opened(workspace) as (store, settings):
        areas = "everywhere" if everywhere else area or None
        made = people.change_account(store, people.account_named(store, name).id, role=role, areas=areas, author=settings.author, origin=_ORIGIN)
    out.print(f"{escape(made.name)}: {made.role}, {'everywhere' if made.areas is None else ' '.join(made.areas)}")


@accounts.command()
def lock(name: NameArgument, workspace: WorkspaceOption = None) -> None:
    """Lock an account and sign it out; its history stays."""
    _set_locked(name, workspace, locked=True)


@accounts.command()
def unlock(name: NameArgument, workspace: WorkspaceOption = None) -> None:
    """Unlock an account."""
    _set_locked(name, workspace, locked=False)


def _set_locked(name: str, workspace: WorkspaceOption, *, locked: bool) -> None:
    from geosvc.workflows import people

    with opened(workspace) as (store, settings):
        made = people.change_account(store, people.account_named(store, name).id, locked=locked, author=settings.author, origin=_ORIGIN)
    out.print(f"{escape(made.name)} is {'locked' if made.locked else 'in use'}")


@accounts.command()
def key(
    name: NameArgument,
    purpose: Annotated[str, typer.Option("--for", help="What the key is for, such as 'monthly report'.")],
    days: Annotated[int, typer.Option(help="Days it lasts, a year at most.")] = 90,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make an API key for the scripts of an account; it is shown this once."""
    from geosvc.workflows import people

    with opened(workspace) as (store, settings):
        account = people.account_named(store, name)
        made = people.make_key(store, account.id, purpose, days=days, author=settings.author, origin=_ORIGIN)
    print_json({"account": account.name, "key": made}) if as_json else out.print(made)
